//! The SMTP session: a pure dialogue (`dialogue.rs`) and the one loop that drives it over a wire
//! (`run.rs`).

pub(crate) mod testing;

pub mod auth;
mod carried;
mod dialogue;
mod failure;
mod offers;
mod requests;
mod run;
mod step;

pub use crate::client::session::testing::{
    EarlyStop, Proxy, ProxyEnds, STOP_POINTS, StopMethod, TestOptions,
};
pub use crate::smtp::mechanism::Mechanism;
pub use crate::smtp::reply::{Class, Reply, ReplyError, ReplyReader};
pub use dialogue::{Action, CommandLine, Dialogue, Output, Privacy, ServerState, WireEvent};
pub use failure::SessionFailure;
pub use offers::{ServerLimits, ServerOffers, has_parameter, parameters};
pub use requests::{Conditions, Request, Unsupported};
pub use run::{IdleSession, resume, run, tell};
pub use step::Step;

use crate::client::wire::Tls;
use crate::mail::address::Address;
use crate::mail::envelope::Dsn;
use crate::smtp::blocks::{BodyType, Replay};
use crate::system::secret::Login;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

/// Options of a session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name for EHLO; `None`: the name of this host, or its address if it has no full name.
    pub helo: Option<String>,
    /// Sends commands one by one, even if the server offers PIPELINING.
    pub no_pipelining: bool,
    /// Uses DATA, even if the server offers CHUNKING.
    pub no_chunking: bool,
    /// Time limit for every step instead of those of RFC 5321.
    pub timeout: Option<Duration>,
    /// Time limit for every step before the end of the message, if that is shorter: the caller has other
    /// work, and can retry later. Ignored if `timeout` is set.
    pub patience: Option<Duration>,
    /// Maximum octets of a message per second; `None`: unlimited.
    pub rate: Option<NonZeroU64>,
    pub tls: TlsDemand,
    /// The SASL mechanisms that may be used; empty: all.
    pub mechanisms: Vec<auth::Mechanism>,
    /// True if a password may be sent without TLS.
    pub password_in_clear: bool,
    pub protocol: Protocol,
    /// Parameters of MAIL and RCPT to request.
    pub requests: Vec<Request>,
    /// The body type to announce regardless of the content; `None`: the type that the content needs.
    pub body: Option<BodyType>,
    /// Ignores the server's offer of SMTPUTF8.
    pub no_smtputf8: bool,
    /// Deviations for testing servers.
    pub testing: TestOptions,
}

/// The protocol of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP (RFC 5321).
    #[default]
    Smtp,
    /// LMTP (RFC 2033): each recipient has its own reply after the end of data.
    Lmtp,
}

/// Use of TLS in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsDemand {
    #[default]
    Off,
    /// STARTTLS if the server offers it and it succeeds; else in clear (RFC 7435).
    Opportunistic,
    /// STARTTLS if the server offers it; then it must succeed.
    IfOffered,
    /// STARTTLS is required.
    Starttls,
    /// TLS from the first byte (RFC 8314 §3).
    Implicit,
}

/// Everything a session needs besides the transaction.
pub struct SessionContext<'a> {
    pub options: &'a Options,
    /// Keys and trust.
    pub tls: &'a Tls,
    /// The name that the server's certificate must have.
    pub host: &'a str,
    /// `None`: no AUTH.
    pub login: Option<&'a Login>,
}

/// The task of one session: one message for some recipients.
pub struct Transaction<'a> {
    /// The reverse-path; `None`: the null sender.
    pub sender: Option<&'a Address>,
    pub recipients: Vec<&'a Address>,
    pub message: &'a dyn Replay,
    /// Delivery status notifications to request if the server offers DSN (RFC 3461).
    pub dsn: Option<&'a Dsn>,
    pub purpose: Purpose,
    /// Commands to send in this order instead of transactions, each after the reply to the one before.
    pub commands: &'a [String],
    /// Log of the end of data and its replies; `None`: not logged.
    pub log: Option<&'a dyn DeliveryLog>,
    pub then: AfterTransaction,
}

impl<'a> Transaction<'a> {
    /// A transaction without a log, followed by QUIT.
    #[must_use]
    pub fn new(
        sender: Option<&'a Address>,
        recipients: Vec<&'a Address>,
        message: &'a dyn Replay,
    ) -> Self {
        Self {
            sender,
            recipients,
            message,
            dsn: None,
            purpose: Purpose::Mail,
            commands: &[],
            log: None,
            then: AfterTransaction::Quit,
        }
    }
}

/// Purpose of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Mail,
    /// A delivery report about such a message. Requests made for the message do not apply to its report,
    /// except REQUIRETLS (RFC 8689 §5).
    Report,
    /// The recipients are only verified; the message is not sent.
    Question,
}

/// The use of a session after its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterTransaction {
    Quit,
    /// Possibly another transaction: the session stays open if it is intact.
    Rest,
}

/// Durable record that a message may have been sent. Recipients are indices into `Transaction::recipients`.
pub trait DeliveryLog {
    /// The end of data is about to be sent for these recipients. Their result is uncertain until its reply
    /// arrives.
    ///
    /// # Errors
    /// The record cannot be written, so the end of data must not be sent.
    fn ending(&self, recipients: &[usize]) -> io::Result<()>;

    /// The server accepted the message for these recipients, with this reply.
    fn taken(&self, recipients: &[usize], reply: &Reply);
}

/// Result of a session.
#[derive(Debug)]
pub struct SessionResult {
    /// One for each recipient of the transaction, in its order; `None` if the session ended before.
    pub answers: Vec<Option<RecipientReply>>,
    /// Reason for which recipients have no answer or an uncertain one.
    pub failure: Option<SessionFailure>,
    /// True if the program was interrupted and nothing else failed.
    pub interrupted: bool,
    /// The reply or the condition that prevented any transaction.
    pub refusal: Option<RecipientReply>,
    /// Replies to the requested commands received so far.
    pub replies: Vec<Reply>,
    /// The session, if it is idle.
    pub rest: Option<IdleSession>,
}

/// Result for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientReply {
    /// The server accepted the message for it, with this reply to the end of data; if recipients are only
    /// verified, it would accept one, with this reply to RCPT.
    Accepted(Reply),
    /// The server refused, permanently or temporarily.
    Said(Step, Reply),
    /// The server accepts no more recipients. This reply to RCPT is temporary whatever its code (RFC 5321
    /// §4.5.3.1.10).
    TooMany(Reply),
    /// The server cannot carry this message, so no command was sent for it.
    Unsuitable(Unsuitable),
    /// The server does not meet a requirement that applies before any message is sent.
    Unmet(Unmet),
    /// The session was to end early, at this point.
    Stopped(EarlyStop),
    /// The end of data was sent for it and no trustworthy reply arrived: the message may be delivered.
    Uncertain,
}

/// Reason for which a server, by its EHLO reply, cannot accept a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsuitable {
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

impl Unsuitable {
    /// The enhanced status code that a server would send (RFC 3463).
    #[must_use]
    pub fn enhanced(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "5.3.4",
            Self::NeedsUtf8 => "5.6.7",
            Self::NeedsEightBit => "5.6.3",
        }
    }
}

/// A requirement that the server does not meet, so that no message is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// It does not offer STARTTLS.
    NoStarttls,
    /// It offers STARTTLS and rejects it.
    StarttlsRefused(Reply),
    /// TLS is not active, so the password is not sent.
    PasswordInClear,
    /// It does not offer AUTH.
    NoAuth,
    /// It offers AUTH with these mechanisms only.
    NoMechanism(String),
    /// AUTH failed for this reason, without a reply.
    Auth(String),
    /// An extension requested for the message is not available.
    Request(Unsupported),
}

impl Unmet {
    /// The step at which the requirement was not met.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::NoStarttls | Self::StarttlsRefused(_) => Step::Starttls,
            Self::Request(_) => Step::Mail,
            _ => Step::Auth,
        }
    }
}
