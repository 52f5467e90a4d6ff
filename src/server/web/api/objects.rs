//! JSON of messages, with the names of mailpit's API.

use crate::mail::message::Source;
use crate::mail::view::{Measure, MessageView, PartView, Person, Role, links};
use crate::server::web::catcher::Catcher;
use crate::server::web::caught::CaughtMessage;
use crate::server::web::query;
use crate::server::web::session_log::SessionLog;
use crate::system::time::rfc3339;
use serde_json::{Map, Value, json};
use std::io;
use std::time::{Duration, UNIX_EPOCH};

pub fn info(catcher: &Catcher<'_>) -> Value {
    let (total, unread) = catcher.counts();
    let mut tags = Map::new();
    for tag in catcher.messages().iter().flat_map(|message| message.tags()) {
        let count = tags.get(&tag).and_then(Value::as_u64).unwrap_or(0);
        tags.insert(tag, (count + 1).into());
    }
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "Version": version,
        "LatestVersion": version,
        "Database": "",
        "DatabaseSize": 0,
        "Messages": total,
        "Unread": unread,
        "Tags": tags,
        "RuntimeStats": {
            "Uptime": 0, "Memory": 0, "MessagesDeleted": 0, "SMTPAccepted": total, "SMTPAcceptedSize": 0,
            "SMTPRejected": 0, "SMTPIgnored": 0,
        },
    })
}

/// What the page of mailpit asks for: nothing of it is offered.
pub fn configuration() -> Value {
    json!({
        "Label": "ehlo sink",
        "MessageRelay": {"Enabled": false},
        "SpamAssassin": false,
        "ChaosEnabled": true,
        "DuplicatesIgnored": false,
    })
}

/// A message in a list.
pub fn summary(message: &CaughtMessage) -> Value {
    let summary = message.summary();
    json!({
        "ID": message.id,
        "MessageID": summary.message_id,
        "Read": message.is_read(),
        "From": person(summary.from.first()),
        "To": people(&summary.to),
        "Cc": people(&summary.cc),
        "Bcc": bcc(message),
        "ReplyTo": people(&summary.reply_to),
        "Subject": summary.subject,
        "Created": rfc3339(message.received),
        "Username": message.envelope.user.clone().unwrap_or_default(),
        "Tags": message.tags(),
        "Size": message.size,
        "Attachments": summary.attachments,
        "Snippet": summary.snippet(),
    })
}

/// A whole message.
pub fn message(
    message: &CaughtMessage,
    (source, view): (&Source, &MessageView),
) -> io::Result<Value> {
    let date = view.date.and_then(|date| u64::try_from(date).ok());
    let date = date.map_or(message.received, |date| {
        UNIX_EPOCH + Duration::from_secs(date)
    });
    let (mut inline, mut attached) = (Vec::new(), Vec::new());
    for part in view.attachments() {
        let list = if part.role == Role::Inline {
            &mut inline
        } else {
            &mut attached
        };
        list.push(attachment(part, &message.measure(part, source)?));
    }
    Ok(json!({
        "ID": message.id,
        "MessageID": view.message_id,
        "Read": true,
        "From": person(view.from.first()),
        "To": people(&view.to),
        "Cc": people(&view.cc),
        "Bcc": bcc(message),
        "ReplyTo": people(&view.reply_to),
        "ReturnPath": message.envelope.sender,
        "Subject": view.subject,
        "ListUnsubscribe": list_unsubscribe(view),
        "Date": rfc3339(date),
        "Tags": message.tags(),
        "Username": message.envelope.user.clone().unwrap_or_default(),
        "Text": view.text,
        "HTML": view.html,
        "Size": view.size,
        "Inline": inline,
        "Attachments": attached,
        "Links": links(view),
        "Truncated": view.is_truncated,
    }))
}

fn attachment(part: &PartView, measure: &Measure) -> Value {
    json!({
        "PartID": part.id,
        "FileName": part.file_name(),
        "ContentType": part.content_type,
        "ContentID": part.content_id,
        "Size": measure.size,
        "Checksums": {"SHA256": measure.sha256},
    })
}

/// RFC 2369 §3.2, RFC 8058.
fn list_unsubscribe(view: &MessageView) -> Value {
    let header = view.value("list-unsubscribe").unwrap_or_default();
    let links = header.split('<').skip(1);
    let links: Vec<&str> = links
        .filter_map(|link| Some(link.split_once('>')?.0))
        .collect();
    let errors = if !header.is_empty() && links.is_empty() {
        "no address in angle brackets"
    } else {
        ""
    };
    json!({
        "Header": header,
        "Links": links,
        "Errors": errors,
        "HeaderPost": view.value("list-unsubscribe-post").unwrap_or_default(),
    })
}

/// All values of each field.
pub fn headers(view: &MessageView) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for field in &view.fields {
        let values = all.entry(field.name.clone()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(field.value.clone().into());
        }
    }
    Value::Object(all)
}

/// The tree of the parts, as a list.
pub fn parts(view: &MessageView) -> Value {
    let part = |part: &PartView| {
        json!({
            "PartID": part.id,
            "Depth": part.depth,
            "ContentType": part.content_type,
            "Charset": part.charset,
            "FileName": if part.name.is_empty() { String::new() } else { part.file_name() },
            "ContentID": part.content_id,
            "EncodedSize": part.octets.end - part.octets.start,
            "Role": part.role.name(),
        })
    };
    json!({"Parts": view.parts.iter().map(part).collect::<Vec<_>>(), "Truncated": view.is_truncated})
}

/// Envelope, TLS and transcript.
pub fn session(message: &CaughtMessage) -> Value {
    let envelope = &message.envelope;
    let recipients = envelope.recipients.iter().zip(&envelope.rcpt_parameters);
    let recipients: Vec<Value> = recipients
        .map(|(address, parameters)| json!({"Address": address, "Parameters": parameters}))
        .collect();
    let session = message.session.as_deref();
    let tls = session.and_then(SessionLog::tls);
    let tls = tls.map(|(version, cipher)| json!({"Version": version, "Cipher": cipher}));
    let lines = session.map(SessionLog::lines).unwrap_or_default();
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "Elapsed": line.elapsed_ms,
                "From": match line.from { 'C' => "client", 'S' => "server", _ => "event" },
                "Text": line.text,
            })
        })
        .collect();
    json!({
        "Sender": envelope.sender,
        "Parameters": envelope.mail_parameters,
        "Recipients": recipients,
        "Helo": envelope.helo,
        "Client": envelope.peer.map(|peer| peer.to_string()),
        "Username": envelope.user,
        "Received": rfc3339(message.received),
        "TLS": tls,
        "Transcript": lines,
    })
}

fn person(person: Option<&Person>) -> Value {
    person.map_or(
        Value::Null,
        |person| json!({"Name": person.name, "Address": person.address}),
    )
}

fn people(people: &[Person]) -> Vec<Value> {
    people.iter().map(|one| person(Some(one))).collect()
}

/// Bcc fields, and the recipients that no field names.
fn bcc(message: &CaughtMessage) -> Vec<Value> {
    let named = &message.summary().bcc;
    let mut all = people(named);
    let hidden = query::hidden(message.candidate(&[]));
    let hidden = hidden.filter(|address| {
        !named
            .iter()
            .any(|person| person.address.eq_ignore_ascii_case(address))
    });
    all.extend(hidden.map(|address| json!({"Name": "", "Address": address})));
    all
}
