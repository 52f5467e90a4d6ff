//! Errors in a configuration, with advice.

use crate::config::nearest;
use crate::config::{ConfigKey, TableKind};
use crate::mail::address::AddressError;
use crate::system::exit::Exit;
use crate::system::quote::for_shell;
use crate::system::text::{reason, shown, shown_path};
use crate::system::trust::Danger;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An error while the configuration is found and read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists or was named, and cannot be read.
    #[error("cannot read the configuration {}{}: {}{}", shown_path(path), by(*.named_by), reason(.error), permission_advice(*.named_by, .error))]
    Unreadable {
        path: PathBuf,
        /// The option or variable that named it. `None`: a default location.
        named_by: Option<&'static str>,
        error: io::Error,
    },
    /// A profile is requested, and there is no file.
    #[error("there is no configuration file; looked for {}", names(.0))]
    Nowhere(Vec<PathBuf>),
    /// Other users could have changed or read it (`faults.md` B8).
    #[error("{}: {}", shown_path(path), advice(*.danger, path))]
    Unsafe {
        path: PathBuf,
        /// The unsafe property.
        danger: Danger,
    },
    /// The file contains an error.
    #[error("{}: {position}{fault}{}", shown_path(path), position.line())]
    Fault {
        path: PathBuf,
        position: Box<ConfigPosition>,
        fault: ConfigFault,
    },
}

impl ConfigError {
    /// The exit status it leads to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreadable {
                named_by: Some(_), ..
            }
            | Self::Nowhere(_) => Exit::NoInput,
            _ => Exit::Config,
        }
    }
}

/// The danger of a file, and the command that removes it.
fn advice(danger: Danger, path: &Path) -> String {
    let file = for_shell(path);
    match danger {
        Danger::NotAFile => "it is not a regular file".to_owned(),
        Danger::Writable => {
            format!("others can write to it, and so decide where mail goes; chmod go-w {file}")
        }
        Danger::Foreign { owner, user } => {
            format!("it belongs to user {owner}, and must to you or root; chown {user} {file}")
        }
        Danger::Readable => format!(
            "others can read it, and its password-command or oauth-token-command may hold a secret; chmod 600 {file}"
        ),
    }
}

/// Position in the file.
#[derive(Clone, Debug, Default)]
pub struct ConfigPosition {
    pub table: Option<TableKind>,
    pub key: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl ConfigPosition {
    /// The position of a setting.
    pub(super) fn of(setting: &ConfigKey) -> Self {
        Self {
            table: Some(setting.table.clone()),
            key: Some(setting.key.clone()),
            line: Some(setting.line),
        }
    }

    fn line(&self) -> String {
        let line = self.line.map(|line| format!(" (line {line})"));
        line.unwrap_or_default()
    }
}

impl fmt::Display for ConfigPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.table, &self.key) {
            (Some(table), Some(key)) => write!(f, "{table}, key \"{}\": ", shown(key)),
            (Some(table), None) => write!(f, "{table}: "),
            (None, Some(key)) => write!(f, "key \"{}\": ", shown(key)),
            (None, None) => Ok(()),
        }
    }
}

/// An error in the file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    /// A TOML syntax error.
    #[error("this is no TOML: {}", shown(.0))]
    Syntax(String),
    #[error("it is not UTF-8")]
    Charset,
    /// The file is too large to be a configuration.
    #[error("it is larger than {0} bytes")]
    Large(u64),
    /// No option has this name.
    #[error("there is no such key{}", did_you_mean(.0.as_deref()))]
    Key(Option<String>),
    /// An option that chooses profiles, or that prints something and exits.
    #[error("this belongs on the command line and not into a profile")]
    CommandLine,
    #[error(
        "no password belongs into a configuration file; use password-command, password-file or the \
         variable EHLO_PASSWORD"
    )]
    Password,
    #[error("it wants {expected}, and this is {found}")]
    Kind {
        /// The expected type.
        expected: &'static str,
        found: &'static str,
    },
    /// An option is set under two names.
    #[error("the same option stands here under another name")]
    Twice,
    /// An argument cannot contain a NUL.
    #[error("it holds a NUL")]
    Nul,
    /// No profile has this name.
    #[error("there is no profile \"{}\"; there {}{}", shown(.name), listed(.names), did_you_mean(.meant.as_deref()))]
    Profile {
        name: String,
        /// The most similar profile name.
        meant: Option<String>,
        names: Vec<String>,
    },
    /// A profile that is its own fallback.
    #[error("it names its own profile")]
    Itself,
    /// Profiles that inherit from each other.
    #[error("it goes round in a circle: {}", shown(&.0.join(", ")))]
    Circle(Vec<String>),
    /// Profiles inherit over too many levels.
    #[error("profiles inherit from each other more than {0} deep")]
    Deep(usize),
    #[error("{0}")]
    Address(#[from] AddressError),
    /// The option rejects its value; its own message.
    #[error("{}", shown(.0))]
    Value(String),
}

/// Maximum number of profile names that an error lists.
const MAX_LISTED: usize = 12;

impl ConfigFault {
    pub(super) fn no_profile<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.collect();
        let mut listed: Vec<String> = names
            .iter()
            .take(MAX_LISTED)
            .map(|&n| n.to_owned())
            .collect();
        if names.len() > MAX_LISTED {
            listed.push(format!("{} more", names.len() - MAX_LISTED));
        }
        Self::Profile {
            name: name.to_owned(),
            meant: nearest(name, names.into_iter()).map(str::to_owned),
            names: listed,
        }
    }
}

fn did_you_mean(meant: Option<&str>) -> String {
    let meant = meant.map(|meant| format!("; did you mean {}?", shown(meant)));
    meant.unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "is none at all".to_owned(),
        [one] => format!("is {}", shown(one)),
        more => format!("are {}", shown(&more.join(", "))),
    }
}

/// Advice if permissions prevent reading the configuration.
pub const PERMISSION_ADVICE: &str = "--config /dev/null does without the configuration, and ~/.config/ehlo/config.toml of your own \
                              takes its place";

fn permission_advice(named_by: Option<&str>, error: &io::Error) -> String {
    match (named_by, error.kind()) {
        (None, io::ErrorKind::PermissionDenied) => format!("; {PERMISSION_ADVICE}"),
        _ => String::new(),
    }
}

fn by(named_by: Option<&'static str>) -> String {
    named_by.map_or(String::new(), |who| format!(" ({who})"))
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(shown_path).collect();
    names.join(", ")
}
