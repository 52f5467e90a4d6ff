//! A small receiving server on loopback, for demos, tests and people's own scripts.
//!
//! ```text
//! Sink (door, gate) -> session (one conversation) -> receipt -> Store (Maildir, mbox, or yours)
//!                        \-> channel (sealed: TLS), command, auth, unstuff
//!                        \-> mischief: what goes wrong on purpose
//!                        \-> Witness: what happens, for those who watch
//! ```
//!
//! It takes every recipient, keeps what it is sent byte for byte, and prints nothing. A peer can
//! neither make it grow nor hold it for ever: see [`Limits`]. How it behaves is its [`Manner`].

pub(crate) mod connection;
pub(crate) mod dot_unstuffing;
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
mod proxy;
mod receipt;
mod reply;
mod session;
mod stage;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::server::accept::{Server, SinkError, Stopper};
pub use crate::server::auth::{Auth, ServerMechanism, UserDatabase, UsersError};
pub use crate::server::connection::Transmission;
use crate::server::end::SessionEnding;
pub use crate::server::events::{ServerEvent, ServerObserver};
pub use crate::server::fault::{Delay, InjectedFault};
pub use crate::server::fault_plan::FaultPlan;
use crate::server::limiter::ConnectionLimiter;
pub use crate::server::listener::Listen;
pub use crate::server::maildir::Maildir;
pub use crate::server::mbox::Mbox;
pub use crate::server::offers::{Offer, OfferList, ServerKeyword};
use crate::server::session::{Client, ServerContext, ServerSession};
pub use crate::server::stage::ServerStage;
pub use crate::server::tls::{EncryptionError, ServerTls, ServerTlsOptions, TlsAgreement};

/// How long somebody who hangs does so where nothing else is said.
const HANG: Duration = Duration::from_secs(5 * 60);

/// Where and how to listen.
#[derive(Debug)]
pub struct ServerOptions {
    /// The places, of which there is at least one.
    pub listen: Vec<Listen>,
    /// Whether an address may be one that other machines can reach.
    pub allow_remote: bool,
    /// Leave after this many accepted messages; `None` is never.
    pub count: Option<u64>,
    /// Leave after this time; `None` is never.
    pub time_limit: Option<Duration>,
    /// What the sink calls itself: printable ASCII without spaces.
    pub name: String,
    /// What a peer may ask for.
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

/// How a server behaves: what it offers and demands, and what goes wrong on purpose.
#[derive(Debug)]
pub struct Manner {
    /// Whether it speaks LMTP (RFC 2033) and not SMTP.
    pub lmtp: bool,
    /// Whether a header of the PROXY protocol comes before everything else.
    pub proxy_protocol: bool,
    pub offers: OfferList,
    /// Its side of TLS; `None` has none.
    pub tls: Option<ServerTls>,
    /// Whether MAIL needs TLS.
    pub require_tls: bool,
    /// Who may log in; `None` is nobody.
    pub auth: Option<Auth>,
    /// Whether MAIL needs a login.
    pub require_auth: bool,
    /// What goes wrong on purpose.
    pub mischief: FaultPlan,
    /// How long it hangs, or floods, where it does.
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

/// What a peer may ask for before it is refused or cut off.
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
    /// How long to wait for a whole command, or for more of a message. A whole message may take
    /// twelve times as long. Default 5 minutes (RFC 5321 §4.5.3.2.7).
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

/// Who sent a message, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEnvelope {
    /// Where the connection came from; nowhere, `0.0.0.0:0`, where it came by another way.
    pub peer: SocketAddr,
    /// What the peer called itself in EHLO, HELO or LHLO.
    pub helo: String,
    /// Who had logged in.
    pub user: Option<String>,
    /// Without angle brackets; empty for the null sender.
    pub sender: String,
    /// Without angle brackets, in the order they came; at least one.
    pub recipients: Vec<String>,
    /// Whether MAIL said SMTPUTF8 (RFC 6531). If not, the addresses are ASCII.
    pub smtputf8: bool,
    /// Whether MAIL said BODY=8BITMIME (RFC 6152) or BINARYMIME.
    pub body_8bit: bool,
    /// The parameters of MAIL, as they came.
    pub mail_parameters: Vec<String>,
    /// The parameters of RCPT, for each recipient.
    pub rcpt_parameters: Vec<Vec<String>>,
}

impl ReceivedEnvelope {
    /// From nobody to nobody yet.
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

    /// Drops all recipients but those at certain places.
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
    /// Makes room for a message. An error is a temporary refusal; its text stays here.
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>>;

    /// Whether a message to this recipient would be taken; all are, unless the store says otherwise.
    fn vet(&self, recipient: &str) -> Result<(), Declined> {
        let _ = recipient;
        Ok(())
    }
}

/// One message while it is being received. Dropped without a commit, it is discarded.
pub trait Incoming: Send {
    /// Takes the next bytes of the message, without stuffed dots, with line ends as they came.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Keeps the message: when this is `Ok`, the peer is told that it was accepted.
    fn commit(self: Box<Self>) -> Result<Whereabouts, Declined>;
}

/// Where a message is that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    At(PathBuf),
    /// Somewhere that has no name.
    Gone,
}

/// Why a store does not take something.
#[derive(Debug)]
pub enum Declined {
    /// Something went wrong, for now; what it was stays here.
    Trouble(io::Error),
    /// For a reason that the peer may know.
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

/// How a server introduces itself.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Its name: printable ASCII without spaces.
    pub name: &'a str,
    /// What it is, behind the name in the greeting.
    pub what: &'a str,
}

/// Has one conversation, over whatever the peer has come by, and returns when one side has had enough.
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
