//! Why a conversation is over, and the last words that go with it.

use std::io;

/// Why a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnding {
    /// The peer said QUIT.
    Quit,
    /// The peer closed, or the connection broke.
    Gone,
    /// The peer kept us waiting for too long.
    Idle,
    /// The peer sent too many commands that are wrong.
    Reproached,
    /// The sink has all the messages that it waited for, or its time is over.
    Full,
    /// A reply was 421, after which a server closes (RFC 5321 §3.8).
    Unavailable,
    /// The connection is closed without a word, on purpose.
    Dropped,
    /// The connection is reset, on purpose.
    Reset,
    /// No TLS handshake came about.
    NoTls,
    /// What came first is no header of the PROXY protocol.
    NoProxy,
}

impl SessionEnding {
    /// What the peer hears before the connection is closed; `None` when nobody listens any more.
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

    /// Why it is over, in a word or two.
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
