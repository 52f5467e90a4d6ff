//! Events as JSON, one object on each line, with `event`, `elapsed_ms` and `connection`.

use crate::cli::terminal::{Stdout, complain};
use crate::server::{ReceivedEnvelope, ServerEvent, ServerObserver, TlsAgreement};
use crate::system::text::{printable, shown};
use serde_json::{Map, Value, json};
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Prints events, or trouble only.
pub struct Events {
    is_told: bool,
    start: Instant,
    /// The first write error. Locked while a line is written, so that lines do not mix.
    failure: Mutex<Option<io::Error>>,
}

impl Events {
    /// The clock starts now.
    pub fn new(is_told: bool) -> Events {
        Events {
            is_told,
            start: Instant::now(),
            failure: Mutex::new(None),
        }
    }

    /// The write error, if any. A closed pipe is not an error.
    pub fn failure(self) -> Option<io::Error> {
        let failure = self.failure.into_inner();
        let failure = failure.unwrap_or_else(PoisonError::into_inner);
        failure.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    fn tell(&self, line: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Stdout.write_all(line.as_bytes()).err();
        }
    }
}

impl ServerObserver for Events {
    fn saw(&self, connection: u64, seen: &ServerEvent<'_>) {
        if let ServerEvent::Trouble { why } = seen {
            complain(&format!("cannot keep a message: {why}"));
        }
        if !self.is_told {
            return;
        }
        // As in the transcript of a sender: milliseconds to the microsecond.
        let elapsed = (self.start.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let (name, fields) = event(seen);
        let mut object = Map::new();
        object.insert("event".to_owned(), name.into());
        object.insert("elapsed_ms".to_owned(), elapsed.into());
        object.insert("connection".to_owned(), connection.into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        self.tell(&format!("{}\n", Value::Object(object)));
    }
}

/// Name and details of an event.
fn event(seen: &ServerEvent<'_>) -> (&'static str, Value) {
    match seen {
        ServerEvent::Connected { peer } => {
            let peer = peer.map(|peer| peer.to_string());
            ("connected", json!({ "peer": peer }))
        }
        ServerEvent::Proxied { told } => ("proxy", json!({"client": shown(told)})),
        ServerEvent::Tls(secured) => ("tls", tls(secured)),
        ServerEvent::TlsFailed { why } => ("tls-failed", json!({"error": shown(why)})),
        ServerEvent::Command { line } => ("command", json!({"line": text(line)})),
        ServerEvent::Reply { text } => ("reply", reply(text)),
        ServerEvent::Auth {
            mechanism,
            user,
            is_right,
        } => (
            "auth",
            json!({"mechanism": mechanism, "user": shown(user), "accepted": is_right}),
        ),
        ServerEvent::Fault { stage, what } => {
            ("fault", json!({"stage": stage.name(), "what": what.name()}))
        }
        ServerEvent::Message {
            envelope,
            bytes,
            path,
            number,
        } => {
            let mut fields = message(envelope);
            fields["bytes"] = (*bytes).into();
            fields["number"] = (*number).into();
            let path = path.map(|path| path.display().to_string());
            fields["path"] = path.map(|path| shown(&path)).into();
            ("message", fields)
        }
        ServerEvent::Trouble { why } => ("trouble", json!({"error": shown(why)})),
        ServerEvent::Closed { reason } => ("closed", json!({ "reason": reason })),
    }
}

fn tls(secured: &TlsAgreement) -> Value {
    json!({
        "version": secured.version,
        "cipher": secured.cipher,
        "server_name": secured.server_name,
        "client": secured.client.as_ref().map(|client| shown(client)),
    })
}

/// Bytes that are not UTF-8 are shown as escapes.
fn text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| printable(bytes), shown)
}

fn reply(text: &str) -> Value {
    let code: Option<u16> = text.get(..3).and_then(|code| code.parse().ok());
    let lines: Vec<String> = text
        .lines()
        .map(|line| shown(line.get(4..).unwrap_or_default()))
        .collect();
    json!({"code": code, "lines": lines})
}

fn message(envelope: &ReceivedEnvelope) -> Value {
    let words = |parameters: &[String]| -> Vec<String> {
        let words = parameters.iter();
        words.map(|word| shown(word)).collect()
    };
    let pairs = envelope.recipients.iter().zip(&envelope.rcpt_parameters);
    let recipients: Vec<Value> = pairs
        .map(|(address, parameters)| {
            json!({"address": shown(address), "parameters": words(parameters)})
        })
        .collect();
    // A Unix socket has no peer address.
    let peer = Some(envelope.peer).filter(|peer| !peer.ip().is_unspecified());
    json!({
        "from": shown(&envelope.sender),
        "parameters": words(&envelope.mail_parameters),
        "recipients": recipients,
        "helo": shown(&envelope.helo),
        "user": envelope.user.as_ref().map(|user| shown(user)),
        "peer": peer.map(|peer| peer.to_string()),
    })
}
