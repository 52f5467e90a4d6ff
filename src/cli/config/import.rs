//! `ehlo config import`: prints the configuration of another program as profiles.

use crate::cli::ExitStatus;
use crate::cli::config::{faults, write};
use crate::cli::options::command_line::CommandLineArgs;
use crate::cli::options::usage_error::{EarlyExit, UsageError};
use crate::config::{Config, ConfigError, ForeignFormat, ImportError, Imported};
use crate::system::exit::Exit;
use crate::system::text::{shown, shown_path};
use std::path::{Path, PathBuf};

/// Maximum number of settings that are commented out, one after the other.
const MAX_INVALID: usize = 1000;

/// Print the configuration of another program as profiles.
///
/// FORMAT is msmtprc, ssmtp, nullmailer, dma, muttrc, mailrc or swaksrc. Without a file, that of the program is read:
/// the user's, else that of the system. Lines without an equivalent are printed as comments with file and line. No
/// command in the file is run. Redirect the output to a file with mode 0600, as in
/// `(umask 077; ehlo config import msmtprc >~/.config/ehlo/config.toml)`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct ImportArgs {
    /// Format, and optionally the file; for nullmailer, its directory.
    #[arg(value_name = "FORMAT[=FILE]", value_parser = source)]
    source: ImportSource,

    /// Write the passwords to files in this directory, with mode 0600.
    ///
    /// Each file is named after its profile, as in gmail.password, and must not exist. Without this option, passwords
    /// are left out, and comments name their places.
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,

    /// Put this text before the names of profiles.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    profile_prefix: String,
}

#[derive(Clone, Debug)]
struct ImportSource {
    format: ForeignFormat,
    path: Option<PathBuf>,
}

fn source(text: &str) -> Result<ImportSource, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) => (name, Some(PathBuf::from(path))),
        None => (text, None),
    };
    let format = ForeignFormat::ALL
        .into_iter()
        .find(|one| one.name() == name || one.program() == name)
        .ok_or_else(|| {
            if text.contains('/') || Path::new(text).exists() {
                return format!("name the format as well, as in msmtprc={text}");
            }
            let names = ForeignFormat::ALL.map(ForeignFormat::name).join(", ");
            format!("expected one of {names}, or FORMAT=FILE")
        })?;
    Ok(ImportSource { format, path })
}

impl ImportArgs {
    /// The text of the configuration. The passwords are written.
    pub(super) fn text(self, command_line: &mut CommandLineArgs<'_>) -> Result<String, EarlyExit> {
        let path = self.path()?;
        let mut imported = self.source.format.read(&path).map_err(|errors| {
            let lines = errors.iter().map(|error| format!("ehlo: {error}\n"));
            // A file that cannot be read comes first, by its status.
            let exits = errors.iter().map(ImportError::exit);
            EarlyExit {
                text: lines.collect(),
                exit: exits.min().unwrap_or(Exit::Config),
            }
        })?;
        imported.add_prefix(&self.profile_prefix);
        if let Some(directory) = &self.secrets {
            write_passwords(&mut imported, directory)?;
        }
        let head = format!(
            "# From {} by ehlo config import {}\n",
            shown_path(&path),
            self.source.format.name()
        );
        Ok(without_invalid(head + &imported.to_toml(), command_line))
    }

    fn path(&self) -> Result<PathBuf, UsageError> {
        if let Some(path) = &self.source.path {
            return Ok(path.clone());
        }
        let places = self.source.format.places();
        let found = places.iter().find(|path| path.exists()).cloned();
        found.ok_or_else(|| {
            let names: Vec<String> = places.iter().map(shown_path).collect();
            let name = self.source.format.name();
            UsageError::new(
                Exit::NoInput,
                format!(
                    "config import: there is no file of {name}; looked for {}; name one, as in {name}=FILE",
                    names.join(", ")
                ),
            )
        })
    }
}

fn write_passwords(imported: &mut Imported, directory: &Path) -> Result<(), UsageError> {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let mut new: Vec<PathBuf> = Vec::new();
    for profile in &mut imported.profiles {
        let Some(password) = profile.password.take() else {
            continue;
        };
        let name: String = profile.name.chars().map(file_character).collect();
        let path = directory.join(format!("{name}.password"));
        let written = write::password_file(&path, &password.secret).and_then(|()| {
            let text = path.to_str().map(str::to_owned);
            text.ok_or_else(|| {
                UsageError::data(format!("{}: the path is not UTF-8", shown_path(&path)))
            })
        });
        match written {
            Ok(text) => profile.set_password_file(&text),
            Err(error) => {
                // All or none.
                for path in new {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
        }
        new.push(path);
    }
    Ok(())
}

fn file_character(c: char) -> char {
    let is_plain = c.is_alphanumeric() || "@._-+".contains(c);
    if is_plain { c } else { '-' }
}

/// The text with the settings commented out that ehlo does not accept.
fn without_invalid(mut text: String, command_line: &mut CommandLineArgs<'_>) -> String {
    for _ in 0..MAX_INVALID {
        let errors = match Config::of_text(&text, &command_line.keys()) {
            Ok(config) => faults(&config, command_line),
            Err(errors) => errors,
        };
        let error = errors.iter().find_map(|error| match error {
            ConfigError::Fault {
                position, fault, ..
            } => Some((position.line?, fault.to_string())),
            _ => None,
        });
        let Some((line, why)) = error else {
            break;
        };
        text = commented_out(&text, line, &why);
    }
    text
}

fn commented_out(text: &str, line: usize, why: &str) -> String {
    let lines = text.lines().enumerate().map(|(at, one)| {
        if at + 1 == line {
            format!("# {one}  # {}\n", shown(why))
        } else {
            format!("{one}\n")
        }
    });
    lines.collect()
}
