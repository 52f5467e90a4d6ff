//! Stores for received messages, and a message while it is received.

use crate::mail::address::Address;
use crate::mail::envelope::{Dsn, NotifyOn, RecipientDsn, Return};
use crate::server::arguments::value;
use crate::server::connection::SessionEnding;
use crate::server::limiter::{ConnectionLimiter, MessageInProgress};
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::smtp::parameter::decoded_xtext;
use crate::system::text::printable;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Maximum length of a reply line without its line end (RFC 5321 §4.5.3.1.5: 512 with it).
const MAX_LINE: usize = 510;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedEnvelope {
    /// Number of the connection, counted from 1.
    pub connection: u64,
    /// Address of the client; `None`: the connection is not TCP.
    pub peer: Option<SocketAddr>,
    /// The name given by the client in EHLO, HELO or LHLO.
    pub helo: String,
    /// User ID of the client process; `None`: the connection is not a unix socket.
    pub uid: Option<u32>,
    /// `None`: not logged in.
    pub user: Option<String>,
    /// Without angle brackets; empty for the null sender.
    pub sender: String,
    /// Without angle brackets, in the order received; at least one.
    pub recipients: Vec<String>,
    /// True if MAIL had SMTPUTF8 (RFC 6531). If not, the addresses are ASCII.
    pub smtputf8: bool,
    /// True if MAIL had BODY=8BITMIME (RFC 6152) or BINARYMIME.
    pub body_8bit: bool,
    /// The parameters of MAIL, as received.
    pub mail_parameters: Vec<String>,
    /// The parameters of RCPT, for each recipient.
    pub rcpt_parameters: Vec<Vec<String>>,
}

impl ReceivedEnvelope {
    /// Drops all recipients except those at certain indexes.
    pub(super) fn keep_only(&mut self, is_kept: impl Fn(usize) -> bool) {
        let mut index = 0..;
        self.recipients
            .retain(|_| index.next().is_some_and(&is_kept));
        let mut index = 0..;
        self.rcpt_parameters
            .retain(|_| index.next().is_some_and(&is_kept));
    }
}

/// The delivery status notifications that the parameters of MAIL and RCPT request (RFC 3461). The server has checked
/// their values.
pub fn envelope_dsn(envelope: &ReceivedEnvelope) -> Dsn {
    let mail = &envelope.mail_parameters;
    let each = envelope.recipients.iter().zip(&envelope.rcpt_parameters);
    let each = each.filter_map(|(recipient, parameters)| {
        let notify = value(parameters, "NOTIFY").map(notify_on);
        Some((Address::parse(recipient).ok()?, notify))
    });
    let each: Vec<(Address, Option<NotifyOn>)> = each.collect();
    let first = each.first().and_then(|(_, notify)| *notify);
    let is_same = each.iter().all(|(_, notify)| *notify == first);
    let each = each.into_iter().map(|(recipient, notify)| RecipientDsn {
        recipient,
        notify,
        original: None,
    });
    Dsn {
        notify: first.filter(|_| is_same),
        ret: value(mail, "RET").map(|ret| match ret {
            full if full.eq_ignore_ascii_case("FULL") => Return::Full,
            _ => Return::Headers,
        }),
        envid: value(mail, "ENVID").map(decoded_xtext),
        each: each.filter(|_| !is_same).collect(),
    }
}

fn notify_on(value: &str) -> NotifyOn {
    let has = |event: &str| {
        value
            .split(',')
            .any(|word| word.eq_ignore_ascii_case(event))
    };
    NotifyOn {
        success: has("SUCCESS"),
        failure: has("FAILURE"),
        delay: has("DELAY"),
    }
}

/// The file with the lock that counts a session; `None`: sessions are not counted.
pub type SessionPermit = Option<File>;

pub trait MessageStore: Sync {
    /// Begins to store a message. An error is a temporary refusal; its text is not sent to the client.
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>>;

    /// Admits a client, by the user ID of its process if it is known. What is returned is kept until the session ends.
    fn admit(&self, uid: Option<u32>) -> Result<SessionPermit, StoreRefusal> {
        let _ = uid;
        Ok(None)
    }

    /// Checks if this client may send a message from this sender; no recipient is known yet. By default all may.
    fn check_sender(&self, envelope: &ReceivedEnvelope) -> Result<(), StoreRefusal> {
        let _ = envelope;
        Ok(())
    }

    /// Checks if a message to this recipient would be accepted. By default all are.
    fn check_recipient(&self, recipient: &str) -> Result<(), StoreRefusal> {
        let _ = recipient;
        Ok(())
    }
}

/// One message while it is being received. Dropped without a commit, it is discarded.
pub trait Incoming: Send {
    /// Adds the next bytes of the message, without stuffed dots, with line ends as received.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Stores the message: after `Ok`, the client is told that it was accepted.
    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredAt {
    File(PathBuf),
    /// A queue, under this identifier.
    Queue(String),
    /// Not a file with a name.
    Elsewhere,
}

/// The reason why a store declines a message or recipient.
#[derive(Debug)]
pub enum StoreRefusal {
    /// A temporary failure; its cause is not sent to the client.
    Failed(io::Error),
    /// A reason that is sent to the client.
    Refused {
        /// The code and the enhanced code, like `550 5.1.1`.
        code: &'static str,
        /// The reason, in any characters.
        why: String,
    },
}

impl StoreRefusal {
    pub(super) fn reply(&self) -> Cow<'static, str> {
        let (code, why) = match self {
            StoreRefusal::Failed(error) => return failure_reply(error).into(),
            StoreRefusal::Refused { code, why } => (code, why),
        };
        let mut line = format!("{code} {}", printable(why.as_bytes()));
        line.truncate(MAX_LINE);
        line.into()
    }
}

impl From<io::Error> for StoreRefusal {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The reply for a failure of the store.
pub(super) fn failure_reply(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => reply::STORE_FULL,
        _ => reply::STORE_FAILED,
    }
}

/// A message on its way into the store, or the refusal that it will get.
pub struct Receipt<'a> {
    incoming: Result<Box<dyn Incoming + 'a>, Refusal>,
    /// The error of the store.
    failure: Option<io::Error>,
    bytes: u64,
    max_bytes: u64,
    _in_progress: MessageInProgress<'a>,
}

/// The result for a complete message.
pub struct StoreResult {
    pub reply: Cow<'static, str>,
    /// `None`: refused.
    pub stored: Option<StoredReceipt>,
    /// The error of the store.
    pub failure: Option<io::Error>,
}

pub struct StoredReceipt {
    pub bytes: u64,
    pub place: StoredAt,
    /// Counted from 1 over the life of the server.
    pub number: u64,
}

impl<'a> Receipt<'a> {
    pub fn begin(
        (store, limiter): (&'a dyn MessageStore, &'a ConnectionLimiter),
        envelope: &ReceivedEnvelope,
        max_bytes: u64,
    ) -> io::Result<Receipt<'a>> {
        Ok(Receipt {
            incoming: Ok(store.begin(envelope)?),
            failure: None,
            bytes: 0,
            max_bytes,
            _in_progress: limiter.begin_message(),
        })
    }

    /// Accepts a part of the message. After an error it is ignored, and the part that was stored is
    /// discarded.
    pub fn take(&mut self, block: &[u8]) {
        self.bytes = self.bytes.saturating_add(block.len() as u64);
        if self.bytes > self.max_bytes {
            self.incoming = Err(reply::TOO_LARGE);
        }
        let written = match &mut self.incoming {
            Ok(incoming) => incoming.write(block),
            Err(_) => Ok(()),
        };
        if let Err(error) = written {
            self.incoming = Err(failure_reply(&error));
            self.failure = Some(error);
        }
    }

    /// The reply to a chunk that was not the last.
    pub fn so_far(&self) -> Result<String, Refusal> {
        match self.incoming {
            Ok(_) => Ok(format!("250 2.0.0 {} bytes so far", self.bytes)),
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes the error of the store since the last call.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Stores the message and counts it.
    pub fn finish(self, limiter: &ConnectionLimiter) -> Result<StoreResult, SessionEnding> {
        let incoming = match self.incoming {
            Ok(incoming) => incoming,
            Err(refusal) => return Ok(StoreResult::refused(refusal.into(), self.failure)),
        };
        let slot = limiter.reserve().ok_or(SessionEnding::Full)?;
        match incoming.commit() {
            Ok(place) => Ok(StoreResult {
                reply: match &place {
                    StoredAt::Queue(id) => format!("250 2.0.0 ok: queued as {id}").into(),
                    _ => format!("250 2.0.0 ok, {} bytes", self.bytes).into(),
                },
                stored: Some(StoredReceipt {
                    bytes: self.bytes,
                    place,
                    number: slot.keep(),
                }),
                failure: None,
            }),
            Err(StoreRefusal::Failed(error)) => Ok(StoreResult::refused(
                failure_reply(&error).into(),
                Some(error),
            )),
            Err(refusal) => Ok(StoreResult::refused(refusal.reply(), None)),
        }
    }
}

impl StoreResult {
    pub fn refused(reply: Cow<'static, str>, failure: Option<io::Error>) -> StoreResult {
        StoreResult {
            reply,
            stored: None,
            failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_is_one_line_of_printable_ascii() {
        let why = format!("no {}\r\n250 ok", "é".repeat(300));
        let line = StoreRefusal::Refused {
            code: "550 5.1.1",
            why,
        }
        .reply();
        assert!(line.starts_with("550 5.1.1 no \\xc3\\xa9"), "{line}");
        assert_eq!(line.len(), MAX_LINE);
        assert!(!line.contains(char::is_control), "{line}");
    }
}
