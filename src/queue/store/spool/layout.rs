//! The directories of a spool, and the removals that are not on disk yet.

use crate::queue::store::spool::directory::{Directory, lock};
use crate::queue::store::spool::item_path::log_of;
use crate::queue::store::spool::runner::{RUNNER, WATCH};
use crate::queue::store::{Id, QueueError};
use crate::system::place;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

/// After so many removals, the directory is synced: one sync for all of them.
const REMOVALS: usize = 64;

/// Its presence says that the names of all directories are on disk.
const LOCK: &str = "lock";

/// Where hosts that are down are remembered.
pub const DOWN: &str = "down";

/// The directories of a spool.
pub struct Layout {
    /// That which holds the others.
    pub root: Directory,
    /// Messages that are being written.
    pub tmp: Directory,
    /// The items to deliver.
    pub items: Directory,
    /// The items that were set aside.
    pub dead: Directory,
    /// Whose journals are still there, because the removal of the item is not on disk.
    removed: Mutex<Vec<Id>>,
}

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Among those to deliver.
    Alive,
    /// Among those set aside.
    Dead,
}

impl Layout {
    /// Opens them, or makes those that are missing; `None` where they are not to be made.
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

    /// The directory of a side.
    pub fn side(&self, side: Area) -> &Directory {
        match side {
            Area::Alive => &self.items,
            Area::Dead => &self.dead,
        }
    }

    /// Waits until nobody else moves names between the living and the dead, takes a name that was
    /// chosen beforehand, or sweeps. All others are free to claim, to note and to remove meanwhile.
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

    /// An item was removed, and its journal goes when that is on disk: not before, or the loss of power
    /// could bring back the item without what was noted of it.
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
        // A name can be taken again by whoever chose it: then the journal is that of the new item.
        let _lock = self.lock()?;
        for id in removed {
            if !self.items.has(id.as_str())? {
                self.items.unlink(&log_of(&id))?;
            }
        }
        Ok(())
    }
}

/// Makes what is missing. The lock comes last, when all names are on disk: whoever finds it need not
/// ask who was killed where.
fn complete(root: &Directory) -> Result<(), QueueError> {
    for name in ["tmp", "items", "dead", DOWN] {
        root.make(name)?;
    }
    // A disk without room for another file must not keep anybody from emptying the queue.
    for name in [RUNNER, WATCH] {
        make_file(root, name)?;
    }
    root.sync()?;
    place::sync_names(&root.path(""))?;
    make_file(root, LOCK)
}

fn make_file(root: &Directory, name: &str) -> Result<(), QueueError> {
    match root.create(name, OFlags::RDWR) {
        Ok(_) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(root.error("create", name, error)),
    }
}
