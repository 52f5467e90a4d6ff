//! Building a message from a draft.

use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::attachment::attached_message;
use crate::mail::message::fields::{given_fields, own_fields, take_bcc};
use crate::mail::message::source::Source;
use crate::mail::message::tree::{ALTERNATIVE, MIXED, Node, RELATED};
use crate::mail::message::{
    BuildNotes, Inline, Message, MessageDraft, MessageError, recipients, related, text,
};
use crate::smtp::blocks::BodyType;
use std::time::SystemTime;

/// Builds the message. The caller sets the envelope's sender.
pub fn compose(mut draft: MessageDraft, now: SystemTime) -> Result<Message, MessageError> {
    let bcc = take_bcc(&mut draft)?;
    let mut notes = BuildNotes::default();
    let mut header = own_fields(&draft, now);
    let content_type = given_fields(&draft, &mut header)?;
    let root = tree(&draft, content_type.as_deref(), &mut notes)?;
    let head: String = header.into_iter().map(|(_, text)| text).collect();
    let named = draft.to.iter().chain(&draft.cc).chain(&draft.bcc);
    Ok(Message {
        envelope: Envelope {
            sender: None,
            recipients: recipients(named.chain(&bcc)),
            dsn: Dsn::default(),
        },
        utf8_header: !head.is_ascii(),
        remarks: notes.remarks,
        warnings: notes.warnings,
        unusable: Vec::new(),
        forms: [BodyType::SevenBit, BodyType::EightBit, BodyType::Binary]
            .into_iter()
            .filter(|&able| root.asked(able) == Some(able))
            .filter_map(|able| root.form(&head, able))
            .collect(),
    })
}

/// mixed(related(alternative(text, html, calendar), inline...), attachments...), without the levels that
/// would contain a single part.
fn tree(
    draft: &MessageDraft,
    content_type: Option<&str>,
    notes: &mut BuildNotes,
) -> Result<Node, MessageError> {
    let attached = !draft.attachments.is_empty() || !draft.messages.is_empty();
    let ways = text::ways(&draft.text, content_type, attached, notes)?;
    check_related(ways.html.as_deref(), draft, notes)?;
    if content_type.is_some() && (attached || ways.nodes.len() > 1 || !draft.inline.is_empty()) {
        return Err(MessageError::Field {
            name: "Content-Type".to_owned(),
            why: "belongs to ehlo in a message of several parts; give those of files with ;type=",
        });
    }
    let mut related: Vec<Node> = Node::group(ALTERNATIVE, ways.nodes).into_iter().collect();
    for inline in &draft.inline {
        related.push(Node::Leaf(inline.leaf(&mut notes.remarks)?));
    }
    let mut mixed: Vec<Node> = Node::group(RELATED, related).into_iter().collect();
    for attachment in &draft.attachments {
        mixed.push(Node::Leaf(attachment.leaf(&mut notes.remarks)?));
    }
    for path in &draft.messages {
        mixed.push(Node::Leaf(attached_message(path, &mut notes.remarks)?));
    }
    if !attached && let Some(only) = mixed.pop() {
        return Ok(only);
    }
    Node::group(MIXED, mixed).ok_or(MessageError::NoRecipient)
}

/// Checks that every `cid:` has its part. A part without a `cid:` is a warning.
fn check_related(
    html: Option<&Source>,
    draft: &MessageDraft,
    notes: &mut BuildNotes,
) -> Result<(), MessageError> {
    let Some(html) = html else { return Ok(()) };
    let used = related::names(html)?;
    let given: Vec<String> = draft.inline.iter().map(Inline::content_id).collect();
    let twice = given
        .iter()
        .enumerate()
        .find(|(at, name)| given[..*at].contains(name));
    if twice.is_some() {
        return Err(MessageError::Field {
            name: "Content-ID".to_owned(),
            why: "is the same for two files; name one otherwise: --inline 'FILE;cid=ID'",
        });
    }
    if let Some(missing) = used.iter().find(|name| !given.contains(name)) {
        return Err(MessageError::MissingInline(missing.clone()));
    }
    for name in given.iter().filter(|name| !used.contains(*name)) {
        let name = crate::system::text::shown(name);
        notes
            .warnings
            .push(format!("--inline: the HTML does not show cid:{name}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
