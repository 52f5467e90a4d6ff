//! The file of a journal, and appending to it.

use crate::queue::store::journal;
use crate::queue::store::journal::JournalContents;
use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::file;
use crate::queue::store::spool::file::Flaw;
use crate::queue::store::spool::layout::ItemPath;
use crate::queue::store::{QueueError, Record, Safety};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read as _, Write as _};

/// Maximum length of a journal. Ten thousand recipients tried for five days need half of it.
const LONGEST: u64 = 256 << 20;

const APPEND: OFlags = OFlags::RDWR.union(OFlags::APPEND);

/// The journal of a claimed item.
pub struct ItemLog {
    /// `None`: not created yet.
    file: Option<File>,
    /// The checksum of the metadata.
    metadata: u32,
    /// Length in octets of the intact part.
    good: u64,
    /// True if there may be octets after the intact part.
    is_torn: bool,
    /// True if its name is known to be on disk.
    is_named: bool,
}

/// A journal opened for appending, and its entries.
pub struct Opened {
    pub log: ItemLog,
    pub entries: Vec<Record>,
}

/// Reads the journal with this name; `None`: no such file.
pub fn told(
    directory: &Directory,
    name: &str,
    metadata: u32,
) -> Result<Option<JournalContents>, Flaw> {
    let Some(file) = file::open(directory, name, OFlags::RDONLY).map_err(of_journal)? else {
        return Ok(None);
    };
    let bytes = all(&file)?;
    Ok(Some(journal::read(&bytes, metadata)?))
}

fn all(file: &File) -> Result<Vec<u8>, Flaw> {
    let length = file.metadata()?.len();
    if length > LONGEST {
        return Err(Flaw::Damage("its journal is longer than any".to_owned()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn of_journal(flaw: Flaw) -> Flaw {
    match flaw {
        Flaw::Damage(why) => Flaw::Damage(why.replacen("it ", "its journal ", 1)),
        flaw @ Flaw::Io(_) => flaw,
    }
}

impl ItemLog {
    /// Creates the journal of an item; the caller syncs its name along with that of the item.
    pub fn create(slot: &ItemPath, metadata: u32) -> Result<Self, QueueError> {
        let (directory, name) = (slot.directory(), slot.log());
        let file = directory
            .create(&name, APPEND)
            .map_err(|error| directory.error("create", &name, error))?;
        Ok(Self {
            file: Some(file),
            metadata,
            good: 0,
            is_torn: false,
            is_named: false,
        })
    }

    /// Opens the journal of an item that was just claimed.
    pub fn open(slot: &ItemPath, metadata: u32) -> Result<Opened, Flaw> {
        let file = file::open(slot.directory(), &slot.log(), APPEND).map_err(of_journal)?;
        let bytes = file.as_ref().map(all).transpose()?.unwrap_or_default();
        let told = journal::read(&bytes, metadata)?;
        let log = Self {
            file,
            metadata,
            good: told.good,
            is_torn: told.good < bytes.len() as u64,
            is_named: told.good > 0,
        };
        let entries = told.entries;
        Ok(Opened { log, entries })
    }

    /// Records that the directory was synced, so that later processes know that the name is on disk and
    /// need not sync it again. If that cannot be written, they sync it.
    pub fn was_named(&mut self) {
        self.is_named = true;
        let head = journal::head(self.metadata);
        let _ = self.write(&head, Safety::Process);
    }

    pub fn append(
        &mut self,
        slot: &ItemPath,
        noted: &Record,
        safety: Safety,
    ) -> Result<(), QueueError> {
        self.make_named(slot)?;
        let mut line = Vec::new();
        if self.good == 0 {
            line = journal::head(self.metadata);
        }
        line.extend(journal::entry(noted));
        let written = self.write(&line, safety);
        written.map_err(|error| slot.directory().error("write to", &slot.log(), error))
    }

    /// Syncs the name, which must be on disk before the first line.
    fn make_named(&mut self, slot: &ItemPath) -> Result<(), QueueError> {
        if self.is_named {
            return Ok(());
        }
        if self.file.is_none() {
            *self = Self::create(slot, self.metadata)?;
        }
        slot.directory().sync()?;
        self.is_named = true;
        Ok(())
    }

    fn write(&mut self, line: &[u8], safety: Safety) -> io::Result<()> {
        self.cut()?;
        let Some(mut file) = self.file.as_ref() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.is_torn = true;
        let written = file.write_all(line).and_then(|()| match safety {
            Safety::Disk => file.sync_data(),
            Safety::Process => Ok(()),
        });
        match written {
            Ok(()) => {
                self.is_torn = false;
                self.good += line.len() as u64;
            }
            // An entry that was not written completely was not noted. If this fails too, the next write
            // tries again.
            Err(_) => drop(self.cut()),
        }
        written
    }

    /// Removes the torn part.
    fn cut(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file
            && self.is_torn
        {
            file.set_len(self.good)?;
            self.is_torn = false;
        }
        Ok(())
    }
}
