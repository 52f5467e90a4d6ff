//! Errors in a configuration, with advice.

use crate::config::nearest;
use crate::config::{ConfigKey, TableKind};
use crate::mail::address::AddressError;
use crate::system::quote::for_shell;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::{reason, shown, shown_path};
use crate::system::trust::Danger;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An error while the configuration is found and read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file exists or was named, and cannot be read.
    #[error("{}", unreadable(path, *.named_by, .error))]
    Unreadable {
        path: PathBuf,
        /// The option or variable that named it. `None`: a default location.
        named_by: Option<&'static str>,
        error: io::Error,
    },
    /// A profile is requested, and there is no file.
    #[error("there is no configuration file; looked for {}; ehlo config init creates one", names(.0))]
    Nowhere(Vec<PathBuf>),
    /// Other users could have changed or read it.
    #[error("{}", unsafe_file(path, *.danger).with_bare_command())]
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

impl Correctable for ConfigError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Unreadable {
                path,
                named_by,
                error,
            } => unreadable(path, *named_by, error),
            Self::Unsafe { path, danger } => unsafe_file(path, *danger),
            // Each fault has advice of its own in its sentence.
            Self::Nowhere(_) | Self::Fault { .. } => self.to_string().into(),
        }
    }
}

/// The danger of a file, and the command that removes it.
fn unsafe_file(path: &Path, danger: Danger) -> ErrorText {
    let file = for_shell(path);
    let text = match danger {
        Danger::NotAFile => "it is not a regular file".into(),
        Danger::Writable => ErrorText::new("other users can write to it and could redirect mail")
            .with_command(format!("chmod go-w {file}")),
        Danger::Foreign { owner, user } => ErrorText::new(format!(
            "it belongs to user {owner}; it must belong to you or to root"
        ))
        .with_command(format!("chown {user} {file}")),
        Danger::Readable => ErrorText::new(
            "other users can read it, and a command in it that prints a secret may contain the secret",
        )
        .with_command(format!("chmod 600 {file}")),
    };
    text.about(format!("{}: ", shown_path(path)))
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
    #[error("invalid TOML: {}: {}", shown(.why), shown(.line))]
    Syntax {
        why: String,
        /// The line, without secrets.
        line: String,
    },
    #[error("the file is not UTF-8")]
    Charset,
    /// The file is too large to be a configuration.
    #[error("the file is larger than {0} bytes")]
    Large(u64),
    /// No option has this name.
    #[error("unknown key{}", did_you_mean(.0.as_deref()))]
    Key(Option<String>),
    /// A table that is neither a section nor below `profile`.
    #[error("unknown table [{}]; a profile is written as [profile.{}]", super::name(.0), super::name(.0))]
    Table(String),
    /// An option outside of all profiles.
    #[error("this option belongs in a profile; put it below a line like [profile.NAME]")]
    Outside,
    /// `[profile]` with options in it.
    #[error("the profile has no name; write [profile.NAME] instead of [profile]")]
    Nameless,
    /// An option that chooses profiles, or that prints something and exits.
    #[error("this option is allowed on the command line only, not in a profile")]
    CommandLine,
    #[error(
        "passwords are not allowed in the configuration file; use password-command, password-file or the \
         variable EHLO_PASSWORD"
    )]
    Password,
    #[error("expected {expected}, found {found}")]
    Kind {
        /// The expected type.
        expected: &'static str,
        found: &'static str,
    },
    /// An option is set under two names.
    #[error("the same option is already set under another name")]
    Twice,
    /// An argument cannot contain a NUL.
    #[error("it contains a NUL character")]
    Nul,
    /// No profile has this name.
    #[error("there is no profile \"{}\"; {}{}", shown(.name), listed(.names), did_you_mean(.meant.as_deref()))]
    Profile {
        name: String,
        /// The most similar profile name.
        meant: Option<String>,
        names: Vec<String>,
    },
    /// A profile that is its own fallback.
    #[error("a profile cannot be its own fallback")]
    Itself,
    /// Profiles that inherit from each other.
    #[error("the profiles inherit from each other in a circle: {}", shown(&.0.join(", ")))]
    Circle(Vec<String>),
    /// Profiles inherit over too many levels.
    #[error("profiles inherit from each other more than {0} levels deep")]
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
        [] => "no profiles are defined".to_owned(),
        [one] => format!("the only profile is {}", shown(one)),
        more => format!("the profiles are {}", shown(&more.join(", "))),
    }
}

/// Advice if permissions prevent reading the configuration.
pub const PERMISSION_ADVICE: &str = "use --config /dev/null to run without a configuration, or create your own \
                              ~/.config/ehlo/config.toml, which replaces it";

fn unreadable(path: &Path, named_by: Option<&'static str>, error: &io::Error) -> ErrorText {
    let (path, by, why) = (shown_path(path), by(named_by), reason(error));
    let text = ErrorText::new(format!("cannot read the configuration {path}{by}: {why}"));
    match (named_by, error.kind()) {
        (None, io::ErrorKind::PermissionDenied) => text.with_advice(PERMISSION_ADVICE),
        _ => text,
    }
}

fn by(named_by: Option<&'static str>) -> String {
    named_by.map_or(String::new(), |name| format!(" (named by {name})"))
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(shown_path).collect();
    names.join(", ")
}
