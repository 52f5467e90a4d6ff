//! The location of an item: its directory and its file names.

use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::file::Flaw;
use crate::queue::store::spool::layout::{Area, Layout};
use crate::queue::store::{Id, QueueError};
use rustix::fs::fstat;
use std::fs::File;
use std::sync::Arc;

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
