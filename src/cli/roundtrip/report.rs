//! The report of a round trip: text, JSON, and a line for Nagios.

use crate::cli::roundtrip::Thresholds;
use crate::mailbox::{AuthenticationResults, Changes, Hop};
use crate::probe::verify::SignatureReport;
use crate::system::exit::Health;
use crate::system::figures::counted;
use crate::system::text::shown;
use serde_json::{Value, json};
use std::time::Duration;

/// Methods that are shown even if there is no result.
const METHODS: [&str; 3] = ["spf", "dkim", "dmarc"];

/// Maximum length of a value in the text, in characters.
const MAX_VALUE: usize = 60;

/// The acceptance of the message.
#[derive(Debug)]
pub struct Accepted {
    pub after: Duration,
    /// The server with its address.
    pub server: Option<String>,
    pub queue_id: Option<String>,
}

/// The message at the other end.
#[derive(Debug)]
pub struct Arrived {
    /// Since the beginning of the delivery.
    pub after: Duration,
    /// The mailbox; `None`: that of a POP3 server.
    pub folder: Option<String>,
    pub is_junk: bool,
    /// Time of arrival by the clock of an IMAP server, as it writes it.
    pub received: Option<String>,
    pub hops: Vec<Hop>,
    pub results: AuthenticationResults,
    /// The DKIM signatures of the message as it arrived, verified by this program.
    pub signatures: Vec<SignatureReport>,
    pub changes: Changes,
    /// `None`: the attachment was not found.
    pub is_attachment_same: Option<bool>,
    /// `None`: it was to be kept.
    pub is_deleted: Option<bool>,
}

impl Arrived {
    /// The changes in a few words.
    pub fn changes_in_words(&self) -> String {
        let mut all = Vec::new();
        if !self.changes.is_body_same() {
            all.push("the body".to_owned());
        }
        if self.is_attachment_same == Some(false) {
            all.push("the attachment".to_owned());
        }
        if self.is_attachment_same.is_none() {
            all.push("the attachment is missing".to_owned());
        }
        all.extend(self.changes.changed.iter().map(|(name, ..)| shown(name)));
        all.extend(
            self.changes
                .removed
                .iter()
                .map(|name| format!("{} is missing", shown(name))),
        );
        all.join(", ")
    }
}

/// The end of a round trip.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Number of messages of earlier round trips that were deleted because they had arrived too late.
    pub left_over: usize,
    pub accepted: Option<Accepted>,
    pub arrived: Option<Arrived>,
    /// The error that ended it, and expectations that are not met, as sentences.
    pub failures: Vec<String>,
    /// True if the error is one of this program or of the mailbox, so that nothing is known about the delivery.
    pub is_unknown: bool,
}

impl Outcome {
    /// The report for people.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        if self.left_over > 0 {
            let messages = counted(self.left_over as u64, "late message");
            let verb = if self.left_over == 1 { "was" } else { "were" };
            lines.push(format!(
                "earlier     {messages} from earlier round trips {verb} deleted"
            ));
        }
        if let Some(accepted) = &self.accepted {
            let server = accepted
                .server
                .as_deref()
                .map(|server| format!(" by {server}"));
            let id = accepted
                .queue_id
                .as_deref()
                .map(|id| format!(" as {}", shown(id)));
            lines.push(format!(
                "accepted    after {:.3} s{}{}",
                accepted.after.as_secs_f64(),
                server.unwrap_or_default(),
                id.unwrap_or_default()
            ));
        }
        if let Some(arrived) = &self.arrived {
            lines.extend(arrived_lines(arrived));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The report as an object.
    pub fn object(&self, token: &str, exit: u8) -> Value {
        json!({
            "token": token,
            "accepted": self.accepted.as_ref().map(|accepted| json!({
                "ms": milliseconds(accepted.after),
                "server": accepted.server,
                "queue_id": accepted.queue_id,
            })),
            "arrived": self.arrived.as_ref().map(arrived_object),
            "earlier_deleted": self.left_over,
            "failures": self.failures,
            "exit": exit,
        })
    }

    /// The state for a monitor.
    pub fn health(&self, thresholds: Thresholds) -> Health {
        let above = |limit: Option<Duration>| {
            let arrived = self.arrived.as_ref();
            limit.is_some_and(|limit| arrived.is_some_and(|arrived| arrived.after > limit))
        };
        if self.is_unknown {
            Health::Unknown
        } else if !self.failures.is_empty() || above(thresholds.critical) {
            Health::Critical
        } else if above(thresholds.warning) || self.arrived.as_ref().is_some_and(|one| one.is_junk)
        {
            Health::Warning
        } else {
            Health::Ok
        }
    }

    /// The line for Nagios, with performance data.
    pub fn nagios(&self, thresholds: Thresholds) -> String {
        let word = self.health(thresholds).word();
        let words = match (&self.arrived, self.failures.first()) {
            (_, Some(failure)) => shown(failure).replace('|', "/"),
            (Some(arrived), None) => format!(
                "arrived in {} after {:.3} s",
                place(arrived).replace('|', "/"),
                arrived.after.as_secs_f64()
            ),
            (None, None) => "not arrived".to_owned(),
        };
        let seconds = |time: Option<Duration>| {
            time.map_or_else(String::new, |time| format!("{:.3}", time.as_secs_f64()))
        };
        let mut data = Vec::new();
        if let Some(accepted) = &self.accepted {
            data.push(format!(
                "accepted={:.3}s;;;0;",
                accepted.after.as_secs_f64()
            ));
        }
        if let Some(arrived) = &self.arrived {
            data.push(format!(
                "arrived={:.3}s;{};{};0;",
                arrived.after.as_secs_f64(),
                seconds(thresholds.warning),
                seconds(thresholds.critical)
            ));
            data.push(format!("hops={};;;0;", arrived.hops.len()));
        }
        let data = data.join(" ");
        let separator = if data.is_empty() { "" } else { " | " };
        format!("ROUNDTRIP {word} - {words}{separator}{data}\n")
    }
}

fn place(arrived: &Arrived) -> String {
    let folder = arrived
        .folder
        .as_deref()
        .map_or_else(|| "the mailbox".to_owned(), shown);
    if arrived.is_junk {
        format!("{folder} (spam)")
    } else {
        folder
    }
}

fn results_line(arrived: &Arrived) -> String {
    let results = METHODS.iter().map(|method| {
        let found = arrived.results.of(method);
        let result = found.map_or("no result", |found| found.result.as_str());
        format!("{method} {}", shown(result))
    });
    let results: Vec<String> = results.collect();
    let server = arrived.results.server.as_deref();
    let server = server.map(|server| format!(", by {}", shown(server)));
    format!(
        "results     {}{}",
        results.join(", "),
        server.unwrap_or_default()
    )
}

fn arrived_lines(arrived: &Arrived) -> Vec<String> {
    let mut lines = vec![format!(
        "arrived     after {:.3} s in {}",
        arrived.after.as_secs_f64(),
        place(arrived)
    )];
    let mut before: Option<&Hop> = None;
    for hop in &arrived.hops {
        let delay = before.and_then(|before| hop.seconds_since(before));
        before = Some(hop);
        lines.push(hop_line(hop, delay));
    }
    lines.push(results_line(arrived));
    lines.extend(arrived.signatures.iter().map(signature_line));
    let same = |is: bool| if is { "unchanged" } else { "CHANGED" };
    lines.push(format!(
        "body        {}, attachment {}",
        same(arrived.changes.is_body_same()),
        arrived.is_attachment_same.map_or("MISSING", same)
    ));
    for (name, sent, received) in &arrived.changes.changed {
        let short = |text: &str| shown(text).chars().take(MAX_VALUE).collect::<String>();
        let name = shown(name);
        lines.push(format!(
            "changed     {name}: {} -> {}",
            short(sent),
            short(received)
        ));
    }
    if !arrived.changes.removed.is_empty() {
        lines.push(format!(
            "removed     {}",
            shown(&arrived.changes.removed.join(", "))
        ));
    }
    if !arrived.changes.added.is_empty() {
        lines.push(format!(
            "added       {}",
            shown(&arrived.changes.added.join(", "))
        ));
    }
    match arrived.is_deleted {
        Some(true) => lines.push("deleted".to_owned()),
        Some(false) => lines.push("marked as deleted (no UIDPLUS)".to_owned()),
        None => {}
    }
    lines
}

fn signature_line(report: &SignatureReport) -> String {
    let verdict = &report.verdict;
    let name = report.signature.as_ref().map(|signature| {
        format!(
            " of {} with selector {}",
            signature.domain, signature.selector
        )
    });
    let text = format!(
        "{}{}: {}",
        verdict.result.name(),
        name.unwrap_or_default(),
        verdict.why
    );
    format!("signature   {}", shown(&text))
}

fn hop_line(hop: &Hop, delay: Option<i64>) -> String {
    let delay = match delay {
        Some(seconds @ ..0) => format!("{seconds} s, the clocks differ"),
        Some(seconds) => format!("+{seconds} s"),
        None => "-".to_owned(),
    };
    let word = |before: &str, word: &Option<String>| {
        let word = word
            .as_deref()
            .map(|word| format!(" {before} {}", shown(word)));
        word.unwrap_or_default()
    };
    format!(
        "hop         {delay:>6} {}{}{}{}",
        word("from", &hop.from).trim_start(),
        word("by", &hop.by),
        word("with", &hop.with),
        word("id", &hop.id)
    )
}

fn arrived_object(arrived: &Arrived) -> Value {
    let mut before: Option<&Hop> = None;
    let hops = arrived.hops.iter().map(|hop| {
        let delay = before.and_then(|before| hop.seconds_since(before));
        before = Some(hop);
        json!({
            "from": hop.from,
            "by": hop.by,
            "with": hop.with,
            "id": hop.id,
            "at": hop.at.map(|at| at.to_rfc3339()),
            "tls": hop.is_tls(),
            "seconds": delay,
        })
    });
    let hops: Vec<Value> = hops.collect();
    let methods = arrived.results.methods.iter().map(
        |one| json!({"method": one.method, "result": one.result, "properties": one.properties}),
    );
    let methods: Vec<Value> = methods.collect();
    let signatures = arrived.signatures.iter().map(|report| {
        let signature = report.signature.as_ref();
        json!({
            "domain": signature.map(|signature| &signature.domain),
            "selector": signature.map(|signature| &signature.selector),
            "result": report.verdict.result.name(),
            "why": report.verdict.why,
        })
    });
    let signatures: Vec<Value> = signatures.collect();
    let changed = arrived.changes.changed.iter();
    let changed: Vec<Value> = changed
        .map(|(name, sent, received)| json!({"name": name, "sent": sent, "received": received}))
        .collect();
    json!({
        "ms": milliseconds(arrived.after),
        "folder": arrived.folder,
        "junk": arrived.is_junk,
        "received": arrived.received,
        "hops": hops,
        "results": {"server": arrived.results.server, "methods": methods},
        "signatures": signatures,
        "body": {
            "same": arrived.changes.is_body_same(),
            "sent_sha256": arrived.changes.body[0],
            "received_sha256": arrived.changes.body[1],
        },
        "attachment_same": arrived.is_attachment_same,
        "fields": {
            "added": arrived.changes.added,
            "removed": arrived.changes.removed,
            "changed": changed,
        },
        "deleted": arrived.is_deleted,
    })
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
