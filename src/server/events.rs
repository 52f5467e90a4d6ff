//! What happens in a conversation, for those who watch.

use crate::server::fault::What;
use crate::server::stage::Stage;
use crate::server::{Envelope, Secured};
use std::net::SocketAddr;
use std::path::Path;

/// Somebody who watches all conversations.
pub trait Witness: Sync {
    /// Something has happened in the connection of this number.
    fn saw(&self, connection: u64, seen: &Seen<'_>);
}

/// Somebody who does not look.
impl Witness for () {
    fn saw(&self, _: u64, _: &Seen<'_>) {}
}

/// Something that has happened.
#[derive(Debug)]
pub enum Seen<'a> {
    /// Somebody has connected from here; a socket of the file system has no such place.
    Connected {
        /// The address and port.
        peer: Option<SocketAddr>,
    },
    /// A line before the greeting, or XCLIENT, has told another address.
    Proxied {
        /// What was told.
        told: &'a str,
    },
    /// From here on it is encrypted.
    Tls(&'a Secured),
    /// The handshake has failed.
    TlsFailed {
        /// Why.
        why: &'a str,
    },
    /// A command, as it came; of AUTH without what is secret.
    Command {
        /// The line, without its end.
        line: &'a [u8],
    },
    /// A reply.
    Reply {
        /// One line or more.
        text: &'a str,
    },
    /// A login, right or wrong.
    Auth {
        /// The mechanism.
        mechanism: &'static str,
        /// Who.
        user: &'a str,
        /// Whether it was let in.
        is_right: bool,
    },
    /// Something goes wrong on purpose.
    Fault {
        /// Where.
        stage: Stage,
        /// What.
        what: &'a What,
    },
    /// A message was kept.
    Message {
        /// From whom, and to whom.
        envelope: &'a Envelope,
        /// Its size.
        bytes: u64,
        /// Where it is now.
        path: Option<&'a Path>,
        /// Its number, counted from 1.
        number: u64,
    },
    /// Something here has failed, and the peer was told to come again.
    Trouble {
        /// What.
        why: &'a str,
    },
    /// It is over.
    Closed {
        /// Why, in one word.
        reason: &'static str,
    },
}
