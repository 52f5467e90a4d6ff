//! Notifications of failures and delays: delivery reports to senders, as items of the queue with the route of
//! the message that they are about, and the command of `--on-failure`.

use crate::mail::envelope::{RecipientIndex, Return};
use crate::mail::message::{DeliveryStatusReport, ReportKind, Reported, Returned};
use crate::queue::delivery::{QueueEvent, RunContext};
use crate::queue::store::{ClaimedItem, Id, Item, ItemKind, Metadata, OnUncertain, QueueError};
use crate::smtp::blocks::{BodyType, Replay as _, Shape};
use crate::system::host::{fqdn, node_name};
use crate::system::subprocess::{Task, shell};
use crate::system::text::reason;
use crate::system::time::rfc3339;
use serde_json::{Value, json};
use std::io;
use std::process::Stdio;
use std::time::Duration;

/// Time limit of the command of `--on-failure`.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A delivery report to the sender of an item.
pub struct NewReport<'a> {
    pub item: &'a Item,
    pub recipients: &'a [RecipientIndex],
    pub kind: ReportKind,
}

impl NewReport<'_> {
    /// Adds it to the queue with this name, unless the message has no sender. If the message cannot be read
    /// to its end, only its header is included. The report is not sent while its claim exists.
    pub fn add(
        &self,
        run_context: &RunContext<'_>,
        claim: &dyn ClaimedItem,
        id: &Id,
    ) -> Result<Option<Box<dyn ClaimedItem>>, QueueError> {
        match self.add_with(self.returned(run_context), run_context, claim, id) {
            Err(QueueError::Message(_)) => self.add_with(Returned::Header, run_context, claim, id),
            added => added,
        }
    }

    fn add_with(
        &self,
        returned: Returned,
        run_context: &RunContext<'_>,
        claim: &dyn ClaimedItem,
        id: &Id,
    ) -> Result<Option<Box<dyn ClaimedItem>>, QueueError> {
        let item = self.item;
        let Some(sender) = &item.metadata.envelope.sender else {
            return Ok(None);
        };
        let (about, host) = (item.id.to_string(), reporting_mta());
        let report = DeliveryStatusReport {
            id: &about,
            reporting_mta: &host,
            sender,
            arrived: item.metadata.queued,
            envid: item.metadata.envelope.dsn.envid.as_deref(),
            kind: self.kind,
            recipients: self.reported(),
            returned,
        };
        let written = report.write(claim, run_context.signer, run_context.store.now());
        let report = written.map_err(QueueError::Message)?;
        for warning in &report.warnings {
            run_context.report(&QueueEvent::Error(warning));
        }
        // It is converted for a server that does not support this shape.
        let shape = report.shape(BodyType::EightBit.with_utf8());
        let shape = shape.or_else(|| report.simplest());
        let metadata = Metadata {
            envelope: report.envelope.clone(),
            utf8_header: report.utf8_header,
            route_spec: item.metadata.route_spec.clone(),
            on_uncertain: OnUncertain::Retry,
            on_failure: item.metadata.on_failure.clone(),
            kind: ItemKind::Report(item.id.clone()),
            queued: run_context.store.now(),
        };
        let nothing = Shape {
            transport: BodyType::SevenBit,
            utf8: false,
            size: 0,
        };
        let added = run_context
            .store
            .add(&metadata, &report, shape.unwrap_or(nothing), Some(id));
        added.map(Some)
    }

    fn reported(&self) -> Vec<Reported<'_>> {
        let envelope = &self.item.metadata.envelope;
        let history = &self.item.history;
        let reported = |&index: &RecipientIndex| {
            let result = history.states[index].result.as_ref();
            let address = &envelope.recipients[index];
            Reported {
                address,
                original: envelope.dsn.original_of(address),
                words: result.map_or("delivery was not attempted", |result| {
                    result.words_about(address)
                }),
                diagnostic: result.and_then(|result| result.reply.as_deref()),
                status: result.and_then(|result| result.enhanced.as_deref()),
                remote_mta: result.and_then(|result| result.server.as_deref()),
                last_attempt: history.last_attempt,
            }
        };
        self.recipients.iter().map(reported).collect()
    }

    /// The part of the message that the sender asked for; by default the whole message, unless it is too
    /// large.
    fn returned(&self, run_context: &RunContext<'_>) -> Returned {
        let is_failure = matches!(self.kind, ReportKind::Failed);
        match self.item.metadata.envelope.dsn.ret {
            Some(Return::Headers) => Returned::Header,
            // RFC 3461 §4.3: RET is about failures only.
            _ if !is_failure || self.item.size > run_context.settings.bounce_size => {
                Returned::Header
            }
            // The report uses the same route, and would be too large as well.
            _ if self.is_too_large() => Returned::Header,
            _ => Returned::Whole,
        }
    }

    /// True if the size of the message is a reason for the failure.
    fn is_too_large(&self) -> bool {
        let states = &self.item.history.states;
        let results = self.recipients.iter().map(|&index| &states[index].result);
        results.flatten().any(|result| {
            let code = result.reply.as_deref().and_then(|reply| reply.get(..3));
            is_about_size(code, result.enhanced.as_deref())
        })
    }
}

/// True if a reply code or an enhanced status code means that a message is too large (RFC 1870 §6, RFC 3463
/// §3.4, §3.3).
pub fn is_about_size(code: Option<&str>, enhanced: Option<&str>) -> bool {
    code == Some("552") || matches!(enhanced, Some("5.3.4" | "5.2.3"))
}

fn reporting_mta() -> String {
    fqdn().unwrap_or_else(node_name)
}

/// Runs the command of `--on-failure`, if one is set, with the failures on its standard input.
pub fn run_on_failure(run_context: &RunContext<'_>, item: &Item, failed: &[RecipientIndex]) {
    let Some(command) = &item.metadata.on_failure else {
        return;
    };
    let text = format!("{}\n", failures(item, failed));
    if let Err(error) = run(command, &text, COMMAND_LIMIT) {
        let text = format!("--on-failure: {command}: {}", reason(&error));
        run_context.report(&QueueEvent::Error(&text));
    }
}

/// One object on one line.
fn failures(item: &Item, failed: &[RecipientIndex]) -> Value {
    let envelope = &item.metadata.envelope;
    let recipients = failed.iter().map(|&index| {
        let result = item.history.states[index].result.as_ref();
        json!({
            "address": envelope.recipients[index].to_string(),
            "words": result.map(|result| &result.words),
            "reply": result.and_then(|result| result.reply.as_ref()),
            "enhanced": result.and_then(|result| result.enhanced.as_ref()),
            "server": result.and_then(|result| result.server.as_ref()),
        })
    });
    json!({
        "event": "failed",
        "id": item.id.to_string(),
        "sender": envelope.sender.as_ref().map(ToString::to_string),
        "queued": rfc3339(item.metadata.queued),
        "attempts": item.history.attempts,
        "size": item.size,
        "recipients": recipients.collect::<Vec<_>>(),
    })
}

/// A command that does not read its input to the end is not an error.
fn run(command: &str, text: &str, limit: Duration) -> io::Result<()> {
    let mut command = shell(command);
    command.stdin(Stdio::piped());
    let task = Task {
        command,
        input: text.as_bytes(),
        limit: Some(limit),
        stop: None,
    };
    let status = task.run(&mut |_| Ok(())).map_err(|error| {
        if error.kind() == io::ErrorKind::TimedOut {
            let seconds = limit.as_secs();
            io::Error::other(format!("timed out after {seconds} seconds and was killed"))
        } else {
            error
        }
    })?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(status.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than a pipe holds.
    fn large_input() -> String {
        "x".repeat(1 << 20)
    }

    #[test]
    fn a_command_that_does_not_read_ends_at_the_limit() {
        let error = run("exec sleep 60", &large_input(), Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().starts_with("timed out"), "{error}");
        run("exit 0", &large_input(), COMMAND_LIMIT).unwrap();
    }

    #[test]
    fn a_command_gets_the_whole_input() {
        run("test $(wc -c) -eq 1048576", &large_input(), COMMAND_LIMIT).unwrap();
        assert!(run("exit 3", &large_input(), COMMAND_LIMIT).is_err());
    }
}
