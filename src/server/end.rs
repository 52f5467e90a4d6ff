//! The end of a session: its reason, and the last reply.

use std::io;

/// The reason for the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnding {
    /// The peer sent QUIT.
    Quit,
    /// The peer closed, or the connection broke.
    Gone,
    /// The peer exceeded the time limit.
    Idle,
    /// The peer sent too many commands that are wrong.
    Reproached,
    /// The server has received all expected messages, or its time is over.
    Full,
    /// A reply was 421, after which a server closes (RFC 5321 §3.8).
    Unavailable,
    /// The connection is closed without a word, on purpose.
    Dropped,
    /// The connection is reset, on purpose.
    Reset,
    /// The TLS handshake failed.
    NoTls,
    /// The first input is not a header of the PROXY protocol.
    NoProxy,
}

impl SessionEnding {
    /// The reply sent before the connection is closed; `None`: no reply is sent.
    pub fn last_words(self) -> Option<&'static str> {
        match self {
            SessionEnding::Quit
            | SessionEnding::Gone
            | SessionEnding::Unavailable
            | SessionEnding::Dropped
            | SessionEnding::Reset
            | SessionEnding::NoTls
            | SessionEnding::NoProxy => None,
            SessionEnding::Idle => Some("421 4.4.2 timed out waiting for you"),
            SessionEnding::Reproached => Some("421 4.7.0 too many errors"),
            SessionEnding::Full => Some("421 4.3.2 closing, no more messages wanted"),
        }
    }

    /// The reason in a word or two.
    pub fn reason(self) -> &'static str {
        match self {
            SessionEnding::Quit => "quit",
            SessionEnding::Gone => "peer closed",
            SessionEnding::Idle => "idle",
            SessionEnding::Reproached => "too many errors",
            SessionEnding::Full => "sink closed",
            SessionEnding::Unavailable => "421 said",
            SessionEnding::Dropped => "closed",
            SessionEnding::Reset => "reset",
            SessionEnding::NoTls => "no TLS",
            SessionEnding::NoProxy => "no PROXY header",
        }
    }
}

impl From<io::Error> for SessionEnding {
    fn from(error: io::Error) -> SessionEnding {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => SessionEnding::Idle,
            _ => SessionEnding::Gone,
        }
    }
}
