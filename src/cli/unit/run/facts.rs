//! State of a unit as reported by systemd.

use crate::system::text::shown;

/// Properties passed to systemctl.
pub const PROPERTIES: &str = "Description,Result,ExecMainStatus,InvocationID";

/// State of a unit as reported by systemd.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnitFacts {
    pub description: Option<String>,
    /// The name of its last run.
    pub invocation: Option<String>,
    /// Result as systemd names it: `success`, `exit-code`, `timeout`. `None`: unknown.
    result: Option<String>,
    /// Its exit status, or its signal.
    status: Option<String>,
}

impl UnitFacts {
    /// From `systemctl show`.
    pub fn read(properties: &str) -> Self {
        let mut facts = Self::default();
        for (name, value) in properties.lines().filter_map(|line| line.split_once('=')) {
            let value = Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                "Description" => facts.description = value,
                "Result" => facts.result = value,
                "ExecMainStatus" => facts.status = value,
                "InvocationID" => facts.invocation = value.filter(|id| is_id(id)),
                _ => {}
            }
        }
        facts
    }

    /// Replaces facts by those that systemd passes to units started by `OnFailure=` (systemd.exec(5)): the
    /// unit itself may have been started again since.
    pub fn corrected(self, name: &str, told: impl Fn(&str) -> Option<String>) -> Self {
        if told("MONITOR_UNIT").as_deref() != Some(name) {
            return self;
        }
        let invocation = told("MONITOR_INVOCATION_ID").filter(|id| is_id(id));
        let Some(result) = told("MONITOR_SERVICE_RESULT") else {
            return Self {
                invocation: invocation.or(self.invocation),
                ..self
            };
        };
        Self {
            description: self.description,
            invocation: invocation.or(self.invocation),
            result: Some(result),
            status: told("MONITOR_EXIT_STATUS"),
        }
    }

    /// True if it failed, or the result is unknown.
    pub fn failed(&self) -> bool {
        self.result.as_deref() != Some("success")
    }

    /// The ending: `exit-code 3`, `signal 11`, `timeout`.
    pub fn ending(&self) -> String {
        let Some(result) = self.result.as_deref().map(shown) else {
            return "nobody says how it ended".to_owned();
        };
        let is_by = |results: &[&str]| results.contains(&result.as_str());
        match &self.status {
            Some(status) if is_by(&["exit-code", "signal", "core-dump"]) => {
                format!("{result} {}", shown(status))
            }
            _ => result,
        }
    }

    /// The same as the first word of a subject.
    pub fn status(&self) -> String {
        match &self.result {
            None => "UNKNOWN".to_owned(),
            Some(_) if self.failed() => format!("FAILED({})", self.ending()),
            Some(_) => "OK".to_owned(),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn show(result: &str, status: &str) -> UnitFacts {
        UnitFacts::read(&format!(
            "Result={result}\nExecMainStatus={status}\n\
             Description=Nightly backup\nInvocationID={ID}\nnoise\n"
        ))
    }

    #[test]
    fn a_subject_says_how_it_ended() {
        for (facts, status) in [
            (show("exit-code", "3"), "FAILED(exit-code 3)"),
            (show("signal", "15"), "FAILED(signal 15)"),
            (show("core-dump", "11"), "FAILED(core-dump 11)"),
            (show("timeout", "15"), "FAILED(timeout)"),
            (show("success", "0"), "OK"),
            (show("", ""), "UNKNOWN"),
        ] {
            assert_eq!(facts.status(), status);
            assert_eq!(facts.failed(), status != "OK");
            assert_eq!(facts.invocation.as_deref(), Some(ID));
            assert_eq!(facts.description.as_deref(), Some("Nightly backup"));
        }
    }

    #[test]
    fn what_systemd_told_those_that_it_started_wins() {
        let told = |name: &str| {
            let value = match name {
                "MONITOR_UNIT" => "backup.service",
                "MONITOR_SERVICE_RESULT" => "exit-code",
                "MONITOR_EXIT_STATUS" => "3",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let again = || show("success", "0");
        let facts = again().corrected("backup.service", told);
        assert_eq!(facts.status(), "FAILED(exit-code 3)");
        assert_eq!(facts.invocation.as_deref(), Some(ID));
        assert_eq!(again().corrected("other.service", told), again());
    }

    #[test]
    fn nothing_odd_becomes_an_argument_of_journalctl() {
        let facts = UnitFacts::read("InvocationID=--vacuum-size=1\nResult=\x1b[2J\n");
        assert_eq!(facts.invocation, None);
        assert_eq!(facts.status(), "FAILED(\\u{1b}[2J)");
    }
}
