//! The SMTP session: a pure dialogue (`dialogue.rs`) and the one loop that drives it over a wire
//! (`run.rs`).

pub mod auth;
mod dialogue;
mod offers;
mod recipients;
mod run;
pub(crate) mod testing;

pub use crate::client::session::testing::{
    EarlyStop, Proxy, ProxyEnds, STOP_POINTS, StopMethod, TestOptions,
};
pub use crate::smtp::mechanism::Mechanism;
pub use crate::smtp::reply::{Class, Reply, ReplyError, ReplyReader};
pub use dialogue::{Action, CommandLine, Dialogue, Output, Privacy, ServerState, WireEvent};
pub use offers::{
    Conditions, Request, ServerLimits, ServerOffers, Unsupported, has_parameter, parameters,
};
pub use recipients::{TransactionIndex, TransactionList};
pub use run::{Carried, IdleSession, WRITE_SIZE, own_name, resume, run, tell};

use crate::client::session::auth::Bindings;
use crate::client::wire::tls::ServerCheck;
use crate::client::wire::{Tls, TlsError, TlsResult, WireError};
use crate::mail::address::Address;
use crate::mail::envelope::Dsn;
use crate::smtp::blocks::{BodyType, Replay};
use crate::smtp::stage::Stage;
use crate::system::secret::Login;
use crate::system::text::reason;
use std::num::NonZeroU64;
use std::time::Duration;
use std::{fmt, io};

/// Options of a session.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name for EHLO; `None`: the name of this host, or its address if it has no full name.
    pub helo: Option<String>,
    /// Sends commands one by one, even if the server offers PIPELINING.
    pub no_pipelining: bool,
    /// Sends a small message together with MAIL and RCPT, if the server offers PIPELINING and CHUNKING. That saves a
    /// round trip. If the server closes the connection before it answers MAIL, the result is uncertain.
    pub eager: bool,
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
    /// Sends the message without a login if the server offers no mechanism that can be used.
    pub login_if_offered: bool,
    /// True if a password may be sent without TLS.
    pub password_in_clear: bool,
    pub protocol: Protocol,
    /// Parameters of MAIL and RCPT to request.
    pub requests: Vec<Request>,
    /// The body type to announce regardless of the content; `None`: the type that the content needs.
    pub body: Option<BodyType>,
    /// Ignores the server's offer of SMTPUTF8.
    pub no_smtputf8: bool,
    /// Sends the message only if every recipient of the transaction is accepted.
    pub all_recipients: bool,
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
    /// The verification of the certificate.
    pub check: &'a ServerCheck,
    /// True if the user has named the host, or a policy of the recipient's domain; false for a host that the DNS names
    /// and nobody has signed.
    pub is_host_authentic: bool,
    /// `None`: no AUTH.
    pub login: Option<&'a Login>,
}

impl SessionContext<'_> {
    /// The result of a TLS handshake, for the dialogue.
    pub fn privacy(&self, secured: TlsResult) -> Privacy {
        Privacy {
            verified: secured.judgement.is_good() && self.is_host_authentic,
            bindings: Bindings {
                exporter: secured.exporter,
                end_point: secured.end_point,
            },
        }
    }
}

/// The task of one session: one message for some recipients.
pub struct Transaction<'a> {
    /// The reverse-path; `None`: the null sender.
    pub sender: Option<&'a Address>,
    pub recipients: TransactionList<&'a Address>,
    pub message: &'a dyn Replay,
    /// Delivery status notifications to request if the server offers DSN (RFC 3461).
    pub dsn: Option<&'a Dsn>,
    pub purpose: Purpose,
    /// Commands to send in this order instead of transactions, each after the reply to the one before.
    pub commands: &'a [String],
    /// Log of the end of data and its replies; `None`: not logged.
    pub log: Option<&'a dyn DeliveryLog<TransactionIndex>>,
    pub then: AfterTransaction,
    /// The transaction that follows in the same session, if it does: its first commands are sent with the end of this
    /// one if the server allows that.
    pub next: Option<&'a Transaction<'a>>,
}

impl<'a> Transaction<'a> {
    /// A transaction without a log, followed by QUIT.
    pub fn new(
        sender: Option<&'a Address>,
        recipients: Vec<&'a Address>,
        message: &'a dyn Replay,
    ) -> Self {
        Self {
            sender,
            recipients: recipients.into(),
            message,
            dsn: None,
            purpose: Purpose::Mail,
            commands: &[],
            log: None,
            then: AfterTransaction::Quit,
            next: None,
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

/// Durable record that a message may have been sent. `I` is the place of a recipient in a transaction or in an
/// envelope.
pub trait DeliveryLog<I> {
    /// The end of data is about to be sent for these recipients. Their result is uncertain until its reply
    /// arrives.
    ///
    /// # Errors
    /// The record cannot be written, so the end of data must not be sent.
    fn ending(&self, recipients: &[I]) -> io::Result<()>;

    /// The server accepted the message for these recipients, with this reply.
    fn taken(&self, recipients: &[I], reply: &Reply);
}

/// Result of a session.
#[derive(Debug)]
pub struct SessionResult {
    /// One for each recipient of the transaction, in its order; `None` if the session ended before.
    pub answers: TransactionList<Option<RecipientReply>>,
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
    /// True if a TLS handshake succeeded in it.
    pub is_encrypted: bool,
}

/// Result for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientReply {
    /// The server accepted the message for it, with this reply to the end of data; if recipients are only
    /// verified, it would accept one, with this reply to RCPT.
    Accepted(Reply),
    /// The server refused, permanently or temporarily.
    Replied(Step, Reply),
    /// The server accepts no more recipients. This reply to RCPT is temporary whatever its code (RFC 5321
    /// §4.5.3.1.10).
    TooMany(Reply),
    /// The message was not sent, because another recipient was refused and all were required.
    Withheld,
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
    pub fn step(&self) -> Step {
        match self {
            Self::NoStarttls | Self::StarttlsRefused(_) => Step::Starttls,
            Self::Request(_) => Step::Mail,
            _ => Step::Auth,
        }
    }
}

/// A command of the dialogue and its reply, or a reply without a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Banner,
    Ehlo,
    Lhlo,
    Helo,
    Starttls,
    Tls,
    Auth,
    Xclient,
    Xforward,
    /// A requested command, with its index in the transaction.
    Asked(usize),
    Mail,
    /// RCPT TO for this recipient.
    Rcpt(TransactionIndex),
    Data,
    /// BDAT with a part of the message, or with its end (RFC 3030).
    Bdat {
        /// True if it ends the message.
        last: bool,
    },
    Body,
    /// The end of data.
    Dot,
    /// The reply to it for one recipient (RFC 2033 §4.2).
    DotFor(TransactionIndex),
    Rset,
    Quit,
}

impl Step {
    /// Time limit for its reply, or for writing a block of the message (RFC 5321 §4.5.3.2; EHLO as
    /// long as the greeting, QUIT a few seconds; TLS and AUTH, for which no RFC gives a limit, as long as the
    /// others).
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Data => 120,
            Self::Body => 180,
            Self::Dot | Self::DotFor(_) | Self::Bdat { .. } => 600,
            Self::Rset => 20,
            Self::Quit => 5,
            _ => 300,
        })
    }

    /// True if the server may have the message after it; without its reply, the result is uncertain.
    pub fn ends_message(self) -> bool {
        matches!(
            self,
            Self::Dot | Self::DotFor(_) | Self::Bdat { last: true }
        )
    }

    /// Its stage, without the index.
    pub fn stage(self) -> Stage {
        match self {
            Self::Banner => Stage::Banner,
            Self::Ehlo => Stage::Ehlo,
            Self::Lhlo => Stage::Lhlo,
            Self::Helo => Stage::Helo,
            Self::Starttls => Stage::Starttls,
            Self::Tls => Stage::Tls,
            Self::Auth => Stage::Auth,
            Self::Xclient => Stage::Xclient,
            Self::Xforward => Stage::Xforward,
            Self::Asked(_) => Stage::Ask,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::Bdat { .. } => Stage::Bdat,
            Self::Body => Stage::Body,
            Self::Dot | Self::DotFor(_) => Stage::Dot,
            Self::Rset => Stage::Rset,
            Self::Quit => Stage::Quit,
        }
    }

    /// The step in words, after "in reply to" or "while sending".
    pub fn words(self) -> &'static str {
        match self {
            Self::Banner => "the connection",
            Self::Ehlo => "EHLO",
            Self::Lhlo => "LHLO",
            Self::Helo => "HELO",
            Self::Starttls => "STARTTLS",
            Self::Tls => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Xclient => "XCLIENT",
            Self::Xforward => "XFORWARD",
            Self::Asked(_) => "the command",
            Self::Mail => "MAIL FROM",
            Self::Rcpt(_) => "RCPT TO",
            Self::Data => "DATA",
            Self::Bdat { last: false } => "BDAT",
            Self::Body => "the message",
            Self::Dot | Self::DotFor(_) | Self::Bdat { last: true } => "the end of data",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}

/// An error that ends a session before its dialogue is complete.
#[derive(Debug)]
pub enum SessionFailure {
    /// The connection failed in this step.
    Wire(Step, WireError),
    /// The server violated the protocol in this step.
    Protocol(Step, String),
    Tls(TlsError),
    /// The message could not be read completely, so it was aborted before the final dot.
    Message(io::Error),
    /// The log could not be written before the end of data, so that was not sent.
    Ledger(io::Error),
}

impl SessionFailure {
    /// The step at which it occurred.
    pub fn step(&self) -> Step {
        match self {
            Self::Wire(step, _) | Self::Protocol(step, _) => *step,
            Self::Tls(_) => Step::Tls,
            Self::Message(_) => Step::Body,
            Self::Ledger(_) => Step::Dot,
        }
    }

    /// True if the server closed the connection and no other error is known.
    pub fn is_hang_up(&self) -> bool {
        matches!(
            self,
            Self::Wire(_, WireError::Closed) | Self::Tls(TlsError::Wire(WireError::Closed))
        )
    }
}

/// The error, without the server's name.
impl fmt::Display for SessionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(_, error) => error.fmt(f),
            Self::Protocol(_, what) => write!(f, "the server {what}"),
            Self::Tls(TlsError::Certificate { why, .. }) => write!(f, "the certificate {why}"),
            Self::Tls(error) => error.fmt(f),
            Self::Message(error) | Self::Ledger(error) => f.write_str(&reason(error)),
        }
    }
}
