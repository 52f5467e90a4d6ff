//! The last resort for a mail that can be neither sent nor queued: syslog and a dead letter file.

use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::surroundings::name;
use crate::cron::doctor::{CheckResult, HostSystem};
use rustix::fs::{Access, AtFlags, CWD};
use std::path::Path;

/// Socket of the system log.
const LOG: &str = "/dev/log";

/// Looks for a writable dead letter file, and for the system log.
pub fn look(host: &HostSystem) -> Vec<CheckResult> {
    vec![dead_letter(host), log(host)]
}

fn dead_letter(host: &HostSystem) -> CheckResult {
    let mut places = host.dead_letters.iter();
    match places.find(|path| can_be_added_to(path)) {
        Some(path) => {
            let found = format!("{} gets what can be neither sent nor kept", name(path));
            CheckResult::ok(CheckStep::LastResort, found)
        }
        None => CheckResult::warning(
            CheckStep::LastResort,
            "there is no place for a dead.letter: what can be neither sent nor kept goes to stderr",
        )
        .mended_by("make the home directory or /var/tmp writable"),
    }
}

fn can_be_added_to(path: &Path) -> bool {
    let there = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let is_there = there == Some(path);
    let is_file = path.symlink_metadata().is_ok_and(|facts| facts.is_file());
    // The program creates only its own directory.
    let is_near = there == path.parent() || path.parent().is_some_and(|p| p.ends_with("ehlo"));
    there.is_some_and(|there| {
        (is_there && is_file || !is_there && is_near)
            && rustix::fs::accessat(CWD, there, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    })
}

fn log(host: &HostSystem) -> CheckResult {
    if host.has(LOG) {
        return CheckResult::ok(CheckStep::LastResort, format!("{LOG} hears of it"));
    }
    CheckResult::warning(
        CheckStep::LastResort,
        format!("{LOG} is not there: no log hears of what cannot be sent"),
    )
    .mended_by("start systemd-journald, rsyslogd or another syslog")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::surroundings::tests::Made;
    use crate::system::exit::Health;

    fn found(made: &Made) -> Vec<Health> {
        look(&made.host)
            .iter()
            .map(|finding| finding.health)
            .collect()
    }

    #[test]
    fn a_log_hears_or_is_not_there() {
        let made = Made::new();
        assert_eq!(found(&made)[1], Health::Warning);
        made.file(LOG, "");
        assert_eq!(found(&made)[1], Health::Ok);
    }

    #[test]
    fn a_dead_letter_is_a_file_that_is_there_or_can_be_made() {
        let mut made = Made::new();
        assert_eq!(found(&made)[0], Health::Warning);
        let place = made.host.at("/home/ann/dead.letter");
        made.host.dead_letters = vec![place.clone()];
        assert_eq!(found(&made)[0], Health::Warning);
        made.file("/home/ann/x", "");
        assert_eq!(found(&made)[0], Health::Ok);
        std::fs::create_dir(&place).unwrap();
        assert_eq!(found(&made)[0], Health::Warning);
    }
}
