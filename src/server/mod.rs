//! A small receiving server on loopback, for demos, tests and scripts.
//!
//! ```text
//! Server (Listener, ConnectionLimiter) -> ServerSession -> Receipt -> MessageStore (Maildir, Mbox, ...)
//!                        \-> Channel (Sealed: TLS), command, auth, Unstuffer
//!                        \-> FaultPlan: injected faults
//!                        \-> ServerObserver: receives the events
//! ```
//!
//! It accepts every recipient, stores messages byte for byte, and prints nothing. Its memory and the time
//! for each peer are limited: see [`SinkLimits`]. Its behavior is set by [`Manner`].

pub(crate) mod connection;
pub mod events;
pub(crate) mod fault_plan;
pub(crate) mod limiter;
pub(crate) mod listener;
pub(crate) mod tls_stream;

mod accept;
mod auth;
mod command;
mod end;
mod fault;
mod maildir;
mod mbox;
mod offers;
mod parameters;
mod path;
mod receipt;
mod reply;
mod session;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::server::accept::{Server, SinkError, Stopper};
pub use crate::server::auth::{Auth, MECHANISMS, UserDatabase, UsersError};
pub use crate::server::connection::Transmission;
use crate::server::end::SessionEnding;
pub use crate::server::events::{ServerEvent, ServerObserver};
pub use crate::server::fault::{Delay, InjectedFault};
pub use crate::server::fault_plan::FaultPlan;
use crate::server::limiter::ConnectionLimiter;
pub use crate::server::listener::Listen;
pub use crate::server::maildir::Maildir;
pub use crate::server::mbox::Mbox;
pub use crate::server::offers::{Offer, OfferList};
use crate::server::session::{Client, ServerContext, ServerSession};
pub use crate::server::tls::{EncryptionError, ServerTls, ServerTlsOptions, TlsAgreement};

/// Default duration of an injected hang.
const HANG: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
pub struct ServerOptions {
    /// The addresses and paths to listen on; at least one.
    pub listen: Vec<Listen>,
    /// True if addresses that other machines can reach are permitted.
    pub allow_remote: bool,
    /// Number of accepted messages after which the server ends; `None`: no limit.
    pub count: Option<u64>,
    /// Time after which the server ends; `None`: no limit.
    pub time_limit: Option<Duration>,
    /// The name of the server: printable ASCII without spaces.
    pub name: String,
    pub limits: SinkLimits,
    pub manner: Manner,
}

impl ServerOptions {
    /// Listens on `listen` under the name `localhost`, for any number of messages.
    #[must_use]
    pub fn new(listen: SocketAddr) -> ServerOptions {
        ServerOptions {
            listen: vec![Listen::Tcp(listen)],
            allow_remote: false,
            count: None,
            time_limit: None,
            name: "localhost".to_owned(),
            limits: SinkLimits::default(),
            manner: Manner::default(),
        }
    }
}

/// The behavior of a server: offers, requirements and injected faults.
#[derive(Debug)]
pub struct Manner {
    /// True: LMTP (RFC 2033); false: SMTP.
    pub lmtp: bool,
    /// True if each connection starts with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    pub offers: OfferList,
    /// `None`: TLS is not offered.
    pub tls: Option<ServerTls>,
    /// True if MAIL requires TLS.
    pub require_tls: bool,
    /// `None`: AUTH is not offered.
    pub auth: Option<Auth>,
    /// True if MAIL requires a login.
    pub require_auth: bool,
    /// Injected faults.
    pub mischief: FaultPlan,
    /// Duration of an injected hang or flood.
    pub hang_time: Duration,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            lmtp: false,
            proxy_protocol: false,
            offers: OfferList::default(),
            tls: None,
            require_tls: false,
            auth: None,
            require_auth: false,
            mischief: FaultPlan::default(),
            hang_time: HANG,
        }
    }
}

/// Limits on peers; beyond them, a command is refused or the connection closed.
#[derive(Debug, Clone)]
pub struct SinkLimits {
    /// The longest message, announced as SIZE. Default 256 MiB.
    pub max_message_bytes: u64,
    /// The recipients of one message. Default 1000.
    pub max_recipients: usize,
    /// The connections at one time. Default 256.
    pub max_connections: usize,
    /// The longest command line with its line end. Default 2048; over 64 KiB counts as 64 KiB.
    pub max_line_bytes: usize,
    /// The commands of one connection that are unknown, malformed or out of order. Default 20.
    pub max_reproaches: u32,
    /// Time limit for a whole command, or for more of a message. A whole message may take twelve times as
    /// long. Default 5 minutes (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for SinkLimits {
    fn default() -> SinkLimits {
        SinkLimits {
            max_message_bytes: 256 * 1024 * 1024,
            max_recipients: 1000,
            max_connections: 256,
            max_line_bytes: 2048,
            max_reproaches: 20,
            idle: Duration::from_secs(5 * 60),
        }
    }
}

/// The envelope of a received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEnvelope {
    /// Address of the client; `0.0.0.0:0` if the connection is not TCP.
    pub peer: SocketAddr,
    /// The name given by the peer in EHLO, HELO or LHLO.
    pub helo: String,
    /// `None`: not logged in.
    pub user: Option<String>,
    /// Without angle brackets; empty for the null sender.
    pub sender: String,
    /// Without angle brackets, in the order they came; at least one.
    pub recipients: Vec<String>,
    /// True if MAIL had SMTPUTF8 (RFC 6531). If not, the addresses are ASCII.
    pub smtputf8: bool,
    /// True if MAIL had BODY=8BITMIME (RFC 6152) or BINARYMIME.
    pub body_8bit: bool,
    /// The parameters of MAIL, as they came.
    pub mail_parameters: Vec<String>,
    /// The parameters of RCPT, for each recipient.
    pub rcpt_parameters: Vec<Vec<String>>,
}

impl ReceivedEnvelope {
    /// An envelope without a sender and recipients.
    fn of(peer: SocketAddr, helo: &str) -> ReceivedEnvelope {
        ReceivedEnvelope {
            peer,
            helo: helo.to_owned(),
            user: None,
            sender: String::new(),
            recipients: Vec::new(),
            smtputf8: false,
            body_8bit: false,
            mail_parameters: Vec::new(),
            rcpt_parameters: Vec::new(),
        }
    }

    /// Drops all recipients except those at certain indexes.
    fn keep_only(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut place = 0..;
        self.recipients
            .retain(|_| place.next().is_some_and(&is_kept));
        let mut place = 0..;
        self.rcpt_parameters
            .retain(|_| place.next().is_some_and(&is_kept));
    }
}

pub trait MessageStore: Sync {
    /// Begins to store a message. An error is a temporary refusal; its text is not sent to the peer.
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>>;

    /// Checks if a message to this recipient would be accepted. By default all are.
    fn vet(&self, recipient: &str) -> Result<(), Declined> {
        let _ = recipient;
        Ok(())
    }
}

/// One message while it is being received. Dropped without a commit, it is discarded.
pub trait Incoming: Send {
    /// Adds the next bytes of the message, without stuffed dots, with line ends as received.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Stores the message: after `Ok`, the peer is told that it was accepted.
    fn commit(self: Box<Self>) -> Result<Whereabouts, Declined>;
}

/// The location of a stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    At(PathBuf),
    /// Not a file with a name.
    Gone,
}

/// The reason why a store declines a message or recipient.
#[derive(Debug)]
pub enum Declined {
    /// A temporary failure; its cause is not sent to the peer.
    Trouble(io::Error),
    /// A reason that is sent to the peer.
    Reason {
        /// The code and the enhanced code, like `550 5.1.1`.
        code: &'static str,
        /// The reason, in any characters.
        why: String,
    },
}

impl From<io::Error> for Declined {
    fn from(error: io::Error) -> Self {
        Self::Trouble(error)
    }
}

/// The name and software shown in the greeting.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Its name: printable ASCII without spaces.
    pub name: &'a str,
    /// The text after the name in the greeting.
    pub what: &'a str,
}

/// Runs one session over any byte stream, and returns when one side ends it.
pub fn serve_one(
    peer: impl Transmission,
    introduction: Introduction<'_>,
    limits: &SinkLimits,
    store: &dyn MessageStore,
) {
    let gate = ConnectionLimiter::new(None, 1, None);
    let manner = Manner::default();
    let house = ServerContext {
        introduction,
        limits,
        manner: &manner,
        store,
        gate: &gate,
        witness: &(),
    };
    let visitor = Client {
        number: 1,
        from: None,
    };
    ServerSession::new(house, peer, visitor).converse();
}
