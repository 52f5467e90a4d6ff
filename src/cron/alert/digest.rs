//! Digests: reports of jobs, recorded until they are mailed together.

mod table;

pub use table::DigestTable;

use crate::cron::alert::AlertError;
use crate::cron::alert::files::{StateFiles, StateLock, file_name};
use crate::cron::alert::fingerprint::hex;
use crate::system::lock::try_lock;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The entry of a run in a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    pub job: String,
    pub at: SystemTime,
    pub took: Duration,
    /// The ending, in a word or two: `OK`, `FAILED(3)`.
    pub status: String,
    pub failed: bool,
    /// Identifies runs of the same kind (see [`crate::cron::alert::Fingerprint::alike`]).
    pub kind: String,
    /// Some lines of the output, without control characters.
    pub excerpt: String,
}

/// Size of a file in octets beyond which runs are recorded without their output.
const MAX_WITH_OUTPUT: u64 = 16 * 1024 * 1024;

pub struct Digests {
    files: StateFiles,
}

/// The first line of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DigestHeader {
    digest: String,
    id: String,
    begun: SystemTime,
}

/// The end of the name of the file with the name of a digest.
const NAME_SUFFIX: &str = ".known";

/// The most octets of that file.
const MAX_NAME: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestState {
    pub name: String,
    pub runs: usize,
    pub failed: usize,
    pub begun: SystemTime,
}

pub enum DigestBatch {
    Nothing,
    /// Another process is mailing it.
    Busy,
    Batch(Batch),
}

/// The recorded runs that are being mailed.
pub struct Batch {
    files: StateFiles,
    name: String,
    header: DigestHeader,
    file: File,
    is_retry: bool,
}

impl Digests {
    /// Opens the digests below the given state directory, or below the usual one. `None`: there are none, and
    /// none are to be created.
    pub fn open(state: Option<&Path>, create: bool) -> Result<Option<Self>, AlertError> {
        let files = StateFiles::open(state, "digests", create)?;
        Ok(files.map(|files| Self { files }))
    }

    /// Appends a run, and syncs it to disk.
    pub fn add(&self, digest: &str, entry: &DigestEntry) -> Result<(), AlertError> {
        self.register(digest)?;
        let _lock = self.files.lock()?;
        let name = open_name(digest);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND;
        let mut file = self.files.open_file(&name, flags)?;
        let failed = |error| self.files.failed("write", &name, error);
        let length = file.metadata().map_err(failed)?.size();
        let lines = lines(&file, length, digest, entry).map_err(failed)?;
        let added = file.write_all(&lines).and_then(|()| file.sync_data());
        added.map_err(|error| {
            // A partial line would damage the next one.
            let _ = file.set_len(length);
            failed(error)
        })
    }

    /// Records that a digest of this name exists, even without entries.
    pub fn register(&self, digest: &str) -> Result<(), AlertError> {
        let name = format!("{}{NAME_SUFFIX}", file_name(digest));
        if self.files.find(&name)?.is_some() {
            return Ok(());
        }
        let _lock = self.files.lock()?;
        self.files.replace(&name, digest.as_bytes())
    }

    /// The names of all digests that runs have used, in alphabetical order.
    pub fn names(&self) -> Result<BTreeSet<String>, AlertError> {
        let mut names: BTreeSet<String> = self.list()?.into_iter().map(|one| one.name).collect();
        for file in self.files.names()? {
            if file.ends_with(NAME_SUFFIX)
                && let Some(name) = self.files.read(&file, MAX_NAME)?
            {
                names.insert(String::from_utf8_lossy(&name).into_owned());
            }
        }
        Ok(names)
    }

    /// The time at which the current digest was begun. `None`: it is empty.
    pub fn begun(&self, digest: &str) -> Result<Option<SystemTime>, AlertError> {
        let Some(file) = self.files.find(&open_name(digest))? else {
            return Ok(None);
        };
        Ok(header(&mut BufReader::new(file)).map(|header| header.begun))
    }

    /// Removes the recorded runs from the digest, to be mailed.
    pub fn take(self, digest: &str) -> Result<DigestBatch, AlertError> {
        let lock = self.files.lock()?;
        let name = taken_name(digest);
        let earlier = self.files.find(&name)?;
        let is_retry = earlier.is_some();
        let file = match earlier {
            Some(file) => Some(file),
            None => self.set_aside(&lock, digest)?,
        };
        let Some(file) = file else {
            return Ok(DigestBatch::Nothing);
        };
        if !try_lock(&file).map_err(|error| self.files.failed("lock", &name, error))? {
            return Ok(DigestBatch::Busy);
        }
        let header =
            header(&mut BufReader::new(&file)).unwrap_or_else(|| DigestHeader::new(digest));
        let files = self.files;
        Ok(DigestBatch::Batch(Batch {
            files,
            name,
            header,
            file,
            is_retry,
        }))
    }

    fn set_aside(&self, _: &StateLock, digest: &str) -> Result<Option<File>, AlertError> {
        let open = open_name(digest);
        if self.files.find(&open)?.is_none() {
            return Ok(None);
        }
        let taken = taken_name(digest);
        self.files.rename(&open, &taken)?;
        self.files.find(&taken)
    }

    pub fn list(&self) -> Result<Vec<DigestState>, AlertError> {
        let mut all: Vec<DigestState> = Vec::new();
        for name in self.files.names()? {
            let file = self.files.find(&name)?.map(BufReader::new);
            let Some(mut file) = file.filter(|_| name != "." && name != "..") else {
                continue;
            };
            let Some(header) = header(&mut file) else {
                continue;
            };
            let state = DigestState::of(header, Entries { file });
            match all.iter_mut().find(|other| other.name == state.name) {
                // The one that is being mailed, and the one begun after it.
                Some(other) => other.add(&state),
                None => all.push(state),
            }
        }
        Ok(all)
    }
}

impl DigestState {
    fn of(header: DigestHeader, entries: Entries<impl std::io::Read>) -> Self {
        let mut state = Self {
            name: header.digest,
            runs: 0,
            failed: 0,
            begun: header.begun,
        };
        for entry in entries {
            state.runs += 1;
            state.failed += usize::from(entry.is_ok_and(|entry| entry.failed));
        }
        state
    }

    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.begun = self.begun.min(other.begun);
    }
}

/// The lines to append to a file of this length.
fn lines(file: &File, length: u64, digest: &str, entry: &DigestEntry) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    if length == 0 {
        serde_json::to_writer(&mut lines, &DigestHeader::new(digest))?;
        lines.push(b'\n');
    } else {
        let mut last = [0];
        file.read_exact_at(&mut last, length - 1)?;
        if last != *b"\n" {
            // A process was killed while writing.
            lines.push(b'\n');
        }
    }
    let mut entry = entry.clone();
    if length > MAX_WITH_OUTPUT {
        "(output omitted: the digest is too large)".clone_into(&mut entry.excerpt);
    }
    serde_json::to_writer(&mut lines, &entry)?;
    lines.push(b'\n');
    Ok(lines)
}

fn open_name(digest: &str) -> String {
    format!("{}.open", file_name(digest))
}

fn taken_name(digest: &str) -> String {
    format!("{}.taken", file_name(digest))
}

impl DigestHeader {
    fn new(digest: &str) -> Self {
        let random = fastrand::u128(..).to_be_bytes();
        Self {
            digest: digest.to_owned(),
            id: hex(&random),
            begun: SystemTime::now(),
        }
    }
}

fn header(file: &mut impl std::io::BufRead) -> Option<DigestHeader> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

impl Batch {
    /// A unique identifier of letters and digits, the same each time that this digest is mailed.
    pub fn id(&self) -> &str {
        &self.header.id
    }

    pub fn begun(&self) -> SystemTime {
        self.header.begun
    }

    /// True if an earlier process did not finish mailing it. There may be a newer one after it.
    pub fn is_retry(&self) -> bool {
        self.is_retry
    }

    /// The runs in the order in which they ended. An error is a damaged line.
    pub fn entries(&mut self) -> Result<impl Iterator<Item = Result<DigestEntry, ()>>, AlertError> {
        let failed = |error| self.files.failed("read", &self.name, error);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut file = BufReader::new(&self.file);
        // A missing header is ignored.
        let _ = header(&mut file);
        Ok(Entries { file })
    }

    /// Removes the file after the digest was mailed.
    pub fn mailed(self) -> Result<(), AlertError> {
        let _lock = self.files.lock()?;
        self.files.remove(&self.name)
    }
}

/// The lines of a file, one at a time.
struct Entries<R> {
    file: BufReader<R>,
}

impl<R: std::io::Read> Iterator for Entries<R> {
    type Item = Result<DigestEntry, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match self.file.read_until(b'\n', &mut line) {
            Ok(1..) => Some(serde_json::from_slice(&line).map_err(drop)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
