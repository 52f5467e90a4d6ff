//! What the configuration says besides profiles.

use crate::config::Config;
use crate::queue::{self, OnUncertain};
use crate::rewrite;
use std::path::PathBuf;

/// Of the queue, of sendmail and of addresses.
#[derive(Debug, Default)]
pub struct Settings {
    /// The rules of the queue.
    pub queue: queue::Settings,
    /// Where the queue is; `None` is the usual place.
    pub directory: Option<PathBuf>,
    /// What becomes of a recipient who may have got a message already.
    pub on_uncertain: OnUncertain,
    /// A shell command that is told of what was given up.
    pub on_failure: Option<String>,
    /// What becomes of addresses.
    pub rewrite: rewrite::Options,
    /// The profile that sendmail uses.
    pub profile: Option<String>,
}

/// What this configuration says, or what counts without one.
pub fn settings(_: Option<&Config>) -> Settings {
    Settings::default()
}
