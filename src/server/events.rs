//! The events of a session, for observers.

use crate::server::fault::FaultAction;
use crate::server::store::ReceivedEnvelope;
use crate::server::tls::TlsAgreement;
use crate::smtp::stage::Stage;
use std::net::SocketAddr;
use std::path::Path;

/// Receives the events of all sessions.
pub trait ServerObserver: Sync {
    /// Receives an event of the connection with this number.
    fn on_event(&self, connection: u64, event: &ServerEvent<'_>);
}

impl ServerObserver for () {
    fn on_event(&self, _: u64, _: &ServerEvent<'_>) {}
}

#[derive(Debug)]
pub enum ServerEvent<'a> {
    /// A client has connected from this address; a unix socket has none.
    Connected {
        peer: Option<SocketAddr>,
    },
    /// A PROXY header, or XCLIENT, has set another client address.
    ClientChanged {
        new_client: &'a str,
    },
    Tls(&'a TlsAgreement),
    TlsFailed {
        why: &'a str,
    },
    /// A command as received; without the secret part of AUTH.
    Command {
        line: &'a [u8],
    },
    Reply {
        text: &'a str,
    },
    /// An attempt to log in.
    Auth {
        mechanism: &'static str,
        user: &'a str,
        accepted: bool,
    },
    Fault {
        stage: Stage,
        what: &'a FaultAction,
    },
    Message {
        envelope: &'a ReceivedEnvelope,
        bytes: u64,
        /// The file of the message; `None`: not a file.
        path: Option<&'a Path>,
        /// Its number, counted from 1.
        number: u64,
    },
    /// The server has failed, and sent a temporary error to the client.
    Failed {
        why: &'a str,
    },
    Closed {
        reason: &'static str,
    },
}
