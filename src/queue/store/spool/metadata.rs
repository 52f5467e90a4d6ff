//! The file of an item: a line of fixed width with two checksums, the metadata as a line of JSON, and the
//! message in its wire form before dot-stuffing.
//!
//! ```text
//! ehlo-queue 1 CHECKSUM LENGTH CHECKSUM LENGTH
//! {"queued":...}
//! From: ...
//! ```
//!
//! The first checksum covers the metadata and the rest of the first line, so that a damaged length does not
//! yield another message; the second covers the message.

use crate::mail::address::{Address, Mailbox, parse_raw};
use crate::mail::envelope::{Dsn, Envelope, NotifyOn, RecipientDsn, Return};
use crate::queue::store::item::{from_milliseconds, milliseconds};
use crate::queue::store::{Id, ItemKind, Metadata, OnUncertain, RouteSpec};
use crate::smtp::blocks::BodyType;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// The start of every file; the number is the version.
const MAGIC: &str = "ehlo-queue 1 ";

/// The start of files of any version.
const ANY_MAGIC: &[u8] = b"ehlo-queue ";

/// The octets of the first line, with its end.
pub const FIRST_LINE_LENGTH: usize = MAGIC.len() + 8 + 1 + 8 + 1 + 8 + 1 + 16 + 1;

/// Upper limit in octets of the metadata; no real envelope comes close.
pub const MAX_METADATA: usize = 16 << 20;

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstLine {
    /// The checksum of the metadata and of the lengths.
    pub checksum: u32,
    /// Length in octets of the metadata, with its line end.
    pub metadata: usize,
    /// The checksum of the message.
    pub message_checksum: u32,
    /// The octets of the message.
    pub message: u64,
}

impl FirstLine {
    /// The first line for this metadata, with its line end, and for a message.
    pub fn of(metadata: &[u8], message_checksum: u32, message: u64) -> Self {
        let mut first_line = Self {
            checksum: 0,
            metadata: metadata.len(),
            message_checksum,
            message,
        };
        first_line.checksum = first_line.true_checksum(metadata);
        first_line
    }

    fn true_checksum(&self, metadata: &[u8]) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(self.rest().as_bytes());
        checksum.update(metadata);
        checksum.finalize()
    }

    /// The part of the line after the first checksum.
    fn rest(&self) -> String {
        let Self {
            metadata,
            message_checksum,
            message,
            ..
        } = self;
        format!(" {metadata:08x} {message_checksum:08x} {message:016x}\n")
    }

    pub fn to_text(&self) -> String {
        format!("{MAGIC}{:08x}{}", self.checksum, self.rest())
    }

    /// Parses a first line. The error describes the damage.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        if line.is_empty() {
            return Err("it is empty".to_owned());
        }
        if line.len() < FIRST_LINE_LENGTH {
            return Err("its first line is incomplete".to_owned());
        }
        let first_line =
            parse(&line[..FIRST_LINE_LENGTH]).filter(|found| found.to_text().as_bytes() == line);
        match first_line {
            Some(first_line) if first_line.metadata > MAX_METADATA => {
                Err("its metadata is too long".to_owned())
            }
            Some(first_line) => Ok(first_line),
            None if line.starts_with(MAGIC.as_bytes()) || !line.starts_with(ANY_MAGIC) => {
                Err("its first line is damaged".to_owned())
            }
            None => Err("it was written by another version of ehlo".to_owned()),
        }
    }

    /// Offset of the message.
    pub fn message_start(&self) -> u64 {
        (FIRST_LINE_LENGTH + self.metadata) as u64
    }

    /// Length in octets of the whole file; `None`: out of range.
    pub fn file_length(&self) -> Option<u64> {
        self.message_start().checked_add(self.message)
    }

    /// Reads the metadata that this line was written for.
    pub fn metadata(&self, json: &[u8]) -> Result<ReadMetadata, String> {
        if self.true_checksum(json) != self.checksum {
            return Err("its metadata is damaged".to_owned());
        }
        read(json)
    }
}

/// Parses the numbers of a first line, in any notation.
fn parse(line: &[u8]) -> Option<FirstLine> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.strip_prefix(MAGIC)?.trim_end().split(' ');
    let mut next = || u64::from_str_radix(fields.next()?, 16).ok();
    Some(FirstLine {
        checksum: next()?.try_into().ok()?,
        metadata: next()?.try_into().ok()?,
        message_checksum: next()?.try_into().ok()?,
        message: next()?,
    })
}

/// Metadata, and the body type of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMetadata {
    pub metadata: Metadata,
    /// The body type that the message requires.
    pub body_type: BodyType,
}

/// The stored form of the metadata.
#[derive(Serialize, Deserialize)]
struct StoredMetadata {
    /// In milliseconds since 1970.
    queued: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    recipients: Vec<String>,
    #[serde(rename = "transport", with = "StoredBodyType")]
    body_type: BodyType,
    /// Random, so that the same metadata stored twice has two checksums: a journal is matched to its item
    /// by the checksum.
    #[serde(rename = "chance")]
    random: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    utf8_header: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<Vec<StoredDsn>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ret: Option<StoredReturn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each: Vec<StoredRecipient>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<FileName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    options: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    on_uncertain: OnUncertain,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_failure: Option<String>,
    /// The item that this is a report about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Id>,
}

/// The stored form of one recipient.
#[derive(Serialize, Deserialize)]
struct StoredRecipient {
    recipient: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<Vec<StoredDsn>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<String>,
}

impl StoredRecipient {
    fn of(dsn: &RecipientDsn) -> Self {
        Self {
            recipient: dsn.recipient.to_string(),
            notify: dsn.notify.map(stored_notify),
            original: dsn.original.clone(),
        }
    }

    fn dsn(self) -> Result<RecipientDsn, String> {
        Ok(RecipientDsn {
            recipient: address(&self.recipient)?,
            notify: self.notify.as_deref().map(notify),
            original: self.original,
        })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "BodyType")]
enum StoredBodyType {
    #[serde(rename = "7bit")]
    SevenBit,
    #[serde(rename = "8bit")]
    EightBit,
    #[serde(rename = "binary")]
    Binary,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredDsn {
    Success,
    Failure,
    Delay,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredReturn {
    Full,
    Headers,
}

/// A file name, which may not be valid UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum FileName {
    Text(String),
    Octets(Vec<u8>),
}

/// Writes the metadata as one line of JSON, with its line end. The error is the reason why it could not be
/// read again.
pub fn write(metadata: &Metadata, body_type: BodyType) -> Result<Vec<u8>, String> {
    let mut json =
        serde_json::to_vec(&stored(metadata, body_type)).map_err(|error| error.to_string())?;
    json.push(b'\n');
    if json.len() > MAX_METADATA {
        return Err("its metadata is too long".to_owned());
    }
    Ok(json)
}

/// Reads the metadata from this line.
pub fn read(json: &[u8]) -> Result<ReadMetadata, String> {
    let stored: StoredMetadata = serde_json::from_slice(json)
        .map_err(|error| format!("its metadata is not understood: {error}"))?;
    Ok(ReadMetadata {
        body_type: stored.body_type,
        metadata: stored.metadata()?,
    })
}

fn stored(metadata: &Metadata, body_type: BodyType) -> StoredMetadata {
    let Metadata {
        envelope,
        route_spec,
        ..
    } = metadata;
    StoredMetadata {
        queued: milliseconds(metadata.queued),
        sender: envelope.sender.as_ref().map(Address::to_string),
        recipients: envelope.recipients.iter().map(Address::to_string).collect(),
        body_type,
        random: fastrand::u32(..),
        utf8_header: metadata.utf8_header,
        notify: envelope.dsn.notify.map(stored_notify),
        ret: envelope.dsn.ret.map(|ret| match ret {
            Return::Full => StoredReturn::Full,
            Return::Headers => StoredReturn::Headers,
        }),
        envid: envelope.dsn.envid.clone(),
        each: envelope.dsn.each.iter().map(StoredRecipient::of).collect(),
        config: route_spec.config.as_deref().map(file_name),
        profile: route_spec.profile.clone(),
        options: route_spec.options.clone(),
        on_uncertain: metadata.on_uncertain,
        on_failure: metadata.on_failure.clone(),
        report: match &metadata.kind {
            ItemKind::Mail => None,
            ItemKind::Report(id) => Some(id.clone()),
        },
    }
}

impl StoredMetadata {
    fn metadata(self) -> Result<Metadata, String> {
        let recipients = self.recipients.iter().map(|recipient| address(recipient));
        Ok(Metadata {
            envelope: Envelope {
                sender: self.sender.as_deref().map(address).transpose()?,
                recipients: recipients.collect::<Result<_, _>>()?,
                dsn: Dsn {
                    notify: self.notify.as_deref().map(notify),
                    ret: self.ret.map(|stored| match stored {
                        StoredReturn::Full => Return::Full,
                        StoredReturn::Headers => Return::Headers,
                    }),
                    envid: self.envid,
                    each: self
                        .each
                        .into_iter()
                        .map(StoredRecipient::dsn)
                        .collect::<Result<_, _>>()?,
                },
            },
            utf8_header: self.utf8_header,
            route_spec: RouteSpec {
                config: self.config.map(path),
                profile: self.profile,
                options: self.options,
            },
            on_uncertain: self.on_uncertain,
            on_failure: self.on_failure,
            kind: self.report.map_or(ItemKind::Mail, ItemKind::Report),
            queued: from_milliseconds(self.queued),
        })
    }
}

fn address(text: &str) -> Result<Address, String> {
    let mailbox = Mailbox::parse_with(parse_raw, text);
    mailbox
        .map(|mailbox| mailbox.address)
        .map_err(|error| format!("an address in its metadata is not valid: {error}"))
}

fn stored_notify(notify: NotifyOn) -> Vec<StoredDsn> {
    let all = [
        (notify.success, StoredDsn::Success),
        (notify.failure, StoredDsn::Failure),
        (notify.delay, StoredDsn::Delay),
    ];
    let requested = all.into_iter().filter(|(is_requested, _)| *is_requested);
    requested.map(|(_, event)| event).collect()
}

fn notify(stored: &[StoredDsn]) -> NotifyOn {
    NotifyOn {
        success: stored.contains(&StoredDsn::Success),
        failure: stored.contains(&StoredDsn::Failure),
        delay: stored.contains(&StoredDsn::Delay),
    }
}

fn file_name(path: &Path) -> FileName {
    match path.to_str() {
        Some(text) => FileName::Text(text.to_owned()),
        None => FileName::Octets(path.as_os_str().as_bytes().to_vec()),
    }
}

fn path(name: FileName) -> PathBuf {
    match name {
        FileName::Text(text) => PathBuf::from(text),
        FileName::Octets(octets) => PathBuf::from(OsString::from_vec(octets)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::store::item::tests::metadata;
    use proptest::prelude::*;

    fn full() -> Metadata {
        let mut full = metadata(&[
            "bob@hamburger.edu",
            "\"a@b\"@example.org",
            "用户@[192.0.2.7]",
        ]);
        full.envelope.dsn = Dsn {
            notify: Some(NotifyOn {
                success: true,
                failure: false,
                delay: true,
            }),
            ret: Some(Return::Headers),
            envid: Some("a+b=c \"d\"".to_owned()),
            each: vec![RecipientDsn {
                recipient: Address::parse("bob@hamburger.edu").unwrap(),
                notify: Some(NotifyOn::default()),
                original: Some("rfc822;robert@hamburger.edu".to_owned()),
            }],
        };
        full.utf8_header = true;
        full.route_spec = RouteSpec {
            config: Some(PathBuf::from(OsString::from_vec(
                b"/etc/\xff/config.toml".to_vec(),
            ))),
            profile: Some("work".to_owned()),
            options: vec!["--server=[::1]:25".to_owned(), "--tls".to_owned()],
        };
        full.on_uncertain = OnUncertain::Hold;
        full.on_failure = Some("logger \"$(cat)\"".to_owned());
        full.kind = ItemKind::Report(Id::parse("1234567890abc").unwrap());
        full
    }

    fn first_line(json: &[u8]) -> FirstLine {
        FirstLine::of(json, 0xfeed_beef, 77)
    }

    #[test]
    fn written_metadata_is_read_back() {
        let null_sender = Metadata {
            envelope: Envelope {
                sender: None,
                ..full().envelope
            },
            ..full()
        };
        let never = Some(NotifyOn::default());
        let dsn = Dsn {
            notify: never,
            ..Dsn::default()
        };
        let no_reports = Metadata {
            envelope: Envelope {
                dsn,
                ..full().envelope
            },
            ..full()
        };
        for metadata in [
            full(),
            metadata(&["bob@hamburger.edu"]),
            null_sender,
            no_reports,
        ] {
            for body_type in [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary] {
                let json = write(&metadata, body_type).unwrap();
                let read = FirstLine::of(&json, 1, 2).metadata(&json).unwrap();
                assert_eq!(
                    read,
                    ReadMetadata {
                        metadata: metadata.clone(),
                        body_type
                    }
                );
                assert_eq!(
                    json.iter().position(|&byte| byte == b'\n'),
                    Some(json.len() - 1)
                );
            }
        }
    }

    #[test]
    fn defaults_are_not_written() {
        let json = write(&metadata(&["bob@hamburger.edu"]), BodyType::EightBit).unwrap();
        let json = String::from_utf8(json).unwrap();
        let expected = "{\"queued\":1790000000000,\"sender\":\"alice@crepes.fr\",\
             \"recipients\":[\"bob@hamburger.edu\"],\"transport\":\"8bit\",\"chance\":";
        let chance = json.strip_prefix(expected).unwrap();
        assert!(
            chance.trim_end_matches("}\n").parse::<u32>().is_ok(),
            "{json}"
        );
    }

    #[test]
    fn the_first_line_has_a_fixed_width_and_is_read_back() {
        let line = first_line(b"{}\n").to_text();
        assert_eq!(line.len(), FIRST_LINE_LENGTH);
        assert_eq!(FirstLine::parse(line.as_bytes()), Ok(first_line(b"{}\n")));
    }

    #[test]
    fn every_flipped_bit_of_first_line_and_metadata_is_an_error() {
        let json = write(&full(), BodyType::EightBit).unwrap();
        let whole = [first_line(&json).to_text().as_bytes(), &json].concat();
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut bad = whole.clone();
                bad[index] ^= 1 << bit;
                let read = FirstLine::parse(&bad[..FIRST_LINE_LENGTH])
                    .and_then(|first_line| first_line.metadata(&bad[FIRST_LINE_LENGTH..]));
                assert!(read.is_err(), "bit {bit} of octet {index}");
            }
        }
    }

    #[test]
    fn each_kind_of_damage_has_its_message() {
        let error = |line: &[u8]| FirstLine::parse(line).unwrap_err();
        let line = first_line(b"{}\n").to_text();
        assert_eq!(error(b""), "it is empty");
        assert_eq!(
            error(&line.as_bytes()[..20]),
            "its first line is incomplete"
        );
        assert_eq!(
            error(line.replace("queue 1", "queue 2").as_bytes()),
            "it was written by another version of ehlo"
        );
        assert_eq!(
            error(&[b'x'; FIRST_LINE_LENGTH]),
            "its first line is damaged"
        );
        let long = FirstLine {
            metadata: MAX_METADATA + 1,
            ..first_line(b"{}\n")
        };
        assert_eq!(error(long.to_text().as_bytes()), "its metadata is too long");
    }

    #[test]
    fn invalid_metadata_with_a_valid_checksum_does_not_panic() {
        for json in [
            &b"{}\n"[..],
            b"\n",
            b"[]\n",
            b"{\"queued\":1,\"recipients\":[\"\\n@x\"],\"transport\":\"7bit\"}\n",
        ] {
            assert!(first_line(json).metadata(json).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_octets_do_not_panic(line: Vec<u8>, json: Vec<u8>) {
            let _ = FirstLine::parse(&line);
            let _ = read(&json);
        }
    }
}
