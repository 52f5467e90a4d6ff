//! Dead items: setting an item aside, returning it to the queue, and removing it.
//!
//! The reason is written first, then the message is moved, then its journal. On the way back the journal is
//! moved first. So an item in `items/` always has its journal there, and after a crash at any moment the
//! item is complete in one of the two places. [`finish`] moves a journal that was not moved.

use crate::queue::store::journal::milliseconds;
use crate::queue::store::spool::claim::{ClaimResult, claim};
use crate::queue::store::spool::file;
use crate::queue::store::spool::layout::{Area, Layout};
use crate::queue::store::spool::layout::{ItemPath, log_of, why_of};
use crate::queue::store::{ClaimedItem as _, Id, ItemEvent, QueueError, Safety};
use crate::system::lock::try_lock;
use crate::system::text;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

/// Upper limit in octets of a stored reason.
const LONGEST_REASON: u64 = 64 << 10;

/// The stored reason why an item is dead.
#[derive(Serialize, Deserialize)]
struct Why {
    /// In milliseconds since 1970.
    at: u64,
    reason: String,
}

/// Sets an item aside that is claimed by the caller, or that cannot be claimed.
pub fn bury(slot: &ItemPath, reason: &str) -> Result<(), QueueError> {
    let ItemPath { rooms, id, .. } = slot;
    let _lock = rooms.lock()?;
    if rooms.dead.has(slot.name())? {
        return Err(rooms.dead.error("create", slot.name(), Errno::EXIST));
    }
    write_reason(rooms, id, reason)?;
    if rooms.items.rename(slot.name(), &rooms.dead, slot.name())? {
        rooms.dead.sync()?;
        rooms.items.sync()?;
    }
    finish(rooms, id)
}

/// Sets an item aside, even if it is not a regular file. A symlink is not followed, and the call does not
/// wait.
pub fn bury_unread(rooms: &Arc<Layout>, id: &Id, reason: &str) -> Result<(), QueueError> {
    let slot = ItemPath::new(rooms, Area::Alive, id);
    let file = match rooms.items.open(slot.name(), OFlags::RDONLY) {
        Ok(file) => Some(file),
        Err(Errno::NOENT) => return Ok(()),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
            return Err(slot.error("open", error));
        }
        // A file that cannot be opened cannot be claimed either.
        Err(_) => None,
    };
    // The owner of the lock sets it aside, or finds it intact.
    if let Some(file) = &file
        && !try_lock(file).map_err(|error| slot.error("lock", error))?
    {
        return Ok(());
    }
    bury(&slot, reason)
}

/// Moves a journal to its item, if that was not completed when the item was set aside or returned to the
/// queue.
pub fn finish(rooms: &Layout, id: &Id) -> Result<(), QueueError> {
    let log = log_of(id);
    rooms.items.rename(&log, &rooms.dead, &log)?;
    Ok(())
}

/// Returns a dead item to the queue.
pub fn raise(rooms: &Arc<Layout>, id: &Id) -> Result<(), QueueError> {
    let _lock = rooms.lock()?;
    let slot = ItemPath::new(rooms, Area::Dead, id);
    let hold = match claim(&slot)? {
        ClaimResult::Ours(hold) => hold,
        ClaimResult::Busy => return Err(slot.error("requeue", Errno::BUSY)),
        ClaimResult::Gone => return Err(slot.error("requeue", Errno::NOENT)),
    };
    if rooms.items.has(slot.name())? {
        return Err(rooms.items.error("create", slot.name(), Errno::EXIST));
    }
    hold.note(ItemEvent::Requeued, Safety::Disk)?;
    for name in [slot.log(), id.to_string()] {
        rooms.dead.rename(&name, &rooms.items, &name)?;
        rooms.items.sync()?;
        rooms.dead.sync()?;
    }
    rooms.dead.unlink(&why_of(id))?;
    Ok(())
}

/// Removes a dead item, even if it is not a regular file. Returns false if there is none.
pub fn discard(rooms: &Layout, id: &Id) -> Result<bool, QueueError> {
    let _lock = rooms.lock()?;
    if !rooms.dead.has(id.as_str())? {
        return Ok(false);
    }
    finish(rooms, id)?;
    remove(rooms, id)?;
    Ok(true)
}

/// Removes a dead item; once that is on disk, also its journal and its reason.
pub fn remove(rooms: &Layout, id: &Id) -> Result<(), QueueError> {
    rooms.dead.unlink(id.as_str())?;
    rooms.dead.sync()?;
    rooms.dead.unlink(&log_of(id))?;
    rooms.dead.unlink(&why_of(id))?;
    Ok(())
}

fn write_reason(rooms: &Layout, id: &Id, reason: &str) -> Result<(), QueueError> {
    let name = why_of(id);
    rooms.dead.unlink(&name)?;
    let why = Why {
        at: milliseconds(SystemTime::now()),
        reason: text::shown(reason),
    };
    let json = serde_json::to_string(&why).unwrap_or_default();
    let file = rooms.dead.create(&name, OFlags::WRONLY);
    let mut file = file.map_err(|error| rooms.dead.error("create", &name, error))?;
    writeln!(file, "{json}")
        .and_then(|()| file.sync_all())
        .map_err(|error| rooms.dead.error("write", &name, error))
}

/// The reason why an item was set aside; `None`: not set aside.
pub fn reason(rooms: &Arc<Layout>, id: &Id) -> Option<String> {
    let is_dead = rooms.dead.has(id.as_str()).unwrap_or(false);
    is_dead.then(|| reason_of(&ItemPath::new(rooms, Area::Dead, id)))
}

/// The reason why a dead item was set aside, with a substitute if the reason is lost.
pub fn reason_of(slot: &ItemPath) -> String {
    let why = read_reason(slot).map(|why| text::shown(&why.reason));
    why.unwrap_or_else(|| "nobody knows why: the reason cannot be read".to_owned())
}

fn read_reason(slot: &ItemPath) -> Option<Why> {
    let file = file::open(&slot.rooms.dead, &why_of(&slot.id), OFlags::RDONLY);
    let file = file.ok().flatten()?;
    let mut json = Vec::new();
    file.take(LONGEST_REASON).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
