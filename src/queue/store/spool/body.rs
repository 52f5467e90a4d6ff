//! The message in an item's file, as a stream that can be read again.

use crate::queue::store::spool::metadata::{Lengths, ReadMetadata};
use crate::smtp::blocks::{Accepts, Block, Blocks, Replay, Shape};
use crc32fast::Hasher;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Octets per read.
const BLOCK: u64 = 64 << 10;

/// The message in an item's file.
pub struct StoredMessage {
    file: File,
    start: u64,
    checksum: u32,
    shape: Shape,
}

impl StoredMessage {
    /// The message of a file with these lengths.
    pub fn new(file: File, lengths: &Lengths, read: &ReadMetadata) -> Self {
        Self {
            file,
            start: lengths.message_start(),
            checksum: lengths.message_checksum,
            shape: Shape {
                transport: read.transport,
                utf8: read.metadata.utf8_header,
                size: lengths.message,
            },
        }
    }

    /// The file that contains it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its octets.
    pub fn size(&self) -> u64 {
        self.shape.size
    }
}

impl Replay for StoredMessage {
    fn shape(&self, able: Accepts) -> Option<Shape> {
        self.shape.suits(able).then_some(self.shape)
    }

    fn blocks(&self, _: Shape) -> Box<dyn Blocks + '_> {
        Box::new(StoredMessageReader {
            body: self,
            read: 0,
            checksum: Hasher::new(),
        })
    }
}

/// A message being read.
struct StoredMessageReader<'b> {
    body: &'b StoredMessage,
    read: u64,
    checksum: Hasher,
}

impl Blocks for StoredMessageReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        let count = BLOCK.min(self.body.shape.size - self.read);
        if count == 0 {
            return self.end();
        }
        let start = out.len();
        // At most 64 KiB.
        out.resize(start + usize::try_from(count).unwrap_or(0), 0);
        let from = self.body.start + self.read;
        self.body.file.read_exact_at(&mut out[start..], from)?;
        self.checksum.update(&out[start..]);
        self.read += count;
        Ok(Block::Lines)
    }
}

impl StoredMessageReader<'_> {
    /// Ends the message only if its checksum is right, so that a damaged message is never completed.
    fn end(&self) -> io::Result<Block> {
        if self.checksum.clone().finalize() == self.body.checksum {
            return Ok(Block::End);
        }
        let why = "the message in the queue is damaged: its checksum is wrong";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}
