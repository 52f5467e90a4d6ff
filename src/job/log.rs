//! What a command writes, in little memory: its beginning and its end as they are, and all of it
//! compressed in a file without a name.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What has no more than this stays in memory.
const HEAD: usize = 64 * 1024;

/// So much of the end is kept.
const TAIL: usize = 64 * 1024;

/// The output of a command that is over.
#[derive(Debug)]
pub struct Log {
    head: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
    lines: u64,
    rest: Rest,
    /// Whether each of the streams was written to.
    pub(super) streams: [bool; 2],
}

/// What the head has no room for.
#[derive(Debug)]
enum Rest {
    /// There is nothing more.
    Nothing,
    /// All of it, the head too, compressed.
    Whole(Compressed),
    /// The middle is missing.
    Cut {
        /// How many octets.
        missing: u64,
        /// What there is, with a line that says what is not.
        there: Option<Compressed>,
    },
}

/// A file in the format of gzip.
#[derive(Debug)]
struct Compressed {
    file: File,
    len: u64,
}

impl Log {
    /// Of a command that wrote nothing.
    #[must_use]
    pub fn empty() -> Self {
        Recorder::new(0).finish([false; 2])
    }

    /// How many octets it has, with those that are missing.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many lines it has; the last one may have no end.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many octets were not kept.
    #[must_use]
    pub fn missing(&self) -> u64 {
        match self.rest {
            Rest::Cut { missing, .. } => missing,
            Rest::Nothing | Rest::Whole(_) => 0,
        }
    }

    /// The beginning.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The end of what comes behind the beginning: where there is none, that is all.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Whether beginning and end are all of it.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.bytes == (self.head.len() + self.tail.len()) as u64
    }

    /// The file with all that was kept, in the format of gzip, and its length; `None` where beginning and
    /// end are all that was kept.
    #[must_use]
    pub fn compressed(&self) -> Option<(&File, u64)> {
        match &self.rest {
            Rest::Whole(there)
            | Rest::Cut {
                there: Some(there), ..
            } => Some((&there.file, there.len)),
            Rest::Nothing | Rest::Cut { there: None, .. } => None,
        }
    }

    /// All that was kept, from its beginning.
    #[must_use]
    pub fn read(&self) -> Box<dyn Read + '_> {
        if let Some((file, len)) = self.compressed() {
            return Box::new(MultiGzDecoder::new(Window { file, at: 0, len }));
        }
        let between = match self.missing() {
            0 => String::new(),
            missing => gap(missing),
        };
        let between = io::Cursor::new(between.into_bytes());
        Box::new(
            self.head
                .as_slice()
                .chain(between)
                .chain(self.tail.as_slice()),
        )
    }
}

/// A file that is read without moving its place, which others share.
struct Window<'f> {
    file: &'f File,
    at: u64,
    len: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// The line that stands for what is missing.
fn gap(missing: u64) -> String {
    format!("\n... {missing} bytes are missing here ...\n")
}

/// Takes what a command writes.
pub struct Recorder {
    head: Vec<u8>,
    tail: Tail,
    bytes: u64,
    newlines: u64,
    ends_line: bool,
    limit: u64,
    store: Store,
}

enum Store {
    /// Nothing is compressed yet.
    Memory,
    Disk(Box<GzEncoder<Counted>>),
    /// No more is kept but the end. `Some` has the beginning, up to what is said here.
    Full {
        begin: Option<Counted>,
        kept: u64,
    },
}

/// A file that knows how much was written to it.
struct Counted {
    file: File,
    len: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Recorder {
    /// With a compressed file of no more than about so many octets.
    pub fn new(limit: u64) -> Self {
        Self {
            head: Vec::new(),
            tail: Tail::default(),
            bytes: 0,
            newlines: 0,
            ends_line: true,
            limit,
            store: Store::Memory,
        }
    }

    /// Goes on with these.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.ends_line = *last == b'\n';
        self.newlines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.bytes += bytes.len() as u64;
        let room = HEAD - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        if !rest.is_empty() {
            self.tail.push(rest);
            self.store(rest);
        }
    }

    fn store(&mut self, bytes: &[u8]) {
        if let Store::Memory = self.store {
            self.store = match begun(&self.head) {
                Ok(encoder) => Store::Disk(Box::new(encoder)),
                Err(_) => self.nothing_kept(),
            };
        }
        let Store::Disk(encoder) = &mut self.store else {
            return;
        };
        if encoder.write_all(bytes).is_err() {
            // The disk is full: what is there has no end, and is no file of gzip.
            self.store = self.nothing_kept();
        } else if encoder.get_ref().len > self.limit {
            self.end_early();
        }
    }

    fn nothing_kept(&self) -> Store {
        Store::Full {
            begin: None,
            kept: self.head.len() as u64,
        }
    }

    /// It is long enough.
    fn end_early(&mut self) {
        let none = self.nothing_kept();
        let Store::Disk(encoder) = std::mem::replace(&mut self.store, none) else {
            return;
        };
        if let Ok(begin) = encoder.finish() {
            self.store = Store::Full {
                begin: Some(begin),
                kept: self.bytes,
            };
        }
    }

    /// The command is over, and has written to these streams.
    pub fn finish(self, streams: [bool; 2]) -> Log {
        let tail = self.tail.bytes();
        let head = self.head.len() as u64;
        let rest = match self.store {
            Store::Memory => Rest::Nothing,
            Store::Disk(encoder) => match encoder.finish() {
                Ok(Counted { file, len }) => Rest::Whole(Compressed { file, len }),
                Err(_) => cut(self.bytes, None, head, &tail),
            },
            Store::Full { begin, kept } => cut(self.bytes, begin, kept, &tail),
        };
        Log {
            head: self.head,
            tail,
            bytes: self.bytes,
            lines: self.newlines + u64::from(!self.ends_line),
            rest,
            streams,
        }
    }
}

/// What is left where not all was kept: the beginning, and the end behind it as another member of the file.
fn cut(bytes: u64, begin: Option<Counted>, kept: u64, tail: &[u8]) -> Rest {
    let behind = bytes - kept;
    let shown = tail
        .len()
        .min(usize::try_from(behind).unwrap_or(usize::MAX));
    let missing = behind - shown as u64;
    let end = &tail[tail.len() - shown..];
    let there = begin.and_then(|begin| with_end(begin, missing, end).ok());
    match (missing, there) {
        (0, Some(there)) => Rest::Whole(there),
        (_, Some(there)) => Rest::Cut {
            missing,
            there: Some(there),
        },
        (_, None) => match bytes - (HEAD as u64).min(bytes) - tail.len() as u64 {
            0 => Rest::Nothing,
            missing => Rest::Cut {
                missing,
                there: None,
            },
        },
    }
}

fn with_end(begin: Counted, missing: u64, end: &[u8]) -> io::Result<Compressed> {
    let mut encoder = GzEncoder::new(begin, Compression::fast());
    if missing > 0 {
        encoder.write_all(gap(missing).as_bytes())?;
    }
    encoder.write_all(end)?;
    let Counted { file, len } = encoder.finish()?;
    Ok(Compressed { file, len })
}

/// A file that begins with this.
fn begun(head: &[u8]) -> io::Result<GzEncoder<Counted>> {
    let usual = std::env::temp_dir();
    let places = [usual.as_path(), Path::new("/var/tmp")];
    let mut files = places.into_iter().map(tempfile::tempfile_in);
    let file = files.find_map(Result::ok).ok_or(io::ErrorKind::NotFound)?;
    // The fastest level: who has a gigabyte to say should not wait for us.
    let mut encoder = GzEncoder::new(Counted { file, len: 0 }, Compression::fast());
    encoder.write_all(head)?;
    Ok(encoder)
}

/// The last octets of a stream.
#[derive(Default)]
struct Tail {
    ring: Vec<u8>,
    /// Where the next one goes, once the ring is full.
    at: usize,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let mut bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
        let room = TAIL - self.ring.len();
        let (fill, rest) = bytes.split_at(room.min(bytes.len()));
        self.ring.extend_from_slice(fill);
        bytes = rest;
        while !bytes.is_empty() {
            let count = bytes.len().min(TAIL - self.at);
            self.ring[self.at..self.at + count].copy_from_slice(&bytes[..count]);
            self.at = (self.at + count) % TAIL;
            bytes = &bytes[count..];
        }
    }

    fn bytes(self) -> Vec<u8> {
        let Self { mut ring, at } = self;
        ring.rotate_left(at);
        ring
    }
}

#[cfg(test)]
mod tests;
