//! The record of a key in the DNS (RFC 6376 §3.6.1).

use crate::mail::dkim::key::SigningKey;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// Maximum length of one string of a TXT record (RFC 1035 §3.3).
const MAX_STRING: usize = 255;

/// The text of the record.
pub fn record(key: &SigningKey) -> String {
    let public = BASE64_STANDARD.encode(key.public_key());
    format!("v=DKIM1; k={}; p={public}", key.kind())
}

/// The record in the format of zone files, in strings that are not too long.
pub fn zone_lines(owner: &str, record: &str) -> String {
    let mut strings = Vec::new();
    let mut rest = record;
    while !rest.is_empty() {
        let (string, more) = rest.split_at(rest.len().min(MAX_STRING));
        strings.push(format!("\"{string}\""));
        rest = more;
    }
    format!("{owner} IN TXT ( {} )\n", strings.join("\n\t"))
}

/// A problem with the record of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    #[error("there are {0} DKIM records of this name, and receivers use any of them")]
    Several(usize),
    #[error("the name has a TXT record, but not a DKIM record")]
    NotDkim,
    #[error("the record is revoked: its p= is empty")]
    Revoked,
    #[error(
        "the record is for a key of the kind {found}, but the file has one of the kind {expected}"
    )]
    Kind {
        expected: &'static str,
        found: String,
    },
    #[error("the record has a p= that is not base64")]
    Damaged,
    #[error("the record has another public key than the file")]
    OtherKey,
    #[error("the record does not allow SHA-256 (h={0})")]
    Hash(String),
    #[error("the record is not for mail (s={0})")]
    Service(String),
    /// The signatures are valid, but receivers may treat them as missing.
    #[error(
        "the record says that signatures are a test (t=y); remove that flag when mail is signed as expected"
    )]
    Testing,
}

/// Checks the TXT records of a name, each with its strings joined.
pub fn check_records(records: &[Vec<u8>], key: &SigningKey) -> Result<(), RecordProblem> {
    let texts = records.iter().map(|record| String::from_utf8_lossy(record));
    let texts: Vec<_> = texts.collect();
    let mut parsed = texts.iter().filter_map(|text| Tags::parse(text));
    let Some(tags) = parsed.next() else {
        return Err(RecordProblem::NotDkim);
    };
    match parsed.count() {
        0 => tags.check(key),
        more => Err(RecordProblem::Several(more + 1)),
    }
}

/// The tags of a DKIM record.
struct Tags<'t>(Vec<(&'t str, &'t str)>);

impl<'t> Tags<'t> {
    /// `None`: it is another kind of record.
    fn parse(text: &'t str) -> Option<Self> {
        let tags = text.split(';').map(str::trim).filter(|tag| !tag.is_empty());
        let tags: Option<Vec<_>> = tags
            .map(|tag| {
                let (name, value) = tag.split_once('=')?;
                Some((name.trim_end(), value.trim_start()))
            })
            .collect();
        let tags = Self(tags?);
        let is_version = tags.get("v").is_none_or(|version| version == "DKIM1");
        (is_version && tags.get("p").is_some()).then_some(tags)
    }

    fn get(&self, name: &str) -> Option<&'t str> {
        let found = self.0.iter().find(|(tag, _)| *tag == name);
        found.map(|(_, value)| *value)
    }

    /// The items of a list, separated by colons.
    fn has(&self, name: &str, item: &[&str], default: bool) -> bool {
        self.get(name).map_or(default, |list| {
            list.split(':').any(|one| item.contains(&one.trim()))
        })
    }

    fn check(&self, key: &SigningKey) -> Result<(), RecordProblem> {
        let public: String = self
            .get("p")
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        if public.is_empty() {
            return Err(RecordProblem::Revoked);
        }
        let found = self.get("k").unwrap_or("rsa");
        if found != key.kind() {
            return Err(RecordProblem::Kind {
                expected: key.kind(),
                found: crate::system::text::shown(found),
            });
        }
        let public = BASE64_STANDARD.decode(public);
        if public.map_err(|_| RecordProblem::Damaged)? != key.public_key() {
            return Err(RecordProblem::OtherKey);
        }
        let list = |name| crate::system::text::shown(self.get(name).unwrap_or_default());
        if !self.has("h", &["sha256"], true) {
            return Err(RecordProblem::Hash(list("h")));
        }
        if !self.has("s", &["*", "email"], true) {
            return Err(RecordProblem::Service(list("s")));
        }
        if self.has("t", &["y"], false) {
            return Err(RecordProblem::Testing);
        }
        Ok(())
    }
}
