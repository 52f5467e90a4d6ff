//! Runs the task that sendmail was called for.

use crate::cli::ExitStatus;
use crate::cli::queue::{self, Work};
use crate::cli::send::deliver as send;
use crate::cli::sendmail::{Sendmail, SendmailTask, serve};
use crate::cli::terminal::{complain, print};
use crate::client::deliver::{ConnectionPool, Outgoing, deliver};
use crate::client::events::Observer;
use crate::client::outcome::{DeliveryReport, RecipientStatus};
use crate::client::session::Purpose;
use crate::client::transport::Transports;
use crate::mail::envelope::{Dsn, Envelope};
use crate::mail::message::{Message, Submission};
use crate::mail::rewrite::Rewriter;
use crate::queue::delivery::SenderNotice;
use crate::smtp::blocks::Nothing;
use crate::system::exit::Exit;
use std::time::SystemTime;

pub fn run(plan: &Sendmail) -> Exit {
    let queue = &plan.queueing.queue;
    match &plan.task {
        SendmailTask::Submit(submission) => submit(plan, submission),
        SendmailTask::Serve => serve::run(plan),
        SendmailTask::Verify { recipients, sender } => verify(plan, recipients, sender.as_deref()),
        SendmailTask::List => queue::work(queue, &Work::List { json: false }),
        SendmailTask::Run(run) => queue::run_or_watch(queue, run),
        SendmailTask::Nothing => Exit::Ok,
    }
}

/// Accepts a message, and queues it durably.
fn submit(plan: &Sendmail, submission: &Submission) -> Exit {
    let rewriter = Rewriter::new(&plan.rewrite);
    match Message::submit_each(submission, &rewriter, SystemTime::now()) {
        Ok(messages) => {
            let exits = messages
                .iter()
                .map(|message| plan.queued(message).send_or_not());
            let exits: Vec<Exit> = exits.collect();
            let is_any_accepted = exits.contains(&Exit::Ok);
            let exit = match exits.into_iter().find(|exit| *exit != Exit::Ok) {
                Some(_) if is_any_accepted => Exit::Partial,
                Some(exit) => exit,
                None => Exit::Ok,
            };
            let unusable: Vec<&String> = messages
                .iter()
                .take(1)
                .flat_map(|message| &message.unusable)
                .collect();
            for why in &unusable {
                complain(&format!(
                    "{why}; the message is sent to the other recipients"
                ));
            }
            match exit {
                Exit::Ok if !unusable.is_empty() => Exit::Partial,
                exit => exit,
            }
        }
        Err(error) => {
            complain(&error.to_string());
            error.exit()
        }
    }
}

/// Asks the servers of these recipients whether they would accept a message for them.
fn verify(plan: &Sendmail, recipients: &[String], sender: Option<&str>) -> Exit {
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

fn ask(plan: &Sendmail, envelope: &Envelope, observer: &mut dyn Observer) -> DeliveryReport {
    let question = Outgoing {
        envelope,
        message: &Nothing,
        purpose: Purpose::Question,
        item: None,
        log: None,
        next: None,
    };
    let transports = Transports::new(std::iter::once(&plan.transport).chain(&plan.fallbacks));
    deliver(
        &question,
        &ConnectionPool::for_one_message(&transports),
        observer,
    )
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
    let login = crate::system::user::login();
    Ok(Envelope {
        sender: rewriter.sender(sender.unwrap_or(&login))?,
        recipients: all,
        dsn: Dsn::default(),
    })
}
