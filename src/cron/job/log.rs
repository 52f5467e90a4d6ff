//! The output of a command, in little memory: its beginning and its end unchanged, and all of it compressed
//! in an unnamed file, which is encrypted: a profile may ask for encryption of the mail that has it.

use crate::system::sealed_file::{SealedFile, SealedWriter};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Octets of the beginning that are kept in memory.
const HEAD: usize = 64 * 1024;

/// Octets of the end that are kept in memory.
const TAIL: usize = 64 * 1024;

#[derive(Debug)]
pub struct JobLog {
    head: Vec<u8>,
    tail: Vec<u8>,
    bytes: u64,
    lines: u64,
    rest: LogTail,
    /// True for each of stdout and stderr that was written to.
    pub(super) streams: [bool; 2],
}

/// The output after the head.
#[derive(Debug)]
enum LogTail {
    Nothing,
    /// All of it, the head too, in the format of gzip.
    Whole(Arc<SealedFile>),
    /// The middle is missing.
    Cut {
        missing: u64,
        /// The rest, with a line that reports how much is missing.
        kept: KeptParts,
    },
}

/// The parts of a log that were kept without its middle.
#[derive(Debug)]
enum KeptParts {
    Compressed(Arc<SealedFile>),
    /// This many octets of the beginning and of the end.
    Ends(usize, usize),
}

impl JobLog {
    /// The log of a command that wrote nothing.
    pub fn empty() -> Self {
        Recorder::new(0).finish([false; 2])
    }

    /// Number of octets, including missing ones.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of lines. The last one may have no line end.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Number of octets that were not kept.
    pub fn missing(&self) -> u64 {
        match self.rest {
            LogTail::Cut { missing, .. } => missing,
            LogTail::Nothing | LogTail::Whole(_) => 0,
        }
    }

    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The end of the output after the head. Empty: the head is the whole output.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// True if head and tail are the whole output.
    pub fn is_in_memory(&self) -> bool {
        self.bytes == (self.head.len() + self.tail.len()) as u64
    }

    /// The file with all that was kept, in gzip format. `None`: head and tail are all that was kept.
    pub fn compressed(&self) -> Option<&Arc<SealedFile>> {
        match &self.rest {
            LogTail::Whole(file)
            | LogTail::Cut {
                kept: KeptParts::Compressed(file),
                ..
            } => Some(file),
            LogTail::Nothing | LogTail::Cut { .. } => None,
        }
    }

    /// Reads all that was kept.
    pub fn read(&self) -> Box<dyn Read + '_> {
        if let Some(file) = self.compressed() {
            return Box::new(MultiGzDecoder::new(FileReader { file, at: 0 }));
        }
        let LogTail::Cut {
            missing,
            kept: KeptParts::Ends(begin, end),
        } = self.rest
        else {
            return Box::new(self.head.as_slice().chain(self.tail.as_slice()));
        };
        let between = io::Cursor::new(gap_line(missing).into_bytes());
        let all = end_of(self.bytes, &self.head, &self.tail);
        let end = io::Cursor::new(all[all.len() - end..].to_vec());
        Box::new(self.head[..begin].chain(between).chain(end))
    }
}

struct FileReader<'f> {
    file: &'f SealedFile,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.len() - self.at).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        self.file.read_exact_at(&mut buffer[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// The line that replaces missing output.
fn gap_line(missing: u64) -> String {
    format!("\n... {missing} bytes omitted ...\n")
}

/// The longest end of the output that is in memory.
fn end_of<'l>(bytes: u64, head: &'l [u8], tail: &'l [u8]) -> Cow<'l, [u8]> {
    match bytes == (head.len() + tail.len()) as u64 {
        true if tail.is_empty() => Cow::Borrowed(head),
        true => Cow::Owned([head, tail].concat()),
        false => Cow::Borrowed(tail),
    }
}

pub struct Recorder {
    head: Vec<u8>,
    tail: Tail,
    bytes: u64,
    newlines: u64,
    ends_line: bool,
    limit: u64,
    /// Number of octets in the compressed file.
    compressed_input: u64,
    store: LogStore,
}

enum LogStore {
    /// Nothing is compressed yet.
    Memory,
    Disk(Box<Packer>),
    /// The compressed file has reached its limit.
    Full(Box<SealedWriter>),
    /// There is no compressed file.
    Nothing,
}

/// Compresses into a file of limited length.
struct Packer {
    encoder: GzEncoder<SealedWriter>,
    /// Upper bound of the octets that the encoder still holds.
    buffered: u64,
}

/// Upper bound of the header, trailer and flush marker of a gzip member (RFC 1952 §2.3), in octets.
const GZIP_OVERHEAD: u64 = 64;

/// The longest text that is certain to fit into this space after compression: each octet may need nine bits.
fn certain_to_fit(space: u64) -> u64 {
    space.saturating_sub(GZIP_OVERHEAD) / 9 * 8
}

impl Packer {
    fn new(file: SealedWriter) -> Self {
        // The fastest level: the job waits for this.
        let encoder = GzEncoder::new(file, Compression::fast());
        Self {
            encoder,
            buffered: 0,
        }
    }

    /// Writes as many octets as are certain to fit, and returns their number.
    fn write(&mut self, bytes: &[u8], limit: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let left = bytes.len() - done;
            let mut count = self.space(limit).min(left);
            if count < left && self.buffered > 0 {
                self.encoder.flush()?;
                self.buffered = 0;
                count = self.space(limit).min(left);
            }
            if count == 0 {
                break;
            }
            self.encoder.write_all(&bytes[done..done + count])?;
            self.buffered += count as u64;
            done += count;
        }
        Ok(done)
    }

    fn space(&self, limit: u64) -> usize {
        let certain_to_fit = certain_to_fit(limit.saturating_sub(self.encoder.get_ref().len()));
        usize::try_from(certain_to_fit.saturating_sub(self.buffered)).unwrap_or(usize::MAX)
    }
}

impl Recorder {
    /// `limit`: maximum size of the compressed log, in octets.
    pub fn new(limit: u64) -> Self {
        Self {
            head: Vec::new(),
            tail: Tail::default(),
            bytes: 0,
            newlines: 0,
            ends_line: true,
            limit,
            compressed_input: 0,
            store: LogStore::Memory,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.ends_line = *last == b'\n';
        self.newlines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.bytes += bytes.len() as u64;
        let space = HEAD - self.head.len();
        let (first, rest) = bytes.split_at(space.min(bytes.len()));
        self.head.extend_from_slice(first);
        if !rest.is_empty() {
            self.tail.push(rest);
            self.store(rest);
        }
    }

    fn store(&mut self, bytes: &[u8]) {
        if let LogStore::Memory = self.store {
            self.begin();
        }
        self.pack(bytes);
    }

    /// Begins the file with the output in memory.
    fn begin(&mut self) {
        self.store = match temporary() {
            Ok(file) => LogStore::Disk(Box::new(Packer::new(file))),
            Err(_) => LogStore::Nothing,
        };
        let head = std::mem::take(&mut self.head);
        self.pack(&head);
        self.head = head;
    }

    fn pack(&mut self, bytes: &[u8]) {
        let limit = self.limit - self.reserve();
        let LogStore::Disk(packer) = &mut self.store else {
            return;
        };
        match packer.write(bytes, limit) {
            Ok(count) => {
                self.compressed_input += count as u64;
                if count < bytes.len() {
                    self.end_early();
                }
            }
            // The disk is full: the file is an incomplete gzip stream.
            Err(_) => self.store = LogStore::Nothing,
        }
    }

    /// The part of the limit that is left for the end of the log.
    fn reserve(&self) -> u64 {
        let end_size = GZIP_OVERHEAD + TAIL as u64 / 8 * 9 + 2 * GZIP_OVERHEAD;
        end_size.min(self.limit / 2)
    }

    fn end_early(&mut self) {
        let LogStore::Disk(packer) = std::mem::replace(&mut self.store, LogStore::Nothing) else {
            return;
        };
        if let Ok(begin) = packer.encoder.finish() {
            self.store = LogStore::Full(Box::new(begin));
        }
    }

    /// Ends the log. `streams`: true for each stream that was written to.
    pub fn finish(mut self, streams: [bool; 2]) -> JobLog {
        if matches!(self.store, LogStore::Memory) && self.bytes > self.limit {
            self.begin();
        }
        let tail = std::mem::take(&mut self.tail).bytes();
        let rest = self.rest(&tail);
        JobLog {
            head: self.head,
            tail,
            bytes: self.bytes,
            lines: self.newlines + u64::from(!self.ends_line),
            rest,
            streams,
        }
    }

    fn rest(&mut self, tail: &[u8]) -> LogTail {
        let begin = match std::mem::replace(&mut self.store, LogStore::Nothing) {
            LogStore::Memory => return LogTail::Nothing,
            LogStore::Disk(packer) => {
                match packer.encoder.finish().and_then(SealedWriter::finish) {
                    Ok(file) => return LogTail::Whole(Arc::new(file)),
                    Err(_) => None,
                }
            }
            LogStore::Full(begin) => Some(*begin),
            LogStore::Nothing => None,
        };
        let end = end_of(self.bytes, &self.head, tail);
        begin
            .and_then(|begin| self.with_end(begin, &end))
            .unwrap_or_else(|| self.ends(&end))
    }

    /// The beginning, and the end after it as another member of the file. `None`: that is not possible.
    fn with_end(&self, begin: SealedWriter, end: &[u8]) -> Option<LogTail> {
        // The gap and the end are one member.
        let space = certain_to_fit(self.limit.checked_sub(begin.len() + GZIP_OVERHEAD)?);
        let remaining = self.bytes - self.compressed_input;
        let count = space.min(remaining).min(end.len() as u64);
        let missing = remaining - count;
        let mut encoder = GzEncoder::new(begin, Compression::fast());
        if missing > 0 {
            encoder.write_all(gap_line(missing).as_bytes()).ok()?;
        }
        let end = &end[end.len() - usize::try_from(count).ok()?..];
        encoder.write_all(end).ok()?;
        let file = Arc::new(encoder.finish().ok()?.finish().ok()?);
        match missing {
            _ if file.len() > self.limit => None,
            0 => Some(LogTail::Whole(file)),
            missing => Some(LogTail::Cut {
                missing,
                kept: KeptParts::Compressed(file),
            }),
        }
    }

    /// The parts of beginning and end that are in memory and within the limit.
    fn ends(&self, end: &[u8]) -> LogTail {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let in_memory = self.head.len() as u64 + end.len() as u64;
        if self.bytes <= self.limit && self.bytes <= in_memory {
            return LogTail::Nothing;
        }
        let begin = self.head.len().min(limit / 2);
        let remaining = usize::try_from(self.bytes).unwrap_or(usize::MAX) - begin;
        let end = end.len().min(limit - begin).min(remaining);
        LogTail::Cut {
            missing: self.bytes - (begin + end) as u64,
            kept: KeptParts::Ends(begin, end),
        }
    }
}

fn temporary() -> io::Result<SealedWriter> {
    let temp_dir = std::env::temp_dir();
    let directories = [temp_dir.as_path(), Path::new("/var/tmp")];
    let mut files = directories.into_iter().map(SealedWriter::new_in);
    let file = files.find_map(Result::ok);
    file.ok_or(io::ErrorKind::NotFound.into())
}

#[derive(Default)]
struct Tail {
    ring: Vec<u8>,
    /// The next position to write, once the ring is full.
    at: usize,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let mut bytes = &bytes[bytes.len().saturating_sub(TAIL)..];
        let space = TAIL - self.ring.len();
        let (fill, rest) = bytes.split_at(space.min(bytes.len()));
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
