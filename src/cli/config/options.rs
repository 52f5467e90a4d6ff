//! Options of `ehlo config`.

use crate::config;
use std::path::PathBuf;

/// The part of the configuration that is shown.
#[derive(Debug)]
pub enum ConfigView {
    /// Path of the file.
    Path(PathBuf),
    /// That nothing is wrong with it.
    Checked {
        /// The file.
        path: PathBuf,
        profiles: usize,
        /// The default profile.
        default: Option<String>,
    },
    /// A profile with inherited settings.
    Profile(config::Profile),
}
