//! Receiving.

use crate::server as sink;
use std::path::PathBuf;

/// Receiving.
#[derive(Debug)]
pub struct SinkOptions {
    /// The server, still without what must be read from files.
    pub server: sink::ServerOptions,
    /// Its side of TLS.
    pub tls: Option<sink::ServerTlsOptions>,
    /// Where the authority goes that signs the certificate.
    pub save_ca: Option<PathBuf>,
    /// Who may log in.
    pub auth: Option<Doorman>,
    /// What becomes of the messages.
    pub keep: Keep,
    /// Whether everything that happens is told to a program.
    pub json: bool,
}

/// Who may log in at a receiver.
#[derive(Debug)]
pub struct Doorman {
    /// A file of users; `None` is anybody.
    pub users: Option<PathBuf>,
    /// The mechanisms; `None` is all that will do.
    pub only: Option<Vec<sink::ServerMechanism>>,
    /// Also without TLS.
    pub in_clear: bool,
}

/// What a receiver does with messages.
#[derive(Debug, PartialEq, Eq)]
pub enum Keep {
    /// A line for each, and nothing else.
    Nothing,
    /// Into this Maildir.
    Maildir(PathBuf),
    /// Behind the others in this mbox.
    Mbox(PathBuf),
    /// On the standard output.
    Print,
}
