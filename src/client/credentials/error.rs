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
        "cannot read {origin}: it is a directory, and must be a file whose first line is the password"
    )]
    Directory {
        /// The option and the path, safe to show.
        origin: String,
    },
    /// The file is readable or writable by other users.
    #[error("{origin} is open to others: its mode is {mode:04o}; {remedy}")]
    Exposed {
        /// The option and the file, safe to show.
        origin: String,
        mode: u32,
        /// A command that changes the mode, or an alternative for the password.
        remedy: String,
    },
    /// The file belongs to another user.
    #[error(
        "{origin} belongs to the user with the id {owner}; do: chown {user} {file}; chmod 600 {file}"
    )]
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
    #[error("{0} gives more than 64 KiB; its first line must be the secret, and little may follow")]
    TooLong(String),
    /// The first line is empty.
    #[error("{0} gives no secret: its first line is empty")]
    Empty(String),
    /// The secret contains bytes that cannot be sent in a session (`faults.md` B1).
    #[error("{origin}: the secret holds {what}, and must be one line of text")]
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
    #[error("{option} failed with {end}; try its command by hand")]
    Failed {
        /// The option with the command.
        option: &'static str,
        end: String,
    },
    /// The command exceeded its time limit, and has no terminal to ask a person.
    #[error(
        "{option} did not end within {seconds} seconds and was killed; without a terminal, its command must \
         not ask for anything"
    )]
    TimedOut {
        /// The option with the command.
        option: &'static str,
        /// The time limit that passed.
        seconds: u64,
    },
    /// The program that reads the keyring cannot be started at the moment.
    #[error("cannot ask the keyring: {}", reason(.0))]
    Keyring(io::Error),
    /// No source has a password, and there is no terminal to ask at.
    #[error(
        "no password for {0}: give --password-command or --password-file, set EHLO_PASSWORD, or add it to ~/.netrc"
    )]
    Nowhere(String),
    /// No password for a queued message, for which a password without a name is not used.
    #[error(
        "no password for {0}: give --password-command or --password-file, or add it to ~/.netrc; a run of \
         the queue uses neither EHLO_PASSWORD nor systemd's ehlo.password"
    )]
    NowhereNamed(String),
    /// The user entered an empty password.
    #[error(
        "no password was typed for {0}; type one, or give --password-command or --password-file"
    )]
    EmptyInput(String),
    /// The terminal cannot be read.
    #[error(
        "cannot ask for the password of {account}: {}; give --password-command or --password-file",
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
