//! Sending: the verb that needs no name.

use crate::cli::interrupt::tracked;
use crate::cli::progress::Progress;
use crate::cli::run_command::{build, invite_for};
use crate::cli::send::keep::QueuedMessage;
use crate::cli::send::options::Send;
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::deliver::{ConnectionPool, Outgoing, deliver};
use crate::client::events::{Event, Observer, Silent};
use crate::client::outcome::{Cause, DeliveryReport};
use crate::client::transport::{Transport, Transports};
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
        let transport = (&plan.transport, &plan.fallbacks[..]);
        return at_once(message, transport, plan.output, SenderNotice::Caller).exit;
    };
    let kept = QueuedMessage {
        message,
        queueing,
        transport: &plan.transport,
        fallbacks: &plan.fallbacks,
        output: plan.output,
        notice: SenderNotice::Caller,
        patience: None,
        log: None,
        as_given: false,
    };
    kept.send_or_not()
}

/// Sends a message without queueing it.
pub fn at_once(
    message: &Message,
    (transport, fallbacks): (&Transport, &[Transport]),
    output: transcript::TranscriptOptions,
    notice: SenderNotice,
) -> ShownResult {
    let transports = Transports::new(std::iter::once(transport).chain(fallbacks));
    if let Err(error) = transports.load(0) {
        let why = error.to_string();
        if notice == SenderNotice::Caller {
            complain(&why);
        }
        let mut report = DeliveryReport::not_attempted(&message.envelope.recipients);
        let all: Vec<usize> = (0..report.results.len()).collect();
        report.no_transport(&all, &why);
        let exit = error.exit();
        return ShownResult { exit, report };
    }
    shown(output, notice, |observer| {
        if let Some(profile) = &transport.profile {
            observer.on_event(Event::Detail(&format!("using the profile {profile}")));
        }
        for remark in &message.remarks {
            observer.on_event(Event::Detail(remark));
        }
        if notice != SenderNotice::Caller {
            return deliver_over(&transports, message, observer);
        }
        let recipients = &message.envelope.recipients;
        tracked(recipients, false, observer, |observer| {
            deliver_over(&transports, message, observer)
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
    notice: SenderNotice,
    go: impl FnOnce(&mut dyn Observer) -> DeliveryReport,
) -> ShownResult {
    let go = |observer: &mut dyn Observer| {
        if output.progress {
            return go(&mut Progress::new(observer));
        }
        go(observer)
    };
    let go = |observer: &mut dyn Observer| {
        if !output.summary {
            return go(observer);
        }
        let mut stopwatch = Stopwatch::new(observer);
        let report = go(&mut stopwatch);
        stopwatch.tell();
        report
    };
    let Some(mut transcript) = terminal::open(output) else {
        let report = go(&mut Silent);
        let exit = finish(&report, notice, None);
        return ShownResult { exit, report };
    };
    let report = go(&mut *transcript);
    transcript.result(&report, report.exit());
    let exit = finish(&report, notice, transcript.failure());
    ShownResult { exit, report }
}

/// Delivers over one transport after the other, and reports the fallbacks that cannot be used.
pub fn deliver_over(
    transports: &Transports<'_>,
    message: &Message,
    observer: &mut dyn Observer,
) -> DeliveryReport {
    let pool = ConnectionPool::for_one_message(transports);
    let report = deliver(&Outgoing::of(message), &pool, observer);
    for (options, error) in transports.unusable() {
        let profile = options.profile.as_deref().unwrap_or_default();
        complain(&format!("cannot try the profile {profile}: {error}"));
    }
    report
}

/// Writes each failure to stderr, one line for each recipient.
fn finish(report: &DeliveryReport, notice: SenderNotice, unwritten: Option<&io::Error>) -> Exit {
    if let Some(error) = unwritten {
        let output_failed = report
            .results
            .iter()
            .all(|result| result.cause == Cause::Output);
        let end = if output_failed {
            "; nothing was sent"
        } else {
            ""
        };
        complain(&format!(
            "cannot write the transcript to the standard output: {}{end}",
            reason(error)
        ));
        if output_failed {
            return report.exit();
        }
    }
    if notice == SenderNotice::Nobody {
        return Exit::Ok;
    }
    if notice == SenderNotice::Caller {
        complain_of_failures(report);
    }
    report.exit()
}

/// One line on stderr for each recipient that failed.
pub fn complain_of_failures(report: &DeliveryReport) {
    for result in &report.results {
        if !result.is_success() {
            complain(&result.explanation());
        }
    }
}
