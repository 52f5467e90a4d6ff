//! The consequences of the state of an item: it is removed, it waits, its sender is notified, or it fails.

use crate::client::mail_log;
use crate::client::outcome::RecipientStatus;
use crate::mail::envelope::{Envelope, NotifyOn, RecipientIndex};
use crate::mail::message::ReportKind;
use crate::queue::delivery::notify::{NewReport, run_on_failure};
use crate::queue::delivery::{QueueEvent, RunContext};
use crate::queue::store::{
    AttemptResult, ClaimResult, ClaimedItem, Durability, Id, Item, ItemEvent, ItemKind, QueueError,
    RecipientState, is_expired, needs_warning,
};
use crate::system::time::spoken;

/// The party that already knows about the failures of this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderNotice {
    /// The caller, who waits for it.
    Caller,
    /// The caller, by the report that it gets: nothing is printed.
    ByReport,
    None,
}

/// The state of an item after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It was removed, because every recipient is finished.
    Removed,
    /// A recipient is to be tried again, or waits for a decision.
    Kept,
    Failed,
}

/// The item in its current state.
fn current(claim: &dyn ClaimedItem) -> Item {
    Item {
        history: claim.history(),
        ..claim.item().clone()
    }
}

/// Ends an attempt: removes the item, notifies its sender, or keeps it.
pub fn settle(
    run_context: &RunContext<'_>,
    claim: Box<dyn ClaimedItem>,
    notice: SenderNotice,
) -> Result<ItemOutcome, QueueError> {
    if notice != SenderNotice::None {
        let recipients = current(&*claim).failed_unreported();
        if !recipients.is_empty() {
            claim.record(ItemEvent::Reported { recipients }, Durability::Process)?;
        }
    }
    // The usual case: the results of an item that is removed need not be on disk.
    if current(&*claim).is_done() {
        return remove(claim);
    }
    end_attempt(&*claim)?;
    give_up_expired(run_context, &*claim)?;
    if let Some(reason) = report_failures(run_context, &*claim)? {
        run_context.fail_claimed(claim, &reason)?;
        return Ok(ItemOutcome::Failed);
    }
    let item = current(&*claim);
    if item.is_done() {
        return remove(claim);
    }
    if needs_warning(&item.history, run_context.settings) {
        warn(run_context, &*claim, &item)?;
    }
    claim.set_due(run_context.due_after(&current(&*claim)));
    Ok(ItemOutcome::Kept)
}

fn remove(claim: Box<dyn ClaimedItem>) -> Result<ItemOutcome, QueueError> {
    let id = claim.item().id.clone();
    claim.remove()?;
    mail_log::removed(id.as_str());
    Ok(ItemOutcome::Removed)
}

/// Gives up all recipients of an item, notifies its sender, and marks it as failed.
pub fn give_up_item(
    run_context: &RunContext<'_>,
    claim: Box<dyn ClaimedItem>,
    reason: &str,
) -> Result<(), QueueError> {
    give_up_open(&*claim, reason)?;
    let unreported = match report_failures(run_context, &*claim) {
        // The message cannot be read, so that no report is possible.
        Err(QueueError::Message(_)) => {
            let item = current(&*claim);
            run_on_failure(run_context, &item, &item.failed_unreported());
            None
        }
        reported => reported?,
    };
    run_context.fail_claimed(claim, unreported.as_deref().unwrap_or(reason))
}

/// Records for all open recipients that they are not tried again.
fn give_up_open(claim: &dyn ClaimedItem, reason: &str) -> Result<(), QueueError> {
    if current(claim)
        .history
        .states
        .iter()
        .any(|state| state.in_doubt)
    {
        // Should it be requeued, the message may arrive twice.
        claim.record(ItemEvent::Released, Durability::Disk)?;
    }
    let item = current(claim);
    for recipient in item.open() {
        let address = &item.metadata.envelope.recipients[recipient];
        let state = &item.history.states[recipient];
        let doubt = if state.may_arrive_twice() {
            "; it is not known whether the message arrived"
        } else {
            ""
        };
        let words = format!("<{address}>: delivery abandoned: {reason}{doubt}");
        // RFC 3463 §3.4: an undefined status of the mail system, which is this one.
        let result = given_up(state, words, "5.3.0");
        claim.record(ItemEvent::Result { recipient, result }, Durability::Disk)?;
    }
    Ok(())
}

/// The result of a recipient that is given up, with the last reply.
fn given_up(state: &RecipientState, words: String, enhanced: &str) -> AttemptResult {
    let last = state.result.as_ref();
    AttemptResult {
        verdict: RecipientStatus::Refused,
        words,
        reply: last.and_then(|last| last.reply.clone()),
        enhanced: Some(enhanced.to_owned()),
        server: last.and_then(|last| last.server.clone()),
    }
}

/// Records the end of the attempt. If it cannot be synced to disk, it is at least written, because the
/// attempt has not crashed.
fn end_attempt(claim: &dyn ClaimedItem) -> Result<(), QueueError> {
    let ended = claim.record(ItemEvent::ENDED, Durability::Disk);
    ended.inspect_err(|_| {
        let _ = claim.record(ItemEvent::ENDED, Durability::Process);
    })
}

/// Gives up the recipients that were tried for the full period.
fn give_up_expired(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
) -> Result<(), QueueError> {
    let item = current(claim);
    if !is_expired(&item.history, run_context.settings) {
        return Ok(());
    }
    let time = spoken(item.history.tried_for);
    let mut is_given_up = false;
    for recipient in item.open() {
        let state = &item.history.states[recipient];
        // Only other recipients were tried, in a run limited to their domains.
        if state.result.is_none() && !state.in_doubt {
            continue;
        }
        let last = state.result.as_ref();
        // No server has refused the message. A login makes it deliverable at any time.
        if last.is_some_and(AttemptResult::waits_for_login) {
            continue;
        }
        let address = &item.metadata.envelope.recipients[recipient];
        let last = last.map_or("it is not known whether the message arrived", |last| {
            last.words_about(address)
        });
        let words = format!("<{address}>: delivery abandoned after {time}: {last}");
        run_context.report(&QueueEvent::NotDelivered {
            id: &item.id,
            sentence: &words,
            is_new: true,
            is_final: true,
        });
        // RFC 3463 §3.5: the delivery time has expired, regardless of the cause.
        let result = given_up(state, words, "5.4.7");
        claim.record(ItemEvent::Result { recipient, result }, Durability::Disk)?;
        is_given_up = true;
    }
    if is_given_up {
        mail_log::expired(item.id.as_str(), item.metadata.envelope.sender.as_ref());
    }
    Ok(())
}

/// Reports recipients with a permanent failure to the sender. If there is no sender, returns the reason why
/// the item fails.
fn report_failures(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
) -> Result<Option<String>, QueueError> {
    finish_report(run_context, claim)?;
    let item = current(claim);
    let failed = item.failed_unreported();
    if failed.is_empty() {
        return Ok(None);
    }
    let requested = with_notify(&item, &failed, |notify| notify.failure);
    let is_finished = item.open().is_empty() && !item.waits_for_decision();
    match &item.metadata.envelope.sender {
        // RFC 5321 §6.1: no report about a report. It remains in the queue for the operator.
        None if !is_finished => return Ok(None),
        None => {
            run_on_failure(run_context, &item, &failed);
            return Ok(Some(failure_text(&item, &failed)));
        }
        Some(_) => {
            let mut others = failed.clone();
            others.retain(|index| !requested.contains(index));
            if !others.is_empty() {
                record_reported(claim, &others)?;
            }
            if !requested.is_empty() {
                add_report(run_context, claim, &item, &requested)?;
            }
        }
    }
    run_on_failure(run_context, &item, &failed);
    Ok(None)
}

/// The recipients for which a report is requested (RFC 3461 §4.1).
fn with_notify(
    item: &Item,
    all: &[RecipientIndex],
    is_requested: fn(NotifyOn) -> bool,
) -> Vec<RecipientIndex> {
    let Envelope {
        recipients, dsn, ..
    } = &item.metadata.envelope;
    let notify = |index: &RecipientIndex| dsn.notify_of(&recipients[*index]);
    let requested = all
        .iter()
        .filter(|index| notify(index).is_none_or(is_requested));
    requested.copied().collect()
}

/// Records that these recipients are finished.
fn record_reported(
    claim: &dyn ClaimedItem,
    recipients: &[RecipientIndex],
) -> Result<(), QueueError> {
    let recipients = recipients.to_vec();
    claim.record(ItemEvent::Reported { recipients }, Durability::Disk)
}

fn failure_text(item: &Item, failed: &[RecipientIndex]) -> String {
    let results = failed
        .iter()
        .filter_map(|&index| item.history.states[index].result.as_ref());
    let words: Vec<&str> = results.map(|result| result.words.as_str()).collect();
    let cause = match item.metadata.kind {
        ItemKind::Report(_) => "a report that cannot be delivered",
        ItemKind::Mail => "no sender to report to",
    };
    format!("{cause}: {}", words.join("; "))
}

/// Recovers from an interruption between the commit of a report and the record of it: recipients in that
/// report must not appear in another one.
fn finish_report(run_context: &RunContext<'_>, claim: &dyn ClaimedItem) -> Result<(), QueueError> {
    let item = current(claim);
    let Some((id, recipients)) = &item.history.reporting else {
        return Ok(());
    };
    if exists(run_context, id)? {
        record_reported(claim, recipients)?;
        run_on_failure(run_context, &item, recipients);
    }
    Ok(())
}

/// True if an item of this name exists, even if it is damaged.
fn exists(run_context: &RunContext<'_>, id: &Id) -> Result<bool, QueueError> {
    match run_context.store.item(id) {
        Ok(item) => Ok(item.is_some()),
        Err(QueueError::Damaged { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Adds a report to the queue exactly once: its name is recorded first, so that it is found after an
/// interruption. It is not sent before the journal records the commit.
fn add_report(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    failed: &[RecipientIndex],
) -> Result<(), QueueError> {
    let id = record_report_id(run_context, claim, item, failed)?;
    let report = NewReport {
        item,
        recipients: failed,
        kind: ReportKind::Failed,
    };
    let added = report.add(run_context, claim, &id)?;
    mail_log::bounced(item.id.as_str(), id.as_str());
    if let Err(error) = record_reported(claim, failed) {
        // The next run adds another report; this one must not be sent as well.
        added.map_or(Ok(()), ClaimedItem::remove)?;
        return Err(error);
    }
    Ok(())
}

/// Records the name of a report before it is added. A report that was recorded before keeps its name.
fn record_report_id(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    failed: &[RecipientIndex],
) -> Result<Id, QueueError> {
    let recorded = item.history.reporting.clone();
    if let Some((id, _)) = recorded.filter(|(_, recipients)| recipients == failed) {
        return Ok(id);
    }
    let report = run_context.store.new_id();
    let event = ItemEvent::Reporting {
        recipients: failed.to_vec(),
        report: report.clone(),
    };
    claim.record(event, Durability::Disk)?;
    Ok(report)
}

/// Makes sure that the item that a report is about has recorded the report. If the process that added the
/// report was interrupted, it has not, and another report would be added.
pub fn confirm_report(
    run_context: &RunContext<'_>,
    report: &Item,
) -> Result<Confirmation, QueueError> {
    let ItemKind::Report(about) = &report.metadata.kind else {
        return Ok(Confirmation::Recorded);
    };
    // It nearly always has, and then the claim on that item is not needed.
    let is_pending =
        |item: &Item| item.history.reporting.as_ref().map(|(id, _)| id) == Some(&report.id);
    match run_context.store.item(about) {
        Ok(Some(item)) if is_pending(&item) => {}
        Ok(_) | Err(QueueError::Damaged { .. }) => return Ok(Confirmation::Recorded),
        Err(error) => return Err(error),
    }
    match run_context.store.claim(about)? {
        ClaimResult::NotFound => Ok(Confirmation::Recorded),
        ClaimResult::Busy => Ok(Confirmation::Busy),
        ClaimResult::Claimed(claim) => {
            if let Some((id, recipients)) = claim.history().reporting
                && id == report.id
            {
                record_reported(&*claim, &recipients)?;
            }
            Ok(Confirmation::Recorded)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The item has recorded the report, or it no longer exists.
    Recorded,
    /// The item is claimed elsewhere.
    Busy,
}

fn warn(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
) -> Result<(), QueueError> {
    let recipients = with_notify(item, &item.open(), |notify| notify.delay);
    let is_requested = !recipients.is_empty() && item.metadata.kind == ItemKind::Mail;
    // Recorded first, so that an interruption does not cause repeated warnings.
    claim.record(ItemEvent::Warned, Durability::Disk)?;
    if is_requested && item.metadata.envelope.sender.is_some() {
        let id = run_context.store.new_id();
        let give_up = run_context.settings.give_up;
        let left = give_up.saturating_sub(item.history.tried_for);
        let report = NewReport {
            item,
            recipients: &recipients,
            kind: ReportKind::Delayed {
                retry_until: run_context.store.now() + left,
            },
        };
        report.add(run_context, claim, &id)?;
    }
    Ok(())
}
