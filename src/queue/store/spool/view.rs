//! Access to an item without a claim: its owner may note, move or remove it meanwhile.

use crate::queue::store::spool::file;
use crate::queue::store::spool::file::ItemContents;
use crate::queue::store::spool::layout::Area;
use crate::queue::store::spool::layout::ItemPath;
use crate::queue::store::spool::{failed as grave, log};
use crate::queue::store::{History, Item, QueueError, Record};
use crate::smtp::blocks::Replay;
use rustix::fs::OFlags;
use std::fs::File;

/// An item in its current state.
pub fn item(slot: &ItemPath) -> Result<Option<Item>, QueueError> {
    let Some(seen) = seen(slot)? else {
        return Ok(None);
    };
    let history = history(slot, &seen.contents, &seen.entries)?;
    Ok(Some(described(slot, seen.contents, history)))
}

pub fn journal(slot: &ItemPath) -> Result<Option<Vec<Record>>, QueueError> {
    Ok(seen(slot)?.map(|seen| seen.entries))
}

/// The message of an item.
pub fn message(slot: &ItemPath) -> Result<Option<Box<dyn Replay>>, QueueError> {
    let seen = seen(slot)?;
    Ok(seen.map(|seen| -> Box<dyn Replay> { Box::new(seen.contents.body(seen.file)) }))
}

struct ItemView {
    file: File,
    contents: ItemContents,
    entries: Vec<Record>,
}

fn seen(slot: &ItemPath) -> Result<Option<ItemView>, QueueError> {
    let bad = |flaw| slot.flaw(flaw);
    let file = file::open(slot.directory(), slot.name(), OFlags::RDONLY).map_err(bad)?;
    let Some(file) = file else {
        return Ok(None);
    };
    let contents = file::contents(&file).map_err(bad)?;
    let metadata = contents.lengths.checksum;
    let mut told = log::told(slot.directory(), &slot.log(), metadata).map_err(bad)?;
    if told.is_none() && !slot.holds(&file)? {
        // It was removed during the read, with its journal.
        return Ok(None);
    }
    if told.is_none() && slot.side == Area::Dead {
        // Setting it aside was not finished.
        told = log::told(&slot.rooms.items, &slot.log(), metadata).map_err(bad)?;
    }
    let entries = told.unwrap_or_default().entries;
    Ok(Some(ItemView {
        file,
        contents,
        entries,
    }))
}

/// The history of the recipients according to these entries.
pub fn history(
    slot: &ItemPath,
    contents: &ItemContents,
    entries: &[Record],
) -> Result<History, QueueError> {
    let recipients = contents.read.metadata.envelope.recipients.len();
    History::told(recipients, entries).map_err(|why| slot.flaw(why))
}

/// Builds an item from its parts.
pub fn described(slot: &ItemPath, contents: ItemContents, history: History) -> Item {
    Item {
        id: slot.id.clone(),
        metadata: contents.read.metadata,
        size: contents.lengths.message,
        history,
        dead: match slot.side {
            Area::Alive => None,
            Area::Dead => Some(grave::reason_of(slot)),
        },
    }
}
