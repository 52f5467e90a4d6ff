//! Unnamed temporary files with the messages that are not in a Maildir. A file is freed with the last of its messages.

use crate::mail::message::Source;
use memchr::memmem;
use rustix::fs::FallocateFlags;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

/// Octets of a message that are kept in memory until it is complete.
const MAX_BUFFER: usize = 64 * 1024;

const BLOCK: usize = 64 * 1024;

/// Messages of one file.
const MAX_MESSAGES: usize = 512;

/// The space of a larger message is freed when it is deleted, before that of the other messages in its file.
const LARGE: u64 = 64 * 1024;

#[derive(Debug)]
pub struct Spool(Mutex<Segment>);

/// The file to which messages are appended.
#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    end: u64,
    messages: usize,
}

impl Segment {
    fn new() -> io::Result<Segment> {
        Ok(Segment {
            file: Arc::new(tempfile::tempfile()?),
            end: 0,
            messages: 0,
        })
    }
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

/// The place of a message in a file.
#[derive(Clone, Debug)]
pub struct SpoolPlace {
    file: Arc<File>,
    start: u64,
    size: u64,
}

impl Draft {
    /// True if the header may have a field of this name.
    pub fn may_have_field(&self, name: &str) -> bool {
        let end = memmem::find(&self.buffer, b"\r\n\r\n");
        let header = &self.buffer[..end.unwrap_or(self.buffer.len())];
        let mut lines = header.split(|&byte| byte == b'\n');
        let is_field = |line: &[u8]| {
            let start = line.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        self.file.is_some() || lines.any(is_field)
    }
}

impl Spool {
    pub fn new() -> io::Result<Spool> {
        Ok(Spool(Mutex::new(Segment::new()?)))
    }

    /// Stores a complete message.
    pub fn append(&self, draft: &Draft) -> io::Result<SpoolPlace> {
        // If it cannot be written, the space remains unused.
        let place = self.reserve(draft.size);
        let mut at = place.start;
        if let Some(file) = &draft.file {
            let mut block = vec![0; BLOCK];
            let (mut from, length) = (0, draft.size - draft.buffer.len() as u64);
            while from < length {
                let count = file.read_at(&mut block, from)?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                place.file.write_all_at(&block[..count], at)?;
                (from, at) = (from + count as u64, at + count as u64);
            }
        }
        place.file.write_all_at(&draft.buffer, at)?;
        Ok(place)
    }

    fn reserve(&self, size: u64) -> SpoolPlace {
        let mut segment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a new file, the old one becomes larger.
        if segment.messages >= MAX_MESSAGES
            && let Ok(next) = Segment::new()
        {
            *segment = next;
        }
        let start = segment.end;
        segment.end += size;
        segment.messages += 1;
        SpoolPlace {
            file: Arc::clone(&segment.file),
            start,
            size,
        }
    }
}

impl SpoolPlace {
    pub fn open(&self) -> io::Result<Source> {
        Ok(Source::in_spool(
            "the message".to_owned(),
            self.file.try_clone()?,
            self.start..self.start + self.size,
        ))
    }

    /// Frees the space of a large message.
    pub fn free(&self) {
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if self.size >= LARGE {
            // Without this, the space is freed with the file.
            let _ = rustix::fs::fallocate(&*self.file, how, self.start, self.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(size: usize) -> Draft {
        let mut draft = Draft::default();
        for block in vec![octet(size); size].chunks(1000) {
            draft.write(block).unwrap();
        }
        draft
    }

    fn octet(size: usize) -> u8 {
        b'a' + u8::try_from(size % 20).unwrap()
    }

    #[test]
    fn messages_of_all_sizes_are_kept_apart() {
        let spool = Spool::new().unwrap();
        let sizes = [0, 10, MAX_BUFFER, 3 * MAX_BUFFER + 1, 7];
        let places = sizes.map(|size| (spool.append(&draft(size)).unwrap(), size));
        places[3].0.free();
        for (place, size) in &places {
            let source = place.open().unwrap();
            let mut bytes = vec![0; size + 1];
            assert_eq!(source.read_at(&mut bytes, 0).unwrap(), *size);
            if *size != sizes[3] {
                assert!(
                    bytes[..*size].iter().all(|&byte| byte == octet(*size)),
                    "{size}"
                );
            }
        }
    }

    #[test]
    fn file_is_freed_with_the_last_of_its_messages() {
        let spool = Spool::new().unwrap();
        let places: Vec<SpoolPlace> = (0..MAX_MESSAGES)
            .map(|_| spool.append(&draft(10)).unwrap())
            .collect();
        let file = Arc::downgrade(&places[0].file);
        let next = spool.append(&draft(10)).unwrap();
        assert!(!Arc::ptr_eq(&places[0].file, &next.file));
        let mut places = places.into_iter();
        let last = places.next_back();
        places.for_each(drop);
        assert!(file.upgrade().is_some());
        drop(last);
        assert!(file.upgrade().is_none());
    }
}
