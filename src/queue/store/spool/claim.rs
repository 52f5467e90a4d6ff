//! Access to an item, with and without a claim.

use crate::queue::store::item::{from_milliseconds, milliseconds};
use crate::queue::store::spool::failed;
use crate::queue::store::spool::file::{FileHead, NewFile, NewItem, StoredMessage};
use crate::queue::store::spool::journal::{JournalFile, OpenedJournal, read_file};
use crate::queue::store::spool::layout::{Area, ItemPath, Layout};
use crate::queue::store::{
    ClaimResult, ClaimedItem, Durability, History, Id, Item, ItemEvent, Metadata, QueueError,
    Record,
};
use crate::smtp::blocks::{Accepts, Blocks, Replay, Shape};
use crate::system::lock::try_lock;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Commits an item, with a new name or with this one, and claims it.
pub fn add(
    layout: &Arc<Layout>,
    metadata: &Metadata,
    new: &NewItem,
    id: Option<&Id>,
) -> Result<Box<dyn ClaimedItem>, QueueError> {
    let file = NewFile::create(layout)?;
    let head = file.write(metadata, new)?;
    let committed = match id {
        Some(id) => file.commit_as(id, &head)?,
        None => file.commit(&head)?,
    };
    let journal = OpenedJournal {
        file: committed.journal,
        records: Vec::new(),
    };
    let claim = SpoolClaim::new(&committed.path, committed.file, head, journal)?;
    Ok(Box::new(claim))
}

/// Claims an item. It is opened for writing, although it is never written to: on NFS, a file that is open
/// for reading only cannot be locked exclusively.
pub fn claim(path: &ItemPath) -> Result<ClaimResult, QueueError> {
    let file = path.directory().open_regular(path.name(), OFlags::RDWR);
    let Some(file) = file.map_err(|error| path.file_error(error))? else {
        return Ok(ClaimResult::NotFound);
    };
    if !try_lock(&file).map_err(|error| path.error("lock", error))? {
        return Ok(ClaimResult::Busy);
    }
    // The previous owner of the lock may have removed it, or moved it to the failed items.
    if !path.refers_to(&file)? {
        return Ok(ClaimResult::NotFound);
    }
    let head = FileHead::read(&file).map_err(|error| path.file_error(error))?;
    if path.area == Area::Failed {
        failed::finish_move(&path.layout, &path.id)?;
    }
    let journal = OpenedJournal::open(path, head.first_line.checksum);
    let journal = journal.map_err(|error| path.file_error(error))?;
    let claim = SpoolClaim::new(path, file, head, journal)?;
    Ok(ClaimResult::Claimed(Box::new(claim)))
}

/// Returns a failed item to the queue.
pub fn requeue(layout: &Arc<Layout>, id: &Id) -> Result<(), QueueError> {
    let _lock = layout.lock()?;
    let path = ItemPath::new(layout, Area::Failed, id);
    let claim = match claim(&path)? {
        ClaimResult::Claimed(claim) => claim,
        ClaimResult::Busy => return Err(path.error("requeue", Errno::BUSY)),
        ClaimResult::NotFound => return Err(path.error("requeue", Errno::NOENT)),
    };
    if layout.items.contains(path.name())? {
        return Err(layout.items.error("create", path.name(), Errno::EXIST));
    }
    claim.record(ItemEvent::Requeued, Durability::Disk)?;
    failed::move_back(layout, id)
}

/// An item with a locked file: no other process delivers or changes it.
struct SpoolClaim {
    path: ItemPath,
    item: Item,
    message: StoredMessage,
    state: Mutex<ClaimState>,
}

/// The mutable state of a claimed item.
struct ClaimState {
    history: History,
    journal: JournalFile,
}

impl SpoolClaim {
    fn new(
        path: &ItemPath,
        file: File,
        head: FileHead,
        journal: OpenedJournal,
    ) -> Result<Self, QueueError> {
        let message = head.message(file);
        let item = item_of(path, head, &journal.records)?;
        let history = item.history.clone();
        let journal = journal.file;
        Ok(Self {
            path: path.clone(),
            item,
            message,
            state: Mutex::new(ClaimState { history, journal }),
        })
    }

    fn state(&self) -> MutexGuard<'_, ClaimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SpoolClaim {
    fn drop(&mut self) {
        // A process that is notified of the close finds the lock free.
        let _ = self.message.file.unlock();
    }
}

impl Replay for SpoolClaim {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        self.message.shape(accepts)
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        self.message.blocks(shape)
    }
}

impl ClaimedItem for SpoolClaim {
    fn item(&self) -> &Item {
        &self.item
    }

    fn history(&self) -> History {
        self.state().history.clone()
    }

    fn record(&self, event: ItemEvent, durability: Durability) -> Result<(), QueueError> {
        let at = from_milliseconds(milliseconds(SystemTime::now()));
        let record = Record { at, event };
        let mut state = self.state();
        let ClaimState { history, journal } = &mut *state;
        history
            .check(&record.event)
            .map_err(|why| self.path.file_error(why))?;
        journal.append(&self.path, &record, durability)?;
        history.apply(&record);
        Ok(())
    }

    fn remove(self: Box<Self>) -> Result<(), QueueError> {
        let ItemPath { layout, area, id } = &self.path;
        match area {
            Area::Active => {
                layout.items.unlink(id.as_str())?;
                layout.add_removed(id.clone())
            }
            Area::Failed => failed::remove(layout, id),
        }
    }

    fn fail(self: Box<Self>, reason: &str) -> Result<(), QueueError> {
        match self.path.area {
            Area::Active => failed::fail(&self.path, reason),
            Area::Failed => Ok(()),
        }
    }
}

/// An item in its current state, without a claim.
pub fn item(path: &ItemPath) -> Result<Option<Item>, QueueError> {
    let Some(view) = view(path)? else {
        return Ok(None);
    };
    item_of(path, view.head, &view.records).map(Some)
}

pub fn journal(path: &ItemPath) -> Result<Option<Vec<Record>>, QueueError> {
    Ok(view(path)?.map(|view| view.records))
}

pub fn message(path: &ItemPath) -> Result<Option<Box<dyn Replay>>, QueueError> {
    let view = view(path)?;
    Ok(view.map(|view| -> Box<dyn Replay> { Box::new(view.head.message(view.file)) }))
}

/// An item that is read without a claim: its owner may change, move or remove it meanwhile.
struct ItemView {
    file: File,
    head: FileHead,
    records: Vec<Record>,
}

fn view(path: &ItemPath) -> Result<Option<ItemView>, QueueError> {
    let failed = |error| path.file_error(error);
    let file = path.directory().open_regular(path.name(), OFlags::RDONLY);
    let Some(file) = file.map_err(failed)? else {
        return Ok(None);
    };
    let head = FileHead::read(&file).map_err(failed)?;
    let metadata = head.first_line.checksum;
    let mut contents = read_file(path.directory(), &path.log(), metadata).map_err(failed)?;
    if contents.is_none() && !path.refers_to(&file)? {
        // It was removed during the read, with its journal.
        return Ok(None);
    }
    if contents.is_none() && path.area == Area::Failed {
        // Its move to the failed items was not finished.
        contents = read_file(&path.layout.items, &path.log(), metadata).map_err(failed)?;
    }
    let records = contents.unwrap_or_default().records;
    Ok(Some(ItemView {
        file,
        head,
        records,
    }))
}

fn item_of(path: &ItemPath, head: FileHead, records: &[Record]) -> Result<Item, QueueError> {
    let recipients = head.read.metadata.envelope.recipients.len();
    let history = History::replay(recipients, records);
    Ok(Item {
        id: path.id.clone(),
        metadata: head.read.metadata,
        size: head.first_line.message,
        history: history.map_err(|why| path.file_error(why))?,
        failed: match path.area {
            Area::Active => None,
            Area::Failed => Some(failed::reason_of(path)),
        },
    })
}
