//! Errors of finding a secret. Their texts contain neither secrets nor the text of a command.

use crate::system::exit::Exit;
use crate::system::subprocess::is_shortage;
use crate::system::text::reason;
use std::io;

/// Reason for which no secret was found.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be opened or read.
    #[error("cannot read {origin}: {}", reason(.error))]
    Read {
        /// The option and the file, safe to show.
        origin: String,
        error: io::Error,
    },
    /// The path is a directory.
    #[error(
        "cannot read {origin}: it is a directory; name a file whose first line is the password"
    )]
    Directory {
        /// The option and the path, safe to show.
        origin: String,
    },
    /// The file is readable or writable by other users.
    #[error("{origin} is accessible to other users (mode {mode:04o}); {remedy}")]
    Exposed {
        /// The option and the file, safe to show.
        origin: String,
        mode: u32,
        /// A command that changes the mode, or an alternative for the password.
        remedy: String,
    },
    /// The file belongs to another user.
    #[error("{origin} belongs to user ID {owner}; run: chown {user} {file}; chmod 600 {file}")]
    Foreign {
        /// The option and the file, safe to show.
        origin: String,
        /// The id of its owner.
        owner: u32,
        user: u32,
        /// The file as a shell reads it.
        file: String,
    },
    /// The source exceeds the size limit.
    #[error("{0} returned more than 64 KiB; its first line must be the secret")]
    TooLong(String),
    /// The first line is empty.
    #[error("{0} returned no secret: its first line is empty")]
    Empty(String),
    /// The secret contains bytes that cannot be sent in a session (`faults.md` B1).
    #[error("{origin}: the secret contains {what}; it must be one line of text")]
    InvalidCharacter {
        /// The source of the secret.
        origin: String,
        what: String,
    },
    /// The shell cannot be started, or its output cannot be read.
    #[error("cannot run {option} with /bin/sh: {}", reason(.error))]
    Shell {
        /// The option with the command.
        option: &'static str,
        error: io::Error,
    },
    /// The command failed.
    #[error("{option} failed with {end}; run the command manually to see why")]
    Failed {
        /// The option with the command.
        option: &'static str,
        end: String,
    },
    /// The command exceeded its time limit, and has no terminal to ask a person.
    #[error(
        "{option} did not exit within {seconds} seconds and was killed; without a terminal, the command \
         must not prompt"
    )]
    TimedOut {
        /// The option with the command.
        option: &'static str,
        /// The time limit that passed.
        seconds: u64,
    },
    /// The program that reads the keyring cannot be started at the moment.
    #[error("cannot query the keyring: {}", reason(.0))]
    Keyring(io::Error),
    /// No source has a password, and there is no terminal to ask at.
    #[error(
        "no password for {0}; use --password-command or --password-file, set EHLO_PASSWORD, or add an entry \
         to ~/.netrc"
    )]
    Nowhere(String),
    /// No password for a queued message, for which a password without a name is not used.
    #[error(
        "no password for {0}; use --password-command or --password-file, or add an entry to ~/.netrc; queue \
         runs do not use EHLO_PASSWORD or systemd's ehlo.password"
    )]
    NowhereNamed(String),
    /// The user entered an empty password.
    #[error(
        "no password was entered for {0}; enter one, or use --password-command or --password-file"
    )]
    EmptyInput(String),
    /// The terminal cannot be read.
    #[error(
        "cannot prompt for the password of {account}: {}; use --password-command or --password-file",
        reason(.error)
    )]
    Terminal { account: String, error: io::Error },
}

impl CredentialsError {
    /// The exit status for this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::TimedOut { .. } => Exit::Temporary,
            Self::Read { error, .. }
            | Self::Shell { error, .. }
            | Self::Keyring(error)
            | Self::Terminal { error, .. }
                if is_shortage(error) =>
            {
                Exit::Temporary
            }
            Self::Read { .. } | Self::Directory { .. } => Exit::NoInput,
            _ => Exit::Policy,
        }
    }
}
