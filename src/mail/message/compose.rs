//! Building a message from a draft.

use crate::mail::address::ListEntry;
use crate::mail::crypt::CryptOptions;
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::attachment::{Inline, attached_message, content_ids};
use crate::mail::message::entity::{ALTERNATIVE, Entity, MIXED, RELATED};
use crate::mail::message::fields::{
    check_repeats, message_id, parse_addresses, undisclosed, written,
};
use crate::mail::message::finish::{UnfinishedBody, UnfinishedMessage};
use crate::mail::message::header_reader::RawField;
use crate::mail::message::header_writer::{addresses, structured, unstructured};
use crate::mail::message::source::Source;
use crate::mail::message::{BuildNotes, MessageDraft, MessageError, recipients, text};
use crate::system::time::header_date;
use std::time::SystemTime;

/// Builds the message. The caller sets the envelope's sender.
pub fn compose(
    mut draft: MessageDraft,
    now: SystemTime,
) -> Result<UnfinishedMessage, MessageError> {
    let bcc = take_bcc(&mut draft)?;
    let mut notes = BuildNotes::default();
    let mut fields = generated_fields(&draft, now);
    let content_type = add_given_fields(&draft, &mut fields)?;
    let root = root_entity(&draft, content_type.as_deref(), &mut notes)?;
    let named = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    Ok(UnfinishedMessage {
        envelope: Envelope {
            sender: None,
            recipients: recipients(named.chain(&bcc)),
            dsn: Dsn::default(),
        },
        fields,
        body: UnfinishedBody::Variants(root.variants()),
        utf8: true,
        missing: None,
        crypt: CryptOptions::default(),
        keeps_bcc: false,
        notes,
    })
}

/// mixed(related(alternative(text, html, calendar), inline...), attachments...), without the levels that
/// would contain a single part.
fn root_entity(
    draft: &MessageDraft,
    content_type: Option<&str>,
    notes: &mut BuildNotes,
) -> Result<Entity, MessageError> {
    let attached = !draft.attachments.is_empty() || !draft.messages.is_empty();
    let text = text::alternatives(&draft.text, content_type, attached, notes)?;
    check_content_ids(text.html.as_deref(), draft, notes)?;
    if content_type.is_some() && (attached || text.parts.len() > 1 || !draft.inline.is_empty()) {
        return Err(MessageError::Field {
            name: "Content-Type".to_owned(),
            why: "cannot be set in a message of several parts; set the type of a file with ;type=",
        });
    }
    let text = text.parts.into_iter().map(Entity::Part).collect();
    let mut related: Vec<Entity> = Entity::group(ALTERNATIVE, text).into_iter().collect();
    for inline in &draft.inline {
        related.push(Entity::Part(inline.part(&mut notes.remarks)?));
    }
    let mut mixed: Vec<Entity> = Entity::group(RELATED, related).into_iter().collect();
    for attachment in &draft.attachments {
        mixed.push(Entity::Part(attachment.part(&mut notes.remarks)?));
    }
    for path in &draft.messages {
        mixed.push(Entity::Part(attached_message(path, &mut notes.remarks)?));
    }
    if !attached && let Some(only) = mixed.pop() {
        return Ok(only);
    }
    Entity::group(MIXED, mixed).ok_or(MessageError::NoRecipient)
}

/// Checks that every `cid:` has its part. A part without a `cid:` is a warning.
fn check_content_ids(
    html: Option<&Source>,
    draft: &MessageDraft,
    notes: &mut BuildNotes,
) -> Result<(), MessageError> {
    let Some(html) = html else { return Ok(()) };
    let referenced = content_ids(html)?;
    let given: Vec<String> = draft.inline.iter().map(Inline::content_id).collect();
    let twice = given
        .iter()
        .enumerate()
        .find(|(at, name)| given[..*at].contains(name));
    if twice.is_some() {
        return Err(MessageError::Field {
            name: "Content-ID".to_owned(),
            why: "is the same for two files; set another ID for one: --inline 'FILE;cid=ID'",
        });
    }
    if let Some(missing) = referenced.iter().find(|name| !given.contains(name)) {
        return Err(MessageError::MissingInline(missing.clone()));
    }
    for name in given.iter().filter(|name| !referenced.contains(*name)) {
        let name = crate::system::text::shown(name);
        notes
            .warnings
            .push(format!("--inline: the HTML does not refer to cid:{name}"));
    }
    Ok(())
}

/// The generated fields, in their order.
fn generated_fields(draft: &MessageDraft, now: SystemTime) -> Vec<RawField> {
    let mut fields = Vec::new();
    let mut add = |name: &str, text: String| fields.push(RawField::made(name, text));
    if !draft.no_date {
        add("Date", structured("Date", &header_date(now)));
    }
    let from = ListEntry::Mailbox(draft.from.clone());
    add("From", addresses("From", &[from]));
    // Without To and Cc, some servers add one with an empty group. This one has a better name.
    if draft.to.is_empty() && draft.cc.is_empty() {
        add("To", undisclosed());
    }
    for (name, entries) in [
        ("To", &draft.to),
        ("Cc", &draft.cc),
        ("Reply-To", &draft.reply_to),
    ] {
        if !entries.is_empty() {
            add(name, addresses(name, entries));
        }
    }
    if let Some(subject) = &draft.subject {
        add("Subject", unstructured("Subject", subject));
    }
    if !draft.no_message_id {
        let id = message_id(&draft.from.address, now);
        add("Message-ID", format!("Message-ID: {id}\r\n"));
    }
    add("MIME-Version", "MIME-Version: 1.0\r\n".to_owned());
    fields
}

/// A `Bcc` given as a header field is treated as `--bcc`.
fn take_bcc(draft: &mut MessageDraft) -> Result<Vec<ListEntry>, MessageError> {
    let mut bcc = Vec::new();
    for field in &draft.headers {
        if is_bcc(&field.name) {
            bcc.extend(parse_addresses(field)?);
        }
    }
    draft.headers.retain(|field| !is_bcc(&field.name));
    Ok(bcc)
}

fn is_bcc(name: &str) -> bool {
    name.eq_ignore_ascii_case("Bcc") || name.eq_ignore_ascii_case("Resent-Bcc")
}

/// Adds the fields of `--header` to the generated ones. A generated field of the same name is replaced.
/// Returns the value of `Content-Type`, which belongs to the body.
fn add_given_fields(
    draft: &MessageDraft,
    fields: &mut Vec<RawField>,
) -> Result<Option<String>, MessageError> {
    let mut content_type = None;
    let generated = fields.len();
    check_repeats(&draft.headers)?;
    for field in &draft.headers {
        if field.name.eq_ignore_ascii_case("Content-Type") {
            content_type = Some(field.value.clone());
            continue;
        }
        let replaced = fields[..generated]
            .iter()
            .position(|own| own.name.eq_ignore_ascii_case(&field.name));
        let written = RawField::made(&field.name, written(field)?);
        match replaced {
            Some(at) => fields[at] = written,
            None => fields.push(written),
        }
    }
    Ok(content_type)
}

#[cfg(test)]
mod tests;
