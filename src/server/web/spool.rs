//! An unnamed temporary file with the messages that are not in a Maildir. Its space is freed when they are deleted.

use crate::mail::message::Source;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets of a message that are kept in memory until it is complete.
const MAX_BUFFER: usize = 64 * 1024;

const BLOCK: usize = 64 * 1024;

#[derive(Debug)]
pub struct Spool {
    file: File,
    end: AtomicU64,
}

/// A message on its way into the spool.
#[derive(Default)]
pub struct Draft {
    buffer: Vec<u8>,
    /// `None`: all of it is in the buffer.
    file: Option<File>,
    size: u64,
}

impl Draft {
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > MAX_BUFFER {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile()?),
            };
            file.write_all(&self.buffer)?;
            self.buffer.clear();
            return file.write_all(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }
}

impl Spool {
    pub fn new() -> io::Result<Spool> {
        Ok(Spool {
            file: tempfile::tempfile()?,
            end: AtomicU64::default(),
        })
    }

    /// Stores a complete message, and returns its offset.
    pub fn append(&self, draft: &Draft) -> io::Result<u64> {
        // If it cannot be written, the space remains unused.
        let start = self.end.fetch_add(draft.size, Ordering::Relaxed);
        let mut at = start;
        if let Some(file) = &draft.file {
            let mut block = vec![0; BLOCK];
            let (mut from, length) = (0, draft.size - draft.buffer.len() as u64);
            while from < length {
                let count = file.read_at(&mut block, from)?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.file.write_all_at(&block[..count], at)?;
                (from, at) = (from + count as u64, at + count as u64);
            }
        }
        self.file.write_all_at(&draft.buffer, at)?;
        Ok(start)
    }

    pub fn open(&self, start: u64, size: u64) -> io::Result<Source> {
        let file = self.file.try_clone()?;
        Ok(Source::in_spool(
            "the message".to_owned(),
            file,
            start..start + size,
        ))
    }

    /// Frees the space of a message.
    pub fn remove(&self, start: u64, size: u64) {
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if size > 0 {
            // Without this, the space is freed at the end.
            let _ = rustix::fs::fallocate(&self.file, how, start, size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_all_sizes_are_kept_apart() {
        let spool = Spool::new().unwrap();
        let sizes = [0, 10, MAX_BUFFER, 3 * MAX_BUFFER + 1, 7];
        let mut places = Vec::new();
        for size in sizes {
            let mut draft = Draft::default();
            for block in vec![b'a' + u8::try_from(size % 20).unwrap(); size].chunks(1000) {
                draft.write(block).unwrap();
            }
            places.push((spool.append(&draft).unwrap(), size));
        }
        spool.remove(places[3].0, sizes[3] as u64);
        for (start, size) in places {
            let source = spool.open(start, size as u64).unwrap();
            let mut bytes = vec![0; size + 1];
            assert_eq!(source.read_at(&mut bytes, 0).unwrap(), size);
            let octet = b'a' + u8::try_from(size % 20).unwrap();
            if size != sizes[3] {
                assert!(bytes[..size].iter().all(|&byte| byte == octet), "{size}");
            }
        }
    }
}
