//! What happens in a conversation, for those who watch.

use crate::server::fault::FaultAction;
use crate::server::stage::ServerStage;
use crate::server::{ReceivedEnvelope, TlsAgreement};
use std::net::SocketAddr;
use std::path::Path;

/// Somebody who watches all conversations.
pub trait ServerObserver: Sync {
    /// Something has happened in the connection of this number.
    fn saw(&self, connection: u64, seen: &ServerEvent<'_>);
}

/// Somebody who does not look.
impl ServerObserver for () {
    fn saw(&self, _: u64, _: &ServerEvent<'_>) {}
}

/// Something that has happened.
#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// Somebody has connected from here; a socket of the file system has no such place.
    Connected {
        /// The address and port.
        peer: Option<SocketAddr>,
    },
    /// A line before the greeting, or XCLIENT, has told another address.
    Proxied { told: &'a str },
    /// From here on it is encrypted.
    Tls(&'a TlsAgreement),
    /// The handshake has failed.
    TlsFailed { why: &'a str },
    /// A command, as it came; of AUTH without what is secret.
    Command {
        /// The line, without its end.
        line: &'a [u8],
    },
    Reply {
        /// One line or more.
        text: &'a str,
    },
    /// A login, right or wrong.
    Auth {
        mechanism: &'static str,
        user: &'a str,
        /// Whether it was let in.
        is_right: bool,
    },
    /// Something goes wrong on purpose.
    Fault {
        stage: ServerStage,
        what: &'a FaultAction,
    },
    /// A message was kept.
    Message {
        /// From whom, and to whom.
        envelope: &'a ReceivedEnvelope,
        bytes: u64,
        /// Where it is now.
        path: Option<&'a Path>,
        /// Its number, counted from 1.
        number: u64,
    },
    /// Something here has failed, and the peer was told to come again.
    Trouble { why: &'a str },
    Closed {
        /// Why, in one word.
        reason: &'static str,
    },
}
