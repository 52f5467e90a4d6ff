//! Receiving.

use crate::server as sink;
use crate::smtp::mechanism::Mechanism;
use std::path::PathBuf;

/// Receiving.
#[derive(Debug)]
pub struct SinkOptions {
    /// Options of the server, without the contents of files.
    pub server: sink::ServerOptions,
    /// Its side of TLS.
    pub tls: Option<sink::ServerTlsOptions>,
    /// Path for the certificate of the CA that signs the server certificate.
    pub save_ca: Option<PathBuf>,
    /// Accounts for AUTH.
    pub auth: Option<Doorman>,
    pub keep: Keep,
    /// True if events are printed as JSON.
    pub json: bool,
}

/// Accounts for AUTH.
#[derive(Debug)]
pub struct Doorman {
    /// A file of users; `None` is anybody.
    pub users: Option<PathBuf>,
    /// The mechanisms. `None`: all supported ones.
    pub only: Option<Vec<Mechanism>>,
    /// Also without TLS.
    pub in_clear: bool,
}

/// The destination of received messages.
#[derive(Debug, PartialEq, Eq)]
pub enum Keep {
    /// Discarded, with one line for each.
    Nothing,
    /// Into this Maildir.
    Maildir(PathBuf),
    /// Appended to this mbox.
    Mbox(PathBuf),
    /// On the standard output.
    Print,
}
