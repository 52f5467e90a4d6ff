//! The message without its layers: the header of the outer message with the content of the innermost layer.

use crate::mail::address::{ListEntry, parse_list};
use crate::mail::layers::entity::Entity;
use crate::mail::layers::unread;
use crate::mail::message::{MessageError, RawField, Source};
use std::io;
use std::sync::Arc;

const BLOCK: usize = 64 * 1024;

/// The first address in From, in lower case. None, if there are several such fields: programs differ in which one
/// they show.
pub fn authors(message: &Entity) -> Vec<String> {
    let mut from = message.fields.iter().filter(|field| field.name == "from");
    let (Some(from), None) = (from.next(), from.next()) else {
        return Vec::new();
    };
    let entries: Vec<ListEntry> = parse_list(&from.readable()).unwrap_or_default();
    let mut mailboxes = entries.iter().flat_map(ListEntry::mailboxes);
    let first = mailboxes.next();
    first
        .map(|mailbox| mailbox.address.to_string().to_lowercase())
        .into_iter()
        .collect()
}

/// `is_believed`: header fields of the content replace those of the message (RFC 9788), such as a subject that was
/// hidden. An author who differs does not: the signer was compared with the one of the message.
pub fn message(
    outer: &Entity,
    content: &Arc<Source>,
    is_believed: bool,
) -> Result<Source, MessageError> {
    let inner = Entity::read(content)?;
    let is_structure = |field: &RawField| {
        field.name.starts_with("content-")
            || matches!(field.name.as_str(), "mime-version" | "hp-outer")
    };
    let is_other_author = authors(&inner) != authors(outer);
    let is_replaced =
        |field: &&RawField| !(is_structure(field) || is_other_author && field.name == "from");
    let replaced: Vec<&RawField> = if is_believed && inner.has_header {
        inner.fields.iter().filter(is_replaced).collect()
    } else {
        Vec::new()
    };
    let is_kept = |field: &&RawField| {
        !is_structure(field) && !replaced.iter().any(|other| other.name == field.name)
    };
    let content_fields = inner
        .fields
        .iter()
        .filter(|field| field.name.starts_with("content-"));
    let mut header = Vec::new();
    let fields = outer.fields.iter().filter(is_kept);
    for field in fields.chain(replaced.iter().copied()).chain(content_fields) {
        header.extend_from_slice(&field.raw);
    }
    header.extend_from_slice(b"MIME-Version: 1.0\r\n\r\n");
    let stored = with_body(&outer.source.name, header, &inner);
    stored.map_err(|error| unread(&outer.source, error))
}

fn with_body(name: &str, header: Vec<u8>, inner: &Entity) -> io::Result<Source> {
    let mut header = Some(header);
    let mut at = inner.body_at;
    Source::written(name, |out| {
        if let Some(header) = header.take() {
            out.extend_from_slice(&header);
            return Ok(true);
        }
        out.resize(BLOCK, 0);
        let count = inner.source.read_at(out, at)?;
        out.truncate(count);
        at += count as u64;
        Ok(count > 0)
    })
}
