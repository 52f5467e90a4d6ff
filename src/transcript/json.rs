//! The transcript for programs: one JSON object a line, each with `event` and `elapsed_ms`.

use super::Lines;
use crate::exit::Exit;
use crate::outcome::{Fate, Report, Verdict};
use crate::peer::Peer;
use crate::session::Stage;
use crate::watch::{Happening, Watch};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::time::Instant;

/// A transcript in JSON.
pub struct Json<W> {
    lines: Lines<W>,
    start: Instant,
    /// The host that is being tried.
    host: String,
    /// Whether the conversation is encrypted.
    tls: bool,
}

impl<W: Write> Json<W> {
    /// A transcript on `out`, whose clock starts now.
    pub fn new(out: W) -> Self {
        Self {
            lines: Lines::new(out),
            start: Instant::now(),
            host: String::new(),
            tls: false,
        }
    }

    /// Why it could not be written; a reader that went away is no failure.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.lines.failure()
    }

    /// The last line: the exit status and what became of everybody.
    pub fn result(&mut self, report: &Report, exit: Exit) {
        let recipients: Vec<Value> = report.fates.iter().map(fate).collect();
        self.event(
            "result",
            json!({"exit": exit.code(), "recipients": recipients}),
        );
    }

    /// The host that is being tried, where, and why it did not come to anything.
    fn place(&self, peer: &Peer, error: Option<&str>) -> Value {
        let mut fields = Map::new();
        fields.insert("host".to_owned(), self.host.clone().into());
        fields.extend(address(peer));
        fields.extend(error.map(|why| ("error".to_owned(), why.into())));
        fields.into()
    }

    fn event(&mut self, name: &str, mut fields: Value) {
        let mut event = Map::new();
        event.insert("event".to_owned(), name.into());
        let elapsed = self.start.elapsed().as_secs_f64() * 1000.0;
        let rounded = (elapsed * 1000.0).round() / 1000.0;
        event.insert("elapsed_ms".to_owned(), rounded.into());
        if let Some(fields) = fields.as_object_mut() {
            event.append(fields);
        }
        self.lines.put(&format!("{}\n", Value::Object(event)));
    }
}

impl<W: Write> Watch for Json<W> {
    fn happened(&mut self, what: Happening<'_>) {
        let (name, fields) = match what {
            Happening::Queued { id } => ("queued", json!({"id": id})),
            Happening::Lookup { kind, name } => ("lookup", json!({"type": kind, "name": name})),
            Happening::Host { name, .. } => {
                name.clone_into(&mut self.host);
                return;
            }
            Happening::Fallback { profile, error } => {
                ("fallback", json!({"profile": profile, "error": error}))
            }
            Happening::Connect(peer) => {
                self.tls = false;
                ("connect", self.place(peer, None))
            }
            Happening::Connected(peer) => ("connected", self.place(peer, None)),
            Happening::NotConnected { peer, why } => ("closed", self.place(peer, Some(why))),
            Happening::Secured(secured) => {
                self.tls = true;
                ("tls", super::tls::event(&secured))
            }
            Happening::Distrusted { name, why, chain } => {
                ("tls", super::tls::distrusted_event(name, why, chain))
            }
            Happening::Sent { line, stage } => (
                "sent",
                json!({"line": line, "stage": stage, "tls": self.tls}),
            ),
            Happening::Received {
                code,
                enhanced,
                lines,
                stage,
            } => (
                "received",
                json!({"code": code, "enhanced": enhanced, "lines": lines, "stage": stage, "tls": self.tls}),
            ),
            Happening::Data { bytes } => ("data", json!({"bytes": bytes})),
            Happening::Closed => ("closed", json!({})),
            Happening::Note(_)
            | Happening::Detail(_)
            | Happening::Line(_)
            | Happening::Progress { .. }
            | Happening::Settled { .. } => return,
        };
        self.event(name, fields);
    }

    fn refuses(&self) -> bool {
        self.failure().is_some()
    }
}

/// `ip` and `port`, or `path`.
fn address(peer: &Peer) -> Vec<(String, Value)> {
    let fields = match peer {
        Peer::Tcp(address) => vec![
            ("ip", address.ip().to_string().into()),
            ("port", address.port().into()),
        ],
        Peer::Unix(_) => vec![("path", peer.to_string().into())],
    };
    let named = fields.into_iter();
    named
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One recipient in the result.
fn fate(fate: &Fate) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("address", fate.recipient.to_string().into());
    put("verdict", fate.verdict.name().into());
    if let Some(server) = &fate.server {
        put("host", server.host.clone().into());
        for (name, value) in address(&server.address) {
            put(&name, value);
        }
    }
    put("stage", fate.stage.map(Stage::name).into());
    if let Some(reply) = &fate.reply {
        put("code", reply.code.into());
    }
    put("enhanced", fate.enhanced.clone().into());
    if let Some(reply) = &fate.reply {
        put("reply", reply.text().into());
    }
    if fate.verdict != Verdict::Accepted {
        put("reason", crate::text::shown(&fate.sentence).into());
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::outcome::Server;
    use crate::session::{Answer, Reply};

    fn reply(code: u16, line: &str) -> Reply {
        Reply {
            code,
            lines: vec![line.to_owned()],
        }
    }

    #[test]
    fn the_result_is_one_line_with_a_verdict_for_everybody() {
        let server = Server {
            host: "mx1.x.org".to_owned(),
            address: Peer::Tcp("192.0.2.7:25".parse().unwrap()),
        };
        let address = |text: &str| Address::parse(text).unwrap();
        let fate =
            |to: &str, answer: &Answer| Fate::answered(&address(to), &server, Some(answer), None);
        let report = Report {
            fates: vec![
                fate(
                    "a@x.org",
                    &Answer::Accepted(reply(250, "2.0.0 ok queued as 4F2")),
                ),
                fate(
                    "b@x.org",
                    &Answer::Said(Stage::Rcpt(1), reply(550, "5.1.1 no such user")),
                ),
            ],
        };
        let mut out = Vec::new();
        Json::new(&mut out).result(&report, report.exit());
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
                   "port": 25, "code": 250, "enhanced": "2.0.0", "reply": "ok queued as 4F2"})
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
