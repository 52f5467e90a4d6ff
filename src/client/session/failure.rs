//! Errors that end a session early.

use crate::client::session::Step;
use crate::client::wire::{TlsError, WireError};
use crate::system::text::reason;
use std::{fmt, io};

/// An error that ends a session before its dialogue is complete.
#[derive(Debug)]
pub enum SessionFailure {
    /// The connection failed in this step.
    Wire(Step, WireError),
    /// The server violated the protocol in this step.
    Protocol(Step, String),
    Tls(TlsError),
    /// The message could not be read completely, so it was aborted before the final dot.
    Message(io::Error),
    /// The log could not be written before the end of data, so that was not sent.
    Ledger(io::Error),
}

impl SessionFailure {
    /// The step at which it occurred.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Wire(step, _) | Self::Protocol(step, _) => *step,
            Self::Tls(_) => Step::Tls,
            Self::Message(_) => Step::Body,
            Self::Ledger(_) => Step::Dot,
        }
    }

    /// True if the server closed the connection and no other error is known.
    #[must_use]
    pub fn is_hang_up(&self) -> bool {
        matches!(
            self,
            Self::Wire(_, WireError::Closed) | Self::Tls(TlsError::Wire(WireError::Closed))
        )
    }
}

/// The error, without the server's name.
impl fmt::Display for SessionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(_, error) => error.fmt(f),
            Self::Protocol(_, what) => write!(f, "the server {what}"),
            Self::Tls(TlsError::Certificate { why, .. }) => write!(f, "the certificate {why}"),
            Self::Tls(error) => error.fmt(f),
            Self::Message(error) | Self::Ledger(error) => f.write_str(&reason(error)),
        }
    }
}
