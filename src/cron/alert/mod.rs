//! The history of jobs between their runs, and the rules for mailing.
//!
//! A run that has ended is recorded in the [`HistoryStore`], which decides what to do about it. The process that
//! mails it then records the result, so that nothing counts as mailed that was not.

pub(crate) mod history_store;

mod digest;
mod files;
mod fingerprint;
mod fold;
mod history;
mod record;

pub use crate::cron::alert::history_store::HistoryStore;
pub use digest::{Batch, DigestBatch, DigestEntry, DigestState, DigestTable, Digests};
pub use files::job_identifier;
pub use fingerprint::{Checksum, Fingerprint, OutputSample};
pub use fold::folded_text;
pub use record::{Expectation, JobRecord, JobState, Jobs};

use crate::system::text::reason;
use serde::{Deserialize, Serialize};
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// Rules that suppress or cause a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRules {
    /// Time in which the same failure is not mailed again.
    pub dedupe: Option<Duration>,
    /// Interval of mailed failures in a row, counted from the last mailed one. The first is always mailed.
    pub every: Option<NonZeroU64>,
    /// True if recovery after a mailed failure is mailed.
    pub recovered: bool,
    /// Number of successes in a row after which the job has recovered: until then, a failure belongs to the same
    /// series.
    /// `None`: one.
    pub recovered_after: Option<NonZeroU64>,
    /// True if a run with the same ending and output as the one mailed last is not mailed.
    pub change: bool,
}

impl AlertRules {
    /// These rules, and those of `others` that they do not have.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            dedupe: self.dedupe.or(others.dedupe),
            every: self.every.or(others.every),
            recovered: self.recovered || others.recovered,
            recovered_after: self.recovered_after.or(others.recovered_after),
            change: self.change || others.change,
        }
    }

    /// True if any rule is set, which needs a history.
    pub fn are_set(&self) -> bool {
        *self != Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRun {
    pub at: SystemTime,
    pub failed: bool,
    /// True if it is to be mailed unless a rule suppresses it.
    pub reportable: bool,
    /// Identifies equal runs.
    pub fingerprint: Fingerprint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Mail(MailFacts),
    Recovered(Recovery),
    /// Mail nothing: a rule suppresses it. It was counted.
    Suppress,
    /// Mail nothing: there is nothing to report.
    Silent,
}

/// Facts for the mail about a run, besides the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFacts {
    /// Failures that were not mailed, since something was.
    pub suppressed: Option<SuppressedFailures>,
    /// Number of the failure in its series; 0 for a success.
    pub nth: u64,
    /// Time of the first failure in the series.
    pub since: SystemTime,
    /// The Message-ID of the first mail of this series, with its angle brackets.
    pub thread: Option<String>,
}

/// Failures that were counted and not mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedFailures {
    pub count: u64,
    /// Time of the first one.
    pub first: SystemTime,
    /// Time of the last one.
    pub last: SystemTime,
}

/// Facts for the mail about a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Number of failures in a row.
    pub failures: u64,
    /// Time of the first one.
    pub since: SystemTime,
    /// The Message-ID of the first mail of this series, with its angle brackets.
    pub thread: Option<String>,
}

/// Reasons for having no history.
#[derive(Debug, Error)]
pub enum AlertError {
    /// The user has no home directory that it could be in, and none was named.
    #[error("no home directory for the state of jobs; specify a directory with --state-dir")]
    Homeless,
    /// The directory is missing, has another owner, or is accessible to others.
    #[error("{0}")]
    Directory(#[from] crate::system::trust::DirectoryError),
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        /// The operation, as a verb.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// Another process holds the lock for too long.
    #[error("{} is locked by another process", .0.display())]
    Locked(PathBuf),
    /// The contents of a file are damaged.
    #[error("{} is damaged: {why}", .path.display())]
    Damaged { path: PathBuf, why: String },
}

/// Rules for mailing, and their state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertOptions {
    pub rules: AlertRules,
    /// State directory. `None`: the usual one.
    pub state: Option<PathBuf>,
}
