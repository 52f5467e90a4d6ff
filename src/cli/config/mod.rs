//! `ehlo config`: creates, edits, checks and shows the configuration.

pub(crate) mod account;
pub(crate) mod args;
mod discover;
mod import;
mod init;
mod oauth;
mod questions;
mod search;
mod write;

pub(crate) use args::{ConfigArgs, check_access};

use crate::cli::options::alert::AlertArgs;
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::config::settings_errors;
use crate::cli::terminal;
use crate::config;
use crate::config::{Config, ConfigError};
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::subprocess::{end, shell};
use crate::system::text::{reason, shown, shown_path};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

/// A task of `ehlo config`.
#[derive(Debug)]
pub enum ConfigView {
    /// Add a profile.
    Init(Box<account::Init>),
    /// Find the server of an address.
    Discover(Box<discover::DiscoverArgs>),
    /// Print this text.
    Text(String),
    /// Open the file at this path in an editor.
    Edit(PathBuf),
    /// Path of the file.
    Path(PathBuf),
    /// The result of a successful check.
    Checked {
        path: PathBuf,
        profiles: usize,
        default: Option<String>,
    },
    /// A profile with inherited settings.
    Profile(config::Profile),
}

/// All errors in a configuration that could be read. The command line must be that of the sending command, because
/// profiles have its options.
pub fn faults(config: &Config, typed: &mut CommandLineArgs<'_>) -> Vec<ConfigError> {
    let profiles = config.profiles().iter();
    let of_profiles = profiles.flat_map(|profile| {
        let errors = typed.profile_errors(config, profile).into_iter();
        errors.chain(AlertArgs::of_profile(config, profile).err())
    });
    of_profiles.chain(settings_errors(config)).collect()
}

/// Creates, edits or shows the configuration.
pub fn run(plan: &ConfigView) -> Exit {
    let text = match plan {
        ConfigView::Init(init) => return init::run(init),
        ConfigView::Discover(args) => return discover::run(args),
        ConfigView::Text(text) => text.clone(),
        ConfigView::Edit(path) => return edit(path),
        ConfigView::Path(path) => format!("{}\n", shown_path(path)),
        ConfigView::Profile(profile) => profile.to_toml(),
        ConfigView::Checked {
            path,
            profiles,
            default,
        } => {
            let default = default.as_ref().map(|name| format!(" \"{}\"", shown(name)));
            format!(
                "{}: {}, {}; no errors\n",
                shown_path(path),
                counted(*profiles as u64, "profile"),
                default.map_or("no default".to_owned(), |name| format!("default{name}")),
            )
        }
    };
    match terminal::write(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// Opens the file in an editor, and checks it afterwards. At a terminal, the editor can be opened again.
fn edit(path: &Path) -> Exit {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    loop {
        let ended = shell(&format!("{editor} \"$1\""))
            .arg("sh")
            .arg(path)
            .status();
        let why = match ended {
            Ok(status) if status.success() => None,
            Ok(status) => Some(end(status)),
            Err(error) => Some(reason(&error)),
        };
        if let Some(why) = why {
            terminal::complain(&format!(
                "the editor \"{editor}\" failed ({why}); set VISUAL or EDITOR to the one to use"
            ));
            return Exit::Software;
        }
        match write::checked(path) {
            Ok(Exit::Ok) => return Exit::Ok,
            Ok(exit) if !is_to_repeat() => return exit,
            Ok(_) => {}
            Err(error) => {
                terminal::complain(&error.text);
                return error.exit;
            }
        }
    }
}

fn is_to_repeat() -> bool {
    let is_attended = io::stdin().is_terminal() && io::stderr().is_terminal();
    is_attended && questions::yes("Edit the file again?", true).unwrap_or(false)
}
