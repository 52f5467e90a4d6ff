//! The result of one step.

use crate::cron::doctor::options::CheckStep;
use crate::system::exit::Health;

/// The result of one step, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    pub step: CheckStep,
    /// `Unknown`: not checked.
    pub health: Health,
    pub found: String,
    /// The remedy: a command, lines of a file or a sentence. `None`: none is needed, or none is possible on
    /// this host.
    pub mend: Option<String>,
}

impl CheckResult {
    pub fn ok(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Ok, found.into())
    }

    /// A result that deserves attention.
    pub fn warning(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Warning, found.into())
    }

    /// No mail gets past it.
    pub fn failed(step: CheckStep, found: impl Into<String>) -> Self {
        Self::new(step, Health::Critical, found.into())
    }

    /// The step was not checked.
    pub fn unknown(step: CheckStep, why: impl Into<String>) -> Self {
        Self::new(step, Health::Unknown, why.into())
    }

    /// An error from elsewhere in the program: the failure, and after the last semicolon the remedy.
    #[must_use]
    pub fn of_error(step: CheckStep, error: &str) -> Self {
        match error.rsplit_once("; ") {
            Some((found, mend)) => {
                let mend = mend.strip_prefix("do: ").unwrap_or(mend);
                Self::failed(step, found).mended_by(mend)
            }
            None => Self::failed(step, error),
        }
    }

    #[must_use]
    pub fn mended_by(self, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..self
        }
    }

    fn new(step: CheckStep, health: Health, found: String) -> Self {
        Self {
            step,
            health,
            found,
            mend: None,
        }
    }
}

/// The worst of them, without steps that were not checked.
#[must_use]
pub fn worst(findings: &[CheckResult]) -> Health {
    let known = findings.iter().map(|finding| finding.health);
    let known = known.filter(|health| *health != Health::Unknown);
    known.max().unwrap_or(Health::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_is_no_reason_to_worry() {
        let ok = CheckResult::ok(CheckStep::Host, "a name");
        let unknown = CheckResult::unknown(CheckStep::Server, "--offline");
        let warning = CheckResult::warning(CheckStep::Cron, "it is not there");
        assert_eq!(worst(&[]), Health::Ok);
        assert_eq!(worst(&[ok.clone(), unknown.clone()]), Health::Ok);
        assert_eq!(worst(&[warning, unknown, ok]), Health::Warning);
    }

    #[test]
    fn the_advice_of_an_error_mends_it() {
        let finding =
            CheckResult::of_error(CheckStep::Config, "f: others can write to it; chmod go-w f");
        assert_eq!(finding.found, "f: others can write to it");
        assert_eq!(finding.mend.as_deref(), Some("chmod go-w f"));
        assert_eq!(CheckResult::of_error(CheckStep::Config, "no").mend, None);
    }
}
