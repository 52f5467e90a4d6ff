//! The consequences of the state of an item: it is removed, it waits, its sender is notified, or it is set
//! aside.

use crate::client::outcome::RecipientStatus;
use crate::mail::envelope::{Envelope, NotifyOn};
use crate::queue::delivery::{QueueEvent, RunContext, on_failure as failure, report as notice};
use crate::queue::store as queue;
use crate::queue::store::{
    AttemptResult, Claimed, ClaimedItem, Id, Item, ItemEvent, ItemKind, QueueError, Safety,
};
use crate::system::time::spoken;

/// The party that already knows about the failures of this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderNotice {
    /// The caller, who waits for it.
    Caller,
    /// The caller, by the report that it gets: nothing is printed.
    ByReport,
    Nobody,
}

/// The state of an item after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It was removed, because every recipient is finished.
    Gone,
    /// A recipient is to be tried again, or waits for a decision.
    Kept,
    /// It was set aside.
    Dead,
}

/// The item in its current state.
fn now(claim: &dyn ClaimedItem) -> Item {
    Item {
        history: claim.history(),
        ..claim.item().clone()
    }
}

pub fn settle(
    run_context: &RunContext<'_>,
    claim: Box<dyn ClaimedItem>,
    notice: SenderNotice,
) -> Result<ItemOutcome, QueueError> {
    if notice != SenderNotice::Nobody {
        let recipients = now(&*claim).failed_unreported();
        if !recipients.is_empty() {
            claim.note(ItemEvent::Reported { recipients }, Safety::Process)?;
        }
    }
    // The usual case: the results of an item that is removed need not be on disk.
    if now(&*claim).is_done() {
        claim.remove()?;
        return Ok(ItemOutcome::Gone);
    }
    over(&*claim)?;
    give_up_the_spent(run_context, &*claim)?;
    if let Some(reason) = answer_for_failures(run_context, &*claim)? {
        run_context.bury(claim, &reason)?;
        return Ok(ItemOutcome::Dead);
    }
    let item = now(&*claim);
    if item.is_done() {
        claim.remove()?;
        return Ok(ItemOutcome::Gone);
    }
    if queue::wants_warning(&item.history, run_context.settings) {
        warn(run_context, &*claim, &item)?;
    }
    Ok(ItemOutcome::Kept)
}

/// Sets an item aside, and reports it as one that is given up.
pub fn set_aside(
    run_context: &RunContext<'_>,
    claim: Box<dyn ClaimedItem>,
    reason: &str,
) -> Result<(), QueueError> {
    refuse_open(&*claim, reason)?;
    let unreported = match answer_for_failures(run_context, &*claim) {
        // The message cannot be read, so that no report is possible.
        Err(QueueError::Message(_)) => {
            let item = now(&*claim);
            failure::tell(run_context, &item, &item.failed_unreported());
            None
        }
        answered => answered?,
    };
    run_context.bury(claim, unreported.as_deref().unwrap_or(reason))
}

/// Records for all open recipients that they are not tried again.
fn refuse_open(claim: &dyn ClaimedItem, reason: &str) -> Result<(), QueueError> {
    let is_in_doubt = |item: &Item| item.history.states.iter().any(|one| one.in_doubt);
    if is_in_doubt(&now(claim)) {
        // Should it be requeued, the message may arrive twice.
        claim.note(ItemEvent::Released, Safety::Disk)?;
    }
    let item = now(claim);
    for recipient in item.open() {
        let address = &item.metadata.envelope.recipients[recipient];
        let last = item.history.states[recipient].end.clone();
        let doubt = if item.history.states[recipient].may_arrive_twice() {
            "; it is not known whether the message arrived"
        } else {
            ""
        };
        let end = AttemptResult {
            verdict: RecipientStatus::Refused,
            words: format!("<{address}>: given up: {reason}{doubt}"),
            reply: last.as_ref().and_then(|end| end.reply.clone()),
            // RFC 3463 §3.4: an undefined status of the mail system, which is this one.
            enhanced: Some("5.3.0".to_owned()),
            server: last.and_then(|end| end.server),
        };
        claim.note(ItemEvent::Result { recipient, end }, Safety::Disk)?;
    }
    Ok(())
}

/// Notes the end of the attempt. If it cannot be synced to disk, it is at least written, because the
/// attempt has not crashed.
fn over(claim: &dyn ClaimedItem) -> Result<(), QueueError> {
    claim.note(ItemEvent::OVER, Safety::Disk).inspect_err(|_| {
        let _ = claim.note(ItemEvent::OVER, Safety::Process);
    })
}

/// Gives up the recipients that were tried for the full period.
fn give_up_the_spent(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
) -> Result<(), QueueError> {
    let item = now(claim);
    if !queue::is_spent(&item.history, run_context.settings) {
        return Ok(());
    }
    let time = spoken(item.history.tried_for);
    for recipient in item.open() {
        let recipient_state = &item.history.states[recipient];
        // Only other recipients were tried, in a run limited to their domains.
        if recipient_state.end.is_none() && !recipient_state.in_doubt {
            continue;
        }
        let address = &item.metadata.envelope.recipients[recipient];
        let last = recipient_state.end.clone();
        let last_words = last
            .as_ref()
            .map_or("nobody knows whether it arrived", |end| &end.words);
        let name = format!("<{address}>: ");
        let last_words = last_words.strip_prefix(&name).unwrap_or(last_words);
        let words = format!("{name}given up after {time} of trying: {last_words}");
        run_context
            .queue_observer
            .on_queue_event(&QueueEvent::Failed {
                id: &item.id,
                sentence: &words,
                is_new: true,
                is_final: true,
            });
        let end = AttemptResult {
            verdict: RecipientStatus::Refused,
            words,
            reply: last.as_ref().and_then(|end| end.reply.clone()),
            // RFC 3463 §3.5: the delivery time has expired, regardless of the cause.
            enhanced: Some("5.4.7".to_owned()),
            server: last.and_then(|end| end.server),
        };
        claim.note(ItemEvent::Result { recipient, end }, Safety::Disk)?;
    }
    Ok(())
}

/// Reports recipients with a permanent failure to the sender. If there is no sender, returns the reason for
/// setting the item aside.
fn answer_for_failures(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
) -> Result<Option<String>, QueueError> {
    finish_report(run_context, claim)?;
    let item = now(claim);
    let failed = item.failed_unreported();
    if failed.is_empty() {
        return Ok(None);
    }
    let wanted = wanting(&item, &failed, |notify| notify.failure);
    let is_over = item.open().is_empty() && !item.waits_for_decision();
    match &item.metadata.envelope.sender {
        // R38: no report about a report. It remains in the queue for the operator.
        None if !is_over => return Ok(None),
        None => {
            failure::tell(run_context, &item, &failed);
            return Ok(Some(words_of(&item, &failed)));
        }
        Some(_) => {
            let mut others = failed.clone();
            others.retain(|place| !wanted.contains(place));
            if !others.is_empty() {
                reported(claim, &others)?;
            }
            if !wanted.is_empty() {
                report(run_context, claim, &item, &wanted)?;
            }
        }
    }
    failure::tell(run_context, &item, &failed);
    Ok(None)
}

/// The recipients for which a report is requested (RFC 3461 §4.1).
fn wanting(item: &Item, places: &[usize], is_wanted: fn(NotifyOn) -> bool) -> Vec<usize> {
    let Envelope {
        recipients, dsn, ..
    } = &item.metadata.envelope;
    let interests = |&&place: &&usize| dsn.notify_of(&recipients[place]).is_none_or(is_wanted);
    places.iter().filter(interests).copied().collect()
}

/// Notes that these recipients are finished.
fn reported(claim: &dyn ClaimedItem, recipients: &[usize]) -> Result<(), QueueError> {
    let recipients = recipients.to_vec();
    claim.note(ItemEvent::Reported { recipients }, Safety::Disk)
}

fn words_of(item: &Item, failed: &[usize]) -> String {
    let ends = failed
        .iter()
        .filter_map(|&place| item.history.states[place].end.as_ref());
    let words: Vec<&str> = ends.map(|end| end.words.as_str()).collect();
    let whom = match item.metadata.kind {
        ItemKind::Report(_) => "a report that cannot be delivered",
        ItemKind::Mail => "no sender to be told",
    };
    format!("{whom}: {}", words.join("; "))
}

/// Recovers from an interruption between a report and the note of it: recipients in that report must not
/// appear in another one.
fn finish_report(run_context: &RunContext<'_>, claim: &dyn ClaimedItem) -> Result<(), QueueError> {
    let item = now(claim);
    let Some((id, recipients)) = &item.history.reporting else {
        return Ok(());
    };
    if is_there(run_context, id)? {
        reported(claim, recipients)?;
        failure::tell(run_context, &item, recipients);
    }
    Ok(())
}

/// True if an item of this name exists, even if it is damaged.
fn is_there(run_context: &RunContext<'_>, id: &Id) -> Result<bool, QueueError> {
    match run_context.store.item(id) {
        Ok(item) => Ok(item.is_some()),
        Err(QueueError::Damaged { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Puts the report into the queue exactly once: its name is noted first, so that it is found after an
/// interruption. It is not sent before the journal records the commit.
fn report(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    failed: &[usize],
) -> Result<(), QueueError> {
    let id = announce(run_context, claim, item, failed)?;
    let written = notice::failed(run_context, claim, item, failed, &id)?;
    if let Err(error) = reported(claim, failed) {
        // The next run writes another report; this one must not be sent as well.
        written.map_or(Ok(()), ClaimedItem::remove)?;
        return Err(error);
    }
    Ok(())
}

/// Notes the name of a report before it is written. A report that was announced before keeps its name.
fn announce(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
    failed: &[usize],
) -> Result<Id, QueueError> {
    let begun = item.history.reporting.clone();
    if let Some((id, _)) = begun.filter(|(_, recipients)| recipients == failed) {
        return Ok(id);
    }
    let report = run_context.store.new_id();
    let entry = ItemEvent::Reporting {
        recipients: failed.to_vec(),
        report: report.clone(),
    };
    claim.note(entry, Safety::Disk)?;
    Ok(report)
}

/// A report that was found in the queue may be there only because its writer was interrupted: then the
/// item that it is about does not know of it yet, and would be reported on again.
pub fn confirm(run_context: &RunContext<'_>, report: &Item) -> Result<Confirmed, QueueError> {
    let ItemKind::Report(about) = &report.metadata.kind else {
        return Ok(Confirmed::Yes);
    };
    // It nearly always does, and then the claim on that item is not needed.
    let is_unknown =
        |item: &Item| item.history.reporting.as_ref().map(|(id, _)| id) == Some(&report.id);
    match run_context.store.item(about) {
        Ok(Some(item)) if is_unknown(&item) => {}
        Ok(_) | Err(QueueError::Damaged { .. }) => return Ok(Confirmed::Yes),
        Err(error) => return Err(error),
    }
    match run_context.store.claim(about)? {
        Claimed::Gone => Ok(Confirmed::Yes),
        Claimed::Busy => Ok(Confirmed::NotYet),
        Claimed::Ours(claim) => {
            if let Some((id, recipients)) = claim.history().reporting
                && id == report.id
            {
                reported(&*claim, &recipients)?;
            }
            Ok(Confirmed::Yes)
        }
    }
}

/// The result of checking that the item of a report has noted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// It has, or it no longer exists.
    Yes,
    /// It is claimed elsewhere.
    NotYet,
}

fn warn(
    run_context: &RunContext<'_>,
    claim: &dyn ClaimedItem,
    item: &Item,
) -> Result<(), QueueError> {
    let waiting = wanting(item, &item.open(), |notify| notify.delay);
    let is_wanted = !waiting.is_empty() && item.metadata.kind == ItemKind::Mail;
    // Noted first, so that an interruption does not cause repeated warnings.
    claim.note(ItemEvent::Warned, Safety::Disk)?;
    if is_wanted && item.metadata.envelope.sender.is_some() {
        let id = run_context.store.new_id();
        notice::delayed(run_context, claim, item, &waiting, &id)?;
    }
    Ok(())
}
