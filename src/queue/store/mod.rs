//! The queue: messages that are kept until each of their recipients has a final result. Its content
//! survives `kill -9` and a power failure at any moment; a message that was not committed does not appear.
//!
//! An item consists of its [`Metadata`], written once with its message and never changed, and a journal of
//! [`Record`]s, which is only appended to. The state of an item is the [`History`] that results from its
//! journal.

mod counts;
mod history;
mod id;
#[doc(hidden)]
pub mod journal;
mod place;
mod schedule;
mod spool;

#[doc(hidden)]
pub use crate::queue::store::spool::metadata;
pub use counts::Counts;
pub use id::Id;
pub use schedule::{is_due, is_spent, next_attempt, wants_warning};
pub use spool::{Changed, RunnerLock, Spool, Watcher};

use crate::client::outcome::RecipientStatus;
use crate::mail::envelope::Envelope;
use crate::smtp::blocks::{Replay, Shape};
use crate::system::text::reason;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The part of an item that is written once, before the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub envelope: Envelope,
    /// True if the header contains raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    pub route_spec: RouteSpec,
    /// The action for recipients that may already have received the message.
    pub on_uncertain: OnUncertain,
    /// A shell command that receives the recipients that were given up, as JSON.
    pub on_failure: Option<String>,
    /// The reason why the item is in the queue.
    pub kind: ItemKind,
    /// The time of the commit.
    pub queued: SystemTime,
}

/// The stored form of a route: the name of a profile and the options given in addition. Never contains a
/// password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// The configuration file of the profile; `None`: no profile.
    pub config: Option<PathBuf>,
    pub profile: Option<String>,
    /// Options about route, session, TLS and login, as `--name=value` or `--name`.
    pub options: Vec<String>,
}

/// The action for a recipient that may already have received the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Tries again, and marks the message as a possible duplicate.
    #[default]
    Retry,
    /// Waits for a decision of the operator.
    Hold,
}

/// The reason why an item is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ItemKind {
    #[default]
    Mail,
    /// It reports on another item (RFC 3464).
    Report(Id),
}

/// An event in the life of an item. Recipients are indexes into its envelope. The journal uses the names of
/// the variants, so that a new name needs a new version of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ItemEvent {
    /// A delivery to these is about to begin.
    Attempt {
        recipients: Vec<usize>,
        /// True if the user asked for this attempt before it was due. It does not move the time of the next
        /// attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        early: bool,
    },
    /// The end of data is about to be sent for these recipients. The result is unknown until there is a
    /// reply.
    Dot { recipients: Vec<usize> },
    /// The server accepted the message for these recipients.
    Taken {
        recipients: Vec<usize>,
        /// The reply to the end of data, printable.
        reply: String,
    },
    /// The result for one recipient.
    Result {
        recipient: usize,
        #[serde(flatten)]
        end: AttemptResult,
    },
    /// The attempt is over, and the program that made it has not crashed.
    Over {
        /// True if the attempt was asked to end before it had tried all recipients. It does not count, and
        /// the next attempt can follow at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// Not tried until it is released.
    Held,
    /// Released: tried again at once, including recipients in doubt.
    Released,
    /// Returned to the queue from the dead items, like a new item. Deliveries are not repeated.
    Requeued,
    /// A warning about the delay was sent.
    Warned,
    /// A report about these, which is this item, is about to be committed.
    Reporting { recipients: Vec<usize>, report: Id },
    /// The report was committed, or none is needed: these recipients are finished.
    Reported { recipients: Vec<usize> },
}

impl ItemEvent {
    /// The usual end of an attempt.
    pub const OVER: Self = Self::Over { interrupted: false };
}

/// An entry with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The time, to the millisecond.
    pub at: SystemTime,
    pub entry: ItemEvent,
}

/// The result of an attempt for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    #[serde(with = "journal::verdict")]
    pub verdict: RecipientStatus,
    /// A sentence that describes the result. Text from the server is made printable.
    pub words: String,
    /// The server's reply, printable; `None`: the result does not come from a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// The enhanced status code (RFC 3463).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<String>,
    /// The server's name and address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// The state of an item according to its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// One for each recipient, in the order of the envelope.
    pub states: Vec<RecipientState>,
    /// Delivery attempts that were begun.
    pub attempts: u32,
    /// Attempts that do not count for the time of the next one: they were interrupted, or made before they
    /// were due.
    pub uncounted: u32,
    /// The last attempts, in a row, that have no end: the process that made them crashed.
    pub crashes: u32,
    /// Start of the last attempt.
    pub last_attempt: Option<SystemTime>,
    /// Start of the last attempt that was due.
    pub last_due: Option<SystemTime>,
    /// For how long it has been tried in earnest: the time between attempts, of which no gap counts for
    /// more than a day. A clock that jumps, or a host that sleeps, does not make it old.
    pub tried_for: Duration,
    /// True if it is not tried until it is released.
    pub held: bool,
    /// Time of the release, if no attempt was made since. The item is due, regardless of the schedule.
    pub released: Option<SystemTime>,
    /// True if a warning was sent.
    pub warned: bool,
    /// A report that may or may not have been committed, and the recipients in it.
    pub reporting: Option<(Id, Vec<usize>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientState {
    /// The result of the last attempt; `None`: not tried.
    pub end: Option<AttemptResult>,
    /// True if the reply to the last end of data is unknown, and the operator has not decided how to
    /// proceed.
    pub in_doubt: bool,
    /// True if the reply to an earlier end of data is unknown: whatever the current result is, the message
    /// may have arrived then.
    pub may_have_arrived: bool,
    /// True if the sender was notified of the failure, or no notification is needed.
    pub reported: bool,
}

/// An item in its current state.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: Id,
    pub metadata: Metadata,
    /// The message in octets.
    pub size: u64,
    pub history: History,
    /// The reason why it was set aside; `None`: not set aside.
    pub dead: Option<String>,
}

/// The result of an attempt to claim an item.
pub enum Claimed {
    Ours(Box<dyn ClaimedItem>),
    /// Claimed by another process or thread.
    Busy,
    /// There is none of this name, or not any more.
    Gone,
}

/// The storage of items. A store that many hosts share could replace the spool.
pub trait QueueStore: Send + Sync {
    /// Commits an item. When this returns, it is safe, and it is claimed.
    ///
    /// With `id`, the item gets this name. An item of this name, in the queue or set aside, is an error of
    /// the kind `AlreadyExists`.
    fn add(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError>;

    /// The items to deliver, oldest first.
    fn ids(&self) -> Result<Vec<Id>, QueueError>;

    /// The items that were set aside, oldest first.
    fn dead(&self) -> Result<Vec<Id>, QueueError>;

    /// A name for a future item.
    fn new_id(&self) -> Id;

    /// An item in its current state, in the queue or set aside; `None`: no such item.
    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError>;

    /// The journal of an item, in the queue or set aside; `None`: no such item.
    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError>;

    /// The message of an item, in the queue or set aside, for reading; `None`: no such item.
    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError>;

    /// The reason why an item was set aside, even if the item cannot be read; `None`: not set aside.
    fn reason(&self, id: &Id) -> Option<String>;

    /// Claims an item that is not dead.
    fn claim(&self, id: &Id) -> Result<Claimed, QueueError>;

    /// Claims an item that was set aside.
    fn claim_dead(&self, id: &Id) -> Result<Claimed, QueueError>;

    /// Sets aside an item that cannot be read, with the reason.
    fn bury(&self, id: &Id, reason: &str) -> Result<(), QueueError>;

    /// Returns a dead item to the queue, to be tried at once like a new item. Deliveries are not repeated.
    fn raise(&self, id: &Id) -> Result<(), QueueError>;

    /// Removes an item that was set aside and cannot be read. Returns false if there is none.
    fn discard(&self, id: &Id) -> Result<bool, QueueError>;

    /// Waits until removals are on disk, and removes the remaining files of the items.
    fn settle(&self) -> Result<(), QueueError>;

    /// Settles, and removes files left by crashes.
    fn tidy(&self) -> Result<(), QueueError>;
}

/// An item with exclusive access: no other process can deliver or change it until this is dropped.
pub trait ClaimedItem: Replay + Send {
    /// The item, as it was when it was claimed.
    fn item(&self) -> &Item;

    /// The item's history, with what was noted since.
    fn history(&self) -> History;

    /// Adds to the journal. With [`Safety::Disk`], the entry is on disk when this returns; else it survives
    /// the end of this process, but perhaps not a system crash. Takes `&self`, because the message is being
    /// read when the end of data is noted.
    fn note(&self, entry: ItemEvent, safety: Safety) -> Result<(), QueueError>;

    /// Removes the item, when every recipient is finished.
    fn remove(self: Box<Self>) -> Result<(), QueueError>;

    /// Sets the item aside, with the reason.
    fn bury(self: Box<Self>, reason: &str) -> Result<(), QueueError>;
}

/// The failures that a journal entry survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The end of this process.
    Process,
    /// The loss of power.
    Disk,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The user has no home directory that it could be in, and none was named.
    #[error(
        "there is no place for a queue: this user has no home directory; name one with --queue-dir, or dir \
         in [queue] of the configuration"
    )]
    Homeless,
    /// There is no directory for it, or it is not safe.
    #[error("the queue {} {why}", .path.display())]
    Place {
        path: PathBuf,
        /// Describes the damage and how to fix it.
        why: String,
    },
    /// Something cannot be read or written.
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        error: io::Error,
    },
    /// An item is not what was written.
    #[error("the item {id} of the queue is damaged: {why}")]
    Damaged { id: Id, why: String },
    /// The message cannot be read to its end, so that it was not committed.
    #[error("{}", reason(.0))]
    Message(io::Error),
}

impl QueueError {
    /// True if the place is read-only, so that a queue cannot be created there.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Io { error, .. } => error.kind() == io::ErrorKind::ReadOnlyFilesystem,
            _ => false,
        }
    }

    fn io(doing: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            error: error.into(),
        }
    }
}

/// The retry schedule: times of the attempts, and their total duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// The times between attempts, in order; the last one is repeated.
    pub gaps: Vec<Duration>,
    /// Random extension of a gap in percent of its length, so that attempts do not coincide.
    pub spread: u8,
    /// Total time of attempts before a recipient is given up.
    pub give_up: Duration,
    /// Total time of attempts before the sender is warned; `None`: never.
    pub warn_after: Option<Duration>,
    /// Time before a host that was down is tried again.
    pub host_down: Duration,
    /// Maximum number of connections at the same time.
    pub connections: usize,
    /// Maximum number of connections to one host, or for one domain, at the same time.
    pub per_host: usize,
    /// A report of failure has the whole message up to this many octets, else only its header.
    pub bounce_size: u64,
}

impl Default for RetrySettings {
    /// RFC 5321 §4.5.4.1: twice in the first hour, then with growing gaps, for five days.
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            gaps: [15, 30, 60, 120, 180].map(minutes).to_vec(),
            spread: 10,
            give_up: minutes(5 * 24 * 60),
            warn_after: None,
            host_down: minutes(5),
            connections: 16,
            per_host: 4,
            bounce_size: 1 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::Address;

    /// Metadata of a message from alice to these recipients.
    pub fn metadata(recipients: &[&str]) -> Metadata {
        let address = |text: &&str| Address::parse(text).unwrap();
        Metadata {
            envelope: Envelope {
                sender: Some(address(&"alice@crepes.fr")),
                recipients: recipients.iter().map(address).collect(),
                ..Envelope::default()
            },
            utf8_header: false,
            route_spec: RouteSpec::default(),
            on_uncertain: OnUncertain::Retry,
            on_failure: None,
            kind: ItemKind::Mail,
            queued: journal::moment(1_790_000_000_000),
        }
    }
}
