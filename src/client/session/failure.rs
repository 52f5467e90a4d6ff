//! Why a session came to an end before its time.

use crate::client::wire::{TlsError, WireError};
use crate::smtp::stage::Stage;
use crate::system::text::reason;
use std::{fmt, io};

/// Why a session came to an end before its dialogue did.
#[derive(Debug)]
pub enum SessionFailure {
    /// The wire failed while this stage was going on.
    Wire(Stage, WireError),
    /// The server broke the protocol in this stage.
    Protocol(Stage, String),
    Tls(TlsError),
    /// The message could not be read to its end, so it was broken off before the final dot.
    Message(io::Error),
    /// It cannot be written down that the message is about to be sent, so it was not.
    Ledger(io::Error),
}

impl SessionFailure {
    /// Where in the session it happened.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Wire(stage, _) | Self::Protocol(stage, _) => *stage,
            Self::Tls(_) => Stage::Tls,
            Self::Message(_) => Stage::Body,
            Self::Ledger(_) => Stage::Dot,
        }
    }

    /// Whether the server hung up, and that is all that there is to say.
    #[must_use]
    pub fn is_hang_up(&self) -> bool {
        matches!(
            self,
            Self::Wire(_, WireError::Closed) | Self::Tls(TlsError::Wire(WireError::Closed))
        )
    }
}

/// What happened, without the server's name.
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
