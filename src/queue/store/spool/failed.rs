//! Failed items: moving an item to them and back, and removing it.
//!
//! The reason is written first, then the message is moved, then its journal. On the way back the journal is
//! moved first. So an item in `items/` always has its journal there, and after a crash at any moment the
//! item is complete in one of the two directories. [`finish_move`] moves a journal that was not moved.

use crate::queue::store::item::milliseconds;
use crate::queue::store::spool::layout::{Area, ItemPath, Layout, log_of, why_of};
use crate::queue::store::{Id, QueueError};
use crate::system::lock::try_lock;
use crate::system::text;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

/// Upper limit in octets of a stored reason.
const MAX_REASON: u64 = 64 << 10;

/// The stored reason why an item failed.
#[derive(Serialize, Deserialize)]
struct StoredReason {
    /// In milliseconds since 1970.
    at: u64,
    reason: String,
}

/// Moves an item to the failed items that is claimed by the caller, or that cannot be claimed.
pub fn fail(path: &ItemPath, reason: &str) -> Result<(), QueueError> {
    let ItemPath { layout, id, .. } = path;
    let _lock = layout.lock()?;
    if layout.failed.contains(path.name())? {
        return Err(layout.failed.error("create", path.name(), Errno::EXIST));
    }
    write_reason(layout, id, reason)?;
    if layout
        .items
        .rename(path.name(), &layout.failed, path.name())?
    {
        layout.failed.sync()?;
        layout.items.sync()?;
    }
    finish_move(layout, id)
}

/// Moves an item to the failed items, even if it is not a regular file. A symlink is not followed, and the
/// call does not block.
pub fn fail_unreadable(layout: &Arc<Layout>, id: &Id, reason: &str) -> Result<(), QueueError> {
    let path = ItemPath::new(layout, Area::Active, id);
    let file = match layout.items.open(path.name(), OFlags::RDONLY) {
        Ok(file) => Some(file),
        Err(Errno::NOENT) => return Ok(()),
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
            return Err(path.error("open", error));
        }
        // A file that cannot be opened cannot be claimed either.
        Err(_) => None,
    };
    // The owner of the lock moves it, or finds it intact.
    if let Some(file) = &file
        && !try_lock(file).map_err(|error| path.error("lock", error))?
    {
        return Ok(());
    }
    fail(&path, reason)
}

/// Moves the journal of a failed item, if an earlier move of the item was interrupted.
pub fn finish_move(layout: &Layout, id: &Id) -> Result<(), QueueError> {
    let log = log_of(id);
    layout.items.rename(&log, &layout.failed, &log)?;
    Ok(())
}

/// Moves a failed item back to the queue.
pub fn move_back(layout: &Layout, id: &Id) -> Result<(), QueueError> {
    for name in [log_of(id), id.to_string()] {
        layout.failed.rename(&name, &layout.items, &name)?;
        layout.items.sync()?;
        layout.failed.sync()?;
    }
    layout.failed.unlink(&why_of(id))?;
    Ok(())
}

/// Removes a failed item, even if it is not a regular file. Returns false if there is none.
pub fn purge(layout: &Layout, id: &Id) -> Result<bool, QueueError> {
    let _lock = layout.lock()?;
    if !layout.failed.contains(id.as_str())? {
        return Ok(false);
    }
    finish_move(layout, id)?;
    remove(layout, id)?;
    Ok(true)
}

/// Removes a failed item; once that is on disk, also its journal and its reason.
pub fn remove(layout: &Layout, id: &Id) -> Result<(), QueueError> {
    layout.failed.unlink(id.as_str())?;
    layout.failed.sync()?;
    layout.failed.unlink(&log_of(id))?;
    layout.failed.unlink(&why_of(id))?;
    Ok(())
}

fn write_reason(layout: &Layout, id: &Id, reason: &str) -> Result<(), QueueError> {
    let name = why_of(id);
    layout.failed.unlink(&name)?;
    let stored = StoredReason {
        at: milliseconds(SystemTime::now()),
        reason: text::shown(reason),
    };
    let json = serde_json::to_string(&stored).unwrap_or_default();
    let file = layout.failed.create(&name, OFlags::WRONLY);
    let mut file = file.map_err(|error| layout.failed.error("create", &name, error))?;
    writeln!(file, "{json}")
        .and_then(|()| file.sync_all())
        .map_err(|error| layout.failed.error("write", &name, error))
}

/// The reason why an item failed; `None`: not failed.
pub fn reason(layout: &Arc<Layout>, id: &Id) -> Option<String> {
    let is_failed = layout.failed.contains(id.as_str()).unwrap_or(false);
    is_failed.then(|| reason_of(&ItemPath::new(layout, Area::Failed, id)))
}

/// The reason why a failed item failed, with a substitute if the reason is lost.
pub fn reason_of(path: &ItemPath) -> String {
    let stored = read_reason(path).map(|stored| text::shown(&stored.reason));
    stored.unwrap_or_else(|| "the recorded reason cannot be read".to_owned())
}

fn read_reason(path: &ItemPath) -> Option<StoredReason> {
    let failed = &path.layout.failed;
    let file = failed.open_regular(&why_of(&path.id), OFlags::RDONLY);
    let file = file.ok().flatten()?;
    let mut json = Vec::new();
    file.take(MAX_REASON).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
