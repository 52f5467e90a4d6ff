//! Delivering a message without the queue, and showing the session and the result.

use crate::cli::ExitStatus;
use crate::cli::interrupt::{Tracking, tracked};
use crate::cli::observer::Progress;
use crate::cli::terminal;
use crate::cli::terminal::complain;
use crate::client::deliver::{ConnectionPool, NextMessage, Outgoing, deliver, undeliverable};
use crate::client::events::{Event, Observer, Silent};
use crate::client::outcome::{Cause, DeliveryReport};
use crate::client::transport::{Transport, Transports};
use crate::mail::envelope::RecipientIndex;
use crate::mail::message::Message;
use crate::queue::delivery::SenderNotice;
use crate::system::exit::Exit;
use crate::system::text::reason;
use crate::transcript::{NumberedMessage, Stopwatch, Transcript, TranscriptOptions};
use std::io;

/// Sends a message without queueing it.
pub fn at_once(
    message: &Message,
    (transport, fallbacks): (&Transport, &[Transport]),
    output: TranscriptOptions,
    notice: SenderNotice,
) -> ShownResult {
    let transports = Transports::new(std::iter::once(transport).chain(fallbacks));
    let pool = ConnectionPool::for_one_message(&transports);
    over(
        &pool,
        (message, None),
        &mut DeliveryOutput::open(output, notice),
    )
}

/// Sends a message without queueing it, over the connections of a pool. The one after it may be known.
pub fn over(
    pool: &ConnectionPool<'_, '_>,
    (message, next): (&Message, Option<&Message>),
    output: &mut DeliveryOutput,
) -> ShownResult {
    let (transports, notice) = (pool.transports(), output.notice);
    if let Err(error) = transports.load(0, None) {
        let why = error.to_string();
        if notice == SenderNotice::Caller {
            complain(&why);
        }
        let report = undeliverable(&Outgoing::of(message), transports, &why);
        let exit = error.exit();
        return ShownResult { exit, report };
    }
    let (recipients, left) = (&message.envelope.recipients, output.left());
    output.show(|observer| {
        if let Some(profile) = &transports.options(0).profile {
            observer.on_event(Event::Detail(&format!("using profile {profile}")));
        }
        for remark in &message.remarks {
            observer.on_event(Event::Detail(remark));
        }
        if notice != SenderNotice::Caller {
            return deliver_over(pool, (message, next), observer);
        }
        let tracking = Tracking {
            recipients,
            is_kept: false,
            left,
        };
        tracked(&tracking, observer, |observer| {
            deliver_over(pool, (message, next), observer)
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
    DeliveryOutput::open(output, notice).show(go)
}

/// The output of the delivery of one message, or of several in order.
pub struct DeliveryOutput {
    options: TranscriptOptions,
    notice: SenderNotice,
    /// `None`: nothing is shown.
    transcript: Option<Box<dyn Transcript>>,
    /// The current one of several messages.
    message: Option<NumberedMessage>,
}

impl DeliveryOutput {
    pub fn open(options: TranscriptOptions, notice: SenderNotice) -> Self {
        Self {
            options,
            notice,
            transcript: terminal::open(options),
            message: None,
        }
    }

    /// Sets who is told of failures, and returns the previous value.
    pub fn set_notice(&mut self, notice: SenderNotice) -> SenderNotice {
        std::mem::replace(&mut self.notice, notice)
    }

    /// Begins one of several messages.
    pub fn begin(&mut self, message: NumberedMessage) {
        if let Some(transcript) = &mut self.transcript {
            transcript.begin(&message);
        }
        self.message = Some(message);
    }

    /// The number of messages after the current one.
    pub fn left(&self) -> usize {
        self.message
            .as_ref()
            .map_or(0, |message| message.of - message.number)
    }

    /// True if the output cannot be written, so that nothing more should be sent.
    pub fn has_failed(&self) -> bool {
        let transcript = self.transcript.as_ref();
        transcript.is_some_and(|transcript| transcript.is_closed())
    }

    /// Shows a delivery, and reports its failures unless the sender is notified in another way.
    pub fn show(&mut self, go: impl FnOnce(&mut dyn Observer) -> DeliveryReport) -> ShownResult {
        let options = self.options;
        let go = |observer: &mut dyn Observer| {
            if options.progress {
                return go(&mut Progress::new(observer));
            }
            go(observer)
        };
        let go = |observer: &mut dyn Observer| {
            if !options.summary {
                return go(observer);
            }
            let mut stopwatch = Stopwatch::new(observer);
            let report = go(&mut stopwatch);
            stopwatch.report();
            report
        };
        let report = match &mut self.transcript {
            None => go(&mut Silent),
            Some(transcript) => {
                let report = go(&mut **transcript);
                transcript.result(&report, report.exit());
                report
            }
        };
        let exit = self.finish(&report);
        ShownResult { exit, report }
    }

    /// Shows how connections are closed that were kept for other messages.
    pub fn close(&mut self, close: impl FnOnce(&mut dyn Observer)) {
        match &mut self.transcript {
            None => close(&mut Silent),
            Some(transcript) => close(&mut **transcript),
        }
    }

    /// Shows the result of several messages.
    pub fn total(&mut self, messages: usize, failed: usize, exit: Exit) {
        if let Some(transcript) = &mut self.transcript {
            transcript.total(messages, failed, exit);
        }
    }

    /// Writes each failure to stderr, one line for each recipient.
    fn finish(&self, report: &DeliveryReport) -> Exit {
        let transcript = self.transcript.as_ref();
        let unwritten = transcript.and_then(|transcript| transcript.failure());
        finish(report, self.notice, unwritten, &self.place())
    }

    /// The current one of several messages, at the beginning of a line.
    pub fn place(&self) -> String {
        let message = self.message.as_ref();
        message.map_or_else(String::new, |message| format!("{message}: "))
    }
}

/// Delivers over one transport after the other, and reports the fallbacks that cannot be used. The message after it may
/// be known.
pub fn deliver_over(
    pool: &ConnectionPool<'_, '_>,
    (message, next): (&Message, Option<&Message>),
    observer: &mut dyn Observer,
) -> DeliveryReport {
    let next = next.map(Outgoing::of);
    let recipients = next.iter().flat_map(|next| next.envelope.indices());
    let recipients: Vec<RecipientIndex> = recipients.collect();
    let outgoing = Outgoing {
        next: next.as_ref().map(|outgoing| NextMessage {
            outgoing,
            recipients: &recipients,
        }),
        ..Outgoing::of(message)
    };
    let deliver = || deliver(&outgoing, pool, observer);
    let report = message.hashed_during(deliver);
    for (options, error) in pool.transports().unusable() {
        let profile = options.profile.as_deref().unwrap_or_default();
        complain(&format!("cannot try the profile {profile}: {error}"));
    }
    report
}

/// Writes each failure to stderr, one line for each recipient.
fn finish(
    report: &DeliveryReport,
    notice: SenderNotice,
    unwritten: Option<&io::Error>,
    place: &str,
) -> Exit {
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
            "cannot write the transcript to standard output: {}{end}",
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
        complain_of_failures(report, place);
    }
    report.exit()
}

/// One line on stderr for each recipient that failed, after the place of the message.
pub fn complain_of_failures(report: &DeliveryReport, place: &str) {
    for result in &report.results {
        if !result.is_success() {
            complain(&format!("{place}{}", result.explanation()));
        }
    }
}
