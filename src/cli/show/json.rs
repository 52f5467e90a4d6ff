//! A message as JSON.

use crate::cli::layers::as_json;
use crate::cli::show::ShownMessage;
use crate::mail::view::{PartView, Person, ViewedField, links};
use crate::system::text::json_for_terminal;
use crate::system::time::rfc3339;
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, SystemTime};

/// The message in one line. No character in it can control a terminal.
pub fn line(message: &ShownMessage) -> io::Result<String> {
    Ok(json_for_terminal(&object(message)?.to_string()))
}

fn object(message: &ShownMessage) -> io::Result<Value> {
    let view = &message.view;
    let date = view.date.and_then(|date| u64::try_from(date).ok());
    let date = date.map(|date| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(date)));
    let attachments: io::Result<Vec<Value>> = view
        .attachments()
        .map(|part| attachment(message, part))
        .collect();
    let parts: Vec<Value> = view.parts.iter().map(part).collect();
    let checks = message.checks.iter();
    let checks: Vec<Value> = checks
        .map(|check| json!({"field": check.field, "ok": check.is_ok, "text": check.text}))
        .collect();
    Ok(json!({
        "name": message.name,
        "size": view.size,
        "subject": view.subject,
        "from": people(&view.from),
        "sender": people(&view.sender),
        "reply_to": people(&view.reply_to),
        "to": people(&view.to),
        "cc": people(&view.cc),
        "bcc": people(&view.bcc),
        "message_id": view.message_id,
        "date": date,
        "headers": view.fields.iter().map(field).collect::<Vec<_>>(),
        "text": view.text,
        "html": view.html,
        "links": links(view),
        "parts": parts,
        "attachments": attachments?,
        "layers": message.layers.iter().map(as_json).collect::<Vec<_>>(),
        "checks": checks,
        "truncated": view.is_truncated,
    }))
}

fn people(people: &[Person]) -> Vec<Value> {
    let person = |person: &Person| json!({"name": person.name, "address": person.address});
    people.iter().map(person).collect()
}

fn field(field: &ViewedField) -> Value {
    json!({"name": field.name, "value": field.value})
}

fn part(part: &PartView) -> Value {
    json!({
        "id": part.id,
        "depth": part.depth,
        "type": part.content_type,
        "charset": part.charset,
        "name": part.name,
        "content_id": part.content_id,
        "role": part.role.name(),
    })
}

fn attachment(message: &ShownMessage, part: &PartView) -> io::Result<Value> {
    let measure = part.measure(&message.source)?;
    let mut saved = message.saved.iter();
    let saved = saved.find(|saved| saved.part == part.id);
    Ok(json!({
        "id": part.id,
        "name": part.file_name(),
        "type": part.content_type,
        "size": measure.size,
        "sha256": measure.sha256,
        "saved": saved.map(|saved| saved.path.to_string_lossy()),
    }))
}
