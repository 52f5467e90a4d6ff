//! Errors of OAuth.

use crate::client::credentials::CredentialsError;
use crate::system::exit::Exit;
use crate::system::subprocess::is_shortage;
use crate::system::text::{reason, shown_path};
use crate::system::trust::DirectoryError;
use std::io;
use std::path::PathBuf;

/// Reason for which there is no token.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// A person must log in.
    #[error("{why}; run: {command}")]
    LoginRequired { why: String, command: String },
    /// The provider refuses the request, and a login does not help.
    #[error("{provider} refused the request for a token: {why}")]
    Refused { provider: String, why: String },
    /// The person refused, or the provider does not accept the person.
    #[error("{provider} did not complete the login: {why}")]
    Denied { provider: String, why: String },
    /// The time limit of the login passed.
    #[error("the login was not completed within {0}; run the command again")]
    Expired(String),
    /// The provider cannot be reached, or fails.
    #[error("cannot get a token from {provider}: {why}; try again later")]
    Unavailable { provider: String, why: String },
    /// The provider violates the protocol.
    #[error("{provider} sent an invalid response: {what}")]
    Invalid { provider: String, what: String },
    /// The lock is held by another process.
    #[error(
        "another process has been refreshing the token of {account} for {seconds} seconds; try again later"
    )]
    Busy { account: String, seconds: u64 },
    /// The options do not fit the provider.
    #[error("{0}")]
    Options(String),
    #[error("{0}")]
    Directory(#[from] DirectoryError),
    /// The file with the tokens has wrong permissions.
    #[error("{} {why}", shown_path(.path))]
    Unsafe {
        path: PathBuf,
        /// The problem, and the command that fixes it.
        why: String,
    },
    #[error("cannot {doing} {}: {}", shown_path(.path), reason(.error))]
    Io {
        /// The operation that failed.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("this user has no home directory for tokens; set XDG_STATE_HOME to an absolute path")]
    Homeless,
    /// The secret of the client, or the key, cannot be read.
    #[error("{0}")]
    Secret(Box<CredentialsError>),
    #[error("cannot wait for the browser: {}", reason(.0))]
    Listener(io::Error),
    #[error("cannot read the address of the browser: {}", reason(.0))]
    Input(io::Error),
}

impl OAuthError {
    /// The exit status for this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unavailable { .. } | Self::Busy { .. } | Self::Expired(_) => Exit::Temporary,
            Self::Invalid { .. } => Exit::Protocol,
            Self::Options(_) => Exit::Usage,
            Self::Secret(error) => error.exit(),
            Self::Io { error, .. }
            | Self::Listener(error)
            | Self::Directory(DirectoryError::Io { error, .. })
                if is_shortage(error) =>
            {
                Exit::Temporary
            }
            Self::Io { .. } | Self::Directory(DirectoryError::Io { .. }) => Exit::CantCreate,
            Self::Listener(_) | Self::Input(_) => Exit::Io,
            _ => Exit::Policy,
        }
    }

    /// True if nothing can be sent before a person has logged in.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::LoginRequired { .. })
    }
}
