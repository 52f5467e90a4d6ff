//! The file of an item: writing it, and reading its metadata and its message.
//!
//! The octets of a new file are on disk before it gets its name, and the name is on disk before its
//! acceptance is confirmed. It is locked before it becomes visible, so that the process that queues it is
//! the first to deliver it.

use crate::queue::store::item::{from_milliseconds, milliseconds};
use crate::queue::store::spool::directory::{Directory, FileError};
use crate::queue::store::spool::journal::JournalFile;
use crate::queue::store::spool::layout::{Area, ItemPath, Layout, log_of};
use crate::queue::store::spool::metadata::{self, FIRST_LINE_LENGTH, FirstLine, ReadMetadata};
use crate::queue::store::{Id, Metadata, QueueError};
use crate::smtp::blocks::{Accepts, Block, Blocks, BodyType, Replay, Shape};
use crate::system::lock::try_lock;
use crc32fast::Hasher;
use rustix::fs::{OFlags, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::sync::Arc;
use std::time::SystemTime;

/// A message up to this size is written with one call.
const BUFFER: usize = 128 << 10;

/// Attempts to find an unused name.
const TRIES: usize = 16;

/// Upper limit in octets of the first line and the metadata of nearly all items; read at once.
const TYPICAL_METADATA: usize = 4096;

/// Octets per read of the message.
const BLOCK: u64 = 64 << 10;

/// A message to queue, and the form in which it is stored.
pub struct NewItem<'m> {
    pub message: &'m dyn Replay,
    /// The wire form.
    pub shape: Shape,
}

/// A locked file with a name in `tmp/`.
pub struct NewFile<'r> {
    layout: &'r Arc<Layout>,
    name: Id,
    cleanup: RemoveOnDrop<'r>,
    file: File,
}

/// The file of an item that was committed.
pub struct CommittedFile {
    pub path: ItemPath,
    pub file: File,
    pub journal: JournalFile,
}

impl<'r> NewFile<'r> {
    pub fn create(layout: &'r Arc<Layout>) -> Result<Self, QueueError> {
        for _ in 0..TRIES {
            let name = Id::new(SystemTime::now());
            let failed = |error| layout.tmp.error("create", name.as_str(), error);
            let file = match layout.tmp.create(name.as_str(), OFlags::RDWR) {
                Err(Errno::EXIST) => continue,
                created => created.map_err(failed)?,
            };
            let cleanup = RemoveOnDrop::new(&layout.tmp, name.to_string());
            // A cleanup may have come between the creation and the lock, and may have taken the file for a
            // leftover of a crash.
            let is_locked =
                try_lock(&file).map_err(|error| layout.tmp.error("lock", name.as_str(), error))?;
            if is_locked && fstat(&file).map_err(failed)?.st_nlink > 0 {
                return Ok(Self {
                    layout,
                    name,
                    cleanup,
                    file,
                });
            }
        }
        Err(layout.tmp.error("create", "", Errno::EXIST))
    }

    fn error(&self, doing: &'static str, error: impl Into<io::Error>) -> QueueError {
        self.layout.tmp.error(doing, self.name.as_str(), error)
    }

    /// Writes the whole item, and waits until it is on disk.
    pub fn write(&self, metadata: &Metadata, new: &NewItem) -> Result<FileHead, QueueError> {
        let (json, read) = stored_form(metadata, new.shape.transport)
            .map_err(|why| self.error("write", io::Error::new(io::ErrorKind::InvalidInput, why)))?;
        let first_line = self.write_message(&json, new)?;
        self.file
            .sync_all()
            .map_err(|error| self.error("sync", error))?;
        Ok(FileHead { first_line, read })
    }

    /// Writes the metadata and the message, then the first line before both; with a single call if they are
    /// small enough.
    fn write_message(&self, json: &[u8], new: &NewItem) -> Result<FirstLine, QueueError> {
        let write_error = |error| self.error("write", error);
        let mut blocks = new.message.blocks(new.shape);
        let mut buffer = vec![0; FIRST_LINE_LENGTH];
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
        let announced = new.shape.size;
        if size != announced {
            let why = format!(
                "the message has {size} octets instead of {announced}: it changed while it was being read"
            );
            let error = io::Error::new(io::ErrorKind::InvalidData, why);
            return Err(QueueError::Message(error));
        }
        let first_line = FirstLine::of(json, checksum.finalize(), size);
        let line = first_line.to_text();
        if !is_begun {
            buffer[..FIRST_LINE_LENGTH].copy_from_slice(line.as_bytes());
        }
        (&self.file).write_all(&buffer).map_err(write_error)?;
        if is_begun {
            self.file
                .write_all_at(line.as_bytes(), 0)
                .map_err(write_error)?;
        }
        Ok(first_line)
    }

    /// Moves it to an unused name.
    pub fn commit(self, head: &FileHead) -> Result<CommittedFile, QueueError> {
        for _ in 0..TRIES {
            let path = ItemPath::new(self.layout, Area::Active, &Id::new(SystemTime::now()));
            match self.rename(&path) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(path.error("create", error)),
                Ok(()) => return self.finish(path, head),
            }
        }
        Err(self.error("move", Errno::EXIST))
    }

    /// Moves it to this name, unless an item has it. Leftovers of an earlier item with the same name would
    /// be taken for the journal of this one.
    pub fn commit_as(self, id: &Id, head: &FileHead) -> Result<CommittedFile, QueueError> {
        let path = ItemPath::new(self.layout, Area::Active, id);
        let _lock = self.layout.lock()?;
        if self.layout.items.contains(path.name())? || self.layout.failed.contains(path.name())? {
            return Err(path.error("create", Errno::EXIST));
        }
        self.layout.items.unlink(&path.log())?;
        self.rename(&path)
            .map_err(|error| path.error("create", error))?;
        self.finish(path, head)
    }

    fn rename(&self, path: &ItemPath) -> Result<(), Errno> {
        let tmp = &self.layout.tmp;
        tmp.rename_new(self.name.as_str(), path.directory(), path.name())
    }

    /// Creates the journal, and waits until both names are on disk. On failure the file is removed before
    /// the lock, or another process could deliver a message reported as lost to its sender.
    fn finish(self, path: ItemPath, head: &FileHead) -> Result<CommittedFile, QueueError> {
        let Self { cleanup, file, .. } = self;
        cleanup.keep();
        let mut cleanup = RemoveOnDrop::new(path.directory(), path.name().to_owned());
        let mut journal = JournalFile::create(&path, head.first_line.checksum)?;
        cleanup.names.push(log_of(&path.id));
        path.directory().sync()?;
        cleanup.keep();
        journal.record_name_sync();
        Ok(CommittedFile {
            path,
            file,
            journal,
        })
    }
}

/// The metadata in its stored form and as it will be read: an unreadable item must not be committed.
fn stored_form(metadata: &Metadata, body: BodyType) -> Result<(Vec<u8>, ReadMetadata), String> {
    let json = metadata::write(metadata, body)?;
    let read = metadata::read(&json)?;
    let expected = Metadata {
        queued: from_milliseconds(milliseconds(metadata.queued)),
        ..metadata.clone()
    };
    if read.metadata == expected {
        Ok((json, read))
    } else {
        Err("its metadata cannot be written".to_owned())
    }
}

/// Files that are removed on drop unless they are kept.
struct RemoveOnDrop<'d> {
    directory: &'d Directory,
    names: Vec<String>,
}

impl<'d> RemoveOnDrop<'d> {
    fn new(directory: &'d Directory, name: String) -> Self {
        let names = vec![name];
        Self { directory, names }
    }

    fn keep(mut self) {
        self.names.clear();
    }
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.directory.unlink(name);
        }
    }
}

/// The part of a file before the message.
pub struct FileHead {
    pub first_line: FirstLine,
    pub read: ReadMetadata,
}

impl FileHead {
    /// Reads the first line and the metadata, and checks the length of the message.
    pub fn read(file: &File) -> Result<Self, FileError> {
        let start = read(file, TYPICAL_METADATA, 0)?;
        let first_line = FirstLine::parse(&start[..start.len().min(FIRST_LINE_LENGTH)])?;
        let size = file.metadata()?.size();
        match first_line.file_length() {
            Some(length) if length == size => {}
            Some(length) if length > size => {
                let why = format!("it ends after {size} of {length} octets");
                return Err(FileError::Damaged(why));
            }
            _ => {
                let why = "it is longer than expected".to_owned();
                return Err(FileError::Damaged(why));
            }
        }
        let length = first_line.metadata;
        let metadata = match start.get(FIRST_LINE_LENGTH..FIRST_LINE_LENGTH + length) {
            Some(metadata) => first_line.metadata(metadata),
            None => first_line.metadata(&read(file, length, FIRST_LINE_LENGTH as u64)?),
        };
        let read = metadata?;
        Ok(Self { first_line, read })
    }

    /// The message of the file that this was read from.
    pub fn message(&self, file: File) -> StoredMessage {
        StoredMessage {
            file,
            start: self.first_line.message_start(),
            checksum: self.first_line.message_checksum,
            shape: Shape {
                transport: self.read.body_type,
                utf8: self.read.metadata.utf8_header,
                size: self.first_line.message,
            },
        }
    }
}

/// Reads this number of octets from an offset, or fewer at the end of the file.
fn read(file: &File, length: usize, from: u64) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut octets[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(filled);
    Ok(octets)
}

/// The message in an item's file, as a stream that can be read again.
pub struct StoredMessage {
    pub file: File,
    start: u64,
    checksum: u32,
    shape: Shape,
}

impl Replay for StoredMessage {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        self.shape.suits(accepts).then_some(self.shape)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(StoredMessageReader {
            message: self,
            read: 0,
            checksum: Hasher::new(),
        })
    }
}

struct StoredMessageReader<'m> {
    message: &'m StoredMessage,
    read: u64,
    checksum: Hasher,
}

impl Blocks for StoredMessageReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let count = BLOCK.min(self.message.shape.size - self.read);
        if count == 0 {
            return self.end();
        }
        let start = out.len();
        // At most 64 KiB.
        out.resize(start + usize::try_from(count).unwrap_or(0), 0);
        let from = self.message.start + self.read;
        self.message.file.read_exact_at(&mut out[start..], from)?;
        self.checksum.update(&out[start..]);
        self.read += count;
        Ok(Block::Lines)
    }
}

impl StoredMessageReader<'_> {
    /// Ends the message only if its checksum is right, so that a damaged message is never completed.
    fn end(&self) -> io::Result<Block> {
        if self.checksum.clone().finalize() == self.message.checksum {
            return Ok(Block::End);
        }
        let why = "the message in the queue is damaged: its checksum is wrong";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}
