//! Delivery reports to senders, as items of the queue with the route of the message that they are about.

use crate::mail::address::Address;
use crate::mail::envelope::Return;
use crate::mail::message::{DeliveryStatusReport, ReportKind, Reported, Returned};
use crate::queue::delivery::RunContext;
use crate::queue::store::{
    AttemptResult, ClaimedItem, Id, Item, ItemKind, Metadata, OnUncertain, QueueError,
};
use crate::smtp::blocks::{BodyType, Replay as _, Shape};
use std::time::SystemTime;

/// Reports a permanent failure for these recipients. The report is not sent while its claim exists.
pub fn failed(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    recipients: &[usize],
    id: &Id,
) -> Result<Option<Box<dyn ClaimedItem>>, QueueError> {
    let notice = Notice {
        item,
        recipients,
        kind: ReportKind::Failed,
    };
    notice.put(run_context, claim, id)
}

/// Reports that the message is delayed for these recipients.
pub fn delayed(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    recipients: &[usize],
    id: &Id,
) -> Result<Option<Box<dyn ClaimedItem>>, QueueError> {
    let left = run_context
        .settings
        .give_up
        .saturating_sub(item.history.tried_for);
    let notice = Notice {
        item,
        recipients,
        kind: ReportKind::Delayed {
            retry_until: SystemTime::now() + left,
        },
    };
    notice.put(run_context, claim, id)
}

struct Notice<'a> {
    item: &'a Item,
    recipients: &'a [usize],
    kind: ReportKind,
}

impl Notice<'_> {
    /// Puts it into the queue under this name, unless the message has no sender. If the message cannot be
    /// read to its end, only its header is included.
    fn put(
        &self,
        run_context: &RunContext<'_>,
        claim: &dyn ClaimedItem,
        id: &Id,
    ) -> Result<Option<Box<dyn ClaimedItem>>, QueueError> {
        match self.put_with(self.returned(run_context), run_context, claim, id) {
            Err(QueueError::Message(_)) => self.put_with(Returned::Header, run_context, claim, id),
            put => put,
        }
    }

    fn put_with(
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
        let written = report.write(claim, SystemTime::now());
        let report = written.map_err(QueueError::Message)?;
        // It is converted for a server that does not support this.
        let widest = report.shape(BodyType::EightBit.with_utf8());
        let shape = widest.or_else(|| report.simplest());
        let metadata = Metadata {
            envelope: report.envelope.clone(),
            utf8_header: report.utf8_header,
            route_spec: item.metadata.route_spec.clone(),
            on_uncertain: OnUncertain::Retry,
            on_failure: item.metadata.on_failure.clone(),
            kind: ItemKind::Report(item.id.clone()),
            queued: SystemTime::now(),
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
        let one = |&place: &usize| {
            let end = history.states[place].end.as_ref();
            let recipient = &envelope.recipients[place];
            Reported {
                original: envelope.dsn.original_of(recipient),
                ..reported(recipient, end, history.last_attempt)
            }
        };
        self.recipients.iter().map(one).collect()
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
        let ends = self.recipients.iter().map(|&place| &states[place].end);
        ends.flatten().any(|end| {
            is_about_size(
                end.reply.as_deref().and_then(|reply| reply.get(..3)),
                end.enhanced.as_deref(),
            )
        })
    }
}

/// True if a reply code or an enhanced status code means that a message is too large (RFC 1870 §6, RFC 3463
/// §3.4, §3.3).
pub fn is_about_size(code: Option<&str>, enhanced: Option<&str>) -> bool {
    code == Some("552") || matches!(enhanced, Some("5.3.4" | "5.2.3"))
}

fn reported<'a>(
    address: &'a Address,
    end: Option<&'a AttemptResult>,
    last_attempt: Option<SystemTime>,
) -> Reported<'a> {
    Reported {
        address,
        original: None,
        words: end.map_or("it was not tried", |end| &end.words),
        diagnostic: end.and_then(|end| end.reply.as_deref()),
        status: end.and_then(|end| end.enhanced.as_deref()),
        remote_mta: end.and_then(|end| end.server.as_deref()),
        last_attempt,
    }
}

fn reporting_mta() -> String {
    crate::system::host::fqdn().unwrap_or_else(crate::system::host::node_name)
}
