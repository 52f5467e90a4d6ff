//! `ehlo config`: shows and checks the configuration.

pub(crate) mod args;

pub(crate) use args::{CommandArgs, check_access};

use crate::cli::terminal;
use crate::config;
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::text::{shown, shown_path};
use std::path::PathBuf;

/// The part of the configuration that is shown.
#[derive(Debug)]
pub enum ConfigView {
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

/// Prints the requested part of the configuration.
pub fn run(plan: &ConfigView) -> Exit {
    let text = match plan {
        ConfigView::Path(path) => format!("{}\n", shown_path(path)),
        ConfigView::Profile(profile) => profile.to_toml(),
        ConfigView::Checked {
            path,
            profiles,
            default,
        } => {
            let default = default.as_ref().map(|name| format!(" \"{}\"", shown(name)));
            format!(
                "{}: {}, {}; all is well\n",
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
