//! One attempt at an item that is claimed.

use crate::client::deliver::{ConnectionPool, NextMessage, Outgoing, QueuedItem, deliver_to};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::session::{DeliveryLog, Purpose};
use crate::mail::dkim::Signer;
use crate::mail::envelope::RecipientIndex;
use crate::mail::message::without_body;
use crate::queue::delivery::notify::is_about_size;
use crate::queue::delivery::{QueueEvent, QueueObserver};
use crate::queue::store::{
    AttemptResult, ClaimedItem, Durability, History, Id, ItemEvent, ItemKind, QueueError,
};
use crate::smtp::blocks::{Accepts, Block, Blocks, Replay, Shape};
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::text::shown;
use std::io;
use std::time::SystemTime;

/// The header field of a message that is sent again although it may have arrived. Its Message-ID is the
/// same, and this explains the duplicate to the recipient.
const DUPLICATE_FIELD: &[u8] =
    b"X-Possible-Duplicate: sent again because the connection was lost\r\n before delivery was confirmed\r\n";

/// The result of an attempt.
pub struct Outcome {
    /// A result for each recipient of the envelope. Recipients that were not selected count as not tried.
    pub report: DeliveryReport,
    /// The reason why the message cannot be read; `None`: it can.
    pub unreadable: Option<String>,
    /// True if a server had no capacity for another connection.
    pub no_capacity: bool,
    /// The recipients that were tried.
    recipients: Vec<RecipientIndex>,
    /// The history before the attempt.
    before: History,
}

impl Outcome {
    /// Reports the results; with `as_new`, also those that have not changed are reported as new.
    pub fn report_results(&self, id: &Id, as_new: bool, queue_observer: &dyn QueueObserver) {
        for &recipient in &self.recipients {
            let before = self.before.states[recipient].result.as_ref();
            let before = before.filter(|_| !as_new);
            report_result(id, before, &self.report.results[recipient], queue_observer);
        }
    }
}

/// An attempt at recipients of an item, over one transport after the other.
pub struct Attempt<'a, 'c, 'p> {
    pub claim: &'a dyn ClaimedItem,
    pub recipients: &'a [RecipientIndex],
    /// True if the user asked for it before it was due.
    pub early: bool,
    pub pool: &'a ConnectionPool<'c, 'p>,
    pub queue_observer: &'a dyn QueueObserver,
    /// Signs a delivery report that is sent again in another form.
    pub signer: &'a Signer,
    /// The item that is tried next over the same pool, and its recipients.
    pub next: Option<(&'a dyn ClaimedItem, &'a [RecipientIndex])>,
}

impl Attempt<'_, '_, '_> {
    /// Delivers, and records the results.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Outcome, QueueError> {
        let (claim, recipients) = (self.claim, self.recipients);
        let before = claim.history();
        // A password-command may take long. A process that is killed meanwhile has not begun an attempt.
        self.pool.prepare(observer.stop().as_deref());
        self.report_possible_duplicates(&before, observer);
        let event = ItemEvent::Attempt {
            recipients: recipients.to_vec(),
            early: self.early,
        };
        claim.record(event, Durability::Process)?;
        let report = self.deliver(&before, observer);
        if let Some(error) = claim.read_error() {
            // Nothing new is known about the recipients that were not accepted.
            let _ = claim.record(ItemEvent::Ended { interrupted: true }, Durability::Process);
            return Err(error);
        }
        self.record_results(&report).inspect_err(|_| {
            // The attempt has ended without a crash, even if its results are lost.
            let _ = claim.record(ItemEvent::ENDED, Durability::Process);
        })?;
        let results = || recipients.iter().map(|&index| &report.results[index]);
        if results().any(|result| result.cause == Cause::Output) {
            claim.record(ItemEvent::Ended { interrupted: true }, Durability::Process)?;
        }
        let unreadable = results().find(|result| result.cause == Cause::Message);
        let unreadable = unreadable.map(RecipientResult::sentence);
        let no_capacity = results().any(is_without_capacity);
        Ok(Outcome {
            report,
            unreadable,
            no_capacity,
            recipients: recipients.to_vec(),
            before,
        })
    }

    /// Delivers the message, with a header field to recipients that may already have received it.
    fn deliver(&self, before: &History, observer: &mut dyn Observer) -> DeliveryReport {
        let metadata = &self.claim.item().metadata;
        let log = JournalLog { claim: self.claim };
        let outgoing = |message| Outgoing {
            message,
            log: Some(&log),
            ..unlogged(self.claim)
        };
        let is_duplicate = |&&index: &&RecipientIndex| before.states[index].may_arrive_twice();
        let (duplicate, first): (Vec<RecipientIndex>, Vec<RecipientIndex>) =
            self.recipients.iter().partition(is_duplicate);
        let mut report = DeliveryReport::not_attempted(&metadata.envelope.recipients);
        let next = self.next.filter(|(claim, recipients)| {
            let history = claim.history();
            let mut recipients = recipients.iter();
            duplicate.is_empty()
                && !recipients.any(|&index| history.states[index].may_arrive_twice())
        });
        let next = next.map(|(claim, recipients)| (unlogged(claim), recipients));
        let message = outgoing(self.claim);
        let first_of_two = Outgoing {
            next: next.as_ref().map(|(outgoing, recipients)| NextMessage {
                outgoing,
                recipients,
            }),
            ..message
        };
        deliver_to(&first, &first_of_two, self.pool, &mut report, observer);
        let marked = PossibleDuplicate(self.claim);
        deliver_to(
            &duplicate,
            &outgoing(&marked),
            self.pool,
            &mut report,
            observer,
        );
        if let ItemKind::Report(_) = metadata.kind {
            self.retry_without_body(&message, &mut report, observer);
        }
        report
    }

    /// Tries a report once more, with only the header of the message, if it was refused for the message in
    /// it or for its size.
    fn retry_without_body(
        &self,
        outgoing: &Outgoing<'_>,
        report: &mut DeliveryReport,
        observer: &mut dyn Observer,
    ) {
        let results = report.results.iter().enumerate();
        let refused = results.filter(|(_, result)| is_about_content(result));
        let refused: Vec<RecipientIndex> =
            refused.map(|(index, _)| RecipientIndex(index)).collect();
        if refused.is_empty() {
            return;
        }
        // An unreadable message is reported elsewhere.
        let Ok(Some(short)) = without_body(self.claim, self.signer, SystemTime::now()) else {
            return;
        };
        observer.on_event(Event::Note(
            "the report is sent again with only the header of the message",
        ));
        let short = Outgoing {
            message: &short,
            ..*outgoing
        };
        deliver_to(&refused, &short, self.pool, report, observer);
    }

    /// Reports the recipients that may already have received the message.
    fn report_possible_duplicates(&self, before: &History, observer: &mut dyn Observer) {
        let item = self.claim.item();
        let id = &item.id;
        for &index in self.recipients {
            if before.states[index].in_doubt {
                let recipient = item.metadata.envelope.recipients[index].to_string();
                let recipient = recipient.as_str();
                let note = format!(
                    "{id}: <{recipient}> may already have received the message; it is sent again and may arrive twice"
                );
                observer.on_event(Event::Note(&note));
                let event = QueueEvent::PossibleDuplicate { id, recipient };
                self.queue_observer.on_queue_event(&event);
            }
        }
    }

    fn record_results(&self, report: &DeliveryReport) -> Result<(), QueueError> {
        // The next step writes more, or removes the item, and decides whether this must be on disk.
        let durability = if self.is_accepted(report) {
            Durability::Later
        } else {
            Durability::Process
        };
        for &recipient in self.recipients {
            // Nothing new is known about the server.
            if report.results[recipient].cause == Cause::Output {
                continue;
            }
            let result = attempt_result(&report.results[recipient]);
            let event = ItemEvent::Result { recipient, result };
            self.claim.record(event, durability)?;
        }
        Ok(())
    }

    /// True if all recipients have accepted the message.
    fn is_accepted(&self, report: &DeliveryReport) -> bool {
        let mut results = self.recipients.iter().map(|&index| &report.results[index]);
        results.all(|result| result.verdict == RecipientStatus::Accepted)
    }
}

/// The message of an item, without a log.
fn unlogged(claim: &dyn ClaimedItem) -> Outgoing<'_> {
    let item = claim.item();
    let metadata = &item.metadata;
    Outgoing {
        envelope: &metadata.envelope,
        message: claim,
        purpose: match metadata.kind {
            ItemKind::Mail => Purpose::Mail,
            ItemKind::Report(_) => Purpose::Report,
        },
        item: Some(QueuedItem {
            id: item.id.as_str(),
            since: metadata.queued,
        }),
        log: None,
        next: None,
    }
}

/// True if the server deferred in its greeting, before EHLO was sent.
fn is_without_capacity(result: &RecipientResult) -> bool {
    let is_early = result.stage == Some(Stage::Banner) && result.reply.is_some();
    is_early && result.verdict == RecipientStatus::Deferred
}

/// True if the server refused the message, and not its sender or recipient.
fn is_about_content(result: &RecipientResult) -> bool {
    let code = result.reply.as_ref().map(|reply| reply.code.to_string());
    let is_content = matches!(
        result.stage,
        Some(Stage::Data | Stage::Body | Stage::Dot | Stage::Bdat)
    );
    result.verdict == RecipientStatus::Refused
        && result.cause == Cause::Server
        && (is_content || is_about_size(code.as_deref(), result.enhanced.as_deref()))
}

fn attempt_result(result: &RecipientResult) -> AttemptResult {
    AttemptResult {
        verdict: result.verdict,
        words: if result.verdict == RecipientStatus::Accepted {
            result.words()
        } else {
            shown(&result.lasting_reason())
        },
        reply: result.reply.as_ref().map(Reply::whole),
        enhanced: result.enhanced.clone(),
        server: result.server.as_ref().map(ToString::to_string),
    }
}

fn report_result(
    id: &Id,
    before: Option<&AttemptResult>,
    result: &RecipientResult,
    queue_observer: &dyn QueueObserver,
) {
    if result.cause == Cause::Output {
        return;
    }
    if result.verdict == RecipientStatus::Accepted {
        let recipient = &result.recipient.to_string();
        queue_observer.on_queue_event(&QueueEvent::Delivered { id, recipient });
        return;
    }
    // A host that is down is reported only for the item that detected it.
    let is_known = result.cause == Cause::Known;
    queue_observer.on_queue_event(&QueueEvent::NotDelivered {
        id,
        sentence: &shown(&result.lasting_reason()),
        is_new: !is_known && before.is_none_or(|before| differs(before, result)),
        is_final: result.verdict == RecipientStatus::Refused,
    });
}

/// True if the result differs from the last one. The codes are compared, because the text of a reply may
/// contain the time.
fn differs(before: &AttemptResult, result: &RecipientResult) -> bool {
    let code = |text: &str| text.get(..3).map(str::to_owned);
    let now = result.reply.as_ref().map(Reply::whole);
    before.verdict != result.verdict
        || before.enhanced != result.enhanced
        || before.reply.as_deref().and_then(code) != now.as_deref().and_then(code)
}

/// The journal of an item, as the log of its delivery.
struct JournalLog<'a> {
    claim: &'a dyn ClaimedItem,
}

impl DeliveryLog<RecipientIndex> for JournalLog<'_> {
    fn ending(&self, recipients: &[RecipientIndex]) -> io::Result<()> {
        let recipients = recipients.to_vec();
        let event = ItemEvent::EndOfData { recipients };
        let recorded = self.claim.record(event, Durability::Disk);
        recorded.map_err(io::Error::other)
    }

    /// If the record cannot be written, the recipients remain in doubt. Ending the session would not improve
    /// that. The reply to QUIT may be waited for before the results follow.
    fn taken(&self, recipients: &[RecipientIndex], reply: &Reply) {
        let event = ItemEvent::Accepted {
            recipients: recipients.to_vec(),
            reply: reply.whole(),
        };
        let _ = self.claim.record(event, Durability::Process);
    }
}

/// A message preceded by the header field.
struct PossibleDuplicate<'m>(&'m dyn Replay);

impl Replay for PossibleDuplicate<'_> {
    fn shape(&self, accepts: Accepts) -> Option<Shape> {
        let shape = self.0.shape(accepts)?;
        Some(Shape {
            size: shape.size + DUPLICATE_FIELD.len() as u64,
            ..shape
        })
    }

    fn blocks(&self, shape: Shape) -> Box<dyn Blocks + '_> {
        let inner = Shape {
            size: shape.size - DUPLICATE_FIELD.len() as u64,
            ..shape
        };
        Box::new(DuplicateReader {
            is_begun: false,
            rest: self.0.blocks(inner),
        })
    }
}

struct DuplicateReader<'m> {
    is_begun: bool,
    rest: Box<dyn Blocks + 'm>,
}

impl Blocks for DuplicateReader<'_> {
    fn append(&mut self, out: &mut Vec<u8>) -> io::Result<Block> {
        if std::mem::replace(&mut self.is_begun, true) {
            return self.rest.append(out);
        }
        out.extend_from_slice(DUPLICATE_FIELD);
        Ok(Block::Lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::blocks::{BodyType, Nothing};

    #[test]
    fn the_field_precedes_the_message_and_is_counted() {
        let marked = PossibleDuplicate(&Nothing);
        let shape = marked.shape(BodyType::SevenBit.with_utf8()).unwrap();
        let mut out = Vec::new();
        let mut blocks = marked.blocks(shape);
        while blocks.append(&mut out).unwrap() != Block::End {}
        assert_eq!(out, DUPLICATE_FIELD);
        assert_eq!(shape.size, DUPLICATE_FIELD.len() as u64);
        let lines = String::from_utf8(out).unwrap();
        assert!(lines.lines().all(|line| line.len() < 78), "{lines}");
    }
}
