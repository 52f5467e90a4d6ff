//! Options for reporting a job.

use crate::cron::alert::AlertRules;
use std::path::PathBuf;

/// Rules for mailing, and their state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    pub rules: AlertRules,
    /// State directory. `None`: the usual one.
    pub state: Option<PathBuf>,
}
