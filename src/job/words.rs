//! How a person says what happened: times, endings, command lines.

use super::masked::masked;
use super::{Ending, Finished};
use crate::text::shown;
use crate::time::brief;
use signal_hook::low_level::signal_name;
use std::ffi::OsString;
use std::path::Path;

/// `SIGSEGV`, or the number of one without a name.
#[must_use]
pub fn signal(number: i32) -> String {
    signal_name(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A command line as a shell would take it, without passwords.
#[must_use]
pub fn quoted(words: &[OsString]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into())
        .collect();
    let words: Vec<String> = masked(&words)
        .iter()
        .map(|word| quoted_word(word))
        .collect();
    words.join(" ")
}

fn quoted_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    shown(&format!("'{}'", text.replace('\'', r"'\''")))
}

/// The program, without where it is.
#[must_use]
pub fn program(command: &[OsString]) -> String {
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    let name = Path::new(program).file_name().unwrap_or(program);
    shown(&name.to_string_lossy())
}

impl Ending {
    /// `FAILED(3)`, for a subject.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Exited(0) => "OK".to_owned(),
            Self::Exited(status) => format!("FAILED({status})"),
            Self::Signalled(number) => format!("KILLED({})", signal(*number)),
            Self::TimedOut { .. } => "TIMEOUT".to_owned(),
            Self::NotStarted { .. } => "NOT STARTED".to_owned(),
            Self::Locked(_) => "LOCKED".to_owned(),
        }
    }
}

impl Finished {
    /// How it ended, in a sentence without its subject.
    #[must_use]
    pub fn sentence(&self) -> String {
        let took = brief(self.took);
        match &self.ending {
            Ending::Exited(0) => format!("ended well after {took}"),
            Ending::Exited(status) => format!("failed with status {status} after {took}"),
            Ending::Signalled(number) => {
                let how = if self.handed_on == Some(*number) {
                    ", which was handed on to it,"
                } else {
                    ""
                };
                format!("was ended by {}{how} after {took}", signal(*number))
            }
            Ending::TimedOut { limit, killed } => {
                let how = if *killed {
                    "did not end when it was told to, and was killed"
                } else {
                    "was told to end"
                };
                format!("took longer than {} and {how}", brief(*limit))
            }
            Ending::NotStarted { why, .. } => format!("was not started: {why}"),
            Ending::Locked(holder) => format!("was not started: {holder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_given_to_a_shell_again() {
        let words = ["/bin/sh", "-c", "echo 'a b'; x", "", "é=1"].map(OsString::from);
        assert_eq!(quoted(&words), r"/bin/sh -c 'echo '\''a b'\''; x' '' é=1");
        assert_eq!(program(&words), "sh");
    }

    #[test]
    fn what_could_steer_a_terminal_does_not() {
        assert_eq!(quoted(&["a\x1b[2J".into()]), "'a\\u{1b}[2J'");
    }

    #[test]
    fn an_ending_is_a_word_in_a_subject() {
        assert_eq!(Ending::Exited(3).word(), "FAILED(3)");
        assert_eq!(Ending::Signalled(11).word(), "KILLED(SIGSEGV)");
        assert_eq!(Ending::Signalled(40).word(), "KILLED(40)");
    }
}
