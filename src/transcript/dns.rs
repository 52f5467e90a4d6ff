//! DNS answers in transcripts.

use crate::client::events::DnsAnswer;
use crate::system::text::shown;
use serde_json::{Value, json};

/// The answer to a lookup, or its error, as text.
pub fn words(answer: &DnsAnswer<'_>) -> String {
    let name = shown(answer.name);
    let kind = match answer.kind {
        "host" => "address",
        kind => kind,
    };
    if let Some(why) = answer.error {
        return format!("no {kind} of {name}: {}", shown(why));
    }
    let records = shown(&answer.records.join(", "));
    match answer.ttl {
        Some(ttl) => format!("{kind} of {name}: {records} (for {ttl} s)"),
        None => format!("{kind} of {name}: {records}"),
    }
}

/// The fields of the JSON event.
pub fn event(answer: &DnsAnswer<'_>) -> Value {
    json!({
        "type": answer.kind,
        "name": answer.name,
        "records": answer.records,
        "ttl": answer.ttl,
        "error": answer.error,
    })
}
