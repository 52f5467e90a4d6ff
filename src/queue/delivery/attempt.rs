//! One attempt at an item that is claimed.

use crate::client::deliver::{Outgoing, deliver_to};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::session::Purpose;
use crate::mail::message::without_body;
use crate::queue::delivery::connections::WorkerConnections;
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
    pub fn tell(&self, id: &Id, recipients: &[usize], anew: bool, ear: &dyn QueueObserver) {
        for &recipient in recipients {
            let before = self.before.standings[recipient].end.as_ref();
            let before = before.filter(|_| !anew);
            tell(id, before, &self.report.fates[recipient], ear);
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
    lines: &WorkerConnections<'_, '_>,
    ear: &dyn QueueObserver,
    watch: &mut dyn Observer,
) -> Result<Outcome, QueueError> {
    let letter = &claim.item().letter;
    let before = claim.history();
    // A password-command may take long. A process that is killed meanwhile has not begun an attempt.
    lines.prepare();
    tell_of_doubts(claim, &before, recipients, ear, watch);
    let attempt = ItemEvent::Attempt {
        recipients: recipients.to_vec(),
        early,
    };
    claim.note(attempt, Safety::Process)?;
    let books = JournalLog(claim);
    let parcel = |message| Outgoing {
        envelope: &letter.envelope,
        message,
        purpose: match letter.kind {
            ItemKind::Mail => Purpose::Mail,
            ItemKind::Report(_) => Purpose::Report,
        },
        is_kept: true,
        ledger: Some(&books),
    };
    let mut report = DeliveryReport::unasked(&letter.envelope.recipients);
    let is_second = |place: &usize| before.standings[*place].may_arrive_twice();
    let (second, first): (Vec<usize>, Vec<usize>) = recipients.iter().partition(|p| is_second(p));
    go(&parcel(claim), &first, lines, &mut report, watch);
    let again = Retransmission(claim);
    go(&parcel(&again), &second, lines, &mut report, watch);
    if let ItemKind::Report(_) = letter.kind {
        go_without_body(claim, &parcel(claim), lines, &mut report, watch);
    }
    write_down(claim, recipients, &report).inspect_err(|_| {
        // The attempt has ended without a crash, even if its results are lost.
        let _ = claim.note(ItemEvent::OVER, Safety::Process);
    })?;
    let fates = || recipients.iter().map(|&recipient| &report.fates[recipient]);
    if fates().any(|fate| fate.cause == Cause::Output) {
        claim.note(ItemEvent::Over { interrupted: true }, Safety::Process)?;
    }
    let unreadable = fates().find(|fate| fate.cause == Cause::Message);
    let unreadable = unreadable.map(|fate| fate.sentence.clone());
    let turned_away = fates().any(is_turned_away);
    Ok(Outcome {
        report,
        unreadable,
        turned_away,
        before,
    })
}

/// True if the server deferred in its greeting, before EHLO was sent.
fn is_turned_away(fate: &RecipientResult) -> bool {
    let is_early = fate.stage == Some(Stage::Banner) && fate.reply.is_some();
    is_early && fate.verdict == RecipientStatus::Deferred
}

/// Uses the first transport, then the others for the recipients without a final result.
fn go(
    parcel: &Outgoing<'_>,
    recipients: &[usize],
    lines: &WorkerConnections<'_, '_>,
    report: &mut DeliveryReport,
    watch: &mut dyn Observer,
) {
    let mut open = recipients.to_vec();
    if let Some(error) = lines.error() {
        no_way(&open, report, error);
    }
    for place in 0..lines.count() {
        if open.is_empty() || watch.refuses() {
            return;
        }
        let way = lines.way(place);
        if place > 0 {
            watch.happened(Event::Fallback {
                profile: lines.profile(place),
                error: way.as_ref().err().map(String::as_str),
            });
        }
        match way {
            Ok(way) => {
                deliver_to(&open, parcel, &way, report, watch);
            }
            Err(error) if place == 0 => no_way(&open, report, &error),
            Err(_) => {}
        }
        let still = report.open();
        open.retain(|recipient| still.contains(recipient));
    }
}

/// Tries a report once more, with only the header of the message, if it was refused for the message in it
/// or for its size.
fn go_without_body(
    claim: &dyn ClaimedItem,
    parcel: &Outgoing<'_>,
    lines: &WorkerConnections<'_, '_>,
    report: &mut DeliveryReport,
    watch: &mut dyn Observer,
) {
    let fates = report.fates.iter().enumerate();
    let refused = fates.filter(|(_, fate)| is_about_content(fate));
    let refused: Vec<usize> = refused.map(|(place, _)| place).collect();
    if refused.is_empty() {
        return;
    }
    // An unreadable message is reported elsewhere.
    let Ok(Some(short)) = without_body(claim) else {
        return;
    };
    watch.happened(Event::Note(
        "the report is sent again with the header of the message only",
    ));
    let message = &short;
    go(
        &Outgoing { message, ..*parcel },
        &refused,
        lines,
        report,
        watch,
    );
}

/// True if the server refused the message, and not its sender or recipient.
fn is_about_content(fate: &RecipientResult) -> bool {
    let code = fate.reply.as_ref().map(|reply| reply.code.to_string());
    let is_content = matches!(
        fate.stage,
        Some(Stage::Data | Stage::Body | Stage::Dot | Stage::DotFor(_) | Stage::Bdat { .. })
    );
    fate.verdict == RecipientStatus::Refused
        && fate.cause == Cause::Server
        && (is_content || is_about_size(code.as_deref(), fate.enhanced.as_deref()))
}

fn no_way(open: &[usize], report: &mut DeliveryReport, error: &str) {
    for &recipient in open {
        let fate = &mut report.fates[recipient];
        *fate = RecipientResult::wayless(&fate.recipient, error);
    }
}

/// Reports the recipients that may already have received the message.
fn tell_of_doubts(
    claim: &dyn ClaimedItem,
    history: &History,
    recipients: &[usize],
    ear: &dyn QueueObserver,
    watch: &mut dyn Observer,
) {
    let item = claim.item();
    for &place in recipients {
        if history.standings[place].in_doubt {
            let recipient = item.letter.envelope.recipients[place].to_string();
            let recipient = recipient.as_str();
            let note = format!(
                "{}: it is not known whether <{recipient}> got the message the last time; sent again, \
                 it may arrive twice",
                item.id
            );
            watch.happened(Event::Note(&note));
            let id = &item.id;
            ear.hear(&QueueEvent::Again { id, recipient });
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
        if report.fates[recipient].cause == Cause::Output {
            continue;
        }
        let end = end_of(&report.fates[recipient]);
        // The next step decides whether this must be on disk.
        claim.note(ItemEvent::Result { recipient, end }, Safety::Process)?;
    }
    Ok(())
}

fn end_of(fate: &RecipientResult) -> AttemptResult {
    AttemptResult {
        verdict: fate.verdict,
        words: if fate.verdict == RecipientStatus::Accepted {
            fate.words()
        } else {
            shown(fate.unadvised())
        },
        reply: fate.reply.as_ref().map(crate::smtp::reply::Reply::whole),
        enhanced: fate.enhanced.clone(),
        server: fate.server.as_ref().map(ToString::to_string),
    }
}

fn tell(id: &Id, before: Option<&AttemptResult>, fate: &RecipientResult, ear: &dyn QueueObserver) {
    if fate.cause == Cause::Output {
        return;
    }
    if fate.verdict == RecipientStatus::Accepted {
        let recipient = &fate.recipient.to_string();
        ear.hear(&QueueEvent::Delivered { id, recipient });
        return;
    }
    // A host that is down is reported only for the item that detected it.
    let is_known = fate.cause == Cause::Known;
    ear.hear(&QueueEvent::Failed {
        id,
        sentence: &shown(fate.unadvised()),
        is_new: !is_known && before.is_none_or(|before| is_other(before, fate)),
        is_final: fate.verdict == RecipientStatus::Refused,
    });
}

/// True if the result differs from the last one. The codes are compared, because the text of a reply may
/// contain the time.
fn is_other(before: &AttemptResult, fate: &RecipientResult) -> bool {
    let code = |text: &str| text.get(..3).map(str::to_owned);
    let now = fate.reply.as_ref().map(crate::smtp::reply::Reply::whole);
    before.verdict != fate.verdict
        || before.enhanced != fate.enhanced
        || before.reply.as_deref().and_then(code) != now.as_deref().and_then(code)
}
