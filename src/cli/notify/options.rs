//! What `ehlo notify` mails.

use crate::cron::alert::options::Alert;
use crate::cron::mail::Notification;
use crate::mail::message::Attachment;

/// A line or a text from a script.
#[derive(Debug)]
pub struct NotifyOptions {
    /// From whom to whom, and how.
    pub mail: Notification,
    /// The text; `None` is the standard input, unless it is a terminal.
    pub text: Option<String>,
    /// How bad it is; `None` says nothing of it.
    pub level: Option<Level>,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
    /// Whether nothing is sent when there is no text.
    pub only_if_input: bool,
    /// Under what it is remembered; `None` is the subject.
    pub name: Option<String>,
    /// What may hold it back.
    pub alert: Alert,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Worth a look.
    Notice,
    /// It may become an error.
    Warning,
    /// Something does not work.
    Error,
    /// Everything is at stake.
    Critical,
}

impl Level {
    /// The word in a subject.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// Whether a mail about it is urgent.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        self >= Self::Error
    }
}
