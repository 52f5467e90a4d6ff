//! Input: a file, the standard input, or bytes in memory, opened as a source.

use crate::mail::message::source::writer::Spooler;
use crate::mail::message::source::{FileState, Source, SourceError, SourceStore};
use crate::system::sealed_file::SealedFile;
use crate::system::text::shown;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file up to this size is read when it is opened, and later changes to it have no effect.
const SMALL_FILE: u64 = 16 * 1024;

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
    pub(in crate::mail::message) fn is_read_once(&self) -> bool {
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
    pub(in crate::mail::message) fn of(source: Source) -> Self {
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

impl Source {
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
    pub(super) fn read_to_end(mut from: impl Read, name: String) -> Result<Self, SourceError> {
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
