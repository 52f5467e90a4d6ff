//! The store of the queue: messages that are kept until each of their recipients has a final result. Its
//! content survives `kill -9` and a power failure at any moment; a message that was not committed does not
//! appear.
//!
//! An item consists of its [`Metadata`], written once with its message and never changed, and a journal of
//! [`Record`]s, which is only appended to. The state of an item is the [`History`] that results from its
//! journal.
//!
//! [`QueueStore`] is all that a run needs. `crate::queue::open` opens one.

#[cfg(test)]
mod contract;
mod history;
mod item;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod schedule;
mod shared;
pub(in crate::queue) mod spool;

#[doc(hidden)]
pub use crate::queue::store::spool::{journal, metadata};
pub use history::{History, Item, RecipientState};
#[cfg(test)]
pub(in crate::queue) use item::tests::metadata as metadata_of;
pub use item::{AttemptResult, Id, ItemEvent, ItemKind, Metadata, OnUncertain, Record, RouteSpec};
pub use schedule::{RetrySettings, is_due, is_expired, needs_warning, next_attempt};
pub use shared::SharedStore;
pub(crate) use spool::{default_queue, personal_queue, system_queue};

use crate::queue::Location;
use crate::smtp::blocks::{Replay, Shape};
use crate::system::figures::counted;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::reason;
use crate::system::time::{brief, since};
use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A store of items.
pub trait QueueStore: Send + Sync {
    /// The location that opens this store again.
    fn location(&self) -> Location;

    /// What it does beyond this as a store that several hosts share; `None`: it belongs to this host.
    fn shared(&self) -> Option<&dyn SharedStore> {
        None
    }

    /// The time by the clock of the store, which all processes that use it agree on.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Commits an item. When this returns, it is safe, and it is claimed.
    ///
    /// With `id`, the item gets this name. An existing item of this name, active or failed, is an error of
    /// the kind `AlreadyExists`.
    fn add(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError>;

    /// Commits an item that this process does not deliver. When this returns, it is safe. It may be released a moment
    /// later, together with others; `flush` waits for that.
    fn enqueue(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
    ) -> Result<Id, QueueError> {
        let claim = self.add(metadata, message, shape, None)?;
        Ok(claim.item().id.clone())
    }

    /// The items to deliver, oldest first.
    fn ids(&self) -> Result<Vec<Id>, QueueError>;

    /// The failed items, oldest first.
    fn failed_ids(&self) -> Result<Vec<Id>, QueueError>;

    /// A name for a future item.
    fn new_id(&self) -> Id;

    /// An item in its current state, active or failed; `None`: no such item.
    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError>;

    /// The journal of an item, active or failed; `None`: no such item.
    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError>;

    /// The message of an item, active or failed, for reading; `None`: no such item.
    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError>;

    /// The reason why an item failed, even if the item cannot be read; `None`: not failed.
    fn failure_reason(&self, id: &Id) -> Option<String>;

    /// Claims an active item.
    fn claim(&self, id: &Id) -> Result<ClaimResult, QueueError>;

    /// Claims a failed item.
    fn claim_failed(&self, id: &Id) -> Result<ClaimResult, QueueError>;

    /// Marks an item as failed that cannot be read.
    fn fail(&self, id: &Id, reason: &str) -> Result<(), QueueError>;

    /// Returns a failed item to the queue, to be tried at once like a new item. Deliveries are not repeated.
    fn requeue(&self, id: &Id) -> Result<(), QueueError>;

    /// Removes a failed item that cannot be read. Returns false if there is none.
    fn purge(&self, id: &Id) -> Result<bool, QueueError>;

    /// Waits until removals are on disk, and items that were enqueued are released.
    fn flush(&self) -> Result<(), QueueError>;

    /// Flushes, and removes what crashes have left.
    fn clean(&self) -> Result<(), QueueError>;

    /// Acquires the lock of a role; `None`: another process has it.
    fn lock(&self, role: RunnerRole) -> Result<Option<RunnerLock>, QueueError>;

    /// True if a process has the lock of a role.
    fn is_locked(&self, role: RunnerRole) -> bool;

    /// True if a process runs the queue or waits for items, so that it finds a new item. If not, all items that were
    /// enqueued are released, so that a new run finds them.
    fn is_served(&self) -> bool {
        self.is_locked(RunnerRole::Runner) || self.is_locked(RunnerRole::Watcher)
    }

    /// A watcher that reports items that were added or released from now on.
    fn watch(&self) -> Result<Box<dyn Watcher>, QueueError>;

    /// The reason why a host could not be reached, if the failure is not older than `max_age`.
    fn host_down(&self, host: &str, port: u16, max_age: Duration) -> Option<String>;

    /// Records that a host cannot be reached.
    fn set_host_down(&self, host: &str, port: u16, reason: &str);

    /// Records that a host was reached.
    fn set_host_up(&self, host: &str, port: u16);

    /// Counts the current items.
    fn counts(&self, now: SystemTime) -> Result<Counts, QueueError> {
        let mut counts = Counts {
            failed: self.failed_ids()?.len(),
            ..Counts::default()
        };
        for id in self.ids()? {
            match self.item(&id) {
                Ok(Some(item)) => {
                    counts.items += 1;
                    counts.held += usize::from(item.history.held);
                    counts.oldest = counts.oldest.max(since(item.metadata.queued, now));
                }
                Ok(None) => {}
                Err(QueueError::Damaged { .. }) => {
                    counts.items += 1;
                    counts.damaged += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(counts)
    }
}

/// The result of an attempt to claim an item.
pub enum ClaimResult {
    Claimed(Box<dyn ClaimedItem>),
    /// Claimed by another process or thread.
    Busy,
    /// No item has this name, or no longer.
    NotFound,
}

/// An item with exclusive access: no other process can deliver or change it until this is dropped.
pub trait ClaimedItem: Replay + Send {
    /// The item, as it was when it was claimed.
    fn item(&self) -> &Item;

    /// The item's history, with the events recorded since.
    fn history(&self) -> History;

    /// Appends to the journal. Takes `&self`, because the message is being read when the end of data is
    /// recorded.
    fn record(&self, event: ItemEvent, durability: Durability) -> Result<(), QueueError>;

    /// The time of the next attempt after this claim; `None`: after a decision of the operator. Only a shared store
    /// needs it.
    fn set_due(&self, _: Option<SystemTime>) {}

    /// The reason why the message could not be read although it is intact: the store was not available.
    fn read_error(&self) -> Option<QueueError> {
        None
    }

    /// Removes the item, when every recipient is finished.
    fn remove(self: Box<Self>) -> Result<(), QueueError>;

    /// Marks the item as failed.
    fn fail(self: Box<Self>, reason: &str) -> Result<(), QueueError>;
}

/// The event that a journal record survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// None: it may be written with the next record or at the end of the claim, and not at all if the item is removed.
    /// Nothing that takes long comes in between.
    Later,
    /// The end of this process, but perhaps not a system crash.
    Process,
    /// The loss of power.
    Disk,
}

/// A role that one process at a time can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerRole {
    /// Runs the whole queue.
    Runner,
    /// Stays, and waits for items.
    Watcher,
}

/// The lock of a role, released on drop.
pub type RunnerLock = Box<dyn Send>;

/// Becomes readable, in the sense of `poll()`, when an item is released: a new one, or one that was tried.
pub trait Watcher: AsFd {
    /// Returns and clears the pending changes.
    fn drain(&self) -> Changes;
}

/// The changes in a queue since the last call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These items were released; empty if the change does not matter, such as a record in a journal.
    Items(HashSet<Id>),
    /// Too many changes to list.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items to deliver.
    pub items: usize,
    /// Age of the oldest item to deliver.
    pub oldest: Duration,
    /// Items to deliver that are held until they are released.
    pub held: usize,
    /// Items to deliver that cannot be read.
    pub damaged: usize,
    pub failed: usize,
}

impl Counts {
    /// `3 items, oldest 2h00m, 0 held, 0 set aside`.
    pub fn to_text(&self) -> String {
        let mut text = counted(self.items as u64, "item");
        if self.items > 0 {
            text.push_str(&format!(", oldest {}", brief(self.oldest)));
        }
        text.push_str(&format!(", {} held", self.held));
        if self.damaged > 0 {
            text.push_str(&format!(", {} damaged", self.damaged));
        }
        text.push_str(&format!(", {} set aside", self.failed));
        text
    }
}

/// The kind of an error of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseFault {
    /// It cannot be reached, or has no capacity. Another attempt may succeed.
    Unavailable,
    /// It accepts no changes, for example because it is a standby.
    ReadOnly,
    /// The URL, the login, the certificate or the schema is wrong.
    Setup,
    /// It has refused a statement.
    Statement,
}

#[derive(Debug, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum QueueError {
    /// The user has no home directory that it could be in, and no directory was given.
    NoDirectory,
    /// The directory does not exist, or is not safe.
    Directory {
        path: PathBuf,
        /// A verb phrase.
        why: ErrorText,
    },
    /// A file or directory cannot be read or written.
    Io {
        /// The operation that failed.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// The database cannot be used, or not now.
    Database {
        /// Its URL, without a password.
        location: String,
        /// A verb phrase.
        why: ErrorText,
        fault: DatabaseFault,
    },
    /// An item was claimed by another process, because this one did not renew its lease.
    LeaseLost(Id),
    /// An item is not as it was written.
    Damaged { id: Id, why: String },
    /// The message cannot be read to its end, so that it was not committed.
    Message(io::Error),
}

impl Correctable for QueueError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::NoDirectory => {
                ErrorText::new("no queue directory: this user has no home directory")
                    .with_advice("set it with --queue-dir, or dir in [queue] of the configuration")
            }
            Self::Directory { path, why } => {
                why.clone().about(format!("the queue {} ", path.display()))
            }
            Self::Io { doing, path, error } => {
                format!("cannot {doing} {}: {}", path.display(), reason(error)).into()
            }
            Self::Database { location, why, .. } => {
                why.clone().about(format!("the queue {location} "))
            }
            Self::LeaseLost(id) => {
                format!("the item {id} is no longer claimed by this process: its lease has expired")
                    .into()
            }
            Self::Damaged { id, why } => {
                format!("the item {id} of the queue is damaged: {why}").into()
            }
            Self::Message(error) => reason(error).into(),
        }
    }
}

impl QueueError {
    /// True if the file system is read-only, so that a queue cannot be created there.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Io { error, .. } => error.kind() == io::ErrorKind::ReadOnlyFilesystem,
            Self::Database { fault, .. } => *fault == DatabaseFault::ReadOnly,
            _ => false,
        }
    }

    /// True if no item of the store can be used now, and later perhaps all.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Database {
                fault: DatabaseFault::Unavailable | DatabaseFault::ReadOnly,
                ..
            }
        )
    }

    /// True if the administrator must change something.
    pub fn is_about_setup(&self) -> bool {
        matches!(
            self,
            Self::Database {
                fault: DatabaseFault::Setup,
                ..
            }
        )
    }

    fn io(doing: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            error: error.into(),
        }
    }
}
