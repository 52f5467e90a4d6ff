//! An item as one JSON object.

use crate::cli::queue::state::ItemState;
use crate::mail::address::Address;
use crate::queue::store::{Id, Item, RecipientState};
use crate::system::time::{rfc3339, since};
use serde_json::{Value, json};
use std::time::SystemTime;

/// An item as a JSON object.
pub fn of(item: &Item, state: ItemState, now: SystemTime) -> Value {
    let envelope = &item.metadata.envelope;
    let recipients = envelope.recipients.iter().zip(&item.history.states);
    let recipients: Vec<Value> = recipients
        .map(|(address, recipient_state)| recipient(address, recipient_state))
        .collect();
    json!({
        "id": item.id.to_string(),
        "state": state.name(),
        "sender": envelope.sender.as_ref().map(ToString::to_string),
        "size": item.size,
        "queued": rfc3339(item.metadata.queued),
        "age_seconds": since(item.metadata.queued, now).as_secs(),
        "attempts": item.history.attempts,
        "next": state.time(now).map(rfc3339),
        "recipients": recipients,
        "reason": item.dead,
    })
}

/// An item that cannot be read.
pub fn damaged(id: &Id, reason: &str) -> Value {
    json!({
        "id": id.to_string(),
        "state": "damaged",
        "sender": null,
        "size": null,
        "queued": null,
        "age_seconds": null,
        "attempts": null,
        "next": null,
        "recipients": [],
        "reason": reason,
    })
}

fn recipient(address: &Address, recipient_state: &RecipientState) -> Value {
    let end = recipient_state.end.as_ref();
    json!({
        "address": address.to_string(),
        "verdict": end.map(|end| end.verdict.name()),
        "reply": end.and_then(|end| end.reply.as_ref()),
        "words": end.map(|end| &end.words),
        "enhanced": end.and_then(|end| end.enhanced.as_ref()),
        "server": end.and_then(|end| end.server.as_ref()),
        "in_doubt": recipient_state.in_doubt,
    })
}
