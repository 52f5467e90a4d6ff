//! The spool: items as files in a directory of its own.
//!
//! ```text
//! lock          created when all other names are on disk; locked by a process that moves names
//! tmp/NAME      a message that is being written, locked by its writer
//! items/ID      an item: written once, locked by the process that has claimed it
//! items/ID.log  its journal
//! dead/ID       an item that was set aside, dead/ID.log its journal, dead/ID.why the reason
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
//! on disk too, and is in `items/` first when a dead item is returned to the queue. A journal without its
//! item is a leftover if there is no dead item of its name, else it belongs to an item that was not
//! completely set aside.
//!
//! *A journal that has a first line has a name that is on disk*: else a power failure could remove the note
//! of an end of data along with the name of the file, and the message would be sent twice without a
//! warning.

pub(crate) mod cleanup;
pub(crate) mod failed;
pub(crate) mod layout;
pub mod metadata;
pub(crate) mod new_file;
pub(crate) mod view;

mod body;
mod claim;
mod directory;
mod file;
mod hosts;
mod log;
mod runner;
#[cfg(test)]
mod tests;

pub use runner::{Changed, RunnerLock, Watcher};

use crate::queue::store::place;
use crate::queue::store::spool::cleanup as sweep;
use crate::queue::store::spool::failed as grave;
use crate::queue::store::spool::layout::ItemPath;
use crate::queue::store::spool::layout::{Area, Layout};
use crate::queue::store::spool::new_file as draft;
use crate::queue::store::spool::new_file::NewItem;
use crate::queue::store::spool::view as look;
use crate::queue::store::{
    Claimed, ClaimedItem, Id, Item, Metadata, QueueError, QueueStore, Record,
};
use crate::smtp::blocks::{Replay, Shape};
use directory::Directory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// A spool on this host.
pub struct Spool {
    path: PathBuf,
    /// `None`: the directory does not exist and is not to be created.
    rooms: Option<Arc<Layout>>,
}

impl Spool {
    /// Opens the spool in this directory, or in the default directory of this user. With `create`, a
    /// missing directory is created; else it counts as empty.
    pub fn open(directory: Option<&Path>, create: bool) -> Result<Self, QueueError> {
        let path = place::directory(directory)?;
        let rooms = match crate::system::trust::open_directory(&path, create)? {
            Some(root) => Layout::open(Directory::new(root, path.clone()), create)?,
            None => None,
        };
        let rooms = rooms.map(Arc::new);
        Ok(Self { path, rooms })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout, required for any change.
    fn rooms(&self) -> Result<&Arc<Layout>, QueueError> {
        self.rooms.as_ref().ok_or_else(|| QueueError::Place {
            path: self.path.clone(),
            why: "does not exist".to_owned(),
        })
    }

    fn listed(&self, side: Area) -> Result<Vec<Id>, QueueError> {
        let Some(rooms) = &self.rooms else {
            return Ok(Vec::new());
        };
        let names = rooms.side(side).names()?;
        let mut ids: Vec<Id> = names.iter().filter_map(|name| Id::parse(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Looks for an item in both areas. It may be returned to the queue in between, so that the first area
    /// is searched again.
    fn found<T>(
        &self,
        id: &Id,
        look: impl Fn(&ItemPath) -> Result<Option<T>, QueueError>,
    ) -> Result<Option<T>, QueueError> {
        let Some(rooms) = &self.rooms else {
            return Ok(None);
        };
        for side in [Area::Alive, Area::Dead, Area::Alive] {
            if let Some(found) = look(&ItemPath::new(rooms, side, id))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn claim_in(&self, side: Area, id: &Id) -> Result<Claimed, QueueError> {
        match &self.rooms {
            Some(rooms) => Ok(claim::claim(&ItemPath::new(rooms, side, id))?.into()),
            None => Ok(Claimed::Gone),
        }
    }
}

impl QueueStore for Spool {
    fn add(
        &self,
        metadata: &Metadata,
        message: &dyn Replay,
        shape: Shape,
        id: Option<&Id>,
    ) -> Result<Box<dyn ClaimedItem>, QueueError> {
        let original = NewItem { message, shape };
        let hold = draft::add(self.rooms()?, metadata, &original, id)?;
        Ok(Box::new(hold))
    }

    fn ids(&self) -> Result<Vec<Id>, QueueError> {
        self.listed(Area::Alive)
    }

    fn dead(&self) -> Result<Vec<Id>, QueueError> {
        self.listed(Area::Dead)
    }

    fn new_id(&self) -> Id {
        Id::new(SystemTime::now())
    }

    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        self.found(id, look::item)
    }

    fn journal(&self, id: &Id) -> Result<Option<Vec<Record>>, QueueError> {
        self.found(id, look::journal)
    }

    fn message(&self, id: &Id) -> Result<Option<Box<dyn Replay>>, QueueError> {
        self.found(id, look::message)
    }

    fn reason(&self, id: &Id) -> Option<String> {
        grave::reason(self.rooms.as_ref()?, id)
    }

    fn claim(&self, id: &Id) -> Result<Claimed, QueueError> {
        self.claim_in(Area::Alive, id)
    }

    fn claim_dead(&self, id: &Id) -> Result<Claimed, QueueError> {
        self.claim_in(Area::Dead, id)
    }

    fn bury(&self, id: &Id, reason: &str) -> Result<(), QueueError> {
        grave::bury_unread(self.rooms()?, id, reason)
    }

    fn raise(&self, id: &Id) -> Result<(), QueueError> {
        grave::raise(self.rooms()?, id)
    }

    fn discard(&self, id: &Id) -> Result<bool, QueueError> {
        match &self.rooms {
            Some(rooms) => grave::discard(rooms, id),
            None => Ok(false),
        }
    }

    fn settle(&self) -> Result<(), QueueError> {
        self.rooms.as_ref().map_or(Ok(()), |rooms| rooms.settle())
    }

    fn tidy(&self) -> Result<(), QueueError> {
        self.rooms
            .as_ref()
            .map_or(Ok(()), |rooms| sweep::tidy(rooms))
    }
}
