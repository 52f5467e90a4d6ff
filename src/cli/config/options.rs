//! What `ehlo config` shows.

use crate::config;
use std::path::PathBuf;

/// What is shown of the configuration.
#[derive(Debug)]
pub enum ConfigView {
    /// Which file it is.
    Path(PathBuf),
    /// That nothing is wrong with it.
    Checked {
        /// The file.
        path: PathBuf,
        /// How many profiles it has.
        profiles: usize,
        /// The one that is used when none is asked for.
        default: Option<String>,
    },
    /// A profile with all that it inherits.
    Profile(config::Profile),
}
