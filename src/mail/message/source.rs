//! Sources of bytes: an argument, a file, a pipe. All can be read more than once.

mod input;
mod lone_dot;
mod writer;

pub use input::{HeldBytes, Input, Waiting, waiting};
pub use writer::SourceWriter;

use crate::mail::message::encode::{ContentScan, ContentScanner};
use crate::system::sealed_file::SealedFile;
use crate::system::text::{BYTE_ORDER_MARK, reason};
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

/// An error while input is opened, read or stored.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read {name}: {}", reason(.error))]
    Read {
        /// The file, safe to show.
        name: String,
        error: io::Error,
    },
    #[error("cannot read {name}: it is {what}")]
    NoFile {
        /// The path, safe to show.
        name: String,
        what: &'static str,
    },
    /// Input that was read cannot be stored.
    #[error("cannot keep {name} in a temporary file in {}: {}", std::env::temp_dir().display(), reason(.error))]
    Spool { name: String, error: io::Error },
}

/// Bytes that can be read at any position, and have a known length.
#[derive(Debug)]
pub struct Source {
    /// The file, safe to show.
    pub name: String,
    pub len: u64,
    /// Number of bytes before them that are left out.
    skipped: u64,
    store: SourceStore,
    /// The first scan with its offset.
    scanned: OnceLock<(u64, ContentScan)>,
}

#[derive(Debug)]
enum SourceStore {
    Memory(Vec<u8>),
    /// A temporary file without a name.
    Sealed(Arc<SealedFile>),
    /// The same with bytes that are not secret or encrypted already.
    Spool(File),
    /// A source with other users.
    Shared(Arc<Source>),
    /// A named file, which another process may change.
    File {
        file: File,
        state: FileState,
    },
}

/// Properties of a file that show if it was changed.
#[derive(Debug)]
struct FileState {
    kind: FileType,
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, u64),
}

impl FileState {
    fn of(file: &File) -> io::Result<Self> {
        let state = rustix::fs::fstat(file)?;
        Ok(Self {
            kind: FileType::from_raw_mode(state.st_mode),
            len: u64::try_from(state.st_size).unwrap_or(0),
            modified: (state.st_mtime, state.st_mtime_nsec),
        })
    }
}

impl Source {
    fn new(name: String, len: u64, store: SourceStore) -> Self {
        Self {
            name,
            len,
            skipped: 0,
            store,
            scanned: OnceLock::new(),
        }
    }

    /// These octets of another source, under a name of their own.
    pub fn part(name: String, whole: &Arc<Self>, octets: Range<u64>) -> Self {
        Self {
            name,
            len: octets.end - octets.start,
            skipped: octets.start,
            store: SourceStore::Shared(Arc::clone(whole)),
            scanned: OnceLock::new(),
        }
    }

    fn cut(&mut self, len: u64) {
        self.scanned.take();
        self.len = len;
        if let SourceStore::Memory(bytes) = &mut self.store {
            bytes.truncate(usize::try_from(self.skipped + len).unwrap_or(usize::MAX));
        }
    }

    /// The same without its first bytes.
    pub fn skipping(mut self, count: u64) -> Self {
        let count = count.min(self.len);
        self.scanned.take();
        self.skipped += count;
        self.len -= count;
        self
    }

    /// The same without a byte order mark.
    pub fn without_byte_order_mark(self) -> Result<Self, SourceError> {
        let mut start = [0; BYTE_ORDER_MARK.len()];
        let count = self.read(&mut start, 0)?;
        let is_marked = start[..count] == *BYTE_ORDER_MARK;
        Ok(self.skipping(if is_marked { count as u64 } else { 0 }))
    }

    /// True if it contains only white space.
    pub fn is_blank(&self) -> Result<bool, SourceError> {
        let mut block = self.block(64 * 1024);
        let mut at = 0;
        loop {
            let count = self.read(&mut block, at)?;
            if count == 0 {
                return Ok(true);
            }
            if !block[..count].iter().all(u8::is_ascii_whitespace) {
                return Ok(false);
            }
            at += count as u64;
        }
    }

    /// Scans the source from `offset` on. A repeated scan does not read it again.
    pub fn scan(&self, offset: u64) -> Result<ContentScan, SourceError> {
        match self.scanned.get() {
            Some((scanned, scan)) if *scanned == offset => return Ok(*scan),
            _ => {}
        }
        let scan = self.scan_now(offset)?;
        let _ = self.scanned.set((offset, scan));
        Ok(scan)
    }

    fn scan_now(&self, offset: u64) -> Result<ContentScan, SourceError> {
        let mut scanner = ContentScanner::default();
        let mut block = self.block(64 * 1024);
        let mut at = offset;
        loop {
            let count = self.read(&mut block, at)?;
            if count == 0 {
                return Ok(scanner.finish());
            }
            scanner.push(&block[..count]);
            at += count as u64;
        }
    }

    /// All of it, for small content that must be parsed as a whole.
    pub fn whole(&self, limit: u64) -> Result<Vec<u8>, SourceError> {
        if self.len > limit {
            return Err(SourceError::NoFile {
                name: self.name.clone(),
                what: "larger than 64 MiB, the limit for Markdown and calendars",
            });
        }
        let mut bytes = self.block(usize::MAX);
        let count = self.read(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// A range of a temporary file that is not changed there.
    pub fn in_spool(name: String, file: File, octets: Range<u64>) -> Self {
        Self {
            skipped: octets.start,
            ..Self::new(name, octets.end - octets.start, SourceStore::Spool(file))
        }
    }

    /// Bytes that are already here.
    pub fn memory(name: String, bytes: Vec<u8>) -> Self {
        Self::new(name, bytes.len() as u64, SourceStore::Memory(bytes))
    }

    /// A buffer for reading this source, no larger than necessary.
    pub fn block(&self, limit: usize) -> Vec<u8> {
        let all = usize::try_from(self.len).unwrap_or(usize::MAX);
        vec![0; all.clamp(1, limit)]
    }

    /// [`Source::read_at`] while a message is being built.
    pub fn read(&self, block: &mut [u8], offset: u64) -> Result<usize, SourceError> {
        self.read_at(block, offset)
            .map_err(|error| SourceError::Read {
                name: self.name.clone(),
                error,
            })
    }

    /// Reads it from its beginning.
    pub fn reader(&self) -> impl Read {
        SourceReader {
            source: self,
            at: 0,
        }
    }

    /// Fills `block` from `offset` on. Less only at the end.
    ///
    /// # Errors
    /// The file cannot be read, or was shortened, extended or written to since it was opened: the end is
    /// reached only if the file is unchanged.
    pub fn read_at(&self, block: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(block.len());
        let offset = offset + self.skipped;
        match &self.store {
            SourceStore::Memory(bytes) => {
                let start = bytes.len() - left.min(bytes.len());
                block[..count].copy_from_slice(&bytes[start..start + count]);
            }
            SourceStore::Shared(source) => {
                source.read_at(&mut block[..count], offset)?;
                if count == left {
                    source.check()?;
                }
            }
            SourceStore::Sealed(file) => {
                let read = file.read_exact_at(&mut block[..count], offset);
                read.map_err(|error| self.unreadable(&error))?;
            }
            SourceStore::Spool(file) => self.read_file(file, &mut block[..count], offset)?,
            SourceStore::File { file, state } => {
                self.read_file(file, &mut block[..count], offset)?;
                if count == left {
                    self.check_unchanged(file, state)?;
                }
            }
        }
        Ok(count)
    }

    /// Fails if the file was changed since it was opened.
    fn check(&self) -> io::Result<()> {
        match &self.store {
            SourceStore::Memory(_) | SourceStore::Sealed(_) | SourceStore::Spool(_) => Ok(()),
            SourceStore::Shared(source) => source.check(),
            SourceStore::File { file, state } => self.check_unchanged(file, state),
        }
    }

    fn read_file(&self, file: &File, block: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(block, offset)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.changed("was truncated"),
                _ => self.unreadable(&error),
            })
    }

    fn unreadable(&self, error: &io::Error) -> io::Error {
        let why = format!("cannot read {}: {}", self.name, reason(error));
        io::Error::new(error.kind(), why)
    }

    fn check_unchanged(&self, file: &File, before: &FileState) -> io::Result<()> {
        let now = FileState::of(file)?;
        if now.len != before.len {
            return Err(self.changed("changed its size"));
        }
        if now.modified != before.modified {
            return Err(self.changed("was modified"));
        }
        Ok(())
    }

    fn changed(&self, how: &str) -> io::Error {
        io::Error::other(format!(
            "{} {how} while it was being sent; the transfer was aborted and nothing was delivered; try \
             again when the file no longer changes",
            self.name
        ))
    }
}

struct SourceReader<'s> {
    source: &'s Source,
    at: u64,
}

impl Read for SourceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::writer::SPOOL_ABOVE;
    use super::*;
    use std::io::Write as _;
    use std::path::Path;

    fn temporary(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_file_is_read_in_blocks_and_again() {
        let file = temporary(b"0123456789");
        let source = Source::file(file.path()).unwrap();
        let mut block = [0; 4];
        for _ in 0..2 {
            assert_eq!(source.read_at(&mut block, 0).unwrap(), 4);
            assert_eq!(&block, b"0123");
            assert_eq!(source.read_at(&mut block, 8).unwrap(), 2);
            assert_eq!(&block[..2], b"89");
            assert_eq!(source.read_at(&mut block, 10).unwrap(), 0);
        }
    }

    #[test]
    fn a_file_that_shrinks_or_grows_is_noticed_before_its_end() {
        for length in [3, 200_000] {
            let file = temporary(&vec![b'x'; 100_000]);
            let source = Source::file(file.path()).unwrap();
            file.as_file().set_len(length).unwrap();
            let mut block = vec![0; 100_000];
            let error = source.read_at(&mut block, 0).unwrap_err().to_string();
            assert!(error.contains("while it was being sent"), "{error}");
        }
    }

    #[test]
    fn byte_order_mark_is_removed_from_every_kind_of_source() {
        let long = vec![b'x'; SPOOL_ABOVE + 10];
        for text in [&b""[..], b"ab\r\n", &long] {
            let marked = [BYTE_ORDER_MARK, text].concat();
            let file = temporary(&marked);
            let held = HeldBytes::bytes("held", marked.clone());
            for source in [
                Source::memory("memory".to_owned(), marked.clone()),
                Source::file(file.path()).unwrap(),
                Source::read_to_end(&marked[..], "a pipe".to_owned()).unwrap(),
                Source::open(Input::Held(held)).unwrap(),
            ] {
                let source = source
                    .without_byte_order_mark()
                    .unwrap()
                    .without_byte_order_mark()
                    .unwrap();
                assert_eq!(source.len, text.len() as u64);
                assert_eq!(source.whole(u64::MAX).unwrap(), text, "{}", source.name);
            }
        }
        let dot = [BYTE_ORDER_MARK, &b"a\n.\nb\n"[..]].concat();
        let source = Source::memory("a text".to_owned(), dot);
        let source = source
            .without_byte_order_mark()
            .unwrap()
            .up_to_dot()
            .unwrap();
        assert_eq!(source.whole(100).unwrap(), b"a\n");
    }

    #[test]
    fn small_file_is_read_when_it_is_opened() {
        let file = temporary(b"0123456789");
        let source = Source::file(file.path()).unwrap();
        file.as_file().set_len(3).unwrap();
        let mut block = [0; 16];
        assert_eq!(source.read_at(&mut block, 0).unwrap(), 10);
    }

    #[test]
    fn a_file_without_a_length_is_read_to_its_end() {
        let source = Source::file(Path::new("/proc/self/status")).unwrap();
        assert!(source.len > 100);
    }

    #[test]
    fn directories_and_endless_devices_are_refused_and_the_empty_device_is_not() {
        let directory = Source::file(&std::env::temp_dir()).unwrap_err();
        assert!(directory.to_string().ends_with("it is a directory"));
        let zero = Source::file(Path::new("/dev/zero")).unwrap_err();
        assert!(zero.to_string().ends_with("it is a device without an end"));
        assert_eq!(Source::file(Path::new("/dev/null")).unwrap().len, 0);
    }

    #[test]
    fn long_input_from_a_pipe_is_kept_in_a_temporary_file() {
        let bytes: Vec<u8> = (0..SPOOL_ABOVE + 10)
            .map(|n| (n % 251).to_le_bytes()[0])
            .collect();
        let source = Source::read_to_end(&bytes[..], "a pipe".to_owned()).unwrap();
        assert!(matches!(source.store, SourceStore::Sealed(_)));
        let mut back = vec![0; bytes.len() + 1];
        let count = source.read_at(&mut back, 0).unwrap();
        assert_eq!(back[..count], bytes);
    }
}
