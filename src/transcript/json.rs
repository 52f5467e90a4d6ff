//! The JSON transcript: one object a line, each with `event` and `elapsed_ms`.

use crate::client::events::{
    ConnectionClose, DnsAnswer, Event, Interests, Observer, Summary, TlsSummary,
};
use crate::client::outcome::{DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::peer::PeerAddress;
use crate::smtp::stage::Stage;
use crate::system::certificate::{Certificate, date};
use crate::system::exit::Exit;
use crate::system::text::shown;
use crate::transcript::lines::{MessageLines, Tone, TranscriptWriter};
use crate::transcript::{NumberedMessage, Transcript, TranscriptOptions, summary};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The name of an event, and its other fields.
type JsonEvent = (&'static str, Value);

/// A transcript in JSON.
pub struct Json<W> {
    lines: TranscriptWriter<W>,
    options: TranscriptOptions,
    start: Instant,
    host: String,
    /// True if the session is encrypted.
    tls: bool,
    /// Lines from the server that do not form a reply yet.
    unfinished: Vec<String>,
    message_lines: MessageLines,
    /// The number of the current one of several messages.
    number: Option<usize>,
}

impl<W: Write> Json<W> {
    /// A transcript on `out`. Times are relative to this call.
    pub fn new(out: W, options: TranscriptOptions) -> Self {
        Self {
            lines: TranscriptWriter::new(out),
            options,
            start: Instant::now(),
            host: String::new(),
            tls: false,
            unfinished: Vec::new(),
            message_lines: MessageLines::default(),
            number: None,
        }
    }

    /// Reports the server's last lines that do not form a reply.
    fn unfinished(&mut self) {
        let lines = std::mem::take(&mut self.unfinished);
        if !lines.is_empty() {
            self.event("unfinished", json!({"lines": lines, "tls": self.tls}));
        }
    }

    fn message(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.event("message", json!({"text": line}));
        }
    }

    /// The current host, the peer's address, and the error if there is one.
    fn place(&self, peer: &PeerAddress, error: Option<&str>) -> Value {
        let mut fields = Map::new();
        fields.insert("host".to_owned(), self.host.clone().into());
        fields.extend(address(peer));
        fields.extend(error.map(|why| ("error".to_owned(), why.into())));
        fields.into()
    }

    fn event(&mut self, name: &str, mut fields: Value) {
        let mut event = Map::new();
        event.insert("event".to_owned(), name.into());
        let elapsed = milliseconds(self.start.elapsed());
        event.insert("elapsed_ms".to_owned(), elapsed.into());
        if let Some(number) = self.number {
            event.insert("message".to_owned(), number.into());
        }
        if let Some(fields) = fields.as_object_mut() {
            event.append(fields);
        }
        let line = format!("{}\n", Value::Object(event));
        self.lines.write(Tone::Plain, &line);
    }
}

impl<W: Write> Observer for Json<W> {
    fn on_event(&mut self, what: Event<'_>) {
        self.prepare(&what);
        if let Some((name, fields)) = self.fields(what) {
            self.event(name, fields);
        }
    }

    fn is_closed(&self) -> bool {
        self.lines.failure().is_some()
    }

    fn interests(&self) -> Interests {
        Interests {
            message: self.options.data,
            octets: false,
        }
    }
}

impl<W: Write> Transcript for Json<W> {
    fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }

    /// The last line: the exit status and the result for each recipient.
    fn result(&mut self, report: &DeliveryReport, exit: Exit) {
        let recipients: Vec<Value> = report.results.iter().map(result).collect();
        self.event(
            "result",
            json!({"exit": exit.code(), "recipients": recipients}),
        );
        // What follows concerns the connections.
        self.number = None;
    }

    fn begin(&mut self, message: &NumberedMessage) {
        self.number = Some(message.number);
        let fields = json!({"of": message.of, "name": message.name});
        self.event("begin", fields);
    }

    fn total(&mut self, messages: usize, failed: usize, exit: Exit) {
        self.event(
            "total",
            json!({"exit": exit.code(), "messages": messages, "failed": failed}),
        );
    }
}

impl<W: Write> Json<W> {
    /// Updates the state, and writes pending lines, before an event is written.
    fn prepare(&mut self, what: &Event<'_>) {
        match what {
            Event::Host { name, .. } | Event::Reused { host: name, .. } => {
                (*name).clone_into(&mut self.host);
            }
            Event::Connect(_) => self.tls = false,
            Event::Secured(_) => self.tls = true,
            Event::Line(line) => self.unfinished.push((*line).to_owned()),
            Event::Received { .. } => self.unfinished.clear(),
            Event::Failed { .. } | Event::Closed => self.unfinished(),
            Event::Carried(part) if self.options.data => {
                let lines = self.message_lines.push(part);
                self.message(lines);
            }
            Event::Sent { .. } | Event::Data { .. } => {
                let line = self.message_lines.end();
                self.message(line);
            }
            _ => {}
        }
    }

    /// The JSON event, if there is one for it.
    fn fields(&self, what: Event<'_>) -> Option<JsonEvent> {
        let event = self.connection_event(what);
        let event = event.or_else(|| self.session_event(what));
        event.or_else(|| self.other_event(what))
    }

    /// Events of finding and connecting to the server.
    fn connection_event(&self, what: Event<'_>) -> Option<JsonEvent> {
        Some(match what {
            Event::Lookup { kind, name } => ("lookup", json!({"type": kind, "name": name})),
            Event::Answer(answer) => ("answer", dns_answer(&answer)),
            Event::Host {
                name,
                port,
                recipients,
            } => (
                "host",
                json!({"host": name, "port": port, "recipients": recipients}),
            ),
            Event::Reused { host, peer } => ("reused", place(host, peer)),
            Event::Fallback { profile, error } => {
                ("fallback", json!({"profile": profile, "error": error}))
            }
            Event::Connect(peer) => ("connect", self.place(peer, None)),
            Event::Connected(peer) => ("connected", self.place(peer, None)),
            Event::NotConnected { peer, why } => ("closed", self.place(peer, Some(why))),
            _ => return None,
        })
    }

    /// Events of the SMTP session, until it is closed.
    fn session_event(&self, what: Event<'_>) -> Option<JsonEvent> {
        Some(match what {
            Event::Secured(secured) => ("tls", handshake(&secured)),
            Event::Distrusted { name, why, chain } => ("tls", distrusted(name, why, chain)),
            Event::Sent { line, stage } => (
                "sent",
                json!({"line": line, "stage": stage.name(), "tls": self.tls}),
            ),
            Event::Received {
                code,
                enhanced,
                lines,
                stage,
            } => (
                "received",
                json!({"code": code, "enhanced": enhanced, "lines": lines, "stage": stage.name(), "tls": self.tls}),
            ),
            Event::Data { bytes } => ("data", json!({"bytes": bytes})),
            Event::Failed { stage, why, .. } => (
                "error",
                json!({"stage": stage.name(), "reason": shown(why)}),
            ),
            Event::Closed => ("closed", json!({})),
            _ => return None,
        })
    }

    /// Remarks and results.
    fn other_event(&self, what: Event<'_>) -> Option<JsonEvent> {
        Some(match what {
            Event::Detail(text) if self.options.verbose => ("note", json!({"text": shown(text)})),
            Event::Note(text) | Event::Parting(ConnectionClose::Command(text)) => {
                ("note", json!({"text": shown(text)}))
            }
            Event::Queued { id } => ("queued", json!({"id": id})),
            Event::Settled {
                recipient, status, ..
            } => (
                "settled",
                json!({"address": recipient, "verdict": status.name()}),
            ),
            Event::Summary(summary) => ("summary", summary_fields(summary)),
            _ => return None,
        })
    }
}

/// A host and the peer's address.
fn place(host: &str, peer: &PeerAddress) -> Value {
    let mut fields = Map::new();
    fields.insert("host".to_owned(), host.into());
    fields.extend(address(peer));
    fields.into()
}

fn dns_answer(answer: &DnsAnswer<'_>) -> Value {
    json!({
        "type": answer.kind,
        "name": answer.name,
        "records": answer.records,
        "ttl": answer.ttl,
        "secure": answer.secure,
        "error": answer.error,
    })
}

fn handshake(secured: &TlsSummary<'_>) -> Value {
    let chain: Vec<Value> = secured
        .chain
        .iter()
        .map(|der| certificate_fields(der))
        .collect();
    json!({
        "version": secured.version,
        "cipher": secured.cipher,
        "group": secured.group,
        "resumed": secured.resumed,
        "name": secured.name,
        "verified": secured.verified,
        "judgement": secured.judgement,
        "policy": secured.policy,
        "chain": chain,
    })
}

/// A handshake that failed because of the certificate.
fn distrusted(name: &str, why: &str, chain: &[Vec<u8>]) -> Value {
    let chain: Vec<Value> = chain.iter().map(|der| certificate_fields(der)).collect();
    json!({
        "version": null,
        "name": name,
        "verified": false,
        "judgement": format!("not trusted: it {why}"),
        "chain": chain,
    })
}

/// A certificate in JSON; null if it cannot be parsed.
pub fn certificate_fields(der: &[u8]) -> Value {
    match Certificate::read(der) {
        None => Value::Null,
        Some(read) => json!({
            "subject": shown(&read.subject),
            "issuer": shown(&read.issuer),
            "names": read.names.iter().map(|name| shown(name)).collect::<Vec<_>>(),
            "not_before": date(read.not_before),
            "not_after": date(read.not_after),
            "sha256": read.sha256,
            "key_sha256": read.key_sha256,
        }),
    }
}

/// The timing of one host; null for steps that did not take place.
fn summary_fields(one: &Summary) -> Value {
    let mut fields = Map::new();
    fields.insert("host".to_owned(), one.host.clone().into());
    fields.extend(one.peer.iter().flat_map(address));
    for (_, name, took) in summary::steps(one) {
        fields.insert(name.to_owned(), took.map(milliseconds).into());
    }
    fields.insert("total_ms".to_owned(), milliseconds(one.total).into());
    fields.insert("words".to_owned(), shown(&one.words).into());
    fields.insert("queue_id".to_owned(), one.queue_id.clone().into());
    fields.into()
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// `ip` and `port`, or `port` and `proxy`, or `path`, or `command`.
fn address(peer: &PeerAddress) -> Vec<(String, Value)> {
    let fields = match peer {
        PeerAddress::Tcp(address) => vec![
            ("ip", address.ip().to_string().into()),
            ("port", address.port().into()),
        ],
        PeerAddress::Proxied(peer) => vec![
            ("port", peer.port.into()),
            ("proxy", peer.proxy_url().into()),
        ],
        PeerAddress::Unix(_) => vec![("path", peer.to_string().into())],
        PeerAddress::Pipe(_) => vec![("command", peer.to_string().into())],
    };
    let named = fields.into_iter();
    named
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One recipient in the result.
fn result(result: &RecipientResult) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("address", result.recipient.to_string().into());
    put("verdict", result.verdict.name().into());
    if let Some(server) = &result.server {
        put("host", server.host.clone().into());
        for (name, value) in address(&server.address) {
            put(&name, value);
        }
    }
    put("stage", result.stage.map(Stage::name).into());
    if let Some(reply) = &result.reply {
        put("code", reply.code.into());
    }
    put("enhanced", result.enhanced.clone().into());
    put("queue_id", result.queue_id().into());
    if let Some(reply) = &result.reply {
        put("reply", reply.text().into());
    }
    if result.verdict != RecipientStatus::Accepted {
        put("reason", shown(&result.explanation()).into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::ContactedServer;
    use crate::client::session::{RecipientReply, Step, TransactionIndex};
    use crate::mail::address::Address;
    use crate::smtp::reply::Reply;

    fn reply(code: u16, line: &str) -> Reply {
        Reply {
            code,
            lines: vec![line.to_owned()],
        }
    }

    #[test]
    fn result_is_one_line_with_a_verdict_for_each_recipient() {
        let server = ContactedServer {
            host: "mx1.x.org".to_owned(),
            address: PeerAddress::Tcp("192.0.2.7:25".parse().unwrap()),
        };
        let address = |text: &str| Address::parse(text).unwrap();
        let result = |to: &str, answer: &RecipientReply| {
            RecipientResult::answered(&address(to), &server, Some(answer), None)
        };
        let report = DeliveryReport {
            results: vec![
                result(
                    "a@x.org",
                    &RecipientReply::Accepted(reply(250, "2.0.0 ok queued as 4F2")),
                ),
                result(
                    "b@x.org",
                    &RecipientReply::Replied(
                        Step::Rcpt(TransactionIndex::default()),
                        reply(550, "5.1.1 no such user"),
                    ),
                ),
            ],
        };
        let mut out = Vec::new();
        Json::new(&mut out, TranscriptOptions::default()).result(&report, report.exit());
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["event"], &value["exit"]),
            (&json!("result"), &json!(79))
        );
        assert_eq!(
            value["recipients"][0],
            json!({"address": "a@x.org", "verdict": "accepted", "host": "mx1.x.org", "ip": "192.0.2.7",
                   "port": 25, "code": 250, "enhanced": "2.0.0", "queue_id": "4F2", "reply": "ok queued as 4F2"})
        );
        let second = &value["recipients"][1];
        assert_eq!(second["verdict"], "refused");
        assert_eq!(
            (&second["stage"], &second["code"]),
            (&json!("rcpt"), &json!(550))
        );
        assert_eq!(
            (&second["enhanced"], &second["reply"]),
            (&json!("5.1.1"), &json!("no such user"))
        );
    }
}
