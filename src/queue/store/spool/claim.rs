//! An item that is ours.

use crate::queue::store::journal::{milliseconds, moment};
use crate::queue::store::spool::body::Body;
use crate::queue::store::spool::directory::{try_lock, unlock};
use crate::queue::store::spool::file;
use crate::queue::store::spool::file::Contents;
use crate::queue::store::spool::item_path::Slot;
use crate::queue::store::spool::layout::Side;
use crate::queue::store::spool::log::{Log, Opened};
use crate::queue::store::spool::{failed as grave, view as look};
use crate::queue::store::{Claim, Claimed, Entry, History, Item, Noted, QueueError, Safety};
use crate::smtp::blocks::{Accepts, Blocks, Replay, Shape};
use rustix::fs::OFlags;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// An item whose file we have locked: nobody else delivers or changes it.
pub struct Hold {
    slot: Slot,
    item: Item,
    body: Body,
    notes: Mutex<Notes>,
}

/// What changes while an item is held.
struct Notes {
    history: History,
    log: Log,
}

/// What came of an attempt to claim an item.
pub enum Held {
    /// It is ours.
    Ours(Box<Hold>),
    /// Somebody else has it.
    Busy,
    /// There is none of this name.
    Gone,
}

impl From<Held> for Claimed {
    fn from(held: Held) -> Self {
        match held {
            Held::Ours(hold) => Self::Ours(hold),
            Held::Busy => Self::Busy,
            Held::Gone => Self::Gone,
        }
    }
}

/// Claims an item. It is opened to be written to, although nobody does: where another host keeps the
/// locks (NFS), no other file can be locked.
pub fn claim(slot: &Slot) -> Result<Held, QueueError> {
    let file = file::open(slot.directory(), slot.name(), OFlags::RDWR);
    let Some(file) = file.map_err(|flaw| slot.flaw(flaw))? else {
        return Ok(Held::Gone);
    };
    if !try_lock(&file).map_err(|error| slot.error("lock", error))? {
        return Ok(Held::Busy);
    }
    // Whoever had the lock before us may have removed it, or set it aside.
    if !slot.holds(&file)? {
        return Ok(Held::Gone);
    }
    Ok(Held::Ours(Box::new(Hold::of(slot, file)?)))
}

impl Hold {
    /// The item of a file that is locked.
    fn of(slot: &Slot, file: File) -> Result<Self, QueueError> {
        let contents = file::contents(&file).map_err(|flaw| slot.flaw(flaw))?;
        if slot.side == Side::Dead {
            grave::finish(&slot.rooms, &slot.id)?;
        }
        let opened = Log::open(slot, contents.lengths.checksum);
        let opened = opened.map_err(|flaw| slot.flaw(flaw))?;
        Self::new(slot, file, contents, opened)
    }

    /// An item whose file is locked, with its journal.
    pub fn new(
        slot: &Slot,
        file: File,
        contents: Contents,
        opened: Opened,
    ) -> Result<Self, QueueError> {
        let Opened { log, entries } = opened;
        let history = look::history(slot, &contents, &entries)?;
        let body = contents.body(file);
        Ok(Self {
            slot: slot.clone(),
            item: look::described(slot, contents, history.clone()),
            body,
            notes: Mutex::new(Notes { history, log }),
        })
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        unlock(self.body.file());
    }
}

impl Replay for Hold {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        self.body.shape(able)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        self.body.blocks(shape)
    }
}

impl Claim for Hold {
    fn item(&self) -> &Item {
        &self.item
    }

    fn history(&self) -> History {
        self.notes().history.clone()
    }

    fn note(&self, entry: Entry, safety: Safety) -> Result<(), QueueError> {
        let at = moment(milliseconds(SystemTime::now()));
        let noted = Noted { at, entry };
        let mut notes = self.notes();
        let Notes { history, log } = &mut *notes;
        history
            .check(&noted.entry)
            .map_err(|why| self.slot.flaw(why))?;
        log.append(&self.slot, &noted, safety)?;
        history.add(&noted);
        Ok(())
    }

    fn remove(self: Box<Self>) -> Result<(), QueueError> {
        match self.slot.side {
            Side::Alive => {
                self.slot.rooms.items.unlink(self.slot.name())?;
                self.slot.rooms.was_removed(self.slot.id.clone())
            }
            Side::Dead => grave::remove(&self.slot.rooms, &self.slot.id),
        }
    }

    fn bury(self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        match self.slot.side {
            Side::Alive => grave::bury(&self.slot, reason),
            Side::Dead => Ok(()),
        }
    }
}
