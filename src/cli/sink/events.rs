//! Events as JSON, one object on each line, with `event`, `elapsed_ms` and `connection`.

use crate::cli::terminal::{Stdout, complain};
use crate::server::{ReceivedEnvelope, ServerEvent, ServerObserver, TlsAgreement};
use crate::system::text::{printable, shown};
use serde_json::{Map, Value, json};
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Prints events as JSON, and failures of the store on stderr.
pub struct Events {
    is_json: bool,
    start: Instant,
    /// The first write error. Locked while a line is written, so that lines do not mix.
    failure: Mutex<Option<io::Error>>,
}

impl Events {
    /// The clock starts now.
    pub fn new(is_json: bool) -> Events {
        Events {
            is_json,
            start: Instant::now(),
            failure: Mutex::new(None),
        }
    }

    /// The write error, if any. A closed pipe is not an error.
    pub fn failure(&self) -> Option<io::Error> {
        let failure = self.failure.lock();
        let mut failure = failure.unwrap_or_else(PoisonError::into_inner);
        failure
            .take()
            .filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    fn print(&self, line: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Stdout.write_all(line.as_bytes()).err();
        }
    }
}

impl ServerObserver for Events {
    fn on_event(&self, connection: u64, event: &ServerEvent<'_>) {
        if let ServerEvent::Failed { why } = event {
            complain(&format!("cannot store a message: {why}"));
        }
        if !self.is_json {
            return;
        }
        // As in the transcript of a sender: milliseconds to the microsecond.
        let elapsed = (self.start.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let (name, fields) = name_and_fields(event);
        let mut object = Map::new();
        object.insert("event".to_owned(), name.into());
        object.insert("elapsed_ms".to_owned(), elapsed.into());
        object.insert("connection".to_owned(), connection.into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        self.print(&format!("{}\n", Value::Object(object)));
    }
}

/// Name and details of an event.
fn name_and_fields(event: &ServerEvent<'_>) -> (&'static str, Value) {
    match event {
        ServerEvent::Connected { peer } => {
            let peer = peer.map(|peer| peer.to_string());
            ("connected", json!({ "peer": peer }))
        }
        ServerEvent::ClientChanged { new_client } => {
            ("proxy", json!({"client": shown(new_client)}))
        }
        ServerEvent::Tls(secured) => ("tls", tls(secured)),
        ServerEvent::TlsFailed { why } => ("tls-failed", json!({"error": shown(why)})),
        ServerEvent::Command { line } => ("command", json!({"line": text(line)})),
        ServerEvent::Reply { text } => ("reply", reply(text)),
        ServerEvent::Auth {
            mechanism,
            user,
            accepted,
        } => (
            "auth",
            json!({"mechanism": mechanism, "user": shown(user), "accepted": accepted}),
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
        ServerEvent::Failed { why } => ("trouble", json!({"error": shown(why)})),
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
    json!({
        "from": shown(&envelope.sender),
        "parameters": words(&envelope.mail_parameters),
        "recipients": recipients,
        "helo": shown(&envelope.helo),
        "user": envelope.user.as_ref().map(|user| shown(user)),
        "peer": envelope.peer.map(|peer| peer.to_string()),
    })
}
