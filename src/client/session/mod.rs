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

pub use crate::client::session::testing::{
    EarlyStop, Proxy, ProxyEnds, ProxyVersion, StopMethod, StopPoint, TestOptions,
};
pub use crate::smtp::dots::Dots;
pub use crate::smtp::mechanism::Mechanism;
pub use crate::smtp::reply::{Class, Reply, ReplyError, ReplyReader};
pub use crate::smtp::stage::Stage;
pub use dialogue::{Action, CommandLine, Dialogue, Output, Privacy, ServerState, WireEvent, xtext};
pub use failure::SessionFailure;
pub use offers::{ServerLimits, ServerOffers, has_parameter, parameters};
pub use requests::{Conditions, Extension, Request, Unsupported};
pub use run::{IdleSession, resume, run, tell};

use crate::client::wire::Tls;
use crate::mail::address::Address;
use crate::mail::envelope::Dsn;
use crate::smtp::blocks::{BodyType, Replay};
use crate::system::secret::Login;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

/// How sessions are held.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name for EHLO; `None` is this host's own, or its address when it has no full name.
    pub helo: Option<String>,
    /// Commands one by one, although the server offers PIPELINING.
    pub no_pipelining: bool,
    /// DATA, although the server offers CHUNKING.
    pub no_chunking: bool,
    /// One limit for every step instead of RFC 5321's.
    pub timeout: Option<Duration>,
    /// The limit for every step before the end of the message, if that is shorter: the caller has something else
    /// to do, and can try again later. With `timeout`, it has no effect.
    pub patience: Option<Duration>,
    /// The most octets of a message in a second; `None` is as fast as it goes.
    pub rate: Option<NonZeroU64>,
    /// When the conversation is encrypted.
    pub tls: TlsDemand,
    /// The mechanisms of AUTH that may be used; empty is all.
    pub mechanisms: Vec<auth::Mechanism>,
    /// Whether a password may be sent without encryption.
    pub password_in_clear: bool,
    /// Which of the two protocols is spoken.
    pub protocol: Protocol,
    /// What is asked of the server for the message.
    pub requests: Vec<Request>,
    /// The body as it is announced, whatever it needs; `None` is what it needs.
    pub body: Option<BodyType>,
    /// As if the server did not offer SMTPUTF8.
    pub no_smtputf8: bool,
    /// What is done otherwise than a sender would.
    pub bench: TestOptions,
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP (RFC 5321).
    #[default]
    Smtp,
    /// LMTP (RFC 2033), in which each recipient has a reply behind the end of data.
    Lmtp,
}

/// When a conversation is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsDemand {
    #[default]
    Off,
    /// Where the server offers STARTTLS and it works; else in clear (RFC 7435).
    Opportunistic,
    /// Where the server offers STARTTLS; then it must work.
    IfOffered,
    /// By STARTTLS, or not at all.
    Starttls,
    /// From the first byte on (RFC 8314 §3).
    Implicit,
}

/// What a session is held with.
pub struct SessionContext<'a> {
    /// How it is held.
    pub options: &'a Options,
    /// The keys and the trust.
    pub tls: &'a Tls,
    /// The name that the server's certificate must have.
    pub host: &'a str,
    /// Who we are; `None` does not log in.
    pub login: Option<&'a Login>,
}

/// What a session is to carry: one message for some recipients.
pub struct Transaction<'a> {
    /// The reverse-path; `None` is the null sender.
    pub sender: Option<&'a Address>,
    pub recipients: Vec<&'a Address>,
    pub message: &'a dyn Replay,
    /// Which reports are asked for, where the server offers to make them (RFC 3461).
    pub dsn: Option<&'a Dsn>,
    /// What the transactions are for.
    pub purpose: Purpose,
    /// Commands that are said in this order, each behind the reply to the one before, instead of
    /// transactions.
    pub commands: &'a [String],
    /// The books that are kept about the message.
    pub ledger: Option<&'a dyn DeliveryLog>,
    /// What comes behind it.
    pub then: AfterTransaction,
}

impl<'a> Transaction<'a> {
    /// One message, no books, and QUIT.
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
            ledger: None,
            then: AfterTransaction::Quit,
        }
    }
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Mail,
    /// A report of ours on such a message. What was asked of a server for that one is not asked for the
    /// report, but for REQUIRETLS (RFC 8689 §5).
    Report,
    /// The recipients are only asked about, and nobody gets the message.
    Question,
}

/// What comes behind an errand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterTransaction {
    Quit,
    /// Perhaps another errand: the session stays open, if nothing is wrong with it.
    Rest,
}

/// The books about a message, of which it must be known later whether it may have been sent. Recipients
/// are places in the errand.
pub trait DeliveryLog {
    /// The end of data is about to go out for these, and from then on nobody knows until its reply
    /// has come.
    ///
    /// # Errors
    /// It cannot be written down, so it must not be sent.
    fn ending(&self, recipients: &[usize]) -> io::Result<()>;

    /// The server took the message for these, with this reply.
    fn taken(&self, recipients: &[usize], reply: &Reply);
}

/// How a session ended.
#[derive(Debug)]
pub struct SessionResult {
    /// One for each recipient of the errand, in its order; `None` when the session ended before.
    pub answers: Vec<Option<RecipientReply>>,
    /// Why recipients are left without an answer, or in doubt.
    pub failure: Option<SessionFailure>,
    /// Whether it is this program that was asked to end, and that failed nothing else.
    pub interrupted: bool,
    /// What the server said, or did not do, so that there was no transaction for anybody.
    pub refusal: Option<RecipientReply>,
    /// Replies to the commands of the errand, as far as it came.
    pub replies: Vec<Reply>,
    /// The session, where it rests.
    pub rest: Option<IdleSession>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientReply {
    /// The server took the message for it, with this reply to the end of data; where it was only asked,
    /// it would take one, with this reply to RCPT.
    Accepted(Reply),
    /// The server said no, for good or for now.
    Said(Stage, Reply),
    /// The server accepts no more recipients. This reply to RCPT is temporary whatever its code (RFC 5321
    /// §4.5.3.1.10).
    TooMany(Reply),
    /// The server cannot take this message, so it was not asked.
    Unfit(Unsuitable),
    /// The server does not do what we ask for before it gets any message.
    Unmet(Unmet),
    /// The conversation was to end before its time, behind this.
    Stopped(EarlyStop),
    /// The end of data went out for it and no reply came that can be trusted: it may get the message
    /// all the same.
    InDoubt,
}

/// Why a server that has said what it offers cannot take a message.
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
    /// The enhanced status code that a server would have given (RFC 3463).
    #[must_use]
    pub fn enhanced(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "5.3.4",
            Self::NeedsUtf8 => "5.6.7",
            Self::NeedsEightBit => "5.6.3",
        }
    }
}

/// What we ask of a server before it gets any message, and do not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// It does not offer STARTTLS.
    NoStarttls,
    /// It offers STARTTLS and refuses it.
    StarttlsRefused(Reply),
    /// There is no encryption, so the password stays here.
    PasswordInClear,
    /// It does not offer AUTH.
    NoAuth,
    /// It offers AUTH with these mechanisms only.
    NoMechanism(String),
    /// AUTH came to nothing for this reason, which is not a reply.
    Auth(String),
    /// What is asked for the message cannot be had.
    Request(Unsupported),
}

impl Unmet {
    /// Where it stands in the dialogue.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::NoStarttls | Self::StarttlsRefused(_) => Stage::Starttls,
            Self::Request(_) => Stage::Mail,
            _ => Stage::Auth,
        }
    }
}
