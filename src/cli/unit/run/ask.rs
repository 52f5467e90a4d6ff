//! Output of systemd's programs, for people.

use crate::system::subprocess as program;
use crate::system::subprocess::Streams;
use crate::system::text::{reason, shown_with_tabs};
use std::io;
use std::process::Command;
use std::time::Duration;

/// Output of a program.
pub struct SystemctlOutput {
    /// The command, as a person would type it.
    command: String,
    /// The end of its output.
    pub output: Vec<u8>,
    /// The reason that it is incomplete.
    flaw: Option<String>,
}

/// Runs a program, and reads its output until it ends or reaches the time limit.
pub fn ask(program: &str, words: &[&str], limit: Duration) -> SystemctlOutput {
    let mut command = Command::new(program);
    command
        .args(words)
        .env("SYSTEMD_COLORS", "0")
        .env("SYSTEMD_URLIFY", "0");
    let answer = program::ask(command, Streams::Both, limit);
    let flaw = answer.end.err().map(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("{program} is not there"),
        io::ErrorKind::TimedOut => format!("no more came within {} seconds", limit.as_secs()),
        _ => format!("{program} cannot be run: {}", reason(&error)),
    });
    SystemctlOutput {
        command: format!("{program} {}", words.join(" ")),
        output: answer.output,
        flaw,
    }
}

impl SystemctlOutput {
    /// True if there is no output.
    pub fn is_empty(&self) -> bool {
        self.output.iter().all(u8::is_ascii_whitespace)
    }

    /// The command and its output, for people.
    pub fn text(&self) -> String {
        let mut text = format!("$ {}\n", self.command);
        for line in String::from_utf8_lossy(&self.output).lines() {
            // Tables are made of tabs.
            text.push_str(&shown_with_tabs(line));
            text.push('\n');
        }
        match &self.flaw {
            Some(flaw) => text.push_str(&format!("({flaw})\n")),
            None if self.is_empty() => text.push_str("(it said nothing)\n"),
            None => {}
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, limit: Duration) -> SystemctlOutput {
        ask("sh", &["-c", script], limit)
    }

    #[test]
    fn both_outputs_are_heard_and_made_harmless() {
        let answer = shell("printf 'a\\tb\\033[2J\\n'; echo c >&2; exit 3", LONG);
        let text = answer.text();
        assert!(text.ends_with("\na\tb\\u{1b}[2J\nc\n"), "{text}");
    }

    #[test]
    fn who_says_nothing_or_is_not_there_is_told_of() {
        assert!(shell("", LONG).text().ends_with("\n(it said nothing)\n"));
        let answer = ask("ehlo-no-such-program", &["x"], LONG);
        let text = answer.text();
        assert_eq!(
            text,
            "$ ehlo-no-such-program x\n(ehlo-no-such-program is not there)\n"
        );
    }

    #[test]
    fn of_who_takes_too_long_it_is_told_behind_what_it_said() {
        let text = shell("echo a; exec sleep 30", Duration::from_millis(300)).text();
        assert!(
            text.ends_with("\na\n(no more came within 0 seconds)\n"),
            "{text}"
        );
    }
}
