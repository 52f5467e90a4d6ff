//! Removal of the files that crashes leave.

use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::hosts;
use crate::queue::store::spool::layout::Layout;
use crate::queue::store::{Id, QueueError};
use crate::system::lock::try_lock;
use rustix::fs::OFlags;
use std::collections::HashSet;

/// Settles, and removes files left by crashes. Meanwhile the lock keeps other processes from moving or
/// choosing names, so that a file found without its counterpart does not have one.
pub fn tidy(rooms: &Layout) -> Result<(), QueueError> {
    rooms.settle()?;
    let _lock = rooms.lock()?;
    drafts(&rooms.tmp)?;
    journals(rooms)?;
    remains(rooms)?;
    hosts::forget(&rooms.root);
    Ok(())
}

/// Messages that lost their writer: their lock is free.
fn drafts(tmp: &Directory) -> Result<(), QueueError> {
    for name in tmp.names()? {
        // A file that cannot be opened belongs to another user, or is being created right now.
        let Ok(file) = tmp.open(&name, OFlags::RDWR) else {
            continue;
        };
        // Locked during the removal, so that a concurrent writer notices it.
        if try_lock(&file).is_ok_and(|is_ours| is_ours) {
            tmp.unlink(&name)?;
        }
        drop(file);
    }
    Ok(())
}

/// Journals without their item: the item was removed, or setting it aside was not finished.
fn journals(rooms: &Layout) -> Result<(), QueueError> {
    let widowed = widowed(&rooms.items, ".log")?;
    // The removal of an item must be on disk before its journal goes.
    if !widowed.is_empty() {
        rooms.items.sync()?;
    }
    for name in widowed {
        if rooms.dead.has(&name)? {
            let log = format!("{name}.log");
            rooms.items.rename(&log, &rooms.dead, &log)?;
        } else {
            rooms.items.unlink(&format!("{name}.log"))?;
        }
    }
    Ok(())
}

/// Journals and reasons of dead items that do not exist, or no longer.
fn remains(rooms: &Layout) -> Result<(), QueueError> {
    for end in [".log", ".why"] {
        let widowed = widowed(&rooms.dead, end)?;
        if !widowed.is_empty() {
            rooms.dead.sync()?;
        }
        for name in widowed {
            rooms.dead.unlink(&format!("{name}{end}"))?;
        }
    }
    Ok(())
}

/// The names of missing items with a file of this extension. A journal is created after its item, so the
/// item is looked up again once the journal was seen.
fn widowed(directory: &Directory, end: &str) -> Result<Vec<String>, QueueError> {
    let names: HashSet<String> = directory.names()?.into_iter().collect();
    let mut widowed = Vec::new();
    for name in &names {
        if let Some(item) = name.strip_suffix(end)
            && Id::parse(item).is_some()
            && !names.contains(item)
            && !directory.has(item)?
        {
            widowed.push(item.to_owned());
        }
    }
    Ok(widowed)
}
