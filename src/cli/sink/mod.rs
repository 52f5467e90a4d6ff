//! `ehlo sink`: receives mail, for demonstrations and tests.

mod args;
mod behavior;
mod events;
mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::server::{ServerOptions, ServerTlsOptions};
use crate::smtp::mechanism::Mechanism;
use std::path::PathBuf;

#[derive(Debug)]
pub struct SinkOptions {
    /// Options of the server, without the contents of files.
    pub server: ServerOptions,
    /// Its side of TLS.
    pub tls: Option<ServerTlsOptions>,
    /// Path for the certificate of the CA that signs the server certificate.
    pub save_ca: Option<PathBuf>,
    /// Accounts for AUTH.
    pub auth: Option<AuthOptions>,
    pub output: MessageOutput,
    /// True if events are printed as JSON.
    pub json: bool,
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
