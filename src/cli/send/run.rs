//! Sends a message without queueing it, and shows the result.

use crate::cli::interrupt::tracked;
use crate::cli::progress::Progress;
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

/// Sends a message without queueing it.
pub fn at_once(
    message: &Message,
    (transport, fallbacks): (&transport::Transport, &[transport::Transport]),
    output: transcript::TranscriptOptions,
    notice: SenderNotice,
) -> ShownResult {
    let first = match LoadedTransport::of(transport) {
        Ok(first) => first,
        Err(error) => {
            let why = error.to_string();
            if notice == SenderNotice::Caller {
                complain(&why);
            }
            let recipients = message.envelope.recipients.iter();
            return ShownResult {
                exit: error.exit(),
                report: DeliveryReport {
                    results: recipients
                        .map(|to| RecipientResult::no_transport(to, &why))
                        .collect(),
                },
            };
        }
    };
    shown(output, notice, |observer| {
        if let Some(profile) = &transport.profile {
            observer.on_event(Event::Detail(&format!("using the profile {profile}")));
        }
        for remark in &message.remarks {
            observer.on_event(Event::Detail(remark));
        }
        if notice != SenderNotice::Caller {
            return deliver_by(&first, fallbacks, message, observer);
        }
        let recipients = &message.envelope.recipients;
        tracked(recipients, false, observer, |observer| {
            deliver_by(&first, fallbacks, message, observer)
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

/// Delivers with one transport, and with the fallbacks to recipients without a final result.
pub fn deliver_by(
    first: &LoadedTransport<'_>,
    fallbacks: &[transport::Transport],
    message: &Message,
    observer: &mut dyn Observer,
) -> DeliveryReport {
    let mut report = DeliveryReport::not_attempted(&message.envelope.recipients);
    let outgoing = Outgoing::of(message);
    let router = first.router();
    deliver(
        &outgoing,
        &first.transport(&router, None),
        &mut report,
        observer,
    );
    for fallback in fallbacks {
        if report.open().is_empty() || observer.is_closed() {
            break;
        }
        let profile = fallback.profile.as_deref().unwrap_or_default();
        match LoadedTransport::of(fallback) {
            Ok(next) => {
                let error = None;
                observer.on_event(Event::Fallback { profile, error });
                let router = next.router();
                deliver(
                    &outgoing,
                    &next.transport(&router, None),
                    &mut report,
                    observer,
                );
            }
            Err(error) => {
                let error = error.to_string();
                complain(&format!("cannot try the profile {profile}: {error}"));
                let error = Some(error.as_str());
                observer.on_event(Event::Fallback { profile, error });
            }
        }
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
            complain(&result.sentence);
        }
    }
}
