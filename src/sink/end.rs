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
    /// The sink has all the messages that it waited for.
    Full,
}

impl End {
    /// What the peer hears before the connection is closed; `None` when nobody listens any more.
    pub fn last_words(self) -> Option<&'static str> {
        match self {
            End::Quit => Some("221 2.0.0 bye"),
            End::Gone => None,
            End::Idle => Some("421 4.4.2 timed out waiting for you"),
            End::Reproached => Some("421 4.7.0 too many errors"),
            End::Full => Some("421 4.3.2 closing, no more messages wanted"),
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
