//! What `ehlo digest` does.

use crate::cron::mail::Notification;
use std::path::PathBuf;

/// What jobs gathered.
#[derive(Debug)]
pub struct Digest {
    /// The directory where it is; `None` is the usual one.
    pub state: Option<PathBuf>,
    /// What is done with it.
    pub task: DigestTask,
}

/// What is done with what jobs gathered.
#[derive(Debug)]
pub enum DigestTask {
    /// Show which digests there are.
    List,
    /// Mail one.
    Mail {
        /// Which.
        name: String,
        /// Whether a mail says that there is nothing to say.
        always: bool,
        /// From whom to whom, and how.
        mail: Box<Notification>,
    },
}
