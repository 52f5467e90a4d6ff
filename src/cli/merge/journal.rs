//! The journal of a merge: what became of each row. It makes a run resumable.
//!
//! The end of data of a row is recorded, and synced, before it is sent. A row with that record and no result is
//! uncertain: it may have been delivered. The lines are described in `system/journal.rs`.

use crate::client::session::{DeliveryLog, Reply};
use crate::mail::envelope::RecipientIndex;
use crate::system::journal::{JournalEnd, line, verified};
use crate::system::lock::try_lock;
use crate::system::text::{reason, shown_path};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 3;

/// Maximum length of a line in octets.
const MAX_LINE: u64 = 1 << 20;

/// Maximum number of recipients of a row.
pub(super) const MAX_RECIPIENTS: usize = 32;

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct JournalHeader {
    /// The version of what follows.
    merge: u32,
    /// A random name, from which the Message-IDs are made.
    pub id: String,
    pub list: ListDescription,
}

/// The list of a merge, so that its failed rows can be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListDescription {
    pub path: PathBuf,
    /// The separator of CSV; `None`: JSON lines.
    pub separator: Option<char>,
    pub encoding: Option<String>,
    /// The field that identifies a row; `None`: its recipients do.
    pub id_field: Option<String>,
}

/// An event of a row. Recipients are indices into its envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum RowEvent {
    /// The end of data is about to be sent, or the message to be queued.
    Dot {
        row: u64,
        /// Of the rendered message.
        digest: u32,
        of: usize,
        recipients: Vec<usize>,
    },
    Taken {
        recipients: Vec<usize>,
        reply: String,
    },
    /// A message for these recipients is in the queue, which delivers it.
    Queued { recipients: Vec<usize>, id: String },
    Refused {
        row: u64,
        digest: u32,
        of: usize,
        recipient: usize,
        reply: String,
    },
    Deferred {
        row: u64,
        digest: u32,
        of: usize,
        recipient: usize,
        reply: String,
    },
}

/// A line of the journal.
#[derive(Deserialize)]
pub(super) struct JournalLine {
    pub key: String,
    #[serde(flatten)]
    pub event: RowEvent,
}

/// A line that is written.
#[derive(Serialize)]
struct NewLine<'a> {
    /// In milliseconds since 1970.
    at: u64,
    key: &'a str,
    #[serde(flatten)]
    event: &'a RowEvent,
}

/// The key of a row, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    pub text: String,
    pub hash: u64,
}

impl RowKey {
    pub fn new(text: String) -> Self {
        let hash = key_hash(&text);
        Self { text, hash }
    }
}

/// State of a row. Recipients are bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowState {
    /// Of the message that was tried last; 0: none was.
    pub digest: u32,
    pub taken: u32,
    pub refused: u32,
    pub queued: u32,
    /// The end of data was sent, and there is no result.
    pub uncertain: u32,
    /// Number of recipients.
    pub of: u8,
}

/// The status of a row as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowStatus {
    Accepted,
    /// The message was accepted or is in the queue for all recipients.
    Queued,
    /// A recipient was refused, and none is open or uncertain.
    Refused,
    Uncertain,
    /// A recipient is open.
    Deferred,
}

impl RowStatus {
    /// The word for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Refused => "refused",
            Self::Uncertain => "uncertain",
            Self::Deferred => "deferred",
        }
    }
}

impl RowState {
    /// True if a message was accepted or queued, or may have been.
    pub fn was_sent(self) -> bool {
        (self.taken | self.queued | self.uncertain) != 0
    }

    pub fn status(self) -> RowStatus {
        let all = bits(0..usize::from(self.of));
        if self.uncertain != 0 {
            RowStatus::Uncertain
        } else if self.taken & all == all {
            RowStatus::Accepted
        } else if (self.taken | self.queued) & all == all {
            RowStatus::Queued
        } else if (self.taken | self.queued | self.refused) & all == all {
            RowStatus::Refused
        } else {
            RowStatus::Deferred
        }
    }

    pub fn apply(&mut self, event: &RowEvent) {
        match event {
            RowEvent::Dot {
                digest,
                of,
                recipients,
                ..
            } => {
                let sent = bits(recipients.iter().copied());
                self.digest = *digest;
                self.set_count(*of);
                self.uncertain |= sent;
                self.refused &= !sent;
                self.taken &= !sent;
                self.queued &= !sent;
            }
            RowEvent::Queued { recipients, .. } => {
                let queued = bits(recipients.iter().copied());
                self.queued |= queued;
                self.uncertain &= !queued;
            }
            RowEvent::Taken { recipients, .. } => {
                let taken = bits(recipients.iter().copied());
                self.taken |= taken;
                self.uncertain &= !taken;
            }
            RowEvent::Refused {
                digest,
                of,
                recipient,
                ..
            } => {
                self.digest = *digest;
                self.set_count(*of);
                self.refused |= bits([*recipient]);
                self.uncertain &= !bits([*recipient]);
            }
            RowEvent::Deferred {
                digest,
                of,
                recipient,
                ..
            } => {
                self.digest = *digest;
                self.set_count(*of);
                self.refused &= !bits([*recipient]);
                self.uncertain &= !bits([*recipient]);
            }
        }
    }

    fn set_count(&mut self, of: usize) {
        self.of = u8::try_from(of).unwrap_or(u8::MAX);
    }
}

/// The bits of these recipients.
pub(super) fn bits(recipients: impl IntoIterator<Item = usize>) -> u32 {
    let each = recipients
        .into_iter()
        .filter(|&index| index < MAX_RECIPIENTS);
    each.fold(0, |all, index| all | 1 << index)
}

/// The states of all rows of a journal, by the hash of their keys.
pub(super) type RowStates = HashMap<u64, RowState>;

/// The hash of a key.
pub(super) fn key_hash(key: &str) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let bytes = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(bytes)
}

#[derive(Debug, thiserror::Error)]
#[error("journal {}: {why}", shown_path(.path))]
pub(super) struct JournalError {
    path: PathBuf,
    why: String,
    /// True if another process has locked it.
    pub is_locked: bool,
}

/// Reads a journal, and calls `each` for every line.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(JournalLine),
) -> Result<Option<JournalHeader>, JournalError> {
    let error = |why: String| JournalError {
        path: path.to_owned(),
        why,
        is_locked: false,
    };
    let file = File::open(path).map_err(|failed| error(reason(&failed)))?;
    read_lines(&file, &mut each)
        .map(|read| read.header)
        .map_err(error)
}

/// The header of a journal, and its lengths in octets.
struct JournalRead {
    header: Option<JournalHeader>,
    intact: u64,
    length: u64,
}

fn read_lines(file: &File, each: &mut dyn FnMut(JournalLine)) -> Result<JournalRead, String> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut read = JournalRead {
        header: None,
        intact: 0,
        length: 0,
    };
    let (mut number, mut torn) = (0_u64, None);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let count = (&mut reader)
            .take(MAX_LINE)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| reason(&error))?;
        if count == 0 {
            return Ok(read);
        }
        if let Some(number) = torn {
            return Err(format!("line {number} is damaged"));
        }
        number += 1;
        read.length += count as u64;
        let json = bytes.strip_suffix(b"\n").and_then(verified);
        let Some(json) = json else {
            // Any other file must not be changed.
            if number == 1 && !is_torn_header(&bytes) {
                return Err("it is not the journal of a merge".to_owned());
            }
            torn = Some(number);
            continue;
        };
        let not_understood = |error| format!("line {number} is not understood: {error}");
        if number == 1 {
            let header: JournalHeader = serde_json::from_slice(json)
                .map_err(|_| "it is not the journal of a merge".to_owned())?;
            if header.merge != VERSION {
                return Err(format!(
                    "this version of ehlo does not read version {} of the format; finish it with the version of ehlo that \
                     began it, or use another journal with --journal (all rows are then sent again)",
                    header.merge
                ));
            }
            read.header = Some(header);
        } else {
            each(serde_json::from_slice(json).map_err(not_understood)?);
        }
        read.intact = read.length;
    }
}

/// True for the beginning of a first line.
fn is_torn_header(bytes: &[u8]) -> bool {
    const START: &[u8] = b"{\"merge\":";
    let (sum, json) = bytes.split_at(bytes.len().min(9));
    let json = &json[..json.len().min(START.len())];
    let is_sum = sum
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b' ');
    is_sum && START.starts_with(json) && !bytes.ends_with(b"\n")
}

/// A journal that is locked for a run.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    pub header: JournalHeader,
    state: Mutex<JournalState>,
    /// Threads that wait for a sync, by whether its number is even.
    synced: [Condvar; 2],
}

struct JournalState {
    end: JournalEnd,
    rows: RowStates,
    /// Lines that were recorded during a sync, and are written when it has ended.
    pending: Vec<u8>,
    /// Number of the last line that was recorded, of the last one that was synced, and of the last one that the sync in
    /// progress covers.
    recorded: u64,
    synced: u64,
    covered: u64,
    /// Number of syncs that were begun.
    syncs: usize,
    is_syncing: bool,
    /// The error that ended the run.
    failed: Option<String>,
}

impl JournalState {
    fn new(end: JournalEnd, rows: RowStates) -> Self {
        Self {
            end,
            rows,
            pending: Vec::new(),
            recorded: 0,
            synced: 0,
            covered: 0,
            syncs: 0,
            is_syncing: false,
            failed: None,
        }
    }

    fn write_pending(&mut self, file: &File) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.end.append(file, &self.pending, |_| Ok(()));
        self.pending.clear();
        if let Err(error) = &written {
            self.failed = Some(reason(error));
        }
        written
    }

    fn check(&self) -> io::Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(why) => Err(io::Error::other(why.clone())),
        }
    }

    fn apply(&mut self, hash: u64, event: &RowEvent) {
        self.rows.entry(hash).or_default().apply(event);
    }
}

impl JournalHeader {
    fn new(list: &ListDescription) -> Self {
        Self {
            merge: VERSION,
            id: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            list: list.clone(),
        }
    }
}

impl Journal {
    /// Opens or creates the journal of a list, and locks it.
    pub fn open(path: &Path, list: &ListDescription) -> Result<Self, JournalError> {
        let error = |why: String| JournalError {
            path: path.to_owned(),
            why,
            is_locked: false,
        };
        let failed = |failed: io::Error| error(reason(&failed));
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        if !try_lock(&file).map_err(failed)? {
            return Err(JournalError {
                is_locked: true,
                ..error("another ehlo merge is using it".to_owned())
            });
        }
        let mut rows = RowStates::new();
        let read = read_lines(&file, &mut |line| {
            rows.entry(key_hash(&line.key))
                .or_default()
                .apply(&line.event);
        });
        let read = read.map_err(error)?;
        let mut end = JournalEnd::new(read.intact, read.length);
        let header = match read.header {
            Some(header) if header.list.id_field != list.id_field => {
                return Err(error(
                    "its rows are identified by another field (--id); use another --journal"
                        .to_owned(),
                ));
            }
            Some(header) => header,
            None => {
                let header = JournalHeader::new(list);
                end.append(&file, &line(&header), File::sync_all)
                    .map_err(failed)?;
                sync_directory(path);
                header
            }
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            state: Mutex::new(JournalState::new(end, rows)),
            synced: [Condvar::new(), Condvar::new()],
        })
    }

    fn state(&self) -> MutexGuard<'_, JournalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn row(&self, hash: u64) -> RowState {
        self.state().rows.get(&hash).copied().unwrap_or_default()
    }

    /// The error of a line that could not be written.
    pub fn failure(&self) -> Option<String> {
        let why = self.state().failed.clone()?;
        Some(format!(
            "cannot write the journal {}: {why}",
            shown_path(&self.path)
        ))
    }

    /// Records an event.
    pub fn record(&self, key: &RowKey, event: &RowEvent) -> io::Result<()> {
        self.write(key, event)?;
        self.state().apply(key.hash, event);
        Ok(())
    }

    /// Records an event, and waits until it is on the disk.
    fn record_durably(&self, key: &RowKey, event: &RowEvent) -> io::Result<()> {
        let number = self.write(key, event)?;
        let mut state = self.sync(number)?;
        state.apply(key.hash, event);
        Ok(())
    }

    /// Returns the number of the line. During a sync, it is kept for the write after it.
    fn write(&self, key: &RowKey, event: &RowEvent) -> io::Result<u64> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let bytes = line(&NewLine {
            at: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            key: &key.text,
            event,
        });
        let mut state = self.state();
        state.check()?;
        state.pending.extend_from_slice(&bytes);
        state.recorded += 1;
        if !state.is_syncing {
            state.write_pending(&self.file)?;
        }
        Ok(state.recorded)
    }

    /// Waits until this line is on the disk. One sync serves all threads that wait.
    fn sync(&self, number: u64) -> io::Result<MutexGuard<'_, JournalState>> {
        let mut state = self.state();
        while state.synced < number {
            state.check()?;
            if state.is_syncing {
                let next = usize::from(number > state.covered);
                let synced = &self.synced[(state.syncs + next) % 2];
                let waited = synced.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_syncing = true;
            state.syncs += 1;
            state.covered = state.recorded;
            drop(state);
            let synced = self.file.sync_data();
            state = self.state();
            state.is_syncing = false;
            match synced {
                Ok(()) => state.synced = state.covered,
                Err(error) => state.failed = Some(reason(&error)),
            }
            let current = state.syncs % 2;
            self.synced[current].notify_all();
            if state.failed.is_some() || state.write_pending(&self.file).is_err() {
                self.synced[1 - current].notify_all();
            } else {
                // One thread syncs for the others.
                self.synced[1 - current].notify_one();
            }
        }
        Ok(state)
    }
}

/// A new name is durable when its directory is synced. If that fails, the lock and the content are still valid.
fn sync_directory(path: &Path) {
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    if let Ok(directory) = File::open(directory.unwrap_or(Path::new("."))) {
        let _ = directory.sync_all();
    }
}

/// The log of the delivery of one row.
pub(super) struct RowLog<'a> {
    pub journal: &'a Journal,
    pub key: &'a RowKey,
    pub row: u64,
    pub digest: u32,
    /// Number of recipients.
    pub of: usize,
    /// The recipients of the message, as indices into those of the row.
    pub recipients: &'a [usize],
}

impl RowLog<'_> {
    /// The message for these recipients is in the queue under this name.
    pub fn queued(&self, recipients: &[RecipientIndex], id: &str) -> io::Result<()> {
        let event = RowEvent::Queued {
            recipients: self.of_row(recipients),
            id: id.to_owned(),
        };
        self.journal.record_durably(self.key, &event)
    }

    fn of_row(&self, places: &[RecipientIndex]) -> Vec<usize> {
        let recipients = places
            .iter()
            .filter_map(|place| self.recipients.get(place.0));
        recipients.copied().collect()
    }
}

impl DeliveryLog<RecipientIndex> for RowLog<'_> {
    fn ending(&self, recipients: &[RecipientIndex]) -> io::Result<()> {
        let event = RowEvent::Dot {
            row: self.row,
            digest: self.digest,
            of: self.of,
            recipients: self.of_row(recipients),
        };
        self.journal.record_durably(self.key, &event)
    }

    fn taken(&self, recipients: &[RecipientIndex], reply: &Reply) {
        let event = RowEvent::Taken {
            recipients: self.of_row(recipients),
            reply: reply.whole(),
        };
        // If this fails, the row is uncertain, and the journal has the error.
        let _ = self.journal.record(self.key, &event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn journal_of_another_version_is_refused_with_a_remedy() {
        let list = ListDescription {
            path: "list.csv".into(),
            separator: Some(','),
            encoding: None,
            id_field: None,
        };
        let header = JournalHeader {
            merge: VERSION - 1,
            ..JournalHeader::new(&list)
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), line(&header)).unwrap();
        let Err(error) = Journal::open(file.path(), &list) else {
            panic!("it was opened");
        };
        for words in ["version 2 ", "that began it", "--journal (all rows"] {
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!(fs::read(file.path()).unwrap(), line(&header));
    }
}
