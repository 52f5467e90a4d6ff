//! Delivering a message without the queue, and showing the session and the result.

use crate::cli::interrupt::tracked;
use crate::cli::observer::Progress;
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
use crate::transcript::{Stopwatch, TranscriptOptions};
use std::io;

/// Sends a message without queueing it.
pub fn at_once(
    message: &Message,
    (transport, fallbacks): (&Transport, &[Transport]),
    output: TranscriptOptions,
    notice: SenderNotice,
) -> ShownResult {
    let transports = Transports::new(std::iter::once(transport).chain(fallbacks));
    if let Err(error) = transports.load(0, None) {
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
            observer.on_event(Event::Detail(&format!("using profile {profile}")));
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
    output: TranscriptOptions,
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
        stopwatch.report();
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
    let deliver = || deliver(&Outgoing::of(message), &pool, observer);
    let report = message.hashed_during(deliver);
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
    if notice == SenderNotice::None {
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
