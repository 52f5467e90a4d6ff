//! Events of a delivery while it runs. They are reported to an [`Observer`].

use crate::client::peer::PeerAddress;
use crate::client::status::RecipientStatus;
use crate::smtp::stage::Stage;
use crate::system::stop::Stop;
use std::sync::Arc;
use std::time::Duration;

/// Receives the events of a delivery, in the order in which they occur.
pub trait Observer {
    /// Handles an event. Must not fail: a delivery does not stop because its output is closed.
    fn on_event(&mut self, what: Event<'_>);

    /// True if nothing should be started because its output cannot be shown.
    fn is_closed(&self) -> bool {
        false
    }

    /// Interrupts a session before the message is sent. `None`: no interruption.
    fn stop(&self) -> Option<Arc<Stop>> {
        None
    }

    /// Optional events to report; read once for each session.
    fn interests(&self) -> Interests {
        Interests::default()
    }
}

/// Events that cost extra and are reported only on request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interests {
    /// The progress of the message: [`Event::Carried`].
    pub message: bool,
    /// The octets of lines, in addition to the lines: [`Event::Octets`].
    pub octets: bool,
}

/// A side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    Client,
    Server,
}

/// An [`Observer`] that ignores all events.
pub struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _: Event<'_>) {}
}

/// An event of a delivery.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A name is looked up in the DNS or by the system.
    Lookup {
        /// `MX`, `A` and so on, or `host` for the system's own lookup.
        kind: &'a str,
        name: &'a str,
    },
    /// The answer to a lookup.
    Answer(DnsAnswer<'a>),
    /// A remark by the program: the MX chosen, the next host.
    Note(&'a str),
    /// The message is stored in the queue.
    Queued { id: &'a str },
    /// A remark for `--verbose`.
    Detail(&'a str),
    /// Another profile is tried for recipients without a permanent result.
    Fallback {
        profile: &'a str,
        /// Reason for which the profile cannot be used.
        error: Option<&'a str>,
    },
    /// A host is tried next.
    Host {
        /// Its name, or its address in brackets.
        name: &'a str,
        /// The port; `None` for a unix socket.
        port: Option<u16>,
        recipients: &'a [String],
    },
    /// A connection attempt begins, possibly in parallel with others to the same host (RFC 8305).
    Connect(&'a PeerAddress),
    /// The connection is established; other attempts are cancelled.
    Connected(&'a PeerAddress),
    /// The connection attempt failed.
    NotConnected { peer: &'a PeerAddress, why: &'a str },
    /// The next message is sent on a connection that was kept.
    Reused {
        host: &'a str,
        peer: &'a PeerAddress,
    },
    /// The session is encrypted from here on.
    Secured(TlsSummary<'a>),
    /// The server's certificate is not trusted, and the session ends.
    Distrusted {
        /// The expected name.
        name: &'a str,
        /// The error, after "certificate of NAME not trusted: it".
        why: &'a str,
        /// The server's certificates in DER, its own first.
        chain: &'a [Vec<u8>],
    },
    /// A command from the client.
    Sent {
        /// The command, with secrets masked.
        line: &'a str,
        stage: Stage,
    },
    /// One line from the server, made printable, on arrival.
    Line(&'a str),
    Received {
        code: u16,
        /// The enhanced status code, when there is one (RFC 3463).
        enhanced: Option<&'a str>,
        /// The text of each line, printable.
        lines: &'a [String],
        /// The stage to which it is the reply.
        stage: Stage,
    },
    /// Octets of a line, with its line end; those of secrets are masked.
    Octets { from: ClosedBy, bytes: &'a [u8] },
    /// A part of the message as it goes over the wire, dot-stuffed, in pieces of any size.
    Carried(&'a [u8]),
    /// Progress of sending the message.
    Progress { octets: u64, of: u64 },
    /// The message was sent.
    Data {
        /// Its octets, before dot-stuffing.
        bytes: u64,
    },
    /// The session ends with an error.
    Failed {
        stage: Stage,
        why: &'a str,
        /// True if the server closed the connection.
        hung_up: bool,
    },
    /// The connection is about to be closed.
    Parting(ConnectionClose<'a>),
    /// The connection was closed.
    Closed,
    /// The result for one recipient.
    Settled {
        recipient: &'a str,
        status: RecipientStatus,
        /// The reply or the reason.
        words: &'a str,
        /// The queue ID from the server's reply, if known.
        queue_id: Option<&'a str>,
    },
    /// Timing of one host, reported at the end.
    Summary(&'a Summary),
}

/// The end of a connection, if it is worth reporting.
#[derive(Clone, Copy, Debug)]
pub enum ConnectionClose<'a> {
    /// It is closed without QUIT, as requested.
    Dropped,
    /// The server closed it instead of answering QUIT.
    HungUp,
    /// The server was a command; its exit status in words.
    Command(&'a str),
}

/// Result and timing of one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The host, by its name, or its address in brackets.
    pub host: String,
    /// The address of the last attempt.
    pub peer: Option<PeerAddress>,
    /// Time to establish the connection.
    pub connect: Option<Duration>,
    /// Time from the connection to the greeting.
    pub banner: Option<Duration>,
    /// All EHLO and HELO commands.
    pub ehlo: Option<Duration>,
    /// STARTTLS and the handshake.
    pub tls: Option<Duration>,
    pub auth: Option<Duration>,
    /// Time until the message was accepted; `None` if it was not.
    pub accepted: Option<Duration>,
    /// Time from the connection attempt until the end.
    pub total: Duration,
    /// The decisive reply, or the reason for which there is none.
    pub words: String,
    /// The queue ID from the server's reply, if known.
    pub queue_id: Option<String>,
}

/// The answer to a DNS lookup.
#[derive(Clone, Copy, Debug)]
pub struct DnsAnswer<'a> {
    /// The record type.
    pub kind: &'a str,
    /// The name looked up.
    pub name: &'a str,
    /// The records in the format of zone files; empty on an error.
    pub records: &'a [String],
    /// Time to live of the records in seconds, if known.
    pub ttl: Option<u32>,
    /// True if a trusted resolver has validated it (DNSSEC).
    pub secure: bool,
    /// Reason for which there is no answer.
    pub error: Option<&'a str>,
}

/// Result of a TLS handshake.
#[derive(Clone, Copy, Debug)]
pub struct TlsSummary<'a> {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'a str,
    pub cipher: &'a str,
    /// The key exchange; `None` for a resumed session without a new one.
    pub group: Option<&'a str>,
    /// True if an earlier TLS session was resumed.
    pub resumed: bool,
    /// The expected name.
    pub name: &'a str,
    /// True if the server is authenticated.
    pub verified: bool,
    /// The verification result, after "certificate of NAME".
    pub judgement: &'a str,
    /// The policy that was applied: `dane` or `sts`; `None`: the options.
    pub policy: Option<&'a str>,
    /// The server's certificates in DER, its own first.
    pub chain: &'a [Vec<u8>],
    /// The client certificate in DER, if one is configured.
    pub own: Option<&'a [u8]>,
}
