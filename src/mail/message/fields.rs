//! The header of a message: the generated fields, and those that options give.

use crate::mail::address::{ListEntry, decoded, is_encoded_word, parse_list};
use crate::mail::message::header::{addresses, folded, structured, unstructured};
use crate::mail::message::{HeaderField, MessageDraft, MessageError, message_id};
use crate::system::time::header_date;
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

/// True for a field without a value that RFC 5322 §3.6 requires: one of addresses without an address, or a
/// field that every message has. Some providers refuse an empty To or Cc.
pub fn is_void(name: &str, value: &str) -> bool {
    if matches!(name, "from" | "date" | "message-id") && value.is_empty() {
        return true;
    }
    is_address_field(name) && parse_list(value).is_ok_and(|entries| entries.is_empty())
}

/// `To` of a message that names no recipient.
pub fn undisclosed() -> String {
    let nobody = ListEntry::Group {
        name: "undisclosed-recipients".to_owned(),
        members: Vec::new(),
    };
    addresses("To", &[nobody])
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

/// A name and the whole field.
pub type WrittenField = (&'static str, String);

/// The generated fields, in their order.
pub fn own_fields(draft: &MessageDraft, now: SystemTime) -> Vec<WrittenField> {
    let mut fields = Vec::new();
    if !draft.no_date {
        fields.push(("Date", structured("Date", &header_date(now))));
    }
    let from = ListEntry::Mailbox(draft.from.clone());
    fields.push(("From", addresses("From", &[from])));
    // Without To and Cc, some servers add one with an empty group. This one has a better name.
    if draft.to.is_empty() && draft.cc.is_empty() {
        fields.push(("To", undisclosed()));
    }
    for (name, entries) in [
        ("To", &draft.to),
        ("Cc", &draft.cc),
        ("Reply-To", &draft.reply_to),
    ] {
        if !entries.is_empty() {
            fields.push((name, addresses(name, entries)));
        }
    }
    if let Some(subject) = &draft.subject {
        fields.push(("Subject", unstructured("Subject", subject)));
    }
    if !draft.no_message_id {
        let id = message_id(&draft.from.address, now);
        fields.push(("Message-ID", format!("Message-ID: {id}\r\n")));
    }
    fields.push(("MIME-Version", "MIME-Version: 1.0\r\n".to_owned()));
    fields
}

/// A `Bcc` given as a header field is treated as `--bcc`.
pub fn take_bcc(draft: &mut MessageDraft) -> Result<Vec<ListEntry>, MessageError> {
    let mut bcc = Vec::new();
    for field in &draft.headers {
        if is_bcc(&field.name) {
            bcc.extend(parse(field)?);
        }
    }
    draft.headers.retain(|field| !is_bcc(&field.name));
    Ok(bcc)
}

fn is_bcc(name: &str) -> bool {
    name.eq_ignore_ascii_case("Bcc") || name.eq_ignore_ascii_case("Resent-Bcc")
}

fn parse(field: &HeaderField) -> Result<Vec<ListEntry>, MessageError> {
    parse_list(&field.value).map_err(|error| MessageError::Address {
        field: field.name.clone(),
        error,
    })
}

/// Adds the fields of `--header` to the generated ones. A generated field of the same name is replaced.
/// Returns the value of `Content-Type`, which belongs to the body.
pub fn given_fields(
    draft: &MessageDraft,
    fields: &mut Vec<WrittenField>,
) -> Result<Option<String>, MessageError> {
    let mut content_type = None;
    check_repeats(&draft.headers)?;
    for field in &draft.headers {
        if field.name.eq_ignore_ascii_case("Content-Type") {
            content_type = Some(field.value.clone());
            continue;
        }
        let text = written(field)?;
        let own = fields
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case(&field.name));
        match own {
            Some(at) => fields[at].1 = text,
            None => fields.push(("", text)),
        }
    }
    Ok(content_type)
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
                "is given twice, and a message may have only one",
            ));
        }
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("Return-Path") {
            return Err(wrong(
                &field.name,
                "is the receiving server's to write; see --envelope-from",
            ));
        }
        let has_sender = fields
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case("Sender"));
        if is("From")
            && !has_sender
            && parse(field)?.iter().flat_map(ListEntry::mailboxes).count() > 1
        {
            return Err(wrong(
                "From",
                "names several authors; name the one who sends with -H 'Sender: ...'",
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
        return Err(wrong("is chosen by ehlo, by what the text needs"));
    }
    if let Some(name) = ADDRESS_FIELDS.iter().find(is) {
        let entries = parse(field)?;
        if entries.is_empty() {
            return Err(wrong("has no address"));
        }
        return Ok(addresses(name, &entries));
    }
    let given = field.name.as_str();
    if STRUCTURED_FIELDS.iter().find(is).is_some() {
        if !field.value.is_ascii() {
            return Err(wrong("cannot hold characters other than ASCII"));
        }
        if field.value.split(' ').any(|word| word.len() > 900) {
            return Err(wrong("has a word of more than 900 characters"));
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
