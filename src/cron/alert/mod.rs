//! What is known of a job between its runs: whom to tell what, and when.
//!
//! A run that has ended is noted in the [`Book`], which says what is to be done about it. Whoever mails it
//! then says what came of that, so that nothing counts as told that was not.

pub(crate) mod job_history;
pub mod options;

mod digest;
mod file;
mod fingerprint;
mod fold;
mod memory;
mod name;

pub use crate::cron::alert::job_history::JobHistory;
pub use digest::{Batch, DigestBatch, DigestEntry, DigestState, DigestTable, Digests};
pub use fingerprint::{Checksum, Fingerprint, Impression};
pub use fold::alike;
pub use name::unnamed;

use crate::system::text::reason;
use serde::{Deserialize, Serialize};
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// What may hold a mail back, and what may cause one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRules {
    /// The same failure is not mailed again before this time is over.
    pub dedupe: Option<Duration>,
    /// Of failures in a row, the first is mailed, and then each that comes so many after the one that was
    /// mailed last.
    pub every: Option<NonZeroU64>,
    /// Whether it is mailed that it works again after a failure that was.
    pub recovered: bool,
    /// Whether nothing is mailed of a run that is just like the one that was mailed last.
    pub change: bool,
}

impl AlertRules {
    /// Whether there is any, so that it matters whether something can be remembered.
    #[must_use]
    pub fn are_set(&self) -> bool {
        *self != Self::default()
    }
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRun {
    pub at: SystemTime,
    pub failed: bool,
    /// Whether it is to be mailed as long as no rule is against it.
    pub wanted: bool,
    /// By what it is compared with others.
    pub fingerprint: Fingerprint,
}

/// What is to be done about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Tell(Telling),
    /// Mail that it works again.
    Recovered(Recovery),
    /// Mail nothing: a rule is against it. It was counted.
    Hold,
    /// Mail nothing: there is nothing to say.
    Silent,
}

/// What to say with a run, besides what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Failures that were not mailed, since something was.
    pub held: Option<HeldFailures>,
    /// Which failure in a row it is; 0 where it worked.
    pub nth: u64,
    /// When the first of those in a row was.
    pub since: SystemTime,
    /// The Message-ID of the first mail of this series, with its angle brackets.
    pub thread: Option<String>,
}

/// Failures that were counted and not mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFailures {
    pub count: u64,
    /// When the first was.
    pub first: SystemTime,
    /// When the last was.
    pub last: SystemTime,
}

/// What to say when it works again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How many failures in a row there were.
    pub failures: u64,
    /// When the first of them was.
    pub since: SystemTime,
    /// The Message-ID of the first mail of this series, with its angle brackets.
    pub thread: Option<String>,
}

/// Why nothing can be remembered.
#[derive(Debug, Error)]
pub enum AlertError {
    /// The user has no home directory that it could be in, and none was named.
    #[error("this user has no home directory to remember it in; name a directory with --state-dir")]
    Homeless,
    /// The directory is missing, not ours, or open to others.
    #[error("{0}")]
    Unfit(#[from] crate::system::place::DirectoryError),
    /// Something cannot be read or written.
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        /// What was to be done.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// Somebody else keeps it locked, and for longer than it takes.
    #[error("{} stays locked by another process", .0.display())]
    Locked(PathBuf),
    /// A file is not what was written.
    #[error("{} is damaged: {why}", .path.display())]
    Damaged { path: PathBuf, why: String },
}
