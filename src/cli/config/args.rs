//! The arguments of `ehlo config`, and checks of the configuration.

mod files;

use crate::cli::ExitStatus;
use crate::cli::config::account::InitArgs;
use crate::cli::config::discover::DiscoverArgs;
use crate::cli::config::import::ImportArgs;
use crate::cli::config::{ConfigView, faults};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::{EarlyExit, UsageError};
use crate::config::{
    Config, ConfigError, ConfigFault, ConfigKey, FoundFile, PERMISSION_ADVICE, Places, find,
};
use crate::system::exit::Exit;
use crate::system::text::shown;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// Create, check and show the configuration.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigCommand {
    Init(Box<InitArgs>),
    Discover(DiscoverArgs),
    Import(ImportArgs),
    /// Open the file in $VISUAL or $EDITOR, and check it afterwards.
    Edit(File),
    /// Check every option of every profile, and open the files that they name.
    Check(File),
    /// Show a profile, including the settings that it inherits.
    Show {
        /// Name of the profile [default: the default profile].
        #[arg(value_name = "PROFILE")]
        profile: Option<String>,
        #[command(flatten)]
        file: File,
    },
    /// Print the path of the file.
    Path(File),
}

#[derive(Debug, clap::Args)]
#[group(skip)]
struct File {
    /// Configuration file [default: the first that exists, see ehlo(1)].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArgs {
    pub fn plan(
        self,
        typed: &mut CommandLineArgs<'_>,
        places: &Places,
    ) -> Result<ConfigView, EarlyExit> {
        match self.what {
            ConfigCommand::Init(args) => Ok(ConfigView::Init(Box::new(args.plan(places)?))),
            ConfigCommand::Discover(args) => Ok(ConfigView::Discover(Box::new(args))),
            ConfigCommand::Import(args) => Ok(ConfigView::Text(args.text(typed)?)),
            ConfigCommand::Edit(file) => Ok(ConfigView::Edit(file.to_edit(places)?)),
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

    /// The file to edit, which may have unsafe permissions.
    fn to_edit(&self, places: &Places) -> Result<PathBuf, ConfigError> {
        let candidates = places.candidates(self.config.as_deref());
        let found = candidates.iter().find(|path| path.exists()).cloned();
        found.ok_or(ConfigError::Nowhere(candidates))
    }

    fn read(&self, typed: &mut CommandLineArgs<'_>, places: &Places) -> Result<Config, EarlyExit> {
        let found = self.find(places)?;
        let read = found.read(&typed.keys());
        read.map_err(|errors| all(&errors))
    }
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
        "this user has no permission to read {}; {PERMISSION_ADVICE}",
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
            "config show: there is no default profile; name one, as in: ehlo config show PROFILE",
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
