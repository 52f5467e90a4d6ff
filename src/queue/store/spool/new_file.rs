//! A message on its way into the spool.
//!
//! Its octets are on disk before it gets its name, and the name is on disk before its acceptance is
//! confirmed. It is locked before it becomes visible, so that the process that queues it is the first to
//! deliver it.

use crate::queue::store::journal::{milliseconds, moment};
use crate::queue::store::spool::claim::SpoolClaim;
use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::file::ItemContents;
use crate::queue::store::spool::layout::{Area, Layout};
use crate::queue::store::spool::layout::{ItemPath, log_of};
use crate::queue::store::spool::log::{ItemLog, Opened};
use crate::queue::store::spool::metadata;
use crate::queue::store::spool::metadata::{FIRST_LINE, Lengths, ReadMetadata};
use crate::queue::store::{Id, Metadata, QueueError};
use crate::smtp::blocks::{Block, BodyType, Replay, Shape};
use crate::system::lock::try_lock;
use crc32fast::Hasher;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

/// A message up to this size is written with one call.
const BUFFER: usize = 128 << 10;

/// Attempts to find an unused name.
const TRIES: usize = 16;

/// Commits an item, under a name of its own or under this one.
pub fn add(
    rooms: &Arc<Layout>,
    metadata: &Metadata,
    message: &NewItem,
    id: Option<&Id>,
) -> Result<SpoolClaim, QueueError> {
    let draft = NewFile::begin(rooms)?;
    let contents = draft.write(metadata, message)?;
    match id {
        Some(id) => draft.commit_as(id, contents),
        None => draft.commit(contents),
    }
}

/// A message to queue, and the form in which it is stored.
pub struct NewItem<'m> {
    pub message: &'m dyn Replay,
    /// The wire form.
    pub shape: Shape,
}

/// A locked file with a name in `tmp/`.
struct NewFile<'r> {
    rooms: &'r Arc<Layout>,
    name: Id,
    litter: Leftover<'r>,
    file: File,
}

impl<'r> NewFile<'r> {
    fn begin(rooms: &'r Arc<Layout>) -> Result<Self, QueueError> {
        for _ in 0..TRIES {
            let name = Id::new(SystemTime::now());
            let failed = |error| rooms.tmp.error("create", name.as_str(), error);
            let file = match rooms.tmp.create(name.as_str(), OFlags::RDWR) {
                Err(Errno::EXIST) => continue,
                created => created.map_err(failed)?,
            };
            let litter = Leftover::new(&rooms.tmp, name.to_string());
            // A cleanup may have come between the creation and the lock, and may have taken the file for a
            // leftover of a crash.
            let is_locked =
                try_lock(&file).map_err(|error| rooms.tmp.error("lock", name.as_str(), error))?;
            if is_locked && fstat(&file).map_err(failed)?.st_nlink > 0 {
                return Ok(Self {
                    rooms,
                    name,
                    litter,
                    file,
                });
            }
        }
        Err(rooms.tmp.error("create", "", Errno::EXIST))
    }

    fn error(&self, doing: &'static str, error: impl Into<io::Error>) -> QueueError {
        self.rooms.tmp.error(doing, self.name.as_str(), error)
    }

    /// Writes all of it and waits until it is on disk.
    fn write(&self, metadata: &Metadata, message: &NewItem) -> Result<ItemContents, QueueError> {
        let transport = message.shape.transport;
        let (json, read) = readable(metadata, transport)
            .map_err(|why| self.error("write", io::Error::new(io::ErrorKind::InvalidInput, why)))?;
        let lengths = self.write_message(&json, message)?;
        self.file
            .sync_all()
            .map_err(|error| self.error("sync", error))?;
        Ok(ItemContents { lengths, read })
    }

    /// Writes the metadata and the message, then the first line before both; with a single call if they are
    /// small enough.
    fn write_message(&self, json: &[u8], original: &NewItem) -> Result<Lengths, QueueError> {
        let write_error = |error| self.error("write", error);
        let mut blocks = original.message.blocks(original.shape);
        let mut buffer = vec![0; FIRST_LINE];
        buffer.extend_from_slice(json);
        let (mut checksum, mut size, mut is_begun) = (Hasher::new(), 0, false);
        loop {
            let start = buffer.len();
            let block = blocks.append(&mut buffer).map_err(QueueError::Message)?;
            checksum.update(&buffer[start..]);
            size += (buffer.len() - start) as u64;
            if block == Block::End {
                break;
            }
            if buffer.len() >= BUFFER {
                (&self.file).write_all(&buffer).map_err(write_error)?;
                buffer.clear();
                is_begun = true;
            }
        }
        if size != original.shape.size {
            return Err(QueueError::Message(changed(size, original.shape.size)));
        }
        let lengths = Lengths::of(json, checksum.finalize(), size);
        let line = lengths.line();
        if !is_begun {
            buffer[..FIRST_LINE].copy_from_slice(line.as_bytes());
        }
        (&self.file).write_all(&buffer).map_err(write_error)?;
        if is_begun {
            self.file
                .write_all_at(line.as_bytes(), 0)
                .map_err(write_error)?;
        }
        Ok(lengths)
    }

    /// Gives it an unused name.
    fn commit(self, contents: ItemContents) -> Result<SpoolClaim, QueueError> {
        for _ in 0..TRIES {
            let slot = ItemPath::new(self.rooms, Area::Alive, &Id::new(SystemTime::now()));
            match self.rename(&slot) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(slot.error("create", error)),
                Ok(()) => return self.committed(&slot, contents),
            }
        }
        Err(self.error("move", Errno::EXIST))
    }

    /// Gives it this name, unless an item has it. Leftovers of an earlier item with the same name would be
    /// taken for the journal of this one.
    fn commit_as(self, id: &Id, contents: ItemContents) -> Result<SpoolClaim, QueueError> {
        let slot = ItemPath::new(self.rooms, Area::Alive, id);
        let _lock = self.rooms.lock()?;
        if self.rooms.items.has(slot.name())? || self.rooms.dead.has(slot.name())? {
            return Err(slot.error("create", Errno::EXIST));
        }
        self.rooms.items.unlink(&slot.log())?;
        self.rename(&slot)
            .map_err(|error| slot.error("create", error))?;
        self.committed(&slot, contents)
    }

    fn rename(&self, slot: &ItemPath) -> Result<(), Errno> {
        let tmp = &self.rooms.tmp;
        tmp.rename_new(self.name.as_str(), slot.directory(), slot.name())
    }

    /// It has its name; when that is on disk, it is safe. On failure the file is removed before the lock,
    /// or another process could deliver a message reported as lost to its sender.
    fn committed(self, slot: &ItemPath, contents: ItemContents) -> Result<SpoolClaim, QueueError> {
        let Self { litter, file, .. } = self;
        litter.keep();
        let mut litter = Leftover::new(slot.directory(), slot.name().to_owned());
        let mut log = ItemLog::create(slot, contents.lengths.checksum)?;
        litter.names.push(log_of(&slot.id));
        slot.directory().sync()?;
        litter.keep();
        log.was_named();
        let entries = Vec::new();
        SpoolClaim::new(slot, file, contents, Opened { log, entries })
    }
}

/// The metadata in its stored form and as it will be read: an unreadable item must not be committed.
fn readable(metadata: &Metadata, transport: BodyType) -> Result<(Vec<u8>, ReadMetadata), String> {
    let json = metadata::write(metadata, transport)?;
    let read = metadata::read(&json)?;
    let queued = moment(milliseconds(metadata.queued));
    if read.metadata
        == (Metadata {
            queued,
            ..metadata.clone()
        })
    {
        Ok((json, read))
    } else {
        Err("its letter cannot be written down".to_owned())
    }
}

fn changed(size: u64, announced: u64) -> io::Error {
    let why = format!("the message has {size} octets instead of {announced}: it changed meanwhile");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Files that are removed on drop unless they are kept.
struct Leftover<'d> {
    directory: &'d Directory,
    names: Vec<String>,
}

impl<'d> Leftover<'d> {
    fn new(directory: &'d Directory, name: String) -> Self {
        let names = vec![name];
        Self { directory, names }
    }

    fn keep(mut self) {
        self.names.clear();
    }
}

impl Drop for Leftover<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.directory.unlink(name);
        }
    }
}
