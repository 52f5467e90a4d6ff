//! Options of `ehlo run`.

use crate::cron::alert::options::Alert;
use crate::cron::job::{AttachLog, Order, Template};
use crate::cron::mail::Notification;
use std::path::PathBuf;
use std::time::Duration;

/// A command, and the options for its report.
#[derive(Debug)]
pub struct Job {
    pub order: Order,
    /// True if the user named the job. Otherwise it is identified by its command line.
    pub named: bool,
    pub when: ReportOn,
    /// Rules that suppress or cause a mail, and their state directory.
    pub alert: Alert,
    /// The digest that has it instead of a mail.
    pub digest: Option<DigestUse>,
    pub mail: Notification,
    /// The subject; `None` is the usual one.
    pub subject: Option<Template>,
    pub attach: AttachLog,
    /// True if the mail has an HTML version with colours.
    pub html: bool,
    /// True if the output is copied to stdout and stderr.
    pub tee: bool,
    /// True if the exit status is always 0.
    pub exit_zero: bool,
    /// A lock that prevents two runs at the same time.
    pub lock: Option<Locking>,
}

/// A digest that records runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestUse {
    pub name: String,
    /// Minute of the day after which the first run mails the digest. `None`: the digest is mailed by other
    /// means.
    pub at: Option<u16>,
}

/// A lock, and the behavior if another process holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locking {
    /// A name, or a path with a slash in it.
    pub name: PathBuf,
    /// Time to wait for it.
    pub wait: Duration,
    /// True if a run that is skipped because of the lock is not reported.
    pub quiet: bool,
}

/// Condition for a mail about a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportOn {
    #[default]
    Failure,
    /// The job failed, or wrote anything.
    Output,
    Always,
}
