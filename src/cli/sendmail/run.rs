//! Submission of a message to `sendmail`, and verification of recipients (`-bv`).

use crate::cli::run_command::warn;
use crate::cli::send::keep::QueuedMessage;
use crate::cli::send::run as send;
use crate::cli::sendmail::options::Sendmail;
use crate::cli::terminal::{complain, print};
use crate::client::deliver::{Outgoing, deliver};
use crate::client::events::Observer;
use crate::client::outcome::{DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::ready::LoadedTransport;
use crate::client::session::Purpose;
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::{Message, Submission};
use crate::mail::rewrite::Rewriter;
use crate::queue::delivery::SenderNotice;
use crate::smtp::blocks::Nothing;
use crate::system::exit::Exit;
use std::time::SystemTime;

/// Accepts a message, and queues it durably.
pub fn submit(plan: &Sendmail, submission: &Submission) -> Exit {
    let rewriter = Rewriter::new(&plan.rewrite);
    match Message::submit(submission, &rewriter, SystemTime::now()) {
        Ok(message) => {
            let exit = kept(plan, &message).send_or_not();
            let unusable = message.unusable.iter();
            unusable.for_each(|why| {
                complain(&format!("{why}; the other recipients are not concerned"));
            });
            match exit {
                Exit::Ok if !message.unusable.is_empty() => Exit::Partial,
                exit => exit,
            }
        }
        Err(error) => {
            complain(&error.to_string());
            error.exit()
        }
    }
}

/// A submitted message for the queue.
pub fn kept<'p>(plan: &'p Sendmail, message: &'p Message) -> QueuedMessage<'p> {
    message.warnings.iter().for_each(|text| warn(text));
    QueuedMessage {
        message,
        queueing: &plan.queueing,
        transport: &plan.transport,
        fallbacks: &plan.fallbacks,
        output: plan.output,
        notice: SenderNotice::Nobody,
        patience: None,
        log: plan.log.as_deref(),
        as_given: true,
    }
}

/// Asks the servers of these recipients whether they would accept a message for them.
pub fn verify(plan: &Sendmail, recipients: &[String], sender: Option<&str>) -> Exit {
    let envelope = match envelope(plan, recipients, sender) {
        Ok(envelope) => envelope,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let mut taken = Vec::new();
    let shown = send::shown(plan.output, SenderNotice::Caller, |observer| {
        let report = ask(plan, &envelope, observer);
        let results = report.results.iter();
        taken.extend(results.filter_map(|result| {
            let is_taken = result.verdict == RecipientStatus::Accepted;
            is_taken.then(|| format!("{}... deliverable ({})\n", result.recipient, result.words()))
        }));
        report
    });
    // A server may accept every recipient, and refuse the message later.
    match print(|out| out.write_all(taken.concat().as_bytes())) {
        Exit::Ok => shown.exit,
        unwritten => unwritten,
    }
}

/// Uses the first transport, and the fallbacks for recipients without a final result.
fn ask(plan: &Sendmail, envelope: &Envelope, observer: &mut dyn Observer) -> DeliveryReport {
    let outgoing = Outgoing {
        envelope,
        message: &Nothing,
        purpose: Purpose::Question,
        is_kept: false,
        log: None,
    };
    let mut report = DeliveryReport::not_attempted(&envelope.recipients);
    for transport in std::iter::once(&plan.transport).chain(&plan.fallbacks) {
        let open = report.open();
        match LoadedTransport::of(transport) {
            Ok(ready) => {
                let router = ready.router();
                deliver(
                    &outgoing,
                    &ready.transport(&router, None),
                    &mut report,
                    observer,
                );
            }
            Err(error) => {
                for place in open {
                    let result = &mut report.results[place];
                    *result = RecipientResult::no_transport(&result.recipient, &error.to_string());
                }
            }
        }
        if report.open().is_empty() || observer.is_closed() {
            break;
        }
    }
    report
}

fn envelope(
    plan: &Sendmail,
    recipients: &[String],
    sender: Option<&str>,
) -> Result<Envelope, crate::mail::rewrite::RewriteError> {
    let rewriter = Rewriter::new(&plan.rewrite);
    let mut all = Vec::new();
    for recipient in recipients {
        all.extend(rewriter.recipients(recipient)?);
    }
    let login = crate::system::host::login();
    Ok(Envelope {
        sender: rewriter.sender(sender.unwrap_or(&login))?,
        recipients: all,
        dsn: Dsn::default(),
    })
}
