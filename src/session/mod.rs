//! The SMTP session: a pure dialogue (`dialogue.rs`) and the one loop that drives it over a wire
//! (`run.rs`).

mod auth;
mod carried;
mod dialogue;
mod dots;
mod offers;
mod reply;
mod run;
mod stage;

pub use auth::Mechanism;
pub use dialogue::{Action, Dialogue, Event, Item, Line};
pub use offers::Offers;
pub use reply::{Class, Reply, ReplyError};
pub use run::run;
pub use stage::Stage;

use crate::address::Address;
use crate::blocks::Replay;
use crate::wire::WireError;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

/// How sessions are held.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name for EHLO; `None` is this host's own, or its address when it has no full name.
    pub helo: Option<String>,
    /// Commands one by one, although the server offers PIPELINING.
    pub no_pipelining: bool,
    /// DATA, although the server offers CHUNKING.
    pub no_chunking: bool,
    /// One limit for every step instead of RFC 5321's.
    pub timeout: Option<Duration>,
    /// The most octets of a message in a second; `None` is as fast as it goes.
    pub rate: Option<NonZeroU64>,
}

/// What a session is to carry: one message for some recipients.
pub struct Errand<'a> {
    /// The reverse-path; `None` is the null sender.
    pub sender: Option<&'a Address>,
    /// The forward-paths.
    pub recipients: Vec<&'a Address>,
    /// Whether the header has raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// The message.
    pub message: &'a dyn Replay,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// One for each recipient of the errand, in its order; `None` when the session ended before.
    pub answers: Vec<Option<Answer>>,
    /// Why recipients are left without an answer, or in doubt.
    pub failure: Option<Failure>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server took the message for it, with this reply to the end of data.
    Accepted(Reply),
    /// The server said no, for good or for now.
    Said(Stage, Reply),
    /// The server cannot take this message, so it was not asked.
    Unfit(Unfit),
    /// The end of data went out for it and no reply came that can be trusted: it may get the message
    /// all the same.
    InDoubt,
}

/// Why a server that has said what it offers cannot take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Larger than the server's limit (RFC 1870 §6.1).
    TooLarge {
        /// The message, in octets.
        size: u64,
        /// The server's limit, in octets.
        limit: u64,
    },
    /// An address or header needs SMTPUTF8 (RFC 6531 §3.2).
    NeedsUtf8,
    /// The body needs 8BITMIME (RFC 6152 §3).
    NeedsEightBit,
}

impl Unfit {
    /// The enhanced status code that a server would have given (RFC 3463).
    #[must_use]
    pub fn enhanced(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "5.3.4",
            Self::NeedsUtf8 => "5.6.7",
            Self::NeedsEightBit => "5.6.3",
        }
    }
}

/// Why a session came to an end before its dialogue did.
#[derive(Debug)]
pub enum Failure {
    /// The wire failed while this stage was going on.
    Wire(Stage, WireError),
    /// The server broke the protocol in this stage.
    Protocol(Stage, String),
    /// The message could not be read to its end, so it was broken off before the final dot.
    Message(io::Error),
}
