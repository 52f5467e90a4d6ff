//! A claimed item.

use crate::queue::store::journal::{milliseconds, moment};
use crate::queue::store::spool::body::StoredMessage;
use crate::queue::store::spool::file;
use crate::queue::store::spool::file::ItemContents;
use crate::queue::store::spool::layout::Area;
use crate::queue::store::spool::layout::ItemPath;
use crate::queue::store::spool::log::{ItemLog, Opened};
use crate::queue::store::spool::{failed as grave, view as look};
use crate::queue::store::{
    Claimed, ClaimedItem, History, Item, ItemEvent, QueueError, Record, Safety,
};
use crate::smtp::blocks::{Accepts, Blocks, Replay, Shape};
use crate::system::lock::try_lock;
use rustix::fs::OFlags;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// An item with a locked file: no other process delivers or changes it.
pub struct SpoolClaim {
    slot: ItemPath,
    item: Item,
    body: StoredMessage,
    notes: Mutex<ClaimState>,
}

/// The mutable state of a claimed item.
struct ClaimState {
    history: History,
    log: ItemLog,
}

/// The result of an attempt to claim an item.
pub enum ClaimResult {
    Ours(Box<SpoolClaim>),
    /// Locked by another process or thread.
    Busy,
    /// No such item.
    Gone,
}

impl From<ClaimResult> for Claimed {
    fn from(held: ClaimResult) -> Self {
        match held {
            ClaimResult::Ours(hold) => Self::Ours(hold),
            ClaimResult::Busy => Self::Busy,
            ClaimResult::Gone => Self::Gone,
        }
    }
}

/// Claims an item. It is opened for writing, although it is never written to: on NFS, a file that is open
/// for reading only cannot be locked exclusively.
pub fn claim(slot: &ItemPath) -> Result<ClaimResult, QueueError> {
    let file = file::open(slot.directory(), slot.name(), OFlags::RDWR);
    let Some(file) = file.map_err(|flaw| slot.flaw(flaw))? else {
        return Ok(ClaimResult::Gone);
    };
    if !try_lock(&file).map_err(|error| slot.error("lock", error))? {
        return Ok(ClaimResult::Busy);
    }
    // The previous owner of the lock may have removed it, or set it aside.
    if !slot.holds(&file)? {
        return Ok(ClaimResult::Gone);
    }
    Ok(ClaimResult::Ours(Box::new(SpoolClaim::of(slot, file)?)))
}

impl SpoolClaim {
    /// The item of a file that is locked.
    fn of(slot: &ItemPath, file: File) -> Result<Self, QueueError> {
        let contents = file::contents(&file).map_err(|flaw| slot.flaw(flaw))?;
        if slot.side == Area::Dead {
            grave::finish(&slot.rooms, &slot.id)?;
        }
        let opened = ItemLog::open(slot, contents.lengths.checksum);
        let opened = opened.map_err(|flaw| slot.flaw(flaw))?;
        Self::new(slot, file, contents, opened)
    }

    /// An item with a locked file and its journal.
    pub fn new(
        slot: &ItemPath,
        file: File,
        contents: ItemContents,
        opened: Opened,
    ) -> Result<Self, QueueError> {
        let Opened { log, entries } = opened;
        let history = look::history(slot, &contents, &entries)?;
        let body = contents.body(file);
        Ok(Self {
            slot: slot.clone(),
            item: look::described(slot, contents, history.clone()),
            body,
            notes: Mutex::new(ClaimState { history, log }),
        })
    }

    fn notes(&self) -> MutexGuard<'_, ClaimState> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SpoolClaim {
    fn drop(&mut self) {
        // A process that is notified of the close finds the lock free.
        let _ = self.body.file().unlock();
    }
}

impl Replay for SpoolClaim {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        self.body.shape(able)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        self.body.blocks(shape)
    }
}

impl ClaimedItem for SpoolClaim {
    fn item(&self) -> &Item {
        &self.item
    }

    fn history(&self) -> History {
        self.notes().history.clone()
    }

    fn note(&self, entry: ItemEvent, safety: Safety) -> Result<(), QueueError> {
        let at = moment(milliseconds(SystemTime::now()));
        let noted = Record { at, entry };
        let mut notes = self.notes();
        let ClaimState { history, log } = &mut *notes;
        history
            .check(&noted.entry)
            .map_err(|why| self.slot.flaw(why))?;
        log.append(&self.slot, &noted, safety)?;
        history.add(&noted);
        Ok(())
    }

    fn remove(self: Box<Self>) -> Result<(), QueueError> {
        match self.slot.side {
            Area::Alive => {
                self.slot.rooms.items.unlink(self.slot.name())?;
                self.slot.rooms.was_removed(self.slot.id.clone())
            }
            Area::Dead => grave::remove(&self.slot.rooms, &self.slot.id),
        }
    }

    fn bury(self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        match self.slot.side {
            Area::Alive => grave::bury(&self.slot, reason),
            Area::Dead => Ok(()),
        }
    }
}
