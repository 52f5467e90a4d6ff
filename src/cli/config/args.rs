//! The arguments of `ehlo config`, and checks of the configuration.

mod files;

use crate::cli::config::ConfigView;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config;
use crate::cli::options::usage_error::{EarlyExit, UsageError};
use crate::config::{
    Config, ConfigError, ConfigFault, ConfigKey, FoundFile, PERMISSION_ADVICE, Places, find,
};
use crate::system::exit::Exit;
use crate::system::text::shown;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

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
                let found = file.find(places)?;
                Ok(ConfigView::Path(found.path().to_owned()))
            }
            ConfigCommand::Check(file) => check(&file.read(typed, places)?, typed),
            ConfigCommand::Show { profile, file } => {
                let config = file.read(typed, places)?;
                Ok(show(&config, profile.as_deref())?)
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
        let found = self.find(places)?;
        let read = found.read(&typed.keys());
        read.map_err(|errors| all(&errors))
    }
}

/// Everything that is wrong with a configuration that could be read. The command line must be that of the
/// sending verb, because it is its options that profiles have.
pub fn faults(config: &Config, typed: &mut CommandLineArgs<'_>) -> Vec<ConfigError> {
    let profiles = config.profiles().iter();
    let of_profiles = profiles.flat_map(|profile| typed.profile_errors(config, profile));
    of_profiles.chain(config::settings_errors(config)).collect()
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
    let error = config.fault(setting, ConfigFault::Value(why));
    Err(UsageError::new(Exit::NoInput, error.to_string()))
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
