//! The header of a converted entity.

use crate::mail::address::{ListEntry, Mailbox, parse_list};
use crate::mail::message::convert::PartConversion;
use crate::mail::message::convert::Target;
use crate::mail::message::convert::entity::{Entity, Kind, Place, essence, lacks_boundary};
use crate::mail::message::fields::{FieldRepair, is_address_field};
use crate::mail::message::head::RawField;
use crate::mail::message::header::{addresses, cut};

/// The fields of an entity after its content was converted.
pub fn converted(entity: &Entity, how: PartConversion, target: Target) -> Vec<RawField> {
    let fields = match how {
        PartConversion::Encoded(encoding, charset) => encoded(entity, encoding.name(), charset),
        _ if target.seven_bit => relabelled(entity),
        _ => entity.fields.clone(),
    };
    let is_top = entity.place == Place::Top;
    let keeps_utf8 = if is_top {
        !target.ascii_header
    } else {
        !target.seven_bit
    };
    let mut repair = FieldRepair::new(keeps_utf8);
    let fields = fields.into_iter().map(|field| {
        let valid = repair.valid(field.clone());
        if is_top || keeps_utf8 || valid.raw.is_ascii() {
            valid
        } else {
            shown_only(&field, &valid)
        }
    });
    fields.collect()
}

/// The header of content that is encoded now.
fn encoded(entity: &Entity, encoding: &str, charset: &str) -> Vec<RawField> {
    let mut fields = entity.fields.clone();
    fields.retain(|field| field.name != "content-transfer-encoding");
    let is_odd = |field: &RawField| {
        field.name == "content-type" && (essence(field).is_none() || lacks_boundary(field))
    };
    fields.retain(|field| !is_odd(field));
    let has = |fields: &[RawField], name: &str| fields.iter().any(|field| field.name == name);
    if entity.place != Place::Part && !has(&fields, "mime-version") {
        let version = "MIME-Version: 1.0\r\n".to_owned();
        fields.push(RawField::made("MIME-Version", version));
    }
    if !has(&fields, "content-type") {
        let charset = if charset.is_empty() {
            "us-ascii"
        } else {
            charset
        };
        let text = format!("Content-Type: text/plain; charset={charset}\r\n");
        fields.push(RawField::made("Content-Type", text));
    } else if !charset.is_empty() {
        let mut types = fields
            .iter_mut()
            .filter(|field| field.name == "content-type");
        types
            .next()
            .into_iter()
            .for_each(|field| name_charset(field, charset));
    }
    fields.iter_mut().for_each(rename_status);
    fields.push(encoding_field(encoding));
    fields
}

fn encoding_field(encoding: &str) -> RawField {
    let text = format!("Content-Transfer-Encoding: {encoding}\r\n");
    RawField::made("Content-Transfer-Encoding", text)
}

/// Adds the charset to a text that has none.
fn name_charset(field: &mut RawField, charset: &str) {
    let value = field.readable();
    let is_text = essence(field).is_some_and(|essence| essence.starts_with("text/"));
    if !is_text || value.to_ascii_lowercase().contains("charset") {
        return;
    }
    let value = value.trim_end_matches([';', ' ']);
    let name = field.spelling();
    let text = cut(&name, &format!("{value}; charset={charset}"));
    *field = RawField::made(&name, text);
}

/// RFC 6533 §3: only these types of a report may be encoded.
fn rename_status(field: &mut RawField) {
    for kind in [
        "message/delivery-status",
        "message/disposition-notification",
    ] {
        let global = kind.replace('/', "/global-");
        rename(field, kind, &global);
    }
}

/// Replaces one type by another.
fn rename(field: &mut RawField, from: &str, to: &str) {
    if field.name != "content-type" || essence(field).as_deref() != Some(from) {
        return;
    }
    let value = field.readable();
    let value = value.trim_start();
    let name = field.spelling();
    let text = cut(
        &name,
        &format!("{to}{}", value.get(from.len()..).unwrap_or_default()),
    );
    *field = RawField::made(&name, text);
}

/// The header of content that is 7bit now, regardless of its former label.
fn relabelled(entity: &Entity) -> Vec<RawField> {
    let mut fields = entity.fields.clone();
    for field in &mut fields {
        if field.name == "content-transfer-encoding" {
            let value = field.readable();
            let word = value.split('(').next().unwrap_or_default().trim();
            if ["8bit", "binary"]
                .iter()
                .any(|wide| word.eq_ignore_ascii_case(wide))
            {
                *field = encoding_field("7bit");
            }
        }
        // RFC 6532 §3.7: with a header in ASCII, it is a message of the standard type.
        if entity.kind == Kind::Message {
            rename(field, "message/global", "message/rfc822");
        }
    }
    fields
}

/// A field of an attached message with addresses that are not ASCII. They become names of empty groups,
/// which can be read but not replied to (RFC 6857 §3.1.4).
fn shown_only(field: &RawField, valid: &RawField) -> RawField {
    let name = field.spelling();
    let value = field.readable();
    if is_address_field(&name)
        && let Ok(entries) = parse_list(&value)
    {
        let entries: Vec<ListEntry> = entries.into_iter().flat_map(in_ascii).collect();
        return RawField::made(&name, addresses(&name, &entries));
    }
    let plain = |&byte: &u8| if byte.is_ascii() { byte } else { b'?' };
    RawField {
        name: field.name.clone(),
        raw: valid.raw.iter().map(plain).collect(),
    }
}

fn in_ascii(entry: ListEntry) -> Vec<ListEntry> {
    let (hidden, shown): (Vec<Mailbox>, Vec<Mailbox>) = match &entry {
        ListEntry::Mailbox(mailbox) => vec![mailbox.clone()],
        ListEntry::Group { members, .. } => members.clone(),
    }
    .into_iter()
    .partition(|mailbox| mailbox.address.needs_utf8());
    let mut entries = match entry {
        ListEntry::Group { name, .. } => vec![ListEntry::Group {
            name,
            members: shown,
        }],
        ListEntry::Mailbox(_) => shown.into_iter().map(ListEntry::Mailbox).collect(),
    };
    entries.extend(hidden.into_iter().map(|mailbox| {
        ListEntry::Group {
            name: format!("{} {}", mailbox.name.unwrap_or_default(), mailbox.address)
                .trim()
                .to_owned(),
            members: Vec::new(),
        }
    }));
    entries
}
