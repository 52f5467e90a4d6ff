//! The program that cron hands its mail to.

use crate::cron::doctor::host::{HostSystem, is_program, name};
use crate::cron::doctor::options::CheckStep;
use crate::cron::doctor::{CheckResult, host};
use crate::system::quote::for_shell;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The path built into cron, at and most other programs.
const USUAL: &str = "/usr/sbin/sendmail";

/// The path built into older programs.
const OLD: &str = "/usr/lib/sendmail";

/// Known mail programs, by the beginning of the file name.
const OTHERS: [(&str, &str); 11] = [
    ("exim", "Exim"),
    ("msmtp", "msmtp"),
    ("ssmtp", "sSMTP"),
    ("nullmailer", "nullmailer"),
    ("dma", "dma"),
    ("smtpctl", "OpenSMTPD"),
    ("opensmtpd", "OpenSMTPD"),
    ("chasquid", "chasquid"),
    ("busybox", "BusyBox"),
    ("esmtp", "esmtp"),
    ("postfix", "Postfix"),
];

/// The file found at one of these paths.
enum There {
    Nothing,
    Broken(PathBuf),
    Unusable,
    Us { is_lent: bool },
    Other(String),
}

/// Checks `/usr/sbin/sendmail`, and other paths where programs may find a sendmail.
pub fn look(host: &HostSystem) -> Vec<CheckResult> {
    let first = main(host);
    let old = Some(host.at(OLD)).filter(|path| path.symlink_metadata().is_ok());
    let in_path = host.find("sendmail");
    let mut seen = vec![host.at(USUAL).canonicalize().unwrap_or_default()];
    let mut findings = vec![first];
    for path in in_path.into_iter().chain(old) {
        let real = path.canonicalize().unwrap_or_default();
        if !seen.contains(&real) {
            findings.extend(besides(host, &path));
            seen.push(real);
        }
    }
    findings
}

/// Name of the program that cron calls as sendmail, if it is not ehlo.
pub fn rival(host: &HostSystem) -> Option<String> {
    match there(host, &host.at(USUAL)) {
        There::Other(whose) => Some(whose),
        _ => None,
    }
}

fn main(host: &HostSystem) -> CheckResult {
    let path = host.at(USUAL);
    let name = name(&path);
    let link = format!("ln -sf {} {}", for_shell(&host.program), for_shell(&path));
    match there(host, &path) {
        There::Nothing => CheckResult::failed(
            CheckStep::Sendmail,
            format!("there is no {name}, and cron throws away what its jobs say"),
        )
        .mended_by(link),
        There::Broken(to) => CheckResult::failed(
            CheckStep::Sendmail,
            format!("{name} leads to {}, which is not there", host::name(&to)),
        )
        .mended_by(link),
        There::Unusable => {
            CheckResult::failed(CheckStep::Sendmail, format!("{name} cannot be run"))
                .mended_by(link)
        }
        There::Us { is_lent: false } => {
            CheckResult::ok(CheckStep::Sendmail, format!("{name} is ehlo"))
        }
        There::Us { is_lent: true } => lent(&path),
        There::Other(whose) => CheckResult::warning(
            CheckStep::Sendmail,
            format!("{name} is {whose}, which gets the mail of cron instead of ehlo"),
        )
        .mended_by(format!("remove that package, and then: {link}")),
    }
}

/// Checks a path that is not the first choice of programs.
fn besides(host: &HostSystem, path: &Path) -> Option<CheckResult> {
    let name = name(path);
    let what = match there(host, path) {
        There::Us { is_lent: false } | There::Nothing => return None,
        There::Us { is_lent: true } => return Some(lent(path)),
        There::Broken(to) => format!("leads to {}, which is not there", host::name(&to)),
        There::Unusable => "cannot be run".to_owned(),
        There::Other(whose) => format!("is {whose}"),
    };
    let found = format!("{name} {what}, and some programs look for it there");
    let link = format!("ln -sf {} {}", for_shell(&host.at(USUAL)), for_shell(path));
    Some(CheckResult::warning(CheckStep::Sendmail, found).mended_by(link))
}

fn lent(path: &Path) -> CheckResult {
    CheckResult::warning(
        CheckStep::Sendmail,
        format!(
            "{} is ehlo with a set-user-ID or set-group-ID bit, which it never needs",
            name(path)
        ),
    )
    .mended_by(format!("chmod ug-s {}", for_shell(&real(path))))
}

fn there(host: &HostSystem, path: &Path) -> There {
    if path.symlink_metadata().is_err() {
        return There::Nothing;
    }
    let Ok(facts) = path.metadata() else {
        return There::Broken(fs::read_link(path).unwrap_or_default());
    };
    if !is_program(path) {
        return There::Unusable;
    }
    let is_lent = facts.permissions().mode() & 0o6000 != 0;
    let ours = host.program.metadata();
    let is_ours = ours.is_ok_and(|ours| (ours.dev(), ours.ino()) == (facts.dev(), facts.ino()));
    let real = real(path);
    match real.file_name().and_then(|name| name.to_str()) {
        _ if is_ours => There::Us { is_lent },
        Some("ehlo") => There::Other(format!("another ehlo ({})", name(&real))),
        _ => There::Other(whose(host, &real)),
    }
}

/// Name of the mail system that the program belongs to, judging by its path.
fn whose(host: &HostSystem, real: &Path) -> String {
    let path = real.to_string_lossy().to_ascii_lowercase();
    let end = path.rsplit('/').next().unwrap_or_default();
    let known = OTHERS.iter().find(|(start, _)| end.starts_with(start));
    match known {
        Some((_, name)) => (*name).to_owned(),
        None if host.has("/etc/postfix/main.cf") => "Postfix".to_owned(),
        None if path.contains("sm.bin") => "Sendmail".to_owned(),
        None => format!("another program ({})", name(real)),
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::doctor::host::tests::Made;
    use crate::system::exit::Health;

    fn only(made: &Made) -> CheckResult {
        let mut all = look(&made.host);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    #[test]
    fn a_link_to_this_program_is_right() {
        let made = Made::new();
        made.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        made.link("/usr/lib/sendmail", "/usr/sbin/sendmail");
        assert_eq!(only(&made).health, Health::Ok);
    }

    #[test]
    fn where_there_is_none_the_command_makes_one() {
        let made = Made::new();
        let finding = only(&made);
        assert_eq!(finding.health, Health::Critical);
        let root = made.host.root.display();
        let command = format!("ln -sf {root}/usr/bin/ehlo {root}/usr/sbin/sendmail");
        assert_eq!(finding.mend.as_deref(), Some(command.as_str()));
    }

    #[test]
    fn a_link_to_nothing_and_a_file_that_cannot_be_run_are_no_sendmail() {
        let made = Made::new();
        made.link("/usr/sbin/sendmail", "/usr/bin/gone");
        let finding = only(&made);
        assert_eq!(finding.health, Health::Critical);
        assert!(finding.found.contains("/usr/bin/gone, which is not there"));
        let made = Made::new();
        made.file("/usr/sbin/sendmail", "");
        let finding = only(&made);
        assert_eq!(finding.health, Health::Critical);
        assert!(finding.found.ends_with("cannot be run"));
    }

    #[test]
    fn that_of_others_has_a_name() {
        for (path, more, whose) in [
            ("/usr/sbin/exim4", "/x", "is Exim"),
            ("/usr/sbin/other", "/etc/postfix/main.cf", "is Postfix"),
            ("/usr/sbin/other", "/x", "is another program ("),
            ("/opt/ehlo", "/x", "is another ehlo ("),
        ] {
            let made = Made::new();
            made.file(more, "");
            made.program(path, "");
            made.link("/usr/sbin/sendmail", path);
            let finding = only(&made);
            assert_eq!(finding.health, Health::Warning);
            assert!(finding.found.contains(whose), "{finding:?}");
        }
    }

    #[test]
    fn rights_of_others_are_taken_away() {
        let made = Made::new();
        made.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        Made::mode(&made.host.program, 0o4755);
        let finding = only(&made);
        assert_eq!(finding.health, Health::Warning);
        assert!(finding.mend.unwrap().starts_with("chmod ug-s "));
    }

    #[test]
    fn another_one_that_is_found_first_is_told() {
        let made = Made::new();
        made.link("/usr/sbin/sendmail", "/usr/bin/ehlo");
        made.program("/usr/bin/sendmail", "");
        let all = look(&made.host);
        assert_eq!((all.len(), all[1].health), (2, Health::Warning));
        assert!(all[1].found.contains("usr/bin/sendmail is another program"));
    }
}
