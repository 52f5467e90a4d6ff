//! One attempt at an item that is claimed.

use crate::client::deliver::{ConnectionPool, Outgoing, deliver_to};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::session::Purpose;
use crate::mail::message::without_body;
use crate::queue::delivery::journal_log::JournalLog;
use crate::queue::delivery::report::is_about_size;
use crate::queue::delivery::retransmission::Retransmission;
use crate::queue::delivery::{QueueEvent, QueueObserver};
use crate::queue::store::{
    AttemptResult, ClaimedItem, History, Id, ItemEvent, ItemKind, QueueError, Safety,
};
use crate::smtp::stage::Stage;
use crate::system::text::shown;

/// The result of an attempt.
pub struct Outcome {
    /// A result for each recipient of the envelope. Recipients that were not selected count as not tried.
    pub report: DeliveryReport,
    /// The reason why the message cannot be read; `None`: it can.
    pub unreadable: Option<String>,
    /// True if a server had no capacity for another connection.
    pub turned_away: bool,
    /// The history before the attempt.
    before: History,
}

impl Outcome {
    /// Reports the results of these recipients; with `anew`, also results that have not changed.
    pub fn tell(
        &self,
        id: &Id,
        recipients: &[usize],
        anew: bool,
        queue_observer: &dyn QueueObserver,
    ) {
        for &recipient in recipients {
            let before = self.before.states[recipient].end.as_ref();
            let before = before.filter(|_| !anew);
            tell(id, before, &self.report.results[recipient], queue_observer);
        }
    }
}

pub struct Attempt<'a> {
    pub recipients: &'a [usize],
    /// True if the user asked for it before it was due.
    pub early: bool,
}

/// Tries recipients of an item over one transport after the other, and records the results.
pub fn attempt(
    claim: &dyn ClaimedItem,
    Attempt { recipients, early }: Attempt<'_>,
    pool: &ConnectionPool<'_, '_>,
    queue_observer: &dyn QueueObserver,
    observer: &mut dyn Observer,
) -> Result<Outcome, QueueError> {
    let metadata = &claim.item().metadata;
    let before = claim.history();
    // A password-command may take long. A process that is killed meanwhile has not begun an attempt.
    pool.prepare(observer.stop().as_deref());
    tell_of_doubts(claim, &before, recipients, queue_observer, observer);
    let attempt = ItemEvent::Attempt {
        recipients: recipients.to_vec(),
        early,
    };
    claim.note(attempt, Safety::Process)?;
    let books = JournalLog(claim);
    let outgoing = |message| Outgoing {
        envelope: &metadata.envelope,
        message,
        purpose: match metadata.kind {
            ItemKind::Mail => Purpose::Mail,
            ItemKind::Report(_) => Purpose::Report,
        },
        is_kept: true,
        log: Some(&books),
    };
    let mut report = DeliveryReport::not_attempted(&metadata.envelope.recipients);
    let is_second = |place: &usize| before.states[*place].may_arrive_twice();
    let (second, first): (Vec<usize>, Vec<usize>) = recipients.iter().partition(|p| is_second(p));
    deliver_to(&first, &outgoing(claim), pool, &mut report, observer);
    let again = Retransmission(claim);
    deliver_to(&second, &outgoing(&again), pool, &mut report, observer);
    if let ItemKind::Report(_) = metadata.kind {
        go_without_body(claim, &outgoing(claim), pool, &mut report, observer);
    }
    write_down(claim, recipients, &report).inspect_err(|_| {
        // The attempt has ended without a crash, even if its results are lost.
        let _ = claim.note(ItemEvent::OVER, Safety::Process);
    })?;
    let results = || {
        recipients
            .iter()
            .map(|&recipient| &report.results[recipient])
    };
    if results().any(|result| result.cause == Cause::Output) {
        claim.note(ItemEvent::Over { interrupted: true }, Safety::Process)?;
    }
    let unreadable = results().find(|result| result.cause == Cause::Message);
    let unreadable = unreadable.map(|result| result.sentence.clone());
    let turned_away = results().any(is_turned_away);
    Ok(Outcome {
        report,
        unreadable,
        turned_away,
        before,
    })
}

/// True if the server deferred in its greeting, before EHLO was sent.
fn is_turned_away(result: &RecipientResult) -> bool {
    let is_early = result.stage == Some(Stage::Banner) && result.reply.is_some();
    is_early && result.verdict == RecipientStatus::Deferred
}

/// Tries a report once more, with only the header of the message, if it was refused for the message in it
/// or for its size.
fn go_without_body(
    claim: &dyn ClaimedItem,
    outgoing: &Outgoing<'_>,
    pool: &ConnectionPool<'_, '_>,
    report: &mut DeliveryReport,
    observer: &mut dyn Observer,
) {
    let results = report.results.iter().enumerate();
    let refused = results.filter(|(_, result)| is_about_content(result));
    let refused: Vec<usize> = refused.map(|(place, _)| place).collect();
    if refused.is_empty() {
        return;
    }
    // An unreadable message is reported elsewhere.
    let Ok(Some(short)) = without_body(claim) else {
        return;
    };
    observer.on_event(Event::Note(
        "the report is sent again with the header of the message only",
    ));
    let message = &short;
    let short = Outgoing {
        message,
        ..*outgoing
    };
    deliver_to(&refused, &short, pool, report, observer);
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

/// Reports the recipients that may already have received the message.
fn tell_of_doubts(
    claim: &dyn ClaimedItem,
    history: &History,
    recipients: &[usize],
    queue_observer: &dyn QueueObserver,
    observer: &mut dyn Observer,
) {
    let item = claim.item();
    for &place in recipients {
        if history.states[place].in_doubt {
            let recipient = item.metadata.envelope.recipients[place].to_string();
            let recipient = recipient.as_str();
            let note = format!(
                "{}: it is not known whether <{recipient}> got the message the last time; sent again, \
                 it may arrive twice",
                item.id
            );
            observer.on_event(Event::Note(&note));
            let id = &item.id;
            queue_observer.on_queue_event(&QueueEvent::Again { id, recipient });
        }
    }
}

fn write_down(
    claim: &dyn ClaimedItem,
    recipients: &[usize],
    report: &DeliveryReport,
) -> Result<(), QueueError> {
    for &recipient in recipients {
        // Nothing new is known about the server.
        if report.results[recipient].cause == Cause::Output {
            continue;
        }
        let end = end_of(&report.results[recipient]);
        // The next step decides whether this must be on disk.
        claim.note(ItemEvent::Result { recipient, end }, Safety::Process)?;
    }
    Ok(())
}

fn end_of(result: &RecipientResult) -> AttemptResult {
    AttemptResult {
        verdict: result.verdict,
        words: if result.verdict == RecipientStatus::Accepted {
            result.words()
        } else {
            shown(&result.lasting_reason())
        },
        reply: result.reply.as_ref().map(crate::smtp::reply::Reply::whole),
        enhanced: result.enhanced.clone(),
        server: result.server.as_ref().map(ToString::to_string),
    }
}

fn tell(
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
    queue_observer.on_queue_event(&QueueEvent::Failed {
        id,
        sentence: &shown(&result.lasting_reason()),
        is_new: !is_known && before.is_none_or(|before| is_other(before, result)),
        is_final: result.verdict == RecipientStatus::Refused,
    });
}

/// True if the result differs from the last one. The codes are compared, because the text of a reply may
/// contain the time.
fn is_other(before: &AttemptResult, result: &RecipientResult) -> bool {
    let code = |text: &str| text.get(..3).map(str::to_owned);
    let now = result.reply.as_ref().map(crate::smtp::reply::Reply::whole);
    before.verdict != result.verdict
        || before.enhanced != result.enhanced
        || before.reply.as_deref().and_then(code) != now.as_deref().and_then(code)
}
