//! Sources of bytes: an argument, a file, a pipe. All can be read more than once.

use crate::mail::message::encode::{ContentScan, ContentScanner, Encoder};
use crate::system::sealed_file::{SealedFile, SealedWriter};
use crate::system::text::{BYTE_ORDER_MARK, reason, shown};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A file up to this size is read when it is opened, and later changes to it have no effect.
const SMALL_FILE: u64 = 16 * 1024;

/// Input that cannot be read twice is kept in memory up to this size, and above it in an encrypted temporary file
/// without a name.
const SPOOL_ABOVE: usize = 1024 * 1024;

/// Limit for input from a device. A longer one is treated as endless.
const DEVICE_LIMIT: u64 = 64 * 1024 * 1024;

/// The standard input in error texts.
const STDIN: &str = "standard input";

/// Time to wait for the first byte on a standard input that no option refers to.
const STDIN_WAIT: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Maximum that is read and discarded of input that cannot be stored.
const DISCARD_LIMIT: u64 = 1024 * 1024 * 1024;

/// An input that an option names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Text(String),
    File(PathBuf),
    Stdin,
    /// The standard input, if it is a pipe or a file with a text for this program; see [`waiting`].
    Waiting,
    /// Bytes that were read before.
    Held(HeldBytes),
}

impl Input {
    /// True for the standard input, under any of its names.
    pub fn is_stdin(&self) -> bool {
        const NAMES: [&str; 3] = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];
        match self {
            Self::Stdin => true,
            Self::File(path) => NAMES.iter().any(|name| path == Path::new(name)),
            Self::Text(_) | Self::Waiting | Self::Held(_) => false,
        }
    }

    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Self::Text(_) => "the body".to_owned(),
            Self::File(path) => shown(&path.to_string_lossy()),
            Self::Stdin | Self::Waiting => STDIN.to_owned(),
            Self::Held(held) => held.0.name.clone(),
        }
    }

    /// True for a pipe or a device, even if it has a name.
    pub(super) fn is_read_once(&self) -> bool {
        match self {
            Self::Stdin | Self::Waiting => true,
            Self::Text(_) | Self::Held(_) => false,
            Self::File(path) => path
                .metadata()
                .is_ok_and(|file| !file.is_file() && !file.is_dir()),
        }
    }

    /// Reads it to its end if it can be read only once.
    pub fn hold(&mut self) -> Result<(), SourceError> {
        if self.is_read_once() {
            let source = Source::open(self.clone())?;
            *self = Self::Held(HeldBytes(Arc::new(source)));
        }
        Ok(())
    }
}

/// Bytes that were read before the message was built: from a program or a pipe. Copies share them.
#[derive(Clone, Debug)]
pub struct HeldBytes(Arc<Source>);

impl HeldBytes {
    /// The bytes of a source.
    pub(super) fn of(source: Source) -> Self {
        Self(Arc::new(source))
    }

    /// These bytes, under a name for error texts.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self(Arc::new(Source::memory(name.to_owned(), bytes)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// Reads all of it into memory.
    ///
    /// # Errors
    /// The temporary file that has it cannot be read.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.0.len).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        let mut at = 0;
        while at < bytes.len() {
            let failed = |error: SourceError| io::Error::other(error.to_string());
            match self.0.read(&mut bytes[at..], at as u64).map_err(failed)? {
                0 => break,
                count => at += count,
            }
        }
        bytes.truncate(at);
        Ok(bytes)
    }

    /// The content of a temporary file.
    pub fn file(name: &str, file: Arc<SealedFile>) -> Self {
        let len = file.len();
        Self(Arc::new(Source::new(
            name.to_owned(),
            len,
            SourceStore::Sealed(file),
        )))
    }
}

impl PartialEq for HeldBytes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for HeldBytes {}

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

    pub fn open(input: Input) -> Result<Self, SourceError> {
        match input {
            Input::Text(text) => Ok(Self::memory("the body".to_owned(), text.into_bytes())),
            Input::File(path) => Self::file(&path),
            Input::Stdin => Self::stdin(),
            Input::Waiting => match waiting()? {
                Waiting::Text(source) => Ok(source),
                Waiting::Nothing | Waiting::Silence => {
                    Ok(Self::memory(STDIN.to_owned(), Vec::new()))
                }
            },
            Input::Held(held) => {
                let name = held.0.name.clone();
                Ok(Self::new(name, held.0.len, SourceStore::Shared(held.0)))
            }
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

    /// Reads it now if it is small, so that later changes have no effect and need not be looked for.
    pub fn read_if_small(self) -> Result<Self, SourceError> {
        if self.len > SMALL_FILE {
            return Ok(self);
        }
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or_default()];
        self.read(&mut bytes, 0)?;
        Ok(Self::memory(self.name, bytes))
    }

    /// Reads the standard input to its end.
    fn stdin() -> Result<Self, SourceError> {
        let name = STDIN.to_owned();
        let input = io::stdin().lock();
        match kind_of_stdin() {
            FileType::CharacterDevice => Self::device(input, name),
            FileType::Directory => Err(SourceError::NoFile {
                name,
                what: "a directory",
            }),
            _ => Self::read_to_end(input, name),
        }
    }

    /// Opens a file, a FIFO or a device that ends.
    pub fn file(path: &Path) -> Result<Self, SourceError> {
        let name = shown(&path.to_string_lossy());
        let failed = |error| SourceError::Read {
            name: name.clone(),
            error,
        };
        let file = File::open(path).map_err(failed)?;
        let state = FileState::of(&file).map_err(failed)?;
        match state.kind {
            FileType::RegularFile if state.len <= SMALL_FILE => Self::small(file, name, &state),
            FileType::RegularFile => Ok(Self::new(
                name,
                state.len,
                SourceStore::File { file, state },
            )),
            FileType::Directory => Err(SourceError::NoFile {
                name,
                what: "a directory",
            }),
            FileType::Fifo | FileType::Socket => Self::read_to_end(file, name),
            _ => Self::device(file, name),
        }
    }

    fn small(file: File, name: String, state: &FileState) -> Result<Self, SourceError> {
        let mut bytes = Vec::with_capacity(usize::try_from(state.len).unwrap_or(0) + 1);
        let read = (&file).take(SMALL_FILE + 1).read_to_end(&mut bytes);
        match read {
            // Files of /proc have no length until they are read.
            Ok(count) if count as u64 > SMALL_FILE => {
                let rest = io::Cursor::new(bytes).chain(file);
                Self::read_to_end(rest, name)
            }
            Ok(_) => Ok(Self::memory(name, bytes)),
            Err(error) => Err(SourceError::Read { name, error }),
        }
    }

    /// Reads a device to its end, if it has one.
    fn device(file: impl Read, name: String) -> Result<Self, SourceError> {
        let source = Self::read_to_end(file.take(DEVICE_LIMIT), name)?;
        if source.len < DEVICE_LIMIT {
            return Ok(source);
        }
        Err(SourceError::NoFile {
            name: source.name,
            what: "a device without an end",
        })
    }

    /// Reads input to its end that can be read only once.
    fn read_to_end(mut from: impl Read, name: String) -> Result<Self, SourceError> {
        let mut spooler = Spooler::new(name);
        // Most texts are short, and each page of a buffer costs time.
        let mut block = vec![0; 4 * 1024];
        loop {
            match from.read(&mut block) {
                Ok(0) => return spooler.finish(),
                Ok(count) => {
                    spooler.push(&block[..count]).inspect_err(|_| {
                        // Otherwise a program that is still writing gets SIGPIPE, and its user never sees the
                        // error.
                        let _ = io::copy(&mut (&mut from).take(DISCARD_LIMIT), &mut io::sink());
                    })?;
                    if count == block.len() {
                        block.resize(64 * 1024, 0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let name = spooler.name;
                    return Err(SourceError::Read { name, error });
                }
            }
        }
    }

    /// What `produce` appends piece by piece until it returns false, under this name.
    ///
    /// # Errors
    /// The error of `produce`, or it cannot be stored.
    pub fn written(
        name: &str,
        mut produce: impl FnMut(&mut Vec<u8>) -> io::Result<bool>,
    ) -> io::Result<Self> {
        let mut writer = SourceWriter::new(name);
        let mut piece = Vec::new();
        while produce(&mut piece)? {
            writer.push(&piece)?;
            piece.clear();
        }
        writer.push(&piece)?;
        writer.finish()
    }

    /// The same text from `offset` on, rewritten block by block.
    pub fn rewritten(&self, offset: u64, rewriter: &mut dyn Encoder) -> Result<Self, SourceError> {
        let mut spooler = Spooler::new(self.name.clone());
        let mut block = self.block(64 * 1024);
        let (mut out, mut at) = (Vec::new(), offset);
        loop {
            let count = self.read(&mut block, at)?;
            at += count as u64;
            rewriter.push(&block[..count], &mut out);
            if count == 0 {
                rewriter.finish(&mut out);
            }
            spooler.push(&out)?;
            out.clear();
            if count == 0 {
                return spooler.finish();
            }
        }
    }

    /// The same up to the first line with a single dot.
    pub fn up_to_dot(mut self) -> Result<Self, SourceError> {
        let mut block = self.block(64 * 1024);
        let (mut at, mut dot) = (0, LoneDot::default());
        loop {
            let count = self.read(&mut block, at)?;
            let is_found = match count {
                0 => dot.is_last(),
                _ => dot.find(&block[..count]),
            };
            if is_found {
                self.cut(dot.line_at);
            }
            if is_found || count == 0 {
                return Ok(self);
            }
            at += count as u64;
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

/// State of a standard input that no option refers to.
pub enum Waiting {
    Text(Source),
    Nothing,
    /// An open pipe without data.
    Silence,
}

/// Checks if the standard input is a text for this program: a pipe or socket with data within a second, or
/// a file that has not been read yet. A file that has been read is that of a loop around this program. A
/// pipe may be left over from a parent that neither writes to it nor closes it: sshd and daemons do so.
pub fn waiting() -> Result<Waiting, SourceError> {
    let stdin = rustix::stdio::stdin();
    let has_text = match kind_of_stdin() {
        FileType::RegularFile => rustix::fs::tell(stdin).is_ok_and(|offset| offset == 0),
        FileType::Fifo | FileType::Socket => {
            let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
            let polled = rustix::io::retry_on_intr(|| poll(&mut ready, Some(&STDIN_WAIT)));
            if polled == Ok(0) {
                return Ok(Waiting::Silence);
            }
            polled.is_ok()
        }
        _ => false,
    };
    if !has_text {
        return Ok(Waiting::Nothing);
    }
    Source::stdin().map(|source| match source.len {
        0 => Waiting::Nothing,
        _ => Waiting::Text(source),
    })
}

fn kind_of_stdin() -> FileType {
    let state = rustix::fs::fstat(rustix::stdio::stdin());
    FileType::from_raw_mode(state.map_or(0, |state| state.st_mode))
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

/// Searches for a line with a single dot, as programs end their input to sendmail. A CR alone is not a line
/// end here: a progress display may well write CR, dot, CR.
#[derive(Default)]
struct LoneDot {
    /// Offset of the current line.
    line_at: u64,
    /// Content of the current line so far.
    line: LineContent,
    /// Number of bytes seen.
    seen: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum LineContent {
    #[default]
    Empty,
    Dot,
    DotCr,
    Other,
}

impl LoneDot {
    /// True if these bytes contain it. `line_at` is then its offset.
    fn find(&mut self, bytes: &[u8]) -> bool {
        let mut at = 0;
        while at < bytes.len() {
            self.line = match (self.line, bytes[at]) {
                (LineContent::Dot | LineContent::DotCr, b'\n') => return true,
                (_, b'\n') => {
                    self.line_at = self.seen + at as u64 + 1;
                    LineContent::Empty
                }
                (LineContent::Empty, b'.') => LineContent::Dot,
                (LineContent::Dot, b'\r') => LineContent::DotCr,
                _ => LineContent::Other,
            };
            at += match self.line {
                LineContent::Other => {
                    memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at)
                }
                _ => 1,
            };
        }
        self.seen += bytes.len() as u64;
        false
    }

    /// True if it is the last line, without a line end.
    fn is_last(&self) -> bool {
        matches!(self.line, LineContent::Dot | LineContent::DotCr)
    }
}

/// Stores bytes that are made elsewhere.
pub struct SourceWriter(Spooler);

impl SourceWriter {
    pub fn new(name: &str) -> Self {
        Self(Spooler::new(name.to_owned()))
    }

    /// For bytes that are encrypted already: a temporary file has them as they are.
    pub fn of_ciphertext(name: &str) -> Self {
        let mut spooler = Spooler::new(name.to_owned());
        spooler.is_ciphertext = true;
        Self(spooler)
    }

    /// Number of bytes so far.
    pub fn written(&self) -> u64 {
        self.0.len
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.push(bytes).map_err(io::Error::other)
    }

    pub fn finish(self) -> io::Result<Source> {
        self.0.finish().map_err(io::Error::other)
    }
}

impl Write for SourceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps bytes in memory, and above a size in a temporary file without a name. It is encrypted, because options or a
/// profile may ask for the encryption of a message after its text was read.
struct Spooler {
    name: String,
    memory: Vec<u8>,
    file: Option<SpoolFile>,
    is_ciphertext: bool,
    len: u64,
}

enum SpoolFile {
    Sealed(Box<SealedWriter>),
    Plain(File),
}

impl Spooler {
    fn new(name: String) -> Self {
        Self {
            name,
            memory: Vec::new(),
            file: None,
            is_ciphertext: false,
            len: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        let written = self.keep(bytes);
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> SourceError {
        SourceError::Spool {
            name: self.name.clone(),
            error,
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        match &mut self.file {
            Some(SpoolFile::Sealed(file)) => return file.write_all(bytes),
            Some(SpoolFile::Plain(file)) => return file.write_all(bytes),
            None => self.memory.extend_from_slice(bytes),
        }
        if self.memory.len() >= SPOOL_ABOVE {
            let memory = std::mem::take(&mut self.memory);
            self.file = Some(if self.is_ciphertext {
                let mut file = tempfile::tempfile()?;
                file.write_all(&memory)?;
                SpoolFile::Plain(file)
            } else {
                let mut file = SealedWriter::new()?;
                file.write_all(&memory)?;
                SpoolFile::Sealed(Box::new(file))
            });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Source, SourceError> {
        let store = match self.file.take() {
            Some(SpoolFile::Sealed(file)) => {
                let file = file.finish().map_err(|error| self.failed(error))?;
                SourceStore::Sealed(Arc::new(file))
            }
            Some(SpoolFile::Plain(file)) => SourceStore::Spool(file),
            None => SourceStore::Memory(self.memory),
        };
        Ok(Source::new(self.name, self.len, store))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_lone_dot_ends_the_text_and_other_dots_do_not() {
        for (text, kept) in [
            ("a\n.\nb\n", "a\n"),
            ("a\r\n.\r\nb", "a\r\n"),
            (".\nb", ""),
            ("a\n.", "a\n"),
            ("a\n..\n. \n.b\n", "a\n..\n. \n.b\n"),
            ("10%\r.\rb\n", "10%\r.\rb\n"),
            ("a\n.\rb\n.\n", "a\n.\rb\n"),
            ("", ""),
        ] {
            for cut in 0..=text.len() {
                let mut dot = LoneDot::default();
                let (first, second) = text.as_bytes().split_at(cut);
                let is_found = dot.find(first) || dot.find(second) || dot.is_last();
                assert_eq!(is_found, text != kept, "{text:?} cut at {cut}");
            }
            let source = Source::memory("a text".to_owned(), text.as_bytes().to_vec());
            let source = source.up_to_dot().unwrap();
            assert_eq!(source.whole(100).unwrap(), kept.as_bytes(), "{text:?}");
        }
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
