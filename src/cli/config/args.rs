//! Which profile, and the verb that looks at profiles.

mod files;

use crate::cli::config::ConfigView;
use crate::cli::options::profile::CommandLineArgs;
use crate::cli::options::settings;
use crate::cli::options::usage_error::{UsageError, wrong};
use crate::cli::plan::EarlyExit;
use crate::config::{
    Config, ConfigError, ConfigFault, ConfigKey, FoundFile, PERMISSION_ADVICE, Places, find,
};
use crate::system::exit::Exit;
use crate::system::text::shown;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

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
    pub fn find(&self, places: &Places) -> Result<Option<FoundFile>, ConfigError> {
        let named = self.config.as_deref();
        let found = find(named, places)?;
        if found.is_none() && self.profile.is_some() {
            return Err(ConfigError::Nowhere(places.candidates(named)));
        }
        Ok(found)
    }
}

/// Look at the configuration.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub struct CommandArgs {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigCommand {
    /// Read the file, try every option of every profile, and open the files that they name.
    Check(File),
    /// Show a profile with all that it inherits.
    Show {
        /// The profile [default: the one that `default` names].
        #[arg(value_name = "PROFILE")]
        profile: Option<String>,
        #[command(flatten)]
        file: File,
    },
    /// Say which file it is.
    Path(File),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct File {
    /// The file with the profiles.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl CommandArgs {
    /// What is to be shown of the configuration.
    pub fn plan(
        self,
        typed: &mut CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<ConfigView, EarlyExit> {
        match self.what {
            ConfigCommand::Path(file) => {
                let found = file.find(places).map_err(|error| wrong(error.into()))?;
                Ok(ConfigView::Path(found.path().to_owned()))
            }
            ConfigCommand::Check(file) => check(&file.read(typed, places)?, typed),
            ConfigCommand::Show { profile, file } => {
                let config = file.read(typed, places)?;
                show(&config, profile.as_deref()).map_err(wrong)
            }
        }
    }
}

impl File {
    fn find(&self, places: &Places) -> Result<FoundFile, ConfigError> {
        let named: Option<&Path> = self.config.as_deref();
        let found = find(named, places)?;
        found.ok_or_else(|| ConfigError::Nowhere(places.candidates(named)))
    }

    fn read(&self, typed: &mut CommandLineArgs<'_>, places: &Places) -> Result<Config, EarlyExit> {
        let found = self.find(places).map_err(|error| wrong(error.into()))?;
        let read = found.read(&typed.keys());
        read.map_err(|errors| all(&errors))
    }
}

/// Everything that is wrong with a configuration that could be read. The command line must be that of the
/// sending verb, because it is its options that profiles have.
pub fn faults(config: &Config, typed: &mut CommandLineArgs<'_>) -> Vec<ConfigError> {
    let profiles = config.profiles().iter();
    let of_profiles = profiles.flat_map(|profile| typed.every_fault(config, profile));
    of_profiles.chain(settings::faults(config)).collect()
}

/// Refuses a profile that names a file which this user may not read: it was written for another user.
pub fn check_access(config: &Config, files: &[(ConfigKey, PathBuf)]) -> Result<(), UsageError> {
    let is_denied = |path: &Path| {
        let access = accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS);
        access == Err(Errno::ACCESS)
    };
    let Some((setting, path)) = files.iter().find(|(_, path)| is_denied(path)) else {
        return Ok(());
    };
    let why = format!(
        "this user may not read {}; {PERMISSION_ADVICE}",
        shown(&path.to_string_lossy())
    );
    Err(UsageError {
        text: config.fault(setting, ConfigFault::Value(why)).to_string(),
        exit: Exit::NoInput,
    })
}

fn check(config: &Config, typed: &mut CommandLineArgs<'_>) -> Result<ConfigView, EarlyExit> {
    let mut errors = faults(config, typed);
    errors.extend(files::faults(config, typed));
    if !errors.is_empty() {
        return Err(all(&errors));
    }
    Ok(ConfigView::Checked {
        path: config.path().to_owned(),
        profiles: config.profiles().len(),
        default: config.default().map(str::to_owned),
    })
}

fn show(config: &Config, name: Option<&str>) -> Result<ConfigView, UsageError> {
    let name = name.or(config.default());
    let name = name.ok_or_else(|| {
        UsageError::usage(
            "config show: no profile is the default; name one: ehlo config show PROFILE",
        )
    })?;
    Ok(ConfigView::Profile(config.profile(name)?.clone()))
}

/// A line for each.
fn all(errors: &[ConfigError]) -> EarlyExit {
    let lines = errors.iter().map(|error| format!("ehlo: {error}\n"));
    EarlyExit {
        text: lines.collect(),
        exit: errors.first().map_or(Exit::Config, ConfigError::exit),
    }
}
