//! `ehlo notify`: mails a notification from a script.

pub(crate) mod args;

pub(crate) use args::Args;

use crate::cli::notification::alert::RunReport;
use crate::cli::notification::{NotificationText, attachment, send_notification};
use crate::cli::terminal::{complain, prompt_for_text, warn};
use crate::cron::Notification;
use crate::cron::alert;
use crate::cron::alert::{AlertOptions, Fingerprint, OutputSample, folded_text};
use crate::cron::job::JobReport;
use crate::mail::message::{Attachment, HeaderField, Utf8};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::{BYTE_ORDER_MARK, reason, without_controls};
use std::io::{self, BufRead as _, IsTerminal as _, Read};
use std::time::SystemTime;

#[derive(Debug)]
pub struct NotifyOptions {
    pub mail: Notification,
    /// The text. `None`: the standard input, unless it is a terminal.
    pub text: Option<String>,
    /// An address at the start of the text, although --to is not given: it was probably meant as the recipient.
    pub address: Option<String>,
    /// `None`: the mail shows no level.
    pub level: Option<Level>,
    pub attachments: Vec<Attachment>,
    /// True if nothing is sent without input.
    pub only_if_input: bool,
    /// Name in the history. `None`: the subject.
    pub name: Option<String>,
    pub alert: AlertOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    Info,
    Notice,
    #[value(alias = "warn")]
    Warning,
    Error,
    #[value(alias = "crit")]
    Critical,
}

impl Level {
    /// The word in a subject.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// True if the mail is marked as urgent.
    pub fn is_urgent(self) -> bool {
        self >= Self::Error
    }
}

/// File name of a text that is too long for a mail.
const NAME: &str = "text";

/// The default subject of a text that is encrypted.
const ENCRYPTED: &str = "encrypted notification";

/// The longest subject that is made of a text.
const LONGEST_SUBJECT: usize = 120;

pub fn run(mut plan: NotifyOptions) -> Exit {
    if let Some(address) = &plan.address {
        warn(&format!(
            "{address} is part of the text; to send to this address, use --to {address}"
        ));
    }
    let JobReport {
        body,
        body_alone,
        attached,
        ..
    } = match input(&plan) {
        Ok(report) => report,
        Err(exit) => return exit,
    };
    if plan.only_if_input && body.trim().is_empty() {
        return Exit::Ok;
    }
    let given = plan.mail.head.subject.take();
    let text = given.as_deref().unwrap_or_else(|| first_line(&body));
    // The header stays readable.
    let quotes_secret = given.is_none() && plan.mail.is_secret && !hides_subject(&plan.mail);
    let shown = if quotes_secret { ENCRYPTED } else { text };
    let notification = NotificationText {
        subject: subject(shown, plan.level),
        headers: urgency(plan.level),
        attachments: attached
            .map(attachment)
            .into_iter()
            .chain(plan.attachments)
            .collect(),
        body_alone,
        ..NotificationText::default()
    };
    if !plan.alert.rules.are_set() {
        return send_notification(
            &plan.mail,
            &NotificationText {
                body,
                ..notification
            },
        )
        .exit();
    }
    let name = plan.name.clone().unwrap_or_else(|| folded_text(text));
    let report = RunReport {
        job: &format!("notify:{name}"),
        run: &notice(&body, plan.level),
        alert: &plan.alert,
    };
    let sent = report.mail(&plan.mail, |_| NotificationText {
        body,
        ..notification
    });
    sent.map_or(Exit::Ok, |sent| sent.exit())
}

fn hides_subject(mail: &Notification) -> bool {
    let delivery = mail.delivery.as_ref();
    delivery.is_ok_and(|delivery| delivery.crypt.hide_subject)
}

/// A run with a fingerprint of text and level, so that equal notifications are recognized.
fn notice(text: &str, level: Option<Level>) -> alert::JobRun {
    let mut sample = OutputSample::default();
    sample.update(text.as_bytes());
    alert::JobRun {
        at: SystemTime::now(),
        failed: true,
        reportable: true,
        fingerprint: Fingerprint::of(level.map_or("", Level::word), &sample),
    }
}

/// The beginning of the text, with the rest attached. At a terminal, it is read from there unless there is
/// something else to send.
fn input(plan: &NotifyOptions) -> Result<JobReport, Exit> {
    let is_typed = plan.text.is_none() && io::stdin().is_terminal();
    let is_invited = is_typed && plan.attachments.is_empty();
    if is_invited {
        prompt_for_text();
    }
    let mut text: Utf8<Box<dyn Read>> = Utf8::new(
        "standard input",
        match &plan.text {
            Some(text) => Box::new(text.as_bytes()),
            None if is_typed && !is_invited => Box::new(io::empty()),
            None => Box::new(stdin().map_err(|error| unread(&error))?),
        },
    );
    let report = JobReport::of_input(&mut text, NAME).map_err(|error| unread(&error))?;
    text.warning().iter().for_each(|text| warn(text));
    if is_invited && report.body.trim().is_empty() {
        complain(
            "no text was entered, and nothing was sent; for an empty mail, use: ehlo notify ''",
        );
        return Err(Exit::Usage);
    }
    Ok(report)
}

/// The standard input without a byte order mark.
fn stdin() -> io::Result<impl Read> {
    let mut input = io::stdin().lock();
    if input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    Ok(input)
}

fn unread(error: &io::Error) -> Exit {
    complain(&format!("cannot read standard input: {}", reason(error)));
    Exit::NoInput
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

fn urgency(level: Option<Level>) -> Vec<HeaderField> {
    if !level.is_some_and(Level::is_urgent) {
        return Vec::new();
    }
    vec![
        HeaderField::new("X-Priority", "1 (Highest)"),
        HeaderField::new("Importance", "high"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_has_host_and_level_in_one_line() {
        let short = host::short_name();
        let notice = subject("disk\nis\tfull", Some(Level::Warning));
        assert_eq!(notice, format!("[{short}] WARNING: disk is full"));
        assert_eq!(subject("hi", None), format!("[{short}] hi"));
        assert!(subject(&"x".repeat(500), None).len() < 250);
    }

    #[test]
    fn default_subject_is_the_first_non_empty_line() {
        assert_eq!(first_line("\n \nthis\nthat"), "this");
        assert_eq!(first_line(""), "no text");
    }

    #[test]
    fn only_errors_are_urgent() {
        assert!(urgency(Some(Level::Warning)).is_empty() && urgency(None).is_empty());
        assert_eq!(urgency(Some(Level::Error)).len(), 2);
    }
}
