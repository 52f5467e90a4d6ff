//! The events of a session, for observers.

use crate::server::fault::FaultAction;
use crate::server::{ReceivedEnvelope, TlsAgreement};
use crate::smtp::stage::Stage;
use std::net::SocketAddr;
use std::path::Path;

/// Receives the events of all sessions.
pub trait ServerObserver: Sync {
    /// Receives an event of the connection with this number.
    fn saw(&self, connection: u64, seen: &ServerEvent<'_>);
}

/// Ignores all events.
impl ServerObserver for () {
    fn saw(&self, _: u64, _: &ServerEvent<'_>) {}
}

#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// A client has connected from this address; a unix socket has none.
    Connected {
        /// The address and port.
        peer: Option<SocketAddr>,
    },
    /// A PROXY header, or XCLIENT, has set another client address.
    Proxied { told: &'a str },
    /// TLS has started.
    Tls(&'a TlsAgreement),
    /// The handshake has failed.
    TlsFailed { why: &'a str },
    /// A command as received; without the secret part of AUTH.
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
        /// True if the login succeeded.
        is_right: bool,
    },
    /// A fault is injected.
    Fault { stage: Stage, what: &'a FaultAction },
    /// A message was stored.
    Message {
        envelope: &'a ReceivedEnvelope,
        bytes: u64,
        /// The file of the message; `None`: not a file.
        path: Option<&'a Path>,
        /// Its number, counted from 1.
        number: u64,
    },
    /// The server has failed, and sent a temporary error to the peer.
    Trouble { why: &'a str },
    Closed {
        /// The reason in one word.
        reason: &'static str,
    },
}
