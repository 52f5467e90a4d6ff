//! Digests: what jobs have to report, gathered until somebody mails all of it at once.

pub(crate) mod entries;

mod table;

pub use crate::cron::alert::digest::entries::{Batch, DigestBatch, DigestState, Digests};
pub use table::DigestTable;

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// What a digest says of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    /// The name of the job.
    pub job: String,
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// How it ended, in a word or two: `OK`, `FAILED(3)`.
    pub status: String,
    pub failed: bool,
    /// By what it is known as one of its kind (see [`crate::cron::alert::Fingerprint::alike`]).
    pub kind: String,
    /// Some lines of its output, harmless and short.
    pub excerpt: String,
}
