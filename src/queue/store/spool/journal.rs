//! The journal of an item: one line for each record, after a first line that identifies the metadata it
//! belongs to. `system/journal.rs` describes the lines.

use crate::queue::store::item::{from_milliseconds, milliseconds};
use crate::queue::store::spool::directory::{Directory, FileError};
use crate::queue::store::spool::layout::ItemPath;
use crate::queue::store::{Durability, ItemEvent, QueueError, Record};
use crate::system::journal::{JournalEnd, line, verified};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _};

#[derive(Serialize, Deserialize)]
struct JournalHeader {
    /// The version of what follows.
    journal: u32,
    /// The checksum of the metadata that this journal is about. If a file name is reused, no item is taken
    /// for delivered because of the journal of another item.
    metadata: u32,
}

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The stored form of a record.
#[derive(Serialize, Deserialize)]
struct JournalLine {
    /// In milliseconds since 1970.
    at: u64,
    #[serde(flatten)]
    event: ItemEvent,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct JournalContents {
    pub records: Vec<Record>,
    /// Length in octets of the intact part; the rest is torn.
    pub intact: u64,
}

/// The first line of the journal for metadata with this checksum.
pub fn first_line(metadata: u32) -> Vec<u8> {
    let journal = VERSION;
    line(&JournalHeader { journal, metadata })
}

/// The line of a record.
pub fn record_line(record: &Record) -> Vec<u8> {
    line(&JournalLine {
        at: milliseconds(record.at),
        event: record.event.clone(),
    })
}

/// Reads the journal for metadata with this checksum. The error describes the damage.
pub fn read(bytes: &[u8], metadata: u32) -> Result<JournalContents, String> {
    let mut contents = JournalContents::default();
    let mut lines = whole_lines(bytes).enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let Some(json) = verified(line) else {
            if lines.peek().is_none() {
                break;
            }
            return Err(format!("line {} of its journal is damaged", number + 1));
        };
        if number == 0 {
            check_first_line(json, metadata)?;
        } else {
            contents.records.push(record(json, number + 1)?);
        }
        contents.intact += line.len() as u64 + 1;
    }
    Ok(contents)
}

/// The complete lines without their line ends. Octets after the last line end are torn.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ended = bytes.iter().rposition(|&byte| byte == b'\n');
    let ended = ended.map(|end| &bytes[..end]);
    ended
        .into_iter()
        .flat_map(|lines| lines.split(|&byte| byte == b'\n'))
}

fn check_first_line(json: &[u8], metadata: u32) -> Result<(), String> {
    match serde_json::from_slice(json) {
        Ok(JournalHeader { journal, .. }) if journal != VERSION => {
            Err(format!("its journal has the unsupported version {journal}"))
        }
        Ok(header) if header.metadata != metadata => {
            Err("its journal belongs to another item".to_owned())
        }
        Ok(_) => Ok(()),
        Err(_) => Err("its journal has no valid header".to_owned()),
    }
}

fn record(json: &[u8], number: usize) -> Result<Record, String> {
    let line: JournalLine = serde_json::from_slice(json)
        .map_err(|error| format!("line {number} of its journal is not understood: {error}"))?;
    Ok(Record {
        at: from_milliseconds(line.at),
        event: line.event,
    })
}

/// Maximum length of a journal. Ten thousand recipients tried for five days need half of it.
const MAX_LENGTH: u64 = 256 << 20;

const APPEND: OFlags = OFlags::RDWR.union(OFlags::APPEND);

/// The journal of a claimed item, open for appending.
pub struct JournalFile {
    /// `None`: not created yet.
    file: Option<File>,
    /// The checksum of the metadata.
    metadata: u32,
    end: JournalEnd,
    /// True if its name is known to be on disk.
    is_name_synced: bool,
}

/// A journal open for appending, and its records.
pub struct OpenedJournal {
    pub file: JournalFile,
    pub records: Vec<Record>,
}

impl OpenedJournal {
    /// Opens the journal of an item that was just claimed.
    pub fn open(path: &ItemPath, metadata: u32) -> Result<Self, FileError> {
        let file = open(path.directory(), &path.log(), APPEND)?;
        let bytes = file
            .as_ref()
            .map(read_bytes)
            .transpose()?
            .unwrap_or_default();
        let contents = read(&bytes, metadata)?;
        let file = JournalFile {
            file,
            metadata,
            end: JournalEnd::new(contents.intact, bytes.len() as u64),
            is_name_synced: contents.intact > 0,
        };
        let records = contents.records;
        Ok(Self { file, records })
    }
}

/// Reads the journal with this name; `None`: no such file.
pub fn read_file(
    directory: &Directory,
    name: &str,
    metadata: u32,
) -> Result<Option<JournalContents>, FileError> {
    let Some(file) = open(directory, name, OFlags::RDONLY)? else {
        return Ok(None);
    };
    let bytes = read_bytes(&file)?;
    Ok(Some(read(&bytes, metadata)?))
}

fn read_bytes(file: &File) -> Result<Vec<u8>, FileError> {
    let length = file.metadata()?.len();
    if length > MAX_LENGTH {
        return Err(FileError::Damaged("its journal is too long".to_owned()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(MAX_LENGTH).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open(directory: &Directory, name: &str, flags: OFlags) -> Result<Option<File>, FileError> {
    directory
        .open_regular(name, flags)
        .map_err(|error| match error {
            FileError::Damaged(why) => FileError::Damaged(why.replacen("it ", "its journal ", 1)),
            error @ FileError::Io(_) => error,
        })
}

impl JournalFile {
    /// Creates the journal of an item; the caller syncs its name along with that of the item.
    pub fn create(path: &ItemPath, metadata: u32) -> Result<Self, QueueError> {
        let (directory, name) = (path.directory(), path.log());
        let file = directory
            .create(&name, APPEND)
            .map_err(|error| directory.error("create", &name, error))?;
        Ok(Self {
            file: Some(file),
            metadata,
            end: JournalEnd::new(0, 0),
            is_name_synced: false,
        })
    }

    /// Records that the directory was synced, so that later processes know that the name is on disk and
    /// need not sync it again. If that cannot be written, they sync it.
    pub fn record_name_sync(&mut self) {
        self.is_name_synced = true;
        let line = first_line(self.metadata);
        let _ = self.write(&line, Durability::Process);
    }

    pub fn append(
        &mut self,
        path: &ItemPath,
        record: &Record,
        durability: Durability,
    ) -> Result<(), QueueError> {
        self.sync_name(path)?;
        let mut line = Vec::new();
        if self.end.intact() == 0 {
            line = first_line(self.metadata);
        }
        line.extend(record_line(record));
        let written = self.write(&line, durability);
        written.map_err(|error| path.directory().error("write to", &path.log(), error))
    }

    /// Syncs the name, which must be on disk before the first line.
    fn sync_name(&mut self, path: &ItemPath) -> Result<(), QueueError> {
        if self.is_name_synced {
            return Ok(());
        }
        if self.file.is_none() {
            *self = Self::create(path, self.metadata)?;
        }
        path.directory().sync()?;
        self.is_name_synced = true;
        Ok(())
    }

    fn write(&mut self, line: &[u8], durability: Durability) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.end.append(file, line, |file| match durability {
            Durability::Disk => file.sync_data(),
            Durability::Process | Durability::Later => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientStatus;
    use crate::mail::envelope::RecipientIndex;
    use crate::queue::store::{AttemptResult, Id};
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    const METADATA: u32 = 0x0815_4711;

    fn record_at(second: u64, event: ItemEvent) -> Record {
        let at = from_milliseconds(second * 1000);
        Record { at, event }
    }

    fn one_of_each() -> Vec<Record> {
        let result = AttemptResult {
            verdict: RecipientStatus::Deferred,
            words: "busy\nas \u{1b}".to_owned(),
            reply: Some("451 4.7.1 später".to_owned()),
            enhanced: None,
            server: Some("mx.example.org [192.0.2.7]:25".to_owned()),
        };
        let report = Id::parse("1234567890abc").unwrap();
        let events = [
            ItemEvent::Attempt {
                recipients: vec![RecipientIndex(0), RecipientIndex(1)],
                early: false,
            },
            ItemEvent::EndOfData {
                recipients: vec![RecipientIndex(1)],
            },
            ItemEvent::Accepted {
                recipients: vec![RecipientIndex(1)],
                reply: "250 ok".to_owned(),
            },
            ItemEvent::Result {
                recipient: RecipientIndex(0),
                result,
            },
            ItemEvent::ENDED,
            ItemEvent::Held,
            ItemEvent::Released,
            ItemEvent::Requeued,
            ItemEvent::Warned,
            ItemEvent::Reporting {
                recipients: vec![RecipientIndex(0)],
                report,
            },
            ItemEvent::Reported {
                recipients: vec![RecipientIndex(0)],
            },
        ];
        events
            .into_iter()
            .enumerate()
            .map(|(second, event)| record_at(second as u64, event))
            .collect()
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let lines = records.iter().flat_map(record_line);
        first_line(METADATA).into_iter().chain(lines).collect()
    }

    #[test]
    fn written_records_are_read_back() {
        let bytes = written(&one_of_each());
        let contents = read(&bytes, METADATA).unwrap();
        assert_eq!(contents.records, one_of_each());
        assert_eq!(contents.intact, bytes.len() as u64);
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let line = String::from_utf8(record_line(&record_at(
            5,
            ItemEvent::EndOfData {
                recipients: vec![RecipientIndex(0), RecipientIndex(2)],
            },
        )))
        .unwrap();
        assert_eq!(
            &line[9..],
            "{\"at\":5000,\"event\":\"dot\",\"recipients\":[0,2]}\n"
        );
    }

    #[test]
    fn an_empty_file_has_no_records() {
        assert_eq!(read(b"", METADATA), Ok(JournalContents::default()));
    }

    #[test]
    fn a_torn_last_line_counts_as_never_written() {
        let all = one_of_each();
        let (whole, before) = (written(&all), written(&all[..all.len() - 1]));
        for length in before.len()..whole.len() {
            let contents = read(&whole[..length], METADATA).unwrap();
            assert_eq!(contents.records, all[..all.len() - 1]);
            assert_eq!(contents.intact, before.len() as u64);
        }
    }

    #[test]
    fn a_torn_first_line_is_an_empty_journal() {
        let header = first_line(METADATA);
        for length in 0..header.len() {
            assert_eq!(
                read(&header[..length], METADATA),
                Ok(JournalContents::default())
            );
        }
    }

    #[test]
    fn zeros_after_a_power_failure_are_a_torn_line() {
        let mut bytes = written(&one_of_each());
        let good = bytes.len() as u64;
        bytes.extend([0; 5000]);
        let contents = read(&bytes, METADATA).unwrap();
        assert_eq!((contents.records, contents.intact), (one_of_each(), good));
    }

    #[test]
    fn a_bad_checksum_is_a_torn_line_at_the_end_and_damage_elsewhere() {
        let mut bytes = written(&one_of_each());
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        assert_eq!(read(&bytes, METADATA).unwrap().records.len(), 10);
        bytes.extend(record_line(&record_at(99, ItemEvent::ENDED)));
        assert_eq!(
            read(&bytes, METADATA),
            Err("line 12 of its journal is damaged".to_owned())
        );
    }

    #[test]
    fn the_journal_of_another_item_is_refused() {
        let error = read(&written(&one_of_each()), METADATA + 1).unwrap_err();
        assert_eq!(error, "its journal belongs to another item");
    }

    #[test]
    fn another_version_and_an_unknown_event_are_errors() {
        let other = line(&JournalHeader {
            journal: 2,
            metadata: METADATA,
        });
        assert_eq!(
            read(&other, METADATA).unwrap_err(),
            "its journal has the unsupported version 2"
        );
        let unknown = line(&serde_json::json!({"at": 1, "event": "sung"}));
        let error = read(&[first_line(METADATA), unknown].concat(), METADATA).unwrap_err();
        assert!(
            error.starts_with("line 2 of its journal is not understood"),
            "{error}"
        );
        assert!(read(&record_line(&record_at(1, ItemEvent::ENDED)), METADATA).is_err());
    }

    #[test]
    fn a_time_out_of_range_does_not_panic() {
        assert_eq!(from_milliseconds(0), UNIX_EPOCH);
        let _ = from_milliseconds(u64::MAX);
    }

    proptest! {
        #[test]
        fn one_damaged_octet_is_an_error_or_costs_at_most_two_records(index in 0_usize..2000, octet: u8) {
            let all = one_of_each();
            let mut bytes = written(&all);
            let index = index % bytes.len();
            bytes[index] = octet;
            if let Ok(contents) = read(&bytes, METADATA) {
                prop_assert!(contents.records.len() + 2 >= all.len());
                prop_assert_eq!(&contents.records[..], &all[..contents.records.len()]);
            }
        }

        #[test]
        fn arbitrary_octets_do_not_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, METADATA);
        }
    }
}
