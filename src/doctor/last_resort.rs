//! What hears of a mail that can be neither sent nor kept.

use super::{Finding, Surroundings};
use crate::plan::Step;

/// Where the log of the system listens.
const LOG: &str = "/dev/log";

/// Looks whether the log of the system hears anything.
pub fn look(host: &Surroundings) -> Finding {
    if host.has(LOG) {
        return Finding::ok(Step::Syslog, format!("{LOG} hears of what cannot be sent"));
    }
    Finding::warning(
        Step::Syslog,
        format!("{LOG} is not there: what cannot be sent stands in no log"),
    )
    .mended_by("start systemd-journald, rsyslogd or another syslog")
}

#[cfg(test)]
mod tests {
    use super::super::surroundings::tests::Made;
    use super::*;
    use crate::exit::Health;

    #[test]
    fn a_log_hears_or_is_not_there() {
        let made = Made::new();
        assert_eq!(look(&made.host).health, Health::Warning);
        made.file(LOG, "");
        assert_eq!(look(&made.host).health, Health::Ok);
    }
}
