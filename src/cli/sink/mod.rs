//! `ehlo sink`: receives mail, for demonstrations and tests.

mod args;
mod behavior;
mod events;
mod page;
mod run;
mod web;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::server::web::{Query, Retention};
use crate::server::{
    EncryptionError, Listen, ServerError, ServerOptions, ServerTlsOptions, UsersError,
};
use crate::smtp::mechanism::Mechanism;
use crate::system::text::reason;
use std::io;
use std::path::PathBuf;

#[derive(Debug)]
pub struct SinkOptions {
    pub server: ServerPlan,
    pub messages: MessagePlan,
}

/// The server, without the contents of files.
#[derive(Debug)]
pub struct ServerPlan {
    pub options: ServerOptions,
    /// Its side of TLS.
    pub tls: Option<ServerTlsOptions>,
    /// Path for the certificate of the CA that signs the server certificate.
    pub save_ca: Option<PathBuf>,
    /// Accounts for AUTH.
    pub auth: Option<AuthOptions>,
}

/// What becomes of the messages, and which are expected.
#[derive(Debug)]
pub struct MessagePlan {
    pub output: MessageOutput,
    /// True if events are printed as JSON.
    pub json: bool,
    /// The page and the API; `None`: not requested.
    pub web: Option<WebOptions>,
    pub expectations: Vec<Expectation>,
    /// Number of messages that must arrive.
    pub count: Option<u64>,
}

/// The page and the API.
#[derive(Debug)]
pub struct WebOptions {
    /// The addresses to listen on; at least one.
    pub listen: Vec<Listen>,
    /// Host names by which clients may address it.
    pub names: Vec<String>,
    pub retention: Retention,
}

/// A condition that at least one message must meet.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// As written in the option.
    pub text: String,
    pub query: Query,
}

/// Accounts for AUTH.
#[derive(Debug)]
pub struct AuthOptions {
    /// A file of users; `None`: any user.
    pub users: Option<PathBuf>,
    /// The mechanisms. `None`: all supported ones.
    pub only: Option<Vec<Mechanism>>,
    /// True if logins are accepted without TLS.
    pub in_clear: bool,
}

/// The destination of received messages.
#[derive(Debug, PartialEq, Eq)]
pub enum MessageOutput {
    /// Discarded, with one line for each.
    Nothing,
    Maildir(PathBuf),
    Mbox(PathBuf),
    /// Written to the standard output.
    Print,
}

/// The reasons for not starting, or stopping.
#[derive(Debug, thiserror::Error)]
pub enum SinkFailure {
    #[error(transparent)]
    Tls(#[from] EncryptionError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Sink(#[from] ServerError),
    #[error("cannot {what}: {}", reason(.source))]
    File { what: String, source: io::Error },
    #[error("cannot install signal handlers: {}", reason(.0))]
    Signals(io::Error),
}
