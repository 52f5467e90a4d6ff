//! The entries of an item's journal, as text and as JSON.

use crate::mail::address::Address;
use crate::queue::store::{AttemptResult, ItemEvent, Record};
use crate::system::time::rfc3339;
use serde_json::{Value, json};

/// An entry in words.
pub fn words(entry: &ItemEvent, all: &[Address]) -> String {
    let named = |places: &[usize]| addresses(places, all).join(", ");
    match entry {
        ItemEvent::Attempt { recipients, early } => {
            let early = if *early { " before it is due" } else { "" };
            format!("an attempt begins for {}{early}", named(recipients))
        }
        ItemEvent::Dot { recipients } => {
            format!("the end of data goes out for {}", named(recipients))
        }
        ItemEvent::Taken { recipients, reply } => {
            format!("taken for {}: {reply}", named(recipients))
        }
        ItemEvent::Result { recipient, end } => {
            let verdict = end.verdict.name();
            format!("{}: {verdict}: {}", named(&[*recipient]), said(end))
        }
        ItemEvent::Over { interrupted: false } => "the attempt is over".to_owned(),
        ItemEvent::Over { interrupted: true } => "the attempt was interrupted".to_owned(),
        ItemEvent::Held => "held".to_owned(),
        ItemEvent::Released => "released".to_owned(),
        ItemEvent::Requeued => "brought back, as if it were new".to_owned(),
        ItemEvent::Warned => "the sender is warned that it takes long".to_owned(),
        ItemEvent::Reporting { recipients, report } => {
            format!("the report {report} is made about {}", named(recipients))
        }
        ItemEvent::Reported { recipients } => {
            format!("the sender knows about {}", named(recipients))
        }
    }
}

fn said(end: &AttemptResult) -> String {
    let reply = end.reply.as_deref().unwrap_or(&end.words);
    match &end.server {
        Some(server) => format!("{reply} ({server})"),
        None => reply.to_owned(),
    }
}

/// An entry as an object.
pub fn object(noted: &Record, all: &[Address]) -> Value {
    let mut object = match &noted.entry {
        ItemEvent::Attempt { early: false, .. } => json!({"event": "attempt"}),
        ItemEvent::Attempt { early: true, .. } => json!({"event": "attempt", "early": true}),
        ItemEvent::Dot { .. } => json!({"event": "dot"}),
        ItemEvent::Taken { reply, .. } => json!({"event": "taken", "reply": reply}),
        ItemEvent::Result { end, .. } => result(end),
        ItemEvent::Over { interrupted: false } => json!({"event": "over"}),
        ItemEvent::Over { interrupted: true } => json!({"event": "over", "interrupted": true}),
        ItemEvent::Held => json!({"event": "held"}),
        ItemEvent::Released => json!({"event": "released"}),
        ItemEvent::Requeued => json!({"event": "requeued"}),
        ItemEvent::Warned => json!({"event": "warned"}),
        ItemEvent::Reporting { report, .. } => {
            json!({"event": "reporting", "report": report.to_string()})
        }
        ItemEvent::Reported { .. } => json!({"event": "reported"}),
    };
    object["at"] = rfc3339(noted.at).into();
    if let Some(places) = recipients(&noted.entry) {
        object["recipients"] = addresses(&places, all).into();
    }
    object
}

fn result(end: &AttemptResult) -> Value {
    json!({
        "event": "result",
        "verdict": end.verdict.name(),
        "reply": end.reply,
        "words": end.words,
        "enhanced": end.enhanced,
        "server": end.server,
    })
}

/// The recipients of an entry. `None`: it concerns the item.
fn recipients(entry: &ItemEvent) -> Option<Vec<usize>> {
    match entry {
        ItemEvent::Attempt { recipients, .. }
        | ItemEvent::Dot { recipients }
        | ItemEvent::Taken { recipients, .. }
        | ItemEvent::Reporting { recipients, .. }
        | ItemEvent::Reported { recipients } => Some(recipients.clone()),
        ItemEvent::Result { recipient, .. } => Some(vec![*recipient]),
        _ => None,
    }
}

fn addresses(places: &[usize], all: &[Address]) -> Vec<String> {
    let known = places.iter().filter_map(|&place| all.get(place));
    known.map(ToString::to_string).collect()
}
