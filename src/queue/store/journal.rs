//! The journal of an item: one line for each entry, `CHECKSUM SPACE JSON LF`, after a first line that
//! identifies the metadata it belongs to.
//!
//! Lines are only appended, each with one `write()`. A crash can leave only the last line torn. A torn last
//! line counts as never written, since its writing was never confirmed. Damage anywhere else cannot come
//! from a crash and is reported.

use crate::queue::store::{ItemEvent, Record};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The checksum and the space.
const PREFIX: usize = 9;

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

/// One entry in its stored form.
#[derive(Serialize, Deserialize)]
struct JournalLine {
    /// In milliseconds since 1970.
    at: u64,
    #[serde(flatten)]
    entry: ItemEvent,
}

/// The entries of a journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JournalContents {
    /// In the order in which they were made.
    pub entries: Vec<Record>,
    /// Length in octets of the intact part; the rest is torn.
    pub good: u64,
}

/// The first line of the journal for metadata with this checksum.
#[must_use]
pub fn head(metadata: u32) -> Vec<u8> {
    let journal = VERSION;
    line(&JournalHeader { journal, metadata })
}

/// The line of an entry.
#[must_use]
pub fn entry(noted: &Record) -> Vec<u8> {
    line(&JournalLine {
        at: milliseconds(noted.at),
        entry: noted.entry.clone(),
    })
}

fn line(content: &impl Serialize) -> Vec<u8> {
    // The entry consists of strings, numbers and lists, so that conversion to JSON cannot fail.
    let json = serde_json::to_string(content).unwrap_or_default();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

/// Reads the journal for metadata with this checksum. The error describes the damage.
pub fn read(bytes: &[u8], metadata: u32) -> Result<JournalContents, String> {
    let mut told = JournalContents::default();
    let mut lines = whole_lines(bytes).enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let Some(json) = checked(line) else {
            if lines.peek().is_none() {
                break;
            }
            return Err(format!("line {} of its journal is damaged", number + 1));
        };
        if number == 0 {
            check_head(json, metadata)?;
        } else {
            told.entries.push(noted(json, number + 1)?);
        }
        told.good += line.len() as u64 + 1;
    }
    Ok(told)
}

/// The complete lines without their line ends. Octets after the last line end are torn.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ended = bytes.iter().rposition(|&byte| byte == b'\n');
    let ended = ended.map(|end| &bytes[..end]);
    ended
        .into_iter()
        .flat_map(|lines| lines.split(|&byte| byte == b'\n'))
}

/// The JSON of a line if its checksum is right. The prefix must match exactly: a digit in another form is
/// damage too.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (prefix, json) = line.split_at_checked(PREFIX)?;
    (prefix == format!("{:08x} ", crc32fast::hash(json)).as_bytes()).then_some(json)
}

fn check_head(json: &[u8], metadata: u32) -> Result<(), String> {
    match serde_json::from_slice(json) {
        Ok(JournalHeader { journal, .. }) if journal != VERSION => {
            Err(format!("its journal is of version {journal}"))
        }
        Ok(head) if head.metadata != metadata => {
            Err("its journal is that of another item".to_owned())
        }
        Ok(_) => Ok(()),
        Err(_) => Err("its journal does not begin like one".to_owned()),
    }
}

fn noted(json: &[u8], number: usize) -> Result<Record, String> {
    let line: JournalLine = serde_json::from_slice(json)
        .map_err(|error| format!("line {number} of its journal says what nobody knows: {error}"))?;
    Ok(Record {
        at: moment(line.at),
        entry: line.entry,
    })
}

/// Milliseconds since 1970; none before.
#[must_use]
pub fn milliseconds(at: SystemTime) -> u64 {
    let passed = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The time this many milliseconds after 1970; 1970 if that is out of range.
#[must_use]
pub fn moment(milliseconds: u64) -> SystemTime {
    let passed = Duration::from_millis(milliseconds);
    UNIX_EPOCH.checked_add(passed).unwrap_or(UNIX_EPOCH)
}

/// Serializes a status as its name.
pub mod verdict {
    use crate::client::outcome::RecipientStatus;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde wants it
    pub fn serialize<S: Serializer>(verdict: &RecipientStatus, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(verdict.name())
    }

    /// The verdict that has this name.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RecipientStatus, D::Error> {
        let name = String::deserialize(from)?;
        RecipientStatus::named(&name).ok_or_else(|| D::Error::custom("no verdict"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientStatus;
    use crate::queue::store::{AttemptResult, Id};
    use proptest::prelude::*;

    const METADATA: u32 = 0x0815_4711;

    fn noted(second: u64, entry: ItemEvent) -> Record {
        let at = moment(second * 1000);
        Record { at, entry }
    }

    fn one_of_each() -> Vec<Record> {
        let end = AttemptResult {
            verdict: RecipientStatus::Deferred,
            words: "busy\nas \u{1b}".to_owned(),
            reply: Some("451 4.7.1 später".to_owned()),
            enhanced: None,
            server: Some("mx.example.org [192.0.2.7]:25".to_owned()),
        };
        let report = Id::parse("1234567890abc").unwrap();
        let entries = [
            ItemEvent::Attempt {
                recipients: vec![0, 1],
                early: false,
            },
            ItemEvent::Dot {
                recipients: vec![1],
            },
            ItemEvent::Taken {
                recipients: vec![1],
                reply: "250 ok".to_owned(),
            },
            ItemEvent::Result { recipient: 0, end },
            ItemEvent::OVER,
            ItemEvent::Held,
            ItemEvent::Released,
            ItemEvent::Requeued,
            ItemEvent::Warned,
            ItemEvent::Reporting {
                recipients: vec![0],
                report,
            },
            ItemEvent::Reported {
                recipients: vec![0],
            },
        ];
        entries
            .into_iter()
            .enumerate()
            .map(|(second, entry)| noted(second as u64, entry))
            .collect()
    }

    fn written(entries: &[Record]) -> Vec<u8> {
        let lines = entries.iter().flat_map(entry);
        head(METADATA).into_iter().chain(lines).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = written(&one_of_each());
        let told = read(&bytes, METADATA).unwrap();
        assert_eq!(told.entries, one_of_each());
        assert_eq!(told.good, bytes.len() as u64);
    }

    #[test]
    fn an_entry_is_one_line_that_a_person_can_read() {
        let line = String::from_utf8(entry(&noted(
            5,
            ItemEvent::Dot {
                recipients: vec![0, 2],
            },
        )))
        .unwrap();
        assert_eq!(
            &line[9..],
            "{\"at\":5000,\"event\":\"dot\",\"recipients\":[0,2]}\n"
        );
    }

    #[test]
    fn an_empty_journal_tells_nothing() {
        assert_eq!(read(b"", METADATA), Ok(JournalContents::default()));
    }

    #[test]
    fn a_torn_last_line_counts_as_never_written_wherever_it_is_torn() {
        let all = one_of_each();
        let (whole, before) = (written(&all), written(&all[..all.len() - 1]));
        for length in before.len()..whole.len() {
            let told = read(&whole[..length], METADATA).unwrap();
            assert_eq!(told.entries, all[..all.len() - 1]);
            assert_eq!(told.good, before.len() as u64);
        }
    }

    #[test]
    fn a_torn_head_is_an_empty_journal() {
        let head = head(METADATA);
        for length in 0..head.len() {
            assert_eq!(
                read(&head[..length], METADATA),
                Ok(JournalContents::default())
            );
        }
    }

    #[test]
    fn zeros_that_a_power_loss_left_behind_are_a_torn_line() {
        let mut bytes = written(&one_of_each());
        let good = bytes.len() as u64;
        bytes.extend([0; 5000]);
        let told = read(&bytes, METADATA).unwrap();
        assert_eq!((told.entries, told.good), (one_of_each(), good));
    }

    #[test]
    fn a_last_line_with_a_bad_checksum_is_torn_and_one_with_a_good_line_behind_it_is_damage() {
        let mut bytes = written(&one_of_each());
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        assert_eq!(read(&bytes, METADATA).unwrap().entries.len(), 10);
        bytes.extend(entry(&noted(99, ItemEvent::OVER)));
        assert_eq!(
            read(&bytes, METADATA),
            Err("line 12 of its journal is damaged".to_owned())
        );
    }

    #[test]
    fn the_journal_of_another_letter_is_not_believed() {
        let error = read(&written(&one_of_each()), METADATA + 1).unwrap_err();
        assert_eq!(error, "its journal is that of another item");
    }

    #[test]
    fn another_version_and_an_unknown_event_are_told() {
        let other = line(&JournalHeader {
            journal: 2,
            metadata: METADATA,
        });
        assert_eq!(
            read(&other, METADATA).unwrap_err(),
            "its journal is of version 2"
        );
        let unknown = line(&serde_json::json!({"at": 1, "event": "sung"}));
        let error = read(&[head(METADATA), unknown].concat(), METADATA).unwrap_err();
        assert!(error.starts_with("line 2 of its journal says"), "{error}");
        assert!(read(&entry(&noted(1, ItemEvent::OVER)), METADATA).is_err());
    }

    #[test]
    fn a_time_beyond_all_calendars_is_no_panic() {
        assert_eq!(moment(0), UNIX_EPOCH);
        let _ = moment(u64::MAX);
    }

    proptest! {
        #[test]
        fn one_damaged_octet_is_told_or_takes_the_last_line_and_the_one_it_runs_into(place in 0_usize..2000, octet: u8) {
            let all = one_of_each();
            let mut bytes = written(&all);
            let place = place % bytes.len();
            bytes[place] = octet;
            if let Ok(told) = read(&bytes, METADATA) {
                prop_assert!(told.entries.len() + 2 >= all.len());
                prop_assert_eq!(&told.entries[..], &all[..told.entries.len()]);
            }
        }

        #[test]
        fn no_octets_are_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, METADATA);
        }
    }
}
