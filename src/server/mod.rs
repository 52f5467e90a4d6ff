//! A small receiving server on loopback, for demos, tests and scripts; and one session on standard input and output
//! for `sendmail -bs`.
//!
//! ```text
//! Server (Listener, ConnectionLimiter) -> ServerSession -> Receipt -> MessageStore (Maildir, Mbox, ...)
//!                        \-> Connection (ByteStream, TlsStream), command, auth
//!                        \-> FaultPlan: injected faults
//!                        \-> ServerObserver: receives the events
//! ```
//!
//! It accepts every recipient, stores messages byte for byte, and prints nothing. Its memory and the time
//! for each client are limited: see [`SessionLimits`]. Its behavior is set by [`ServerBehavior`].

pub mod events;

mod accept;
mod arguments;
mod auth;
mod command;
mod connection;
mod fault;
mod fault_plan;
mod limiter;
mod listener;
mod maildir;
mod mbox;
mod offers;
mod options;
mod reply;
mod session;
mod store;
mod stream;
mod tls;
pub mod web;

pub use crate::server::accept::{Server, Stopper};
pub use crate::server::auth::{Auth, MECHANISMS, UserDatabase, UsersError};
pub use crate::server::events::{ServerEvent, ServerObserver};
pub use crate::server::fault::{Delay, InjectedFault};
pub use crate::server::fault_plan::FaultPlan;
pub use crate::server::limiter::Grace;
pub use crate::server::listener::{Listen, ServerError};
pub use crate::server::maildir::Maildir;
pub use crate::server::mbox::Mbox;
pub use crate::server::offers::{Offer, OfferList};
pub use crate::server::options::{Introduction, ServerBehavior, ServerOptions, SessionLimits};
pub use crate::server::session::serve_one;
pub use crate::server::store::{
    Incoming, MessageStore, ReceivedEnvelope, SessionPermit, StoreRefusal, StoredAt, envelope_dsn,
};
pub use crate::server::stream::ByteStream;
pub use crate::server::tls::{EncryptionError, ServerTls, ServerTlsOptions, TlsAgreement};
