//! The directories of a spool, and the removals that are not on disk yet.

use crate::queue::store::Id;
use crate::queue::store::QueueError;
use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::file::Flaw;
use crate::queue::store::spool::runner::RUNNER;
use crate::queue::store::spool::runner::WATCH;
use crate::system::lock::lock;
use crate::system::trust;
use rustix::fs::OFlags;
use rustix::fs::fstat;
use rustix::io::Errno;
use std::fs::File;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Removals per sync of the directory.
const REMOVALS: usize = 64;

/// This file exists once the names of all directories are on disk.
const LOCK: &str = "lock";

/// Directory of the hosts that are down.
pub const DOWN: &str = "down";

/// The directories of a spool.
pub struct Layout {
    /// The directory that contains the others.
    pub root: Directory,
    /// Messages that are being written.
    pub tmp: Directory,
    /// The items to deliver.
    pub items: Directory,
    /// The items that were set aside.
    pub dead: Directory,
    /// Removed items that still have a journal, because their removal is not on disk.
    removed: Mutex<Vec<Id>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The items to deliver.
    Alive,
    /// The items that were set aside.
    Dead,
}

impl Layout {
    /// Opens the directories, or creates missing ones; `None`: missing, and not to be created.
    pub fn open(root: Directory, create: bool) -> Result<Option<Self>, QueueError> {
        if create && !root.has(LOCK)? {
            complete(&root)?;
        }
        let within = |name| match root.within(name) {
            Err(Errno::NOENT) if create => {
                complete(&root)?;
                let made = root.within(name).map(Some);
                made.map_err(|error| root.error("open", name, error))
            }
            Err(Errno::NOENT) => Ok(None),
            opened => opened
                .map(Some)
                .map_err(|error| root.error("open", name, error)),
        };
        let (Some(tmp), Some(items), Some(dead)) =
            (within("tmp")?, within("items")?, within("dead")?)
        else {
            return Ok(None);
        };
        let removed = Mutex::default();
        Ok(Some(Self {
            root,
            tmp,
            items,
            dead,
            removed,
        }))
    }

    /// The directory of an area.
    pub fn side(&self, side: Area) -> &Directory {
        match side {
            Area::Alive => &self.items,
            Area::Dead => &self.dead,
        }
    }

    /// Waits until no other process moves names between `items/` and `dead/`, uses a name chosen
    /// beforehand, or cleans up. All others are free to claim, to note and to remove meanwhile.
    pub fn lock(&self) -> Result<File, QueueError> {
        let file = match self.root.open(LOCK, OFlags::RDWR) {
            Err(Errno::NOENT) => {
                complete(&self.root)?;
                self.root.open(LOCK, OFlags::RDWR)
            }
            opened => opened,
        };
        let file = file.map_err(|error| self.root.error("open", LOCK, error))?;
        lock(&file).map_err(|error| self.root.error("lock", LOCK, error))?;
        Ok(file)
    }

    /// Records the removal of an item. Its journal is removed once that is on disk: earlier, a power failure
    /// could bring back the item without its journal.
    pub fn was_removed(&self, id: Id) -> Result<(), QueueError> {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.push(id);
        let is_enough = removed.len() >= REMOVALS;
        drop(removed);
        if is_enough { self.settle() } else { Ok(()) }
    }

    /// Waits until removals are on disk, and removes the journals.
    pub fn settle(&self) -> Result<(), QueueError> {
        let removed =
            std::mem::take(&mut *self.removed.lock().unwrap_or_else(PoisonError::into_inner));
        if removed.is_empty() {
            return Ok(());
        }
        self.items.sync()?;
        // A name can be used again by the process that chose it: then the journal is that of the new item.
        let _lock = self.lock()?;
        for id in removed {
            if !self.items.has(id.as_str())? {
                self.items.unlink(&log_of(&id))?;
            }
        }
        Ok(())
    }
}

/// Creates what is missing. The lock file comes last, when all names are on disk: a process that finds it
/// need not check for an interrupted creation.
fn complete(root: &Directory) -> Result<(), QueueError> {
    for name in ["tmp", "items", "dead", DOWN] {
        root.make(name)?;
    }
    // Created in advance: a disk that is full later must not prevent the queue from being emptied.
    for name in [RUNNER, WATCH] {
        make_file(root, name)?;
    }
    root.sync()?;
    trust::sync_names(&root.path(""))?;
    make_file(root, LOCK)
}

fn make_file(root: &Directory, name: &str) -> Result<(), QueueError> {
    match root.create(name, OFlags::RDWR) {
        Ok(_) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(root.error("create", name, error)),
    }
}

/// The location of an item.
#[derive(Clone)]
pub struct ItemPath {
    pub rooms: Arc<Layout>,
    /// The area: to deliver, or set aside.
    pub side: Area,
    pub id: Id,
}

/// The name of a journal.
pub fn log_of(id: &Id) -> String {
    format!("{id}.log")
}

/// The name of the reason why an item is dead.
pub fn why_of(id: &Id) -> String {
    format!("{id}.why")
}

impl ItemPath {
    /// The location of this item in one of the areas.
    pub fn new(rooms: &Arc<Layout>, side: Area, id: &Id) -> Self {
        Self {
            rooms: Arc::clone(rooms),
            side,
            id: id.clone(),
        }
    }

    /// The directory that contains it.
    pub fn directory(&self) -> &Directory {
        self.rooms.side(self.side)
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        self.id.as_str()
    }

    /// The name of its journal.
    pub fn log(&self) -> String {
        log_of(&self.id)
    }

    /// An error about its file.
    pub fn error(&self, doing: &'static str, error: impl Into<std::io::Error>) -> QueueError {
        self.directory().error(doing, self.name(), error)
    }

    /// Turns a flaw of its file into an error.
    pub fn flaw(&self, flaw: impl Into<Flaw>) -> QueueError {
        match flaw.into() {
            Flaw::Io(error) => self.error("read", error),
            Flaw::Damage(why) => QueueError::Damaged {
                id: self.id.clone(),
                why,
            },
        }
    }

    /// True if its name still refers to this file: names are moved and removed, and an open file stays the
    /// same.
    pub fn holds(&self, file: &File) -> Result<bool, QueueError> {
        let ours = fstat(file).map_err(|error| self.error("look at", error))?;
        let named = self.directory().facts(self.name())?;
        Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)))
    }
}
