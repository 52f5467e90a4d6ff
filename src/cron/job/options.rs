//! A command that is run, and what is told of it.

use crate::cron::alert::options::Alert;
use crate::cron::job::{AttachLog, Order, Template};
use crate::cron::mail::Notification;
use std::path::PathBuf;
use std::time::Duration;

/// A command, and who hears of it.
#[derive(Debug)]
pub struct Job {
    pub order: Order,
    /// Whether somebody has named it: else it is known by its command line.
    pub named: bool,
    /// When a mail is sent.
    pub when: ReportOn,
    /// What may hold it back, and what is remembered for that.
    pub alert: Alert,
    /// The digest that has it instead of a mail.
    pub digest: Option<DigestUse>,
    /// From whom to whom, and how.
    pub mail: Notification,
    /// The subject; `None` is the usual one.
    pub subject: Option<Template>,
    /// When the log is attached.
    pub attach: AttachLog,
    /// Whether the mail has the colours, too.
    pub html: bool,
    /// Whether what it writes is written on as well.
    pub tee: bool,
    /// Whether the exit status is 0 however the command ends.
    pub exit_zero: bool,
    /// What keeps it from running twice at once.
    pub lock: Option<Locking>,
}

/// A digest that gathers runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestUse {
    pub name: String,
    /// When the first run behind it mails the digest, in minutes since midnight; `None` leaves that to
    /// others.
    pub at: Option<u16>,
}

/// A lock, and what is done where somebody else has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locking {
    /// A name, or a path with a slash in it.
    pub name: PathBuf,
    /// How long it is waited for.
    pub wait: Duration,
    /// Whether nobody is told that the job did not run.
    pub quiet: bool,
}

/// When a mail is sent about a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportOn {
    #[default]
    Failure,
    /// When it failed, or wrote anything.
    Output,
    Always,
}
