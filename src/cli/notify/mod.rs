//! `ehlo notify`: mails a notification from a script.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cron::Notification;
use crate::cron::alert::AlertOptions;
use crate::mail::message::Attachment;

#[derive(Debug)]
pub struct NotifyOptions {
    pub mail: Notification,
    /// The text. `None`: the standard input, unless it is a terminal.
    pub text: Option<String>,
    /// `None`: the mail shows no level.
    pub level: Option<Level>,
    pub attachments: Vec<Attachment>,
    /// True if nothing is sent without input.
    pub only_if_input: bool,
    /// Name in the history. `None`: the subject.
    pub name: Option<String>,
    pub alert: AlertOptions,
}

/// Severity of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info,
    Notice,
    Warning,
    Error,
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
