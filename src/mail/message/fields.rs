//! Header fields: what they may contain, formatting of fields that options give, and repair of fields that
//! cannot be sent unchanged.

use crate::mail::address::{Address, Domain, ListEntry, decoded, is_encoded_word, parse_list};
use crate::mail::message::encode::MAX_LINE;
use crate::mail::message::header_reader::RawField;
use crate::mail::message::header_writer::{
    addresses, cut, folded, structured, unstructured, with_encoded_parameters,
};
use crate::mail::message::{HeaderField, MessageError};
use crate::system::host;
use crate::system::text::{forbidden, shown};
use crate::system::time::stamp;
use std::time::SystemTime;

/// Fields of addresses, which are parsed and formatted again if an option gives them.
const ADDRESS_FIELDS: [&str; 12] = [
    "From",
    "Sender",
    "To",
    "Cc",
    "Reply-To",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Bcc",
    "Resent-Bcc",
    "Disposition-Notification-To",
];

/// Fields with a value that is not free text, so that nothing in it may be encoded.
const STRUCTURED_FIELDS: [&str; 16] = [
    "Date",
    "Resent-Date",
    "Resent-Message-ID",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Id",
    "Auto-Submitted",
    "Received",
    "DKIM-Signature",
    "Content-Language",
];

/// Fields that may occur only once in a message: those of RFC 5322 §3.6, of MIME, of lists (RFC 2369, RFC
/// 2919, RFC 8058), and those of which mail programs show one value.
const ONCE: [&str; 32] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
    "Content-Language",
    "Auto-Submitted",
    "Disposition-Notification-To",
    "TLS-Required",
    "List-Id",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Importance",
    "Priority",
    "Sensitivity",
    "X-Priority",
    "X-MSMail-Priority",
];

/// True if a message may contain this field only once.
pub fn is_once(name: &str) -> bool {
    ONCE.iter().any(|once| once.eq_ignore_ascii_case(name))
}

/// True for a field of addresses.
pub fn is_address_field(name: &str) -> bool {
    ADDRESS_FIELDS
        .iter()
        .any(|field| field.eq_ignore_ascii_case(name))
}

/// Removes the fields without a required value.
pub fn remove_void(fields: &mut Vec<RawField>) {
    fields.retain(|field| !is_void(&field.name, &field.readable()));
}

/// True for a field without a value that RFC 5322 §3.6 requires: one of addresses without an address, or a
/// field that every message has. Some providers refuse an empty To or Cc.
fn is_void(name: &str, value: &str) -> bool {
    if matches!(name, "from" | "date" | "message-id") && value.is_empty() {
        return true;
    }
    is_address_field(name) && parse_list(value).is_ok_and(|entries| entries.is_empty())
}

/// Fields that are removed from every message: RFC 5322 §3.6.3, RFC 5321 §4.4.
const REMOVED: [&str; 3] = ["bcc", "resent-bcc", "return-path"];

/// True for a field that no message is sent with.
pub fn is_removed(field: &RawField) -> bool {
    REMOVED.contains(&field.name.as_str())
}

/// A Message-ID on the domain of the author (RFC 5322 §3.6.4), or of this host if the author has none.
pub fn message_id(author: &Address, now: SystemTime) -> String {
    match author.domain() {
        Domain::Absent => new_message_id(&host::mail_domain(), now),
        domain => new_message_id(&domain.to_string(), now),
    }
}

/// A new unique Message-ID on a domain, with its angle brackets.
pub fn new_message_id(domain: &str, now: SystemTime) -> String {
    format!("<{}.{}@{domain}>", stamp(now), token())
}

/// Twenty-two random characters.
pub fn token() -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(22)
        .collect()
}

/// `To` of a message that names no recipient.
pub fn undisclosed() -> String {
    let group = ListEntry::Group {
        name: "undisclosed-recipients".to_owned(),
        members: Vec::new(),
    };
    addresses("To", &[group])
}

/// Structured fields that only other programs write.
const MORE_STRUCTURED_FIELDS: [&str; 6] = [
    "ARC-Authentication-Results",
    "ARC-Message-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "Content-Disposition",
    "Content-Transfer-Encoding",
];

/// True for a field in which nothing may be encoded.
pub fn is_structured_field(name: &str) -> bool {
    STRUCTURED_FIELDS
        .iter()
        .chain(&MORE_STRUCTURED_FIELDS)
        .any(|field| field.eq_ignore_ascii_case(name))
}

/// Refuses a repeated field that may occur only once, and several authors without a Sender (RFC 5322 §3.6).
pub fn check_repeats(fields: &[HeaderField]) -> Result<(), MessageError> {
    let wrong = |name: &str, why| MessageError::Field {
        name: name.to_owned(),
        why,
    };
    for (at, field) in fields.iter().enumerate() {
        let is_same = |other: &HeaderField| other.name.eq_ignore_ascii_case(&field.name);
        if is_once(&field.name) && fields[..at].iter().any(is_same) {
            return Err(wrong(
                &field.name,
                "is given twice; a message may have only one",
            ));
        }
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("Return-Path") {
            return Err(wrong(
                &field.name,
                "is added by the receiving server; set the return path with --envelope-from",
            ));
        }
        let has_sender = fields
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case("Sender"));
        if is("From")
            && !has_sender
            && parse_addresses(field)?
                .iter()
                .flat_map(ListEntry::mailboxes)
                .count()
                > 1
        {
            return Err(wrong(
                "From",
                "has several authors; name the sender with -H 'Sender: ...'",
            ));
        }
    }
    Ok(())
}

/// Formats a field for sending.
pub fn written(field: &HeaderField) -> Result<String, MessageError> {
    let is = |name: &&&str| name.eq_ignore_ascii_case(&field.name);
    let wrong = |why| MessageError::Field {
        name: field.name.clone(),
        why,
    };
    if field.name.eq_ignore_ascii_case("Content-Transfer-Encoding") {
        return Err(wrong("is set by ehlo and cannot be given"));
    }
    if let Some(name) = ADDRESS_FIELDS.iter().find(is) {
        let entries = parse_addresses(field)?;
        if entries.is_empty() {
            return Err(wrong("has no address"));
        }
        return Ok(addresses(name, &entries));
    }
    let given = field.name.as_str();
    if STRUCTURED_FIELDS.iter().find(is).is_some() {
        if !field.value.is_ascii() {
            return Err(wrong("must be ASCII"));
        }
        if field.value.split(' ').any(|word| word.len() > 900) {
            return Err(wrong("contains a word of more than 900 characters"));
        }
        return Ok(structured(given, &field.value));
    }
    if is_encoded(&field.value)
        && let Some(text) = folded(given, &field.value)
    {
        return Ok(text);
    }
    Ok(unstructured(given, &decoded(&field.value)))
}

/// True for text that is encoded already, in words that can be sent unchanged. Some mail programs would
/// show several blanks in a row as one.
fn is_encoded(value: &str) -> bool {
    value.contains("=?")
        && !value.contains("  ")
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && value
            .split(' ')
            .all(|word| !word.contains("=?") || is_encoded_word(word))
}

pub fn parse_addresses(field: &HeaderField) -> Result<Vec<ListEntry>, MessageError> {
    parse_list(&field.value).map_err(|error| MessageError::Address {
        field: field.name.clone(),
        error,
    })
}

/// Makes header fields valid for transmission. Their meaning is kept as far as possible.
pub struct FieldRepair {
    /// True if raw UTF-8 is kept.
    utf8: bool,
    pub remarks: Vec<String>,
    pub warnings: Vec<String>,
}

impl FieldRepair {
    /// For a header with or without raw UTF-8.
    pub fn new(utf8: bool) -> Self {
        Self {
            utf8,
            remarks: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Formats the field for sending. It is kept byte for byte if possible.
    pub fn valid(&mut self, field: RawField) -> RawField {
        if self.is_valid(&field.raw) {
            return field;
        }
        let name = field.spelling();
        let text = self.written(&name, &field.readable());
        self.remarks
            .push(format!("{}: rewritten to make it valid", shown(&name)));
        RawField::made(&name, text)
    }

    fn is_valid(&self, raw: &[u8]) -> bool {
        let mut lines = raw.split(|&byte| byte == b'\n');
        let fits = lines.all(|line| line.len() <= MAX_LINE + 1);
        let odd = |&byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
        let has_bare_cr = || {
            let returns = memchr::memchr_iter(b'\r', raw);
            returns.count() > memchr::memchr_iter(b'\n', raw).count()
        };
        fits && !raw.iter().any(odd) && !has_bare_cr() && (raw.is_ascii() || self.is_utf8(raw))
    }

    /// True if non-ASCII octets can be kept: valid UTF-8, and nothing that some program treats as a line
    /// end.
    fn is_utf8(&self, raw: &[u8]) -> bool {
        let text = std::str::from_utf8(raw).unwrap_or("\0");
        let is_line_end = |c: char| matches!(c, '\r' | '\n');
        self.utf8
            && text
                .split(is_line_end)
                .all(|line| forbidden(line).is_none())
    }

    fn written(&mut self, name: &str, value: &str) -> String {
        let is_plain = self.utf8 || value.is_ascii();
        if is_plain && let Some(text) = folded(name, value) {
            return text;
        }
        if is_address_field(name)
            && let Ok(entries) = parse_list(value)
            && !entries.is_empty()
        {
            return addresses(name, &entries);
        }
        if !is_structured_field(name) {
            return unstructured(name, &decoded(value));
        }
        if is_plain {
            return cut(name, value);
        }
        if has_parameters(name) {
            let text = with_encoded_parameters(name, value);
            if text.is_ascii() {
                return text;
            }
        }
        self.warnings.push(format!(
            "{}: this field must be ASCII; other characters were replaced by ?",
            shown(name)
        ));
        let plain = |c: char| if c.is_ascii() { c } else { '?' };
        cut(name, &value.chars().map(plain).collect::<String>())
    }
}

/// MIME fields with parameters, which have an encoding of their own (RFC 2231).
fn has_parameters(name: &str) -> bool {
    ["Content-Type", "Content-Disposition"]
        .iter()
        .any(|field| field.eq_ignore_ascii_case(name))
}
