//! What stands in an item's journal, for people and for programs.

use crate::mail::address::Address;
use crate::queue::store::{End, Entry, Noted};
use crate::system::time::rfc3339;
use serde_json::{Value, json};

/// An entry in words.
pub fn words(entry: &Entry, all: &[Address]) -> String {
    let named = |places: &[usize]| addresses(places, all).join(", ");
    match entry {
        Entry::Attempt { recipients, early } => {
            let early = if *early { " before it is due" } else { "" };
            format!("an attempt begins for {}{early}", named(recipients))
        }
        Entry::Dot { recipients } => format!("the end of data goes out for {}", named(recipients)),
        Entry::Taken { recipients, reply } => format!("taken for {}: {reply}", named(recipients)),
        Entry::Result { recipient, end } => {
            let verdict = end.verdict.name();
            format!("{}: {verdict}: {}", named(&[*recipient]), said(end))
        }
        Entry::Over { interrupted: false } => "the attempt is over".to_owned(),
        Entry::Over { interrupted: true } => "the attempt was interrupted".to_owned(),
        Entry::Held => "held".to_owned(),
        Entry::Released => "released".to_owned(),
        Entry::Requeued => "brought back, as if it were new".to_owned(),
        Entry::Warned => "the sender is warned that it takes long".to_owned(),
        Entry::Reporting { recipients, report } => {
            format!("the report {report} is made about {}", named(recipients))
        }
        Entry::Reported { recipients } => format!("the sender knows about {}", named(recipients)),
    }
}

fn said(end: &End) -> String {
    let reply = end.reply.as_deref().unwrap_or(&end.words);
    match &end.server {
        Some(server) => format!("{reply} ({server})"),
        None => reply.to_owned(),
    }
}

/// An entry as an object.
pub fn object(noted: &Noted, all: &[Address]) -> Value {
    let mut object = match &noted.entry {
        Entry::Attempt { early: false, .. } => json!({"event": "attempt"}),
        Entry::Attempt { early: true, .. } => json!({"event": "attempt", "early": true}),
        Entry::Dot { .. } => json!({"event": "dot"}),
        Entry::Taken { reply, .. } => json!({"event": "taken", "reply": reply}),
        Entry::Result { end, .. } => result(end),
        Entry::Over { interrupted: false } => json!({"event": "over"}),
        Entry::Over { interrupted: true } => json!({"event": "over", "interrupted": true}),
        Entry::Held => json!({"event": "held"}),
        Entry::Released => json!({"event": "released"}),
        Entry::Requeued => json!({"event": "requeued"}),
        Entry::Warned => json!({"event": "warned"}),
        Entry::Reporting { report, .. } => {
            json!({"event": "reporting", "report": report.to_string()})
        }
        Entry::Reported { .. } => json!({"event": "reported"}),
    };
    object["at"] = rfc3339(noted.at).into();
    if let Some(places) = recipients(&noted.entry) {
        object["recipients"] = addresses(&places, all).into();
    }
    object
}

fn result(end: &End) -> Value {
    json!({
        "event": "result",
        "verdict": end.verdict.name(),
        "reply": end.reply,
        "words": end.words,
        "enhanced": end.enhanced,
        "server": end.server,
    })
}

/// About whom an entry is; `None` where it is about the item.
fn recipients(entry: &Entry) -> Option<Vec<usize>> {
    match entry {
        Entry::Attempt { recipients, .. }
        | Entry::Dot { recipients }
        | Entry::Taken { recipients, .. }
        | Entry::Reporting { recipients, .. }
        | Entry::Reported { recipients } => Some(recipients.clone()),
        Entry::Result { recipient, .. } => Some(vec![*recipient]),
        _ => None,
    }
}

fn addresses(places: &[usize], all: &[Address]) -> Vec<String> {
    let known = places.iter().filter_map(|&place| all.get(place));
    known.map(ToString::to_string).collect()
}
