//! Digests: reports of jobs, recorded until they are mailed together.

pub(crate) mod entries;

mod table;

pub use crate::cron::alert::digest::entries::{Batch, DigestBatch, DigestState, Digests};
pub use table::DigestTable;

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// The entry of a run in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    /// The name of the job.
    pub job: String,
    pub at: SystemTime,
    pub took: Duration,
    /// The ending, in a word or two: `OK`, `FAILED(3)`.
    pub status: String,
    pub failed: bool,
    /// Identifies runs of the same kind (see [`crate::cron::alert::Fingerprint::alike`]).
    pub kind: String,
    /// Some lines of its output, harmless and short.
    pub excerpt: String,
}
