//! What of a job is told, and when.

use super::Mail;
use crate::alert::Rules;
use std::path::PathBuf;

/// What of a job is told, and what is remembered for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// What may hold a mail back, and what may cause one.
    pub rules: Rules,
    /// The directory where it is remembered; `None` is the usual one.
    pub state: Option<PathBuf>,
}

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
        mail: Box<Mail>,
    },
}

/// A unit of systemd, and a mail about it.
#[derive(Debug)]
pub struct Unit {
    /// Its name, with what it is: `backup.service`.
    pub name: String,
    /// Whether it is one of the user's own manager.
    pub user: bool,
    /// So many lines of its journal.
    pub lines: u32,
    /// What is told of it, and when.
    pub alert: Alert,
    /// From whom to whom, and how.
    pub mail: Mail,
}
