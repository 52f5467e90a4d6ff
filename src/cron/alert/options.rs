//! When a job is reported.

use crate::cron::alert::AlertRules;
use std::path::PathBuf;

/// What of a job is told, and what is remembered for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// What may hold a mail back, and what may cause one.
    pub rules: AlertRules,
    /// The directory where it is remembered; `None` is the usual one.
    pub state: Option<PathBuf>,
}
