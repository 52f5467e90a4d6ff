//! Errors of OAuth.

use crate::client::credentials::CredentialsError;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::{reason, shown_path};
use crate::system::trust::DirectoryError;
use std::io;
use std::path::PathBuf;

/// Reason for which there is no token.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum OAuthError {
    /// A person must log in, with this command.
    LoginRequired {
        why: String,
        command: String,
    },
    /// The provider refuses the request, and a login does not help.
    Refused {
        provider: String,
        why: String,
    },
    /// The person refused, or the provider does not accept the person.
    Denied {
        provider: String,
        why: String,
    },
    /// The time limit of the login passed.
    Expired(String),
    /// The provider cannot be reached, or fails.
    Unavailable {
        provider: String,
        why: String,
    },
    /// The provider violates the protocol.
    Invalid {
        provider: String,
        what: String,
    },
    /// The lock is held by another process.
    Busy {
        account: String,
        seconds: u64,
    },
    /// The options do not fit the provider.
    Options(String),
    Directory(#[from] DirectoryError),
    /// The file with the tokens has wrong permissions.
    Unsafe {
        path: PathBuf,
        /// A verb phrase.
        why: ErrorText,
    },
    Io {
        /// The operation that failed.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    Homeless,
    /// The secret of the client, or the key, cannot be read.
    Secret(Box<CredentialsError>),
    Listener(io::Error),
    Input(io::Error),
}

impl Correctable for OAuthError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::LoginRequired { why, command } => ErrorText::new(why).with_command(command),
            Self::Refused { provider, why } => {
                format!("{provider} refused the request for a token: {why}").into()
            }
            Self::Denied { provider, why } => {
                format!("{provider} did not complete the login: {why}").into()
            }
            Self::Expired(limit) => {
                ErrorText::new(format!("the login was not completed within {limit}"))
                    .with_advice("run the command again")
            }
            Self::Unavailable { provider, why } => {
                ErrorText::new(format!("cannot get a token from {provider}: {why}"))
                    .with_advice("try again later")
            }
            Self::Invalid { provider, what } => {
                format!("{provider} sent an invalid response: {what}").into()
            }
            Self::Busy { account, seconds } => ErrorText::new(format!(
                "another process has been refreshing the token of {account} for {seconds} seconds"
            ))
            .with_advice("try again later"),
            Self::Options(why) => why.as_str().into(),
            Self::Directory(error) => error.error_text(),
            Self::Unsafe { path, why } => why.clone().about(format!("{} ", shown_path(path))),
            Self::Io { doing, path, error } => {
                format!("cannot {doing} {}: {}", shown_path(path), reason(error)).into()
            }
            Self::Homeless => ErrorText::new("this user has no home directory for tokens")
                .with_advice("set XDG_STATE_HOME to an absolute path"),
            Self::Secret(error) => error.error_text(),
            Self::Listener(error) => {
                format!("cannot wait for the browser: {}", reason(error)).into()
            }
            Self::Input(error) => {
                format!("cannot read the address of the browser: {}", reason(error)).into()
            }
        }
    }
}

impl OAuthError {
    /// True if nothing can be sent before a person has logged in.
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::LoginRequired { .. })
    }
}
