//! An item as text and as JSON: its state, its recipients, and the records of its journal.

use crate::client::outcome::RecipientStatus;
use crate::mail::address::Address;
use crate::mail::envelope::RecipientIndex;
use crate::queue::store::{
    AttemptResult, ClaimResult, Id, Item, ItemEvent, QueueStore, RecipientState, Record,
    RetrySettings, is_due, next_attempt,
};
use crate::system::time::{brief, rfc3339, since};
use serde_json::{Value, json};
use std::time::SystemTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// The next run tries it.
    Due,
    /// No run tries it before this time.
    Waiting(SystemTime),
    /// An attempt is in progress.
    Sending,
    /// Not tried until it is released.
    Held,
    /// It may have arrived, and waits for a decision of the user.
    Uncertain,
    Failed,
}

fn is_claimed(store: &dyn QueueStore, id: &Id) -> bool {
    match store.shared() {
        Some(shared) => shared.worker_of(id).is_ok_and(|worker| worker.is_some()),
        None => matches!(store.claim(id), Ok(ClaimResult::Busy)),
    }
}

impl ItemState {
    /// The item is claimed for a moment to recognize an attempt in progress.
    pub fn of(
        item: &Item,
        store: &dyn QueueStore,
        settings: &RetrySettings,
        now: SystemTime,
    ) -> Self {
        let state = Self::without_claim(item, settings, now);
        // An attempt without a result: another process is delivering the item, or crashed.
        let is_unfinished = item.history.crashes > 0 && state == Self::Due;
        if is_unfinished && is_claimed(store, &item.id) {
            return Self::Sending;
        }
        state
    }

    /// The state from the item alone: an attempt in progress is not recognized.
    fn without_claim(item: &Item, settings: &RetrySettings, now: SystemTime) -> Self {
        if item.failed.is_some() {
            return Self::Failed;
        }
        if item.history.held {
            return Self::Held;
        }
        match next_attempt(item, settings) {
            None => Self::Uncertain,
            Some(_) if is_due(item, settings, now) => Self::Due,
            Some(next) => Self::Waiting(next),
        }
    }

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Waiting(_) => "waiting",
            Self::Sending => "sending",
            Self::Held => "held",
            Self::Uncertain => "uncertain",
            Self::Failed => "dead",
        }
    }

    /// The time of the next attempt, in short form.
    pub fn next(self, now: SystemTime) -> String {
        match self {
            Self::Due => "now".to_owned(),
            Self::Waiting(next) => format!("in {}", brief(since(now, next))),
            Self::Sending => "sending".to_owned(),
            Self::Held => "held".to_owned(),
            Self::Uncertain => "uncertain".to_owned(),
            Self::Failed => "never".to_owned(),
        }
    }

    /// The time of the next attempt, if there is one.
    pub fn time(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            Self::Due => Some(now),
            Self::Waiting(next) => Some(next),
            Self::Sending | Self::Held | Self::Uncertain | Self::Failed => None,
        }
    }
}

/// True if nothing remains to be done for a recipient.
pub fn is_done(state: &RecipientState) -> bool {
    let verdict = state.result.as_ref().map(|result| result.verdict);
    state.reported || verdict == Some(RecipientStatus::Accepted) && !state.in_doubt
}

/// Text about a recipient: the server's reply, if there is one.
pub fn recipient_text<'s>(state: &'s RecipientState, recipient: &Address) -> &'s str {
    match &state.result {
        _ if state.in_doubt => {
            "may have arrived: the end of the message was sent, but no reply was received"
        }
        Some(result) => {
            let reply = result.reply.as_deref();
            reply.unwrap_or_else(|| result.words_about(recipient))
        }
        None => "not tried yet",
    }
}

/// An item as a JSON object.
pub fn item_object(item: &Item, state: ItemState, now: SystemTime) -> Value {
    let envelope = &item.metadata.envelope;
    let recipients = envelope.recipients.iter().zip(&item.history.states);
    let recipients: Vec<Value> = recipients
        .map(|(address, state)| recipient_object(address, state))
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
        "reason": item.failed,
    })
}

/// The JSON object of an item that cannot be read.
pub fn damaged_object(id: &Id, reason: &str) -> Value {
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

fn recipient_object(address: &Address, state: &RecipientState) -> Value {
    let result = state.result.as_ref();
    json!({
        "address": address.to_string(),
        "verdict": result.map(|result| result.verdict.name()),
        "reply": result.and_then(|result| result.reply.as_ref()),
        "words": result.map(|result| &result.words),
        "enhanced": result.and_then(|result| result.enhanced.as_ref()),
        "server": result.and_then(|result| result.server.as_ref()),
        "in_doubt": state.in_doubt,
    })
}

/// An event of the journal as text.
pub fn event_text(event: &ItemEvent, all: &[Address]) -> String {
    let named = |indexes: &[RecipientIndex]| addresses(indexes, all).join(", ");
    match event {
        ItemEvent::Attempt { recipients, early } => {
            let early = if *early { " before it was due" } else { "" };
            format!("attempt started for {}{early}", named(recipients))
        }
        ItemEvent::EndOfData { recipients } => {
            format!("sending the end of the message for {}", named(recipients))
        }
        ItemEvent::Accepted { recipients, reply } => {
            format!("accepted for {}: {reply}", named(recipients))
        }
        ItemEvent::Result { recipient, result } => {
            let verdict = result.verdict.name();
            format!(
                "{}: {verdict}: {}",
                named(&[*recipient]),
                result_text(result)
            )
        }
        ItemEvent::Ended { interrupted: false } => "attempt finished".to_owned(),
        ItemEvent::Ended { interrupted: true } => "attempt interrupted".to_owned(),
        ItemEvent::Held => "held".to_owned(),
        ItemEvent::Released => "released".to_owned(),
        ItemEvent::Requeued => "requeued as a new item".to_owned(),
        ItemEvent::Warned => "sender warned of the delay".to_owned(),
        ItemEvent::Reporting { recipients, report } => {
            format!("report {report} created for {}", named(recipients))
        }
        ItemEvent::Reported { recipients } => {
            format!("sender informed about {}", named(recipients))
        }
    }
}

fn result_text(result: &AttemptResult) -> String {
    let reply = result.reply.as_deref().unwrap_or(&result.words);
    match &result.server {
        Some(server) => format!("{reply} ({server})"),
        None => reply.to_owned(),
    }
}

/// A record of the journal as a JSON object.
pub fn record_object(record: &Record, all: &[Address]) -> Value {
    let mut object = match &record.event {
        ItemEvent::Attempt { early: false, .. } => json!({"event": "attempt"}),
        ItemEvent::Attempt { early: true, .. } => json!({"event": "attempt", "early": true}),
        ItemEvent::EndOfData { .. } => json!({"event": "dot"}),
        ItemEvent::Accepted { reply, .. } => json!({"event": "taken", "reply": reply}),
        ItemEvent::Result { result, .. } => json!({
            "event": "result",
            "verdict": result.verdict.name(),
            "reply": result.reply,
            "words": result.words,
            "enhanced": result.enhanced,
            "server": result.server,
        }),
        ItemEvent::Ended { interrupted: false } => json!({"event": "over"}),
        ItemEvent::Ended { interrupted: true } => json!({"event": "over", "interrupted": true}),
        ItemEvent::Held => json!({"event": "held"}),
        ItemEvent::Released => json!({"event": "released"}),
        ItemEvent::Requeued => json!({"event": "requeued"}),
        ItemEvent::Warned => json!({"event": "warned"}),
        ItemEvent::Reporting { report, .. } => {
            json!({"event": "reporting", "report": report.to_string()})
        }
        ItemEvent::Reported { .. } => json!({"event": "reported"}),
    };
    object["at"] = rfc3339(record.at).into();
    if let Some(indexes) = recipients(&record.event) {
        object["recipients"] = addresses(indexes, all).into();
    }
    object
}

/// The recipients of an event. `None`: it concerns the item.
fn recipients(event: &ItemEvent) -> Option<&[RecipientIndex]> {
    match event {
        ItemEvent::Attempt { recipients, .. }
        | ItemEvent::EndOfData { recipients }
        | ItemEvent::Accepted { recipients, .. }
        | ItemEvent::Reporting { recipients, .. }
        | ItemEvent::Reported { recipients } => Some(recipients),
        ItemEvent::Result { recipient, .. } => Some(std::slice::from_ref(recipient)),
        _ => None,
    }
}

fn addresses(indexes: &[RecipientIndex], all: &[Address]) -> Vec<String> {
    let known = indexes.iter().filter_map(|&index| all.get(index.0));
    known.map(ToString::to_string).collect()
}
