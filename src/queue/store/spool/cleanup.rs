//! What crashes leave behind.

use crate::queue::store::spool::directory::{Directory, try_lock};
use crate::queue::store::spool::hosts;
use crate::queue::store::spool::layout::Layout;
use crate::queue::store::{Id, QueueError};
use rustix::fs::OFlags;
use std::collections::HashSet;

/// Settles, and removes what crashes have left. Whoever moves names, or chooses them, waits meanwhile;
/// so what is found without its other half has none.
pub fn tidy(rooms: &Layout) -> Result<(), QueueError> {
    rooms.settle()?;
    let _lock = rooms.lock()?;
    drafts(&rooms.tmp)?;
    journals(rooms)?;
    remains(rooms)?;
    hosts::forget(&rooms.root);
    Ok(())
}

/// Messages whose writer died: their lock is free.
fn drafts(tmp: &Directory) -> Result<(), QueueError> {
    for name in tmp.names()? {
        // What cannot be opened is not ours, or somebody is making it right now.
        let Ok(file) = tmp.open(&name, OFlags::RDWR) else {
            continue;
        };
        // Locked while it goes, so that a writer who comes between sees that it is gone.
        if try_lock(&file).is_ok_and(|is_ours| is_ours) {
            tmp.unlink(&name)?;
        }
        drop(file);
    }
    Ok(())
}

/// Journals without their item: the item was removed, or its burial was not finished.
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

/// What is known of dead items that are none, or none any more.
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

/// The items that there are not, but files of their name and this end. A journal is made after its
/// item: so it is asked again for the item when the journal was seen.
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
