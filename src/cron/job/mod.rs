//! Commands that run unattended: how they end, their output, and the mail that reports it.

mod ansi;
mod excerpt;
mod lock;
mod log;
mod masked;
pub(in crate::cron) mod name;
mod report;
mod run;
mod signals;
mod subject;
mod tee;

pub use lock::{Holder, JobLock, LockError};
pub use log::JobLog;
pub use name::job_name;
pub use report::{AttachLog, Attached, AttachmentContents, JobReport};
pub use run::run;
pub use signals::{JobSignals, end_by};
pub use subject::{Template, quoted, shortened};
pub use tee::{DRAIN, Tee, drain};

use crate::client::http::Url;
use crate::cron::Notification;
use crate::cron::alert::{AlertOptions, Expectation};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A command to run, and its limits.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    pub name: String,
    /// The program and its arguments; at least one word.
    pub command: Vec<OsString>,
    /// Time limit, after which it gets SIGTERM. `None`: no limit.
    pub timeout: Option<Duration>,
    /// Time from SIGTERM to SIGKILL.
    pub kill_after: Duration,
    /// The most octets that its compressed output may have.
    pub log_limit: u64,
    /// True if lines of stderr are marked. The streams are then read separately.
    pub mark_stderr: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    Out,
    Err,
}

#[derive(Debug)]
pub struct FinishedJob {
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// This host, as mail from it names it.
    pub host: String,
    pub started: SystemTime,
    pub took: Duration,
    pub ending: JobEnding,
    /// True if the system wrote a core file, or piped one to a program.
    pub dumped_core: bool,
    pub log: JobLog,
    /// Processor time. `None`: unknown.
    pub processor: Option<Duration>,
    /// The last signal that was passed on to it.
    pub forwarded: Option<i32>,
    /// True if a background process of the job still holds its output open.
    pub has_background: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnding {
    /// Exit status.
    Exited(i32),
    Signalled(i32),
    TimedOut {
        limit: Duration,
        /// True if it did not react to SIGTERM and was killed.
        killed: bool,
    },
    NotStarted {
        /// The exit status that shells give it: 126 or 127; or that of a lock that cannot be made.
        status: i32,
        why: String,
    },
    /// Another process holds the lock of the job.
    Locked(Holder),
}

impl JobEnding {
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// The exit status that shells give it; a job that took too long has that of timeout(1).
    pub fn status(&self) -> u8 {
        let status = match self {
            Self::Exited(status) | Self::NotStarted { status, .. } => *status,
            Self::Signalled(signal) => 128 + signal,
            Self::TimedOut { killed: false, .. } => 124,
            Self::TimedOut { killed: true, .. } => 137,
            Self::Locked(_) => 75,
        };
        u8::try_from(status).unwrap_or(u8::MAX)
    }
}

impl FinishedJob {
    pub fn not_run(spec: &CommandSpec, ending: JobEnding) -> Self {
        Self {
            name: spec.name.clone(),
            command: spec.command.clone(),
            host: crate::system::host::mail_domain(),
            started: SystemTime::now(),
            took: Duration::ZERO,
            ending,
            dumped_core: false,
            log: JobLog::empty(),
            processor: None,
            forwarded: None,
            has_background: false,
        }
    }
}

/// A command, and the options for its report.
#[derive(Debug)]
pub struct Job {
    pub spec: CommandSpec,
    /// True if the user named the job. Otherwise it is identified by its command line.
    pub named: bool,
    pub when: ReportOn,
    /// Rules that suppress or cause a mail, and their state directory.
    pub alert: AlertOptions,
    /// The digest that records the run instead of a mail.
    pub digest: Option<DigestUse>,
    pub mail: Notification,
    /// `None`: the default subject.
    pub subject: Option<Template>,
    pub attach: AttachLog,
    /// True if the mail has an HTML version with colors.
    pub html: bool,
    /// True if the output is copied to stdout and stderr.
    pub tee: bool,
    /// True if the exit status is always 0.
    pub exit_zero: bool,
    /// The time by which the next run is expected.
    pub expected: Option<Expectation>,
    /// The monitoring service that is told about the start and the end.
    pub ping: Option<Url>,
    /// A lock that prevents two runs at the same time.
    pub lock: Option<LockOptions>,
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
pub struct LockOptions {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_status_is_that_of_a_shell() {
        assert_eq!(JobEnding::Exited(3).status(), 3);
        assert_eq!(JobEnding::Signalled(15).status(), 143);
        let limit = Duration::from_secs(1);
        assert_eq!(
            JobEnding::TimedOut {
                limit,
                killed: false
            }
            .status(),
            124
        );
        assert_eq!(
            JobEnding::TimedOut {
                limit,
                killed: true
            }
            .status(),
            137
        );
        assert!(JobEnding::Exited(0).is_success() && !JobEnding::Exited(1).is_success());
    }
}
