//! The state of a unit, and the output of systemctl and journalctl.

use crate::system::subprocess as program;
use crate::system::subprocess::Streams;
use crate::system::text::{reason, shown, shown_with_tabs};
use std::io;
use std::process::Command;
use std::time::Duration;

pub struct SystemctlOutput {
    command: String,
    /// The end of its output.
    pub output: Vec<u8>,
    /// The reason that it is incomplete.
    problem: Option<String>,
}

/// Runs a program, and reads its output until it ends or reaches the time limit.
pub fn query(program: &str, words: &[&str], limit: Duration) -> SystemctlOutput {
    let mut command = Command::new(program);
    command
        .args(words)
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_URLIFY", "0");
    let answer = program::output(command, Streams::Both, limit);
    let problem = answer.end.err().map(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{program} was not found"),
        io::ErrorKind::TimedOut => format!("timed out after {} seconds", limit.as_secs()),
        _ => format!("{program} cannot be run: {}", reason(&error)),
    });
    SystemctlOutput {
        command: format!("{program} {}", words.join(" ")),
        output: answer.output,
        problem,
    }
}

impl SystemctlOutput {
    pub fn is_empty(&self) -> bool {
        self.output.iter().all(u8::is_ascii_whitespace)
    }

    /// The command and its output, for a mail.
    pub fn text(&self) -> String {
        let mut text = format!("$ {}\n", self.command);
        for line in String::from_utf8_lossy(&self.output).lines() {
            // Tables are made of tabs.
            text.push_str(&shown_with_tabs(line));
            text.push('\n');
        }
        match &self.problem {
            Some(problem) => text.push_str(&format!("({problem})\n")),
            None if self.is_empty() => text.push_str("(no output)\n"),
            None => {}
        }
        text
    }
}

pub const PROPERTIES: &str = "Description,Result,ExecMainStatus,InvocationID";

/// State of a unit as reported by systemd.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnitFacts {
    pub description: Option<String>,
    /// ID of its last run.
    pub invocation: Option<String>,
    /// Result as systemd names it: `success`, `exit-code`, `timeout`. `None`: unknown.
    result: Option<String>,
    /// Exit status, or signal.
    status: Option<String>,
}

impl UnitFacts {
    /// Parses the output of `systemctl show`.
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
    pub fn corrected(self, name: &str, variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("MONITOR_UNIT").as_deref() != Some(name) {
            return self;
        }
        let invocation = variable("MONITOR_INVOCATION_ID").filter(|id| is_id(id));
        let Some(result) = variable("MONITOR_SERVICE_RESULT") else {
            return Self {
                invocation: invocation.or(self.invocation),
                ..self
            };
        };
        Self {
            description: self.description,
            invocation: invocation.or(self.invocation),
            result: Some(result),
            status: variable("MONITOR_EXIT_STATUS"),
        }
    }

    /// True if it failed, or the result is unknown.
    pub fn failed(&self) -> bool {
        self.result.as_deref() != Some("success")
    }

    /// The ending: `exit-code 3`, `signal 11`, `timeout`.
    pub fn ending(&self) -> String {
        let Some(result) = self.result.as_deref().map(shown) else {
            return "status unknown".to_owned();
        };
        let is_by = |results: &[&str]| results.contains(&result.as_str());
        match &self.status {
            Some(status) if is_by(&["exit-code", "signal", "core-dump"]) => {
                format!("{result} {}", shown(status))
            }
            _ => result,
        }
    }

    /// The ending as the first word of a subject.
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

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, limit: Duration) -> SystemctlOutput {
        query("sh", &["-c", script], limit)
    }

    #[test]
    fn both_streams_are_read_and_escaped() {
        let answer = shell("printf 'a\\tb\\033[2J\\n'; echo c >&2; exit 3", LONG);
        let text = answer.text();
        assert!(text.ends_with("\na\tb\\u{1b}[2J\nc\n"), "{text}");
    }

    #[test]
    fn missing_program_and_empty_output_are_reported() {
        assert!(shell("", LONG).text().ends_with("\n(no output)\n"));
        let answer = query("ehlo-no-such-program", &["x"], LONG);
        let text = answer.text();
        assert_eq!(
            text,
            "$ ehlo-no-such-program x\n(ehlo-no-such-program was not found)\n"
        );
    }

    #[test]
    fn timeout_is_reported_after_the_output() {
        let text = shell("echo a; exec sleep 30", Duration::from_millis(300)).text();
        assert!(
            text.ends_with("\na\n(timed out after 0 seconds)\n"),
            "{text}"
        );
    }

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn show(result: &str, status: &str) -> UnitFacts {
        UnitFacts::read(&format!(
            "Result={result}\nExecMainStatus={status}\n\
             Description=Nightly backup\nInvocationID={ID}\nnoise\n"
        ))
    }

    #[test]
    fn subject_has_the_ending() {
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
    fn monitor_variables_of_systemd_take_precedence() {
        let variable = |name: &str| {
            let value = match name {
                "MONITOR_UNIT" => "backup.service",
                "MONITOR_SERVICE_RESULT" => "exit-code",
                "MONITOR_EXIT_STATUS" => "3",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let again = || show("success", "0");
        let facts = again().corrected("backup.service", variable);
        assert_eq!(facts.status(), "FAILED(exit-code 3)");
        assert_eq!(facts.invocation.as_deref(), Some(ID));
        assert_eq!(again().corrected("other.service", variable), again());
    }

    #[test]
    fn invalid_invocation_id_is_ignored() {
        let facts = UnitFacts::read("InvocationID=--vacuum-size=1\nResult=\x1b[2J\n");
        assert_eq!(facts.invocation, None);
        assert_eq!(facts.status(), "FAILED(\\u{1b}[2J)");
    }
}
