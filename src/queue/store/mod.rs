//! The queue: messages that are kept until each of their recipients has an answer that lasts. What is
//! in it survives `kill -9` and the loss of power at any moment; what was not committed was never
//! there.
//!
//! An item is a [`Letter`], written once with its message and never changed, and a journal beside it
//! of [`Entry`]s, which is only ever added to. What is known of an item at any time is the
//! [`History`] that its journal tells.

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

/// What is written once, before the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Who sends to whom.
    pub envelope: Envelope,
    /// Whether the header has raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    /// How the way is found again.
    pub waybill: RouteSpec,
    /// What becomes of a recipient who may have got it already.
    pub on_uncertain: OnUncertain,
    /// A shell command that is told, in JSON, of what was given up.
    pub on_failure: Option<String>,
    /// Why it is in the queue.
    pub kind: ItemKind,
    /// When it was committed.
    pub queued: SystemTime,
}

/// How the way to a recipient is found again: by the name of a profile and the options that were given
/// besides. Never has a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// The configuration that the profile is in; `None` where there is no profile.
    pub config: Option<PathBuf>,
    pub profile: Option<String>,
    /// Options about route, session, TLS and login, as `--name=value` or `--name`.
    pub options: Vec<String>,
}

/// What becomes of a recipient who may have got the message already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// It is tried again, and said that the message may arrive twice.
    #[default]
    Retry,
    /// It waits until somebody decides.
    Hold,
}

/// Why something is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ItemKind {
    #[default]
    Mail,
    /// It reports on another item (RFC 3464).
    Report(Id),
}

/// What happens to an item. Recipients are places in its envelope. The words of the journal are those
/// of the variants, so that a new name is a new version of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ItemEvent {
    /// A delivery to these is about to begin.
    Attempt {
        recipients: Vec<usize>,
        /// Whether a person asked for it before it was due. It does not change when the next is due.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        early: bool,
    },
    /// The end of data is about to go out for these: from here on, nobody knows, until there is a
    /// reply.
    Dot { recipients: Vec<usize> },
    /// The server took the message for these.
    Taken {
        recipients: Vec<usize>,
        /// The reply to the end of data, printable.
        reply: String,
    },
    /// How it ended for one recipient.
    Result {
        recipient: usize,
        #[serde(flatten)]
        end: AttemptResult,
    },
    /// The attempt is over, and the program that made it has not crashed.
    Over {
        /// Whether it was asked to end before it had tried all recipients. The attempt does not count,
        /// and the next can be made at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// Nothing is tried until somebody releases it.
    Held,
    /// It may be tried again, and at once; also for those who are in doubt.
    Released,
    /// It was dead and is to be tried as if it were new. What was delivered stays delivered.
    Requeued,
    /// A warning that it takes long was sent.
    Warned,
    /// A report about these, which is this item, is about to be committed.
    Reporting { recipients: Vec<usize>, report: Id },
    /// The report was committed, or nobody wants one: these are done with.
    Reported { recipients: Vec<usize> },
}

impl ItemEvent {
    /// The usual end of an attempt.
    pub const OVER: Self = Self::Over { interrupted: false };
}

/// An entry, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, to the millisecond.
    pub at: SystemTime,
    pub entry: ItemEvent,
}

/// How an attempt ended for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    #[serde(with = "journal::verdict")]
    pub verdict: RecipientStatus,
    /// What happened, in a sentence: server's words are printable.
    pub words: String,
    /// The server's reply, printable; `None` where it is not a server that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// The enhanced status code (RFC 3463).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<String>,
    /// The server's name and address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// What an item's journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// One for each recipient, in the order of the envelope.
    pub standings: Vec<RecipientState>,
    /// How often a delivery was begun.
    pub attempts: u32,
    /// How many of these attempts do not count for the time until the next: they were interrupted, or
    /// made before they were due.
    pub uncounted: u32,
    /// How many of the last attempts, in a row, have no end: whoever made them crashed.
    pub crashes: u32,
    /// When the last attempt began.
    pub last_attempt: Option<SystemTime>,
    /// When the last attempt began that was due.
    pub last_due: Option<SystemTime>,
    /// For how long it has been tried in earnest: the time between attempts, of which no gap counts for
    /// more than a day. A clock that jumps, or a host that sleeps, does not make it old.
    pub tried_for: Duration,
    /// Whether it waits for somebody.
    pub held: bool,
    /// When it was released, if no attempt was made since: it is due, whatever the schedule says.
    pub released: Option<SystemTime>,
    /// Whether a warning was sent.
    pub warned: bool,
    /// A report that may or may not have been committed, and about whom.
    pub reporting: Option<(Id, Vec<usize>)>,
}

/// What is known of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientState {
    /// How the last attempt ended; `None` where there was none.
    pub end: Option<AttemptResult>,
    /// Whether the last end of data that went out has no reply that is known, and nobody decided what
    /// comes of it.
    pub in_doubt: bool,
    /// Whether an earlier end of data went out whose reply was never known: whatever the end says now,
    /// the message may have arrived then.
    pub may_have_arrived: bool,
    /// Whether its sender was told of its failure, or need not be.
    pub reported: bool,
}

/// An item as it is now.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: Id,
    /// What was written once.
    pub letter: Metadata,
    /// The message in octets.
    pub size: u64,
    /// What happened to it.
    pub history: History,
    /// Why it was set aside; `None` where it is not dead.
    pub dead: Option<String>,
}

/// What may be done with an item as long as nobody else does.
pub enum Claimed {
    Ours(Box<dyn ClaimedItem>),
    /// Somebody else has it.
    Busy,
    /// There is none of this name, or not any more.
    Gone,
}

/// Where items are kept. A store that many hosts share could stand in the place of the spool.
pub trait QueueStore: Send + Sync {
    /// Commits an item. When this returns, it is safe, and it is claimed.
    ///
    /// With `id`, the item gets this name, and where there is one already, dead or alive, that is an
    /// error of the kind `AlreadyExists`.
    fn add(
        &self,
        letter: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError>;

    /// The items to deliver, oldest first.
    fn ids(&self) -> Result<Vec<Id>, QueueError>;

    /// The items that were set aside, oldest first.
    fn dead(&self) -> Result<Vec<Id>, QueueError>;

    /// A name for an item that is yet to come.
    fn new_id(&self) -> Id;

    /// An item as it is now, dead or alive; `None` where there is none.
    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError>;

    /// All that was noted of an item, dead or alive; `None` where there is none.
    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError>;

    /// The message of an item, dead or alive, to be looked at; `None` where there is none.
    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError>;

    /// Why an item was set aside, also where it cannot be read; `None` where it was not.
    fn reason(&self, id: &Id) -> Option<String>;

    /// Claims an item that is not dead.
    fn claim(&self, id: &Id) -> Result<Claimed, QueueError>;

    /// Claims an item that was set aside.
    fn claim_dead(&self, id: &Id) -> Result<Claimed, QueueError>;

    /// Sets aside an item that cannot be read, with the reason.
    fn bury(&self, id: &Id, reason: &str) -> Result<(), QueueError>;

    /// Puts a dead item among the living, to be tried at once and as if it were new. What was
    /// delivered stays delivered.
    fn raise(&self, id: &Id) -> Result<(), QueueError>;

    /// Removes an item that was set aside and cannot be read; false where there is none.
    fn discard(&self, id: &Id) -> Result<bool, QueueError>;

    /// Waits until removals are on disk, and removes what they leave.
    fn settle(&self) -> Result<(), QueueError>;

    /// Settles, and removes what crashes have left.
    fn tidy(&self) -> Result<(), QueueError>;
}

/// An item that nobody else may deliver or change as long as this lives.
pub trait ClaimedItem: Replay + Send {
    /// The item, as it was when it was claimed.
    fn item(&self) -> &Item;

    /// The item's history, with what was noted since.
    fn history(&self) -> History;

    /// Adds to the journal. With [`Safety::Disk`], it is on disk when this returns; else it survives
    /// the end of this process, and perhaps not that of the system. Does not want the claim for itself,
    /// because the message is being read when the end of data is noted.
    fn note(&self, entry: ItemEvent, safety: Safety) -> Result<(), QueueError>;

    /// Removes the item: every recipient is done with.
    fn remove(self: Box<Self>) -> Result<(), QueueError>;

    /// Sets the item aside, with the reason.
    fn bury(self: Box<Self>, reason: &str) -> Result<(), QueueError>;
}

/// What an entry of a journal survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The end of this process.
    Process,
    /// The loss of power.
    Disk,
}

/// What goes wrong with a queue.
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
        /// What is wrong with it, and what mends it.
        why: String,
    },
    /// Something cannot be read or written.
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        /// What was to be done.
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
    /// Whether nothing can be written there at all, so that there is no place for a queue.
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

/// When items are tried, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// The time between attempts, in their order; the last is for all that follow.
    pub gaps: Vec<Duration>,
    /// By how many hundredths a gap may be longer, so that not all come at once.
    pub spread: u8,
    /// After how much time of trying a recipient is given up.
    pub give_up: Duration,
    /// After which time a sender is warned; `None` is never.
    pub warn_after: Option<Duration>,
    /// For how long a host that was down is not tried again.
    pub host_down: Duration,
    /// The most connections at once.
    pub connections: usize,
    /// The most connections to one host, or for one domain, at once.
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

    /// A letter from alice to these.
    pub fn letter(recipients: &[&str]) -> Metadata {
        let address = |text: &&str| Address::parse(text).unwrap();
        Metadata {
            envelope: Envelope {
                sender: Some(address(&"alice@crepes.fr")),
                recipients: recipients.iter().map(address).collect(),
                ..Envelope::default()
            },
            utf8_header: false,
            waybill: RouteSpec::default(),
            on_uncertain: OnUncertain::Retry,
            on_failure: None,
            kind: ItemKind::Mail,
            queued: journal::moment(1_790_000_000_000),
        }
    }
}
