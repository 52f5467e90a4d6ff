//! Options for reporting a job.

use crate::cron::alert::AlertRules;
use std::path::PathBuf;

/// Rules for mailing, and their state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    pub rules: AlertRules,
    /// The directory where it is remembered; `None` is the usual one.
    pub state: Option<PathBuf>,
}
