//! The configuration file and the profile.

use crate::cli::options::usage_error::{UsageError, first};
use crate::config::{Config, ConfigError, FoundFile, Keys, Places, find};
use std::path::PathBuf;

/// Options under the heading "Config".
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Config")]
pub struct Args {
    /// Use the options of this profile.
    ///
    /// Without it, the profile is the first whose `from` matches the sender on the command line, else the
    /// one that `default` names, else none. Options on the command line win over those of a profile.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// The file with the profiles.
    ///
    /// Without it, it is the one that `$EHLO_CONFIG` names, else `~/.config/ehlo/config.toml`,
    /// else `/etc/ehlo/config.toml`. /dev/null is none.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Args {
    /// The file, if there is one. A profile that is asked for must be in one.
    fn find(&self, places: &Places) -> Result<Option<FoundFile>, ConfigError> {
        let named = self.config.as_deref();
        let found = find(named, places)?;
        if found.is_none() && self.profile.is_some() {
            return Err(ConfigError::Nowhere(places.looked_at(named)));
        }
        Ok(found)
    }

    /// The configuration, if there is one.
    pub fn read(&self, keys: &Keys, places: &Places) -> Result<Option<Config>, UsageError> {
        let found = self.find(places)?;
        let read = found.map(|found| found.read(keys));
        read.transpose().map_err(|errors| first(&errors))
    }
}
