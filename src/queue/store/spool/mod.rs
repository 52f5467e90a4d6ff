//! The spool: a store of items as files in a directory.
//!
//! ```text
//! lock          created when all other names are on disk; locked by a process that moves names
//! tmp/NAME      a message that is being written, locked by its writer
//! items/ID      an item: written once, locked by the process that has claimed it
//! items/ID.log  its journal
//! dead/ID       a failed item, dead/ID.log its journal, dead/ID.why the reason
//! down/HOST     a host that could not be reached, since the time of the file
//! runner.lock   locked by the process that runs the queue
//! watch.lock    locked by the process that stays and waits for items
//! ```
//!
//! # Invariants
//!
//! *An item in `items/` is complete*: it is renamed to there when its octets are on disk, and its
//! acceptance is confirmed when its name is on disk too.
//!
//! *An item in `items/` has its journal there*: the journal is created after the item and removed after it,
//! on disk too, and is in `items/` first when a failed item is returned to the queue. A journal without its
//! item is a leftover if there is no failed item of its name, else it belongs to an item that was not
//! completely moved to `dead/`.
//!
//! *A journal that has a first line has a name that is on disk*: else a power failure could remove the
//! record of an end of data along with the name of the file, and the message would be sent twice without a
//! warning.

pub mod journal;
pub mod metadata;

mod claim;
mod directory;
mod failed;
mod file;
mod layout;
mod runs;
#[cfg(test)]
mod tests;

use crate::queue::Location;
use crate::queue::store::{
    ClaimResult, ClaimedItem, Id, Item, Metadata, QueueError, QueueStore, Record, RunnerLock,
    RunnerRole, Watcher,
};
use crate::smtp::blocks::{Replay, Shape};
use crate::system::remedy::ErrorText;
use crate::system::trust::{self, DirectoryError};
use crate::system::user::{Base, StateDirectory};
use directory::Directory;
use file::NewItem;
use layout::{Area, ItemPath, Layout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const DEFAULT_DIRECTORY: StateDirectory = StateDirectory {
    base: Base::State,
    system: "/var/spool/ehlo",
    own: "ehlo/queue",
};

/// The queue of another user than root, below the home directory.
pub(crate) fn personal_queue() -> PathBuf {
    Path::new(".local/state").join(DEFAULT_DIRECTORY.own)
}

/// The default directory of this user; `None`: the user has no home directory.
pub(crate) fn default_queue() -> Option<PathBuf> {
    DEFAULT_DIRECTORY.path()
}

/// The queue of the host: of root, or of the user that serves the submission socket.
pub(crate) fn system_queue() -> &'static Path {
    Path::new(DEFAULT_DIRECTORY.system)
}

/// A spool on this host.
pub struct Spool {
    path: PathBuf,
    /// `None`: the directory does not exist and is not to be created.
    layout: Option<Arc<Layout>>,
}

impl Spool {
    /// Opens the spool in this directory; `None`: the default directory of this user. With `create`, a
    /// missing directory is created; else it counts as empty.
    pub fn open(directory: Option<&Path>, create: bool) -> Result<Self, QueueError> {
        let path = directory.map(Path::to_owned);
        let path = path.or_else(|| DEFAULT_DIRECTORY.path());
        let path = path.ok_or(QueueError::NoDirectory)?;
        let layout = match trust::open_directory(&path, create)? {
            Some(root) => Layout::open(Directory::new(root, path.clone()), create)?,
            None => None,
        };
        let layout = layout.map(Arc::new);
        Ok(Self { path, layout })
    }

    /// The layout, required for any change.
    fn layout(&self) -> Result<&Arc<Layout>, QueueError> {
        self.layout.as_ref().ok_or_else(|| QueueError::Directory {
            path: self.path.clone(),
            why: "does not exist".into(),
        })
    }

    fn list(&self, area: Area) -> Result<Vec<Id>, QueueError> {
        let Some(layout) = &self.layout else {
            return Ok(Vec::new());
        };
        let names = layout.directory(area).names()?;
        let mut ids: Vec<Id> = names.iter().filter_map(|name| Id::parse(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads an item in either area. It may be requeued in between, so that the first area is searched
    /// again.
    fn find<T>(
        &self,
        id: &Id,
        read: impl Fn(&ItemPath) -> Result<Option<T>, QueueError>,
    ) -> Result<Option<T>, QueueError> {
        let Some(layout) = &self.layout else {
            return Ok(None);
        };
        for area in [Area::Active, Area::Failed, Area::Active] {
            if let Some(found) = read(&ItemPath::new(layout, area, id))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn claim_in(&self, area: Area, id: &Id) -> Result<ClaimResult, QueueError> {
        match &self.layout {
            Some(layout) => claim::claim(&ItemPath::new(layout, area, id)),
            None => Ok(ClaimResult::NotFound),
        }
    }
}

impl QueueStore for Spool {
    fn location(&self) -> Location {
        Location::Directory(self.path.clone())
    }

    fn add(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let new = NewItem { message, shape };
        claim::add(self.layout()?, metadata, &new, id)
    }

    fn ids(&self) -> Result<Vec<Id>, QueueError> {
        self.list(Area::Active)
    }

    fn failed_ids(&self) -> Result<Vec<Id>, QueueError> {
        self.list(Area::Failed)
    }

    fn new_id(&self) -> Id {
        Id::new(SystemTime::now())
    }

    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        self.find(id, claim::item)
    }

    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError> {
        self.find(id, claim::journal)
    }

    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError> {
        self.find(id, claim::message)
    }

    fn failure_reason(&self, id: &Id) -> Option<String> {
        failed::reason(self.layout.as_ref()?, id)
    }

    fn claim(&self, id: &Id) -> Result<ClaimResult, QueueError> {
        self.claim_in(Area::Active, id)
    }

    fn claim_failed(&self, id: &Id) -> Result<ClaimResult, QueueError> {
        self.claim_in(Area::Failed, id)
    }

    fn fail(&self, id: &Id, reason: &str) -> Result<(), QueueError> {
        failed::fail_unreadable(self.layout()?, id, reason)
    }

    fn requeue(&self, id: &Id) -> Result<(), QueueError> {
        claim::requeue(self.layout()?, id)
    }

    fn purge(&self, id: &Id) -> Result<bool, QueueError> {
        match &self.layout {
            Some(layout) => failed::purge(layout, id),
            None => Ok(false),
        }
    }

    fn flush(&self) -> Result<(), QueueError> {
        self.layout.as_ref().map_or(Ok(()), |layout| layout.flush())
    }

    fn clean(&self) -> Result<(), QueueError> {
        let Some(layout) = &self.layout else {
            return Ok(());
        };
        layout.clean()?;
        runs::forget_hosts(&layout.root);
        Ok(())
    }

    fn lock(&self, role: RunnerRole) -> Result<Option<RunnerLock>, QueueError> {
        runs::lock(&self.layout()?.root, role)
    }

    fn is_locked(&self, role: RunnerRole) -> bool {
        let layout = self.layout.as_ref();
        layout.is_some_and(|layout| runs::is_locked(&layout.root, role))
    }

    fn watch(&self) -> Result<Box<dyn Watcher>, QueueError> {
        runs::watch(&self.layout()?.items)
    }

    fn host_down(&self, host: &str, port: u16, max_age: Duration) -> Option<String> {
        runs::host_down(&self.layout.as_ref()?.root, host, port, max_age)
    }

    fn set_host_down(&self, host: &str, port: u16, reason: &str) {
        if let Some(layout) = &self.layout {
            let _ = runs::set_host_down(&layout.root, host, port, reason);
        }
    }

    fn set_host_up(&self, host: &str, port: u16) {
        if let Some(layout) = &self.layout {
            let _ = runs::set_host_up(&layout.root, host, port);
        }
    }
}

impl From<DirectoryError> for QueueError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Foreign { path, owner, user } => Self::Directory {
                path,
                why: ErrorText::new(format!("belongs to user {owner}, not to user {user}"))
                    .with_advice("use another one with --queue-dir"),
            },
            DirectoryError::Unsafe { path, why } => Self::Directory { path, why },
            DirectoryError::Io { doing, path, error } => Self::Io { doing, path, error },
        }
    }
}
