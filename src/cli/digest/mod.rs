//! `ehlo digest`: mails a summary of recorded runs.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cron::Notification;
use std::path::PathBuf;

/// A task for the recorded digests.
#[derive(Debug)]
pub struct Digest {
    /// State directory. `None`: the usual one.
    pub state: Option<PathBuf>,
    pub task: DigestTask,
}

/// An operation on digests.
#[derive(Debug)]
pub enum DigestTask {
    /// List the digests.
    List,
    /// Mail one.
    Mail {
        /// Name of the digest.
        name: String,
        /// True if an empty digest is mailed as well.
        always: bool,
        mail: Box<Notification>,
    },
}
