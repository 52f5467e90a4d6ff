//! Why a conversation is over, and the last words that go with it.

use std::io;

/// Why a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
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

impl End {
    /// What the peer hears before the connection is closed; `None` when nobody listens any more.
    pub fn last_words(self) -> Option<&'static str> {
        match self {
            End::Quit
            | End::Gone
            | End::Unavailable
            | End::Dropped
            | End::Reset
            | End::NoTls
            | End::NoProxy => None,
            End::Idle => Some("421 4.4.2 timed out waiting for you"),
            End::Reproached => Some("421 4.7.0 too many errors"),
            End::Full => Some("421 4.3.2 closing, no more messages wanted"),
        }
    }

    /// Why it is over, in a word or two.
    pub fn reason(self) -> &'static str {
        match self {
            End::Quit => "quit",
            End::Gone => "peer closed",
            End::Idle => "idle",
            End::Reproached => "too many errors",
            End::Full => "sink closed",
            End::Unavailable => "421 said",
            End::Dropped => "closed",
            End::Reset => "reset",
            End::NoTls => "no TLS",
            End::NoProxy => "no PROXY header",
        }
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => End::Idle,
            _ => End::Gone,
        }
    }
}
