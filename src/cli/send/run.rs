//! Sending: the verb that needs no name.

use crate::cli::interrupt::tracked;
use crate::cli::progress::Progress;
use crate::cli::run_command::{build, invite_for};
use crate::cli::send::keep::QueuedMessage;
use crate::cli::send::options::Send;
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::deliver::{Outgoing, deliver};
use crate::client::events::{Event, Observer, Silent};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult};
use crate::client::ready::LoadedTransport;
use crate::client::transport;
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript;
use crate::transcript::Stopwatch;
use std::io;
use std::thread;

/// Builds the message, delivers it and reports failures, as often as requested. The exit status is that of
/// the first failure.
pub fn run(mut plan: Send) -> Exit {
    let times = plan.repeat.times.get();
    invite_for(&plan.message);
    if times > 1
        && let Err(error) = plan.message.hold_stdin()
    {
        complain(&error.to_string());
        return error.exit();
    }
    let mut first = Exit::Ok;
    for time in 0..times {
        if time > 0 {
            thread::sleep(plan.repeat.wait);
        }
        let message = match build(plan.message.clone()) {
            Ok(message) => message,
            Err(exit) => return exit,
        };
        let exit = send(&message, &plan);
        if first == Exit::Ok {
            first = exit;
        }
    }
    first
}

fn send(message: &Message, plan: &Send) -> Exit {
    let Some(queueing) = &plan.queueing else {
        let way = (&plan.way, &plan.fallbacks[..]);
        return at_once(message, way, plan.output, SenderNotice::Caller).exit;
    };
    let kept = QueuedMessage {
        message,
        queueing,
        way: &plan.way,
        fallbacks: &plan.fallbacks,
        output: plan.output,
        told: SenderNotice::Caller,
        patience: None,
        log: None,
        as_given: false,
    };
    kept.send_or_not()
}

/// Sends a message without queueing it.
pub fn at_once(
    message: &Message,
    (way, fallbacks): (&transport::Transport, &[transport::Transport]),
    output: transcript::TranscriptOptions,
    told: SenderNotice,
) -> ShownResult {
    let first = match LoadedTransport::of(way) {
        Ok(first) => first,
        Err(error) => {
            let why = error.to_string();
            if told == SenderNotice::Caller {
                complain(&why);
            }
            let recipients = message.envelope.recipients.iter();
            return ShownResult {
                exit: error.exit(),
                report: DeliveryReport {
                    fates: recipients
                        .map(|to| RecipientResult::wayless(to, &why))
                        .collect(),
                },
            };
        }
    };
    shown(output, told, |watch| {
        if let Some(profile) = &way.profile {
            watch.happened(Event::Detail(&format!("using the profile {profile}")));
        }
        for remark in &message.remarks {
            watch.happened(Event::Detail(remark));
        }
        if told != SenderNotice::Caller {
            return deliver_by(&first, fallbacks, message, watch);
        }
        let recipients = &message.envelope.recipients;
        tracked(recipients, false, watch, |watch| {
            deliver_by(&first, fallbacks, message, watch)
        })
    })
}

/// The result of a message, after it has been shown.
pub struct ShownResult {
    /// Exit status of the run.
    pub exit: Exit,
    pub report: DeliveryReport,
}

/// Shows events as `output` selects, and reports failures unless the sender is notified in another way.
pub fn shown(
    output: transcript::TranscriptOptions,
    told: SenderNotice,
    go: impl FnOnce(&mut dyn Observer) -> DeliveryReport,
) -> ShownResult {
    let go = |watch: &mut dyn Observer| {
        if output.progress {
            return go(&mut Progress::new(watch));
        }
        go(watch)
    };
    let go = |watch: &mut dyn Observer| {
        if !output.summary {
            return go(watch);
        }
        let mut stopwatch = Stopwatch::new(watch);
        let report = go(&mut stopwatch);
        stopwatch.tell();
        report
    };
    let Some(mut transcript) = terminal::open(output) else {
        let report = go(&mut Silent);
        let exit = finish(&report, told, None);
        return ShownResult { exit, report };
    };
    let report = go(&mut *transcript);
    transcript.result(&report, report.exit());
    let exit = finish(&report, told, transcript.failure());
    ShownResult { exit, report }
}

/// Delivers with one transport, and with the fallbacks to recipients without a final result.
pub fn deliver_by(
    first: &LoadedTransport<'_>,
    fallbacks: &[transport::Transport],
    message: &Message,
    watch: &mut dyn Observer,
) -> DeliveryReport {
    let mut report = DeliveryReport::unasked(&message.envelope.recipients);
    let parcel = Outgoing::of(message);
    let router = first.router();
    deliver(&parcel, &first.way(&router, None), &mut report, watch);
    for fallback in fallbacks {
        if report.open().is_empty() || watch.refuses() {
            break;
        }
        let profile = fallback.profile.as_deref().unwrap_or_default();
        match LoadedTransport::of(fallback) {
            Ok(next) => {
                let error = None;
                watch.happened(Event::Fallback { profile, error });
                let router = next.router();
                deliver(&parcel, &next.way(&router, None), &mut report, watch);
            }
            Err(error) => {
                let error = error.to_string();
                complain(&format!("cannot try the profile {profile}: {error}"));
                let error = Some(error.as_str());
                watch.happened(Event::Fallback { profile, error });
            }
        }
    }
    report
}

/// Writes each failure to stderr, one line for each recipient.
fn finish(report: &DeliveryReport, told: SenderNotice, unwritten: Option<&io::Error>) -> Exit {
    if let Some(error) = unwritten {
        let unseen = report.fates.iter().all(|fate| fate.cause == Cause::Output);
        let end = if unseen { "; nothing was sent" } else { "" };
        complain(&format!(
            "cannot write the transcript to the standard output: {}{end}",
            reason(error)
        ));
        if unseen {
            return report.exit();
        }
    }
    if told == SenderNotice::Nobody {
        return Exit::Ok;
    }
    if told == SenderNotice::Caller {
        complain_of_failures(report);
    }
    report.exit()
}

/// One line on stderr for each recipient that failed.
pub fn complain_of_failures(report: &DeliveryReport) {
    for fate in &report.fates {
        if !fate.is_as_wished() {
            complain(&fate.sentence);
        }
    }
}
