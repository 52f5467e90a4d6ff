//! A line or a text from a script, mailed.

use super::alert::Happened;
use super::post::{Memo, attachment, post};
use super::terminal::complain;
use crate::alert::{self, Fingerprint, Impression, alike};
use crate::exit::Exit;
use crate::host;
use crate::job::Report;
use crate::message::Field;
use crate::plan::{Level, Notify};
use crate::text::without_controls;
use std::io::{self, IsTerminal as _};
use std::time::SystemTime;

/// What a text is called that is too long for a mail.
const NAME: &str = "text";

/// The longest subject that is made of a text.
const LONGEST_SUBJECT: usize = 120;

/// Mails it.
pub fn run(mut plan: Notify) -> Exit {
    let input = match &plan.text {
        Some(text) => Report::of_input(&mut text.as_bytes(), NAME),
        None => input(),
    };
    let Report { body, attached, .. } = match input {
        Ok(report) => report,
        Err(error) => {
            complain(&format!("cannot read the standard input: {error}"));
            return Exit::NoInput;
        }
    };
    if plan.only_if_input && body.trim().is_empty() {
        return Exit::Ok;
    }
    let said = plan.mail.head.subject.take();
    let text = said.as_deref().unwrap_or_else(|| first_line(&body));
    let memo = Memo {
        subject: subject(text, plan.level),
        headers: urgency(plan.level),
        attachments: attached
            .map(attachment)
            .into_iter()
            .chain(plan.attachments)
            .collect(),
        ..Memo::default()
    };
    if !plan.alert.rules.are_set() {
        return post(&plan.mail, &Memo { body, ..memo }).exit();
    }
    let name = plan.name.clone().unwrap_or_else(|| alike(text));
    let happened = Happened {
        job: &format!("notify:{name}"),
        run: &told(&body, plan.level),
        alert: &plan.alert,
    };
    let posted = happened.tell(&plan.mail, |_| Memo { body, ..memo });
    posted.map_or(Exit::Ok, |posted| posted.exit())
}

/// What makes it the same as another one: its text and its level.
fn told(text: &str, level: Option<Level>) -> alert::Run {
    let mut impression = Impression::default();
    impression.feed(text.as_bytes());
    alert::Run {
        at: SystemTime::now(),
        failed: true,
        wanted: true,
        fingerprint: Fingerprint::of(level.map_or("", Level::word), &impression),
    }
}

/// The standard input, unless it is a terminal: as much of it as a person reads, and the rest attached.
fn input() -> io::Result<Report> {
    let mut input = io::stdin().lock();
    if input.is_terminal() {
        return Report::of_input(&mut io::empty(), NAME);
    }
    Report::of_input(&mut input, NAME)
}

fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or("no text")
}

/// `[host] WARNING: disk is full`.
fn subject(text: &str, level: Option<Level>) -> String {
    let short = host::short_name();
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
    vec![
        Field::new("X-Priority", "1 (Highest)"),
        Field::new("Importance", "high"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_host_and_level_and_is_one_line() {
        let short = host::short_name();
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
