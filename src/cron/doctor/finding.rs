//! What was found in one step.

use crate::cron::doctor::options::Step;
use crate::system::exit::Health;

/// What was found in one step, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The step.
    pub step: Step,
    /// How it stands; unknown is what was not looked at.
    pub health: Health,
    /// What there is.
    pub found: String,
    /// What mends it: a command, or lines of a file, or a sentence; `None` where nothing need be mended,
    /// or nobody here can.
    pub mend: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(step: Step, found: impl Into<String>) -> Self {
        Self::new(step, Health::Ok, found.into())
    }

    /// Somebody should look at it.
    pub fn warning(step: Step, found: impl Into<String>) -> Self {
        Self::new(step, Health::Warning, found.into())
    }

    /// No mail gets past it.
    pub fn failed(step: Step, found: impl Into<String>) -> Self {
        Self::new(step, Health::Critical, found.into())
    }

    /// It was not looked at.
    pub fn unknown(step: Step, why: impl Into<String>) -> Self {
        Self::new(step, Health::Unknown, why.into())
    }

    /// An error as others say it: what failed, and behind the last semicolon what to do.
    #[must_use]
    pub fn of_error(step: Step, error: &str) -> Self {
        match error.rsplit_once("; ") {
            Some((found, mend)) => {
                let mend = mend.strip_prefix("do: ").unwrap_or(mend);
                Self::failed(step, found).mended_by(mend)
            }
            None => Self::failed(step, error),
        }
    }

    /// This mends it.
    #[must_use]
    pub fn mended_by(self, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..self
        }
    }

    fn new(step: Step, health: Health, found: String) -> Self {
        Self {
            step,
            health,
            found,
            mend: None,
        }
    }
}

/// The worst of them; what was not looked at does not count.
#[must_use]
pub fn worst(findings: &[Finding]) -> Health {
    let known = findings.iter().map(|finding| finding.health);
    let known = known.filter(|health| *health != Health::Unknown);
    known.max().unwrap_or(Health::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_is_no_reason_to_worry() {
        let ok = Finding::ok(Step::Host, "a name");
        let unknown = Finding::unknown(Step::Server, "--offline");
        let warning = Finding::warning(Step::Cron, "it is not there");
        assert_eq!(worst(&[]), Health::Ok);
        assert_eq!(worst(&[ok.clone(), unknown.clone()]), Health::Ok);
        assert_eq!(worst(&[warning, unknown, ok]), Health::Warning);
    }

    #[test]
    fn the_advice_of_an_error_mends_it() {
        let finding = Finding::of_error(Step::Config, "f: others can write to it; chmod go-w f");
        assert_eq!(finding.found, "f: others can write to it");
        assert_eq!(finding.mend.as_deref(), Some("chmod go-w f"));
        assert_eq!(Finding::of_error(Step::Config, "no").mend, None);
    }
}
