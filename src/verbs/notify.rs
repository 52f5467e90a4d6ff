//! A line or a text from a script, mailed.

use super::post::{Memo, post};
use super::terminal::complain;
use crate::exit::Exit;
use crate::host;
use crate::message::Field;
use crate::plan::{Level, Notify};
use crate::text::{printable, without_controls};
use std::io::{self, IsTerminal as _, Read as _};

/// What of the standard input becomes the text; more than a person would read.
const LONGEST: u64 = 1 << 20;

/// The longest subject that is made of a text.
const LONGEST_SUBJECT: usize = 120;

/// Mails it.
pub fn run(mut plan: Notify) -> Exit {
    let text = match plan.text.take() {
        Some(text) => text,
        None => match input() {
            Ok(text) => text,
            Err(error) => {
                complain(&format!("cannot read the standard input: {error}"));
                return Exit::NoInput;
            }
        },
    };
    if plan.only_if_input && text.trim().is_empty() {
        return Exit::Ok;
    }
    let said = plan.mail.head.subject.take();
    let memo = Memo {
        subject: subject(
            said.as_deref().unwrap_or_else(|| first_line(&text)),
            plan.level,
        ),
        headers: urgency(plan.level),
        body: text,
        attachments: plan.attachments,
        ..Memo::default()
    };
    post(&plan.mail, &memo).exit()
}

/// The standard input, unless it is a terminal. What is longer than anybody reads is cut, but all of it is
/// taken, so that who writes it does not die of that.
fn input() -> io::Result<String> {
    let mut input = io::stdin().lock();
    if input.is_terminal() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    (&mut input).take(LONGEST).read_to_end(&mut bytes)?;
    let rest = io::copy(&mut input, &mut io::sink())?;
    let mut text = readable(bytes);
    if rest > 0 {
        text.push_str(&format!("\n... {rest} more bytes are left out\n"));
    }
    Ok(text)
}

/// UTF-8 as it is; of anything else, the octets above 127 as `\xNN`. NUL and the like would make a text
/// that no server takes.
fn readable(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let lines = error.as_bytes().split(|&byte| byte == b'\n');
        lines.map(printable).collect::<Vec<_>>().join("\n")
    })
}

fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or("no text")
}

/// `[host] WARNING: disk is full`.
fn subject(text: &str, level: Option<Level>) -> String {
    let node = host::node_name();
    let short = node.split('.').next().unwrap_or_default();
    let level = level.map(|level| format!("{}: ", level.word()));
    let text: String = without_controls(text)
        .chars()
        .take(LONGEST_SUBJECT)
        .collect();
    format!("[{short}] {}{text}", level.unwrap_or_default())
}

fn urgency(level: Option<Level>) -> Vec<Field> {
    if !level.is_some_and(Level::is_urgent) {
        return Vec::new();
    }
    let field = |name: &str, value: &str| Field {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    vec![
        field("X-Priority", "1 (Highest)"),
        field("Importance", "high"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_host_and_level_and_is_one_line() {
        let node = host::node_name();
        let short = node.split('.').next().unwrap();
        let told = subject("disk\nis\tfull", Some(Level::Warning));
        assert_eq!(told, format!("[{short}] WARNING: disk is full"));
        assert_eq!(subject("hi", None), format!("[{short}] hi"));
        assert!(subject(&"x".repeat(500), None).len() < 250);
    }

    #[test]
    fn without_a_subject_it_is_the_first_line_that_says_something() {
        assert_eq!(first_line("\n \nthis\nthat"), "this");
        assert_eq!(first_line(""), "no text");
    }

    #[test]
    fn errors_are_urgent_and_warnings_are_not() {
        assert!(urgency(Some(Level::Warning)).is_empty() && urgency(None).is_empty());
        assert_eq!(urgency(Some(Level::Error)).len(), 2);
    }
}
