//! What sendmail does.

use super::keep::Kept;
use super::queue;
use super::send;
use super::terminal::complain;
use crate::blocks::Nothing;
use crate::courier::Told;
use crate::deliver::{Parcel, deliver};
use crate::envelope::{Dsn, Envelope};
use crate::exit::Exit;
use crate::message::{Message, Submission};
use crate::outcome::Report;
use crate::plan::{self, Sendmail, Task};
use crate::ready::Ready;
use crate::rewrite::Rewriter;
use std::time::SystemTime;

/// Does it.
pub fn run(plan: &Sendmail) -> Exit {
    let spool = &plan.queueing.spool;
    match &plan.task {
        Task::Submit(submission) => submit(plan, submission),
        Task::Serve => super::serve::run(plan),
        Task::Verify { recipients, sender } => verify(plan, recipients, sender.as_deref()),
        Task::List => queue::work(spool, &plan::Work::List { json: false }),
        Task::Run(run) => queue::run_or_watch(spool, run),
        Task::Nothing => Exit::Ok,
    }
}

/// Takes a message; when this is over, it is safe.
fn submit(plan: &Sendmail, submission: &Submission) -> Exit {
    let rewriter = Rewriter::new(&plan.rewrite);
    match Message::submit(submission, &rewriter, SystemTime::now()) {
        Ok(message) => hand_in(plan, &message),
        Err(error) => {
            complain(&error.to_string());
            error.exit()
        }
    }
}

/// Puts a message into the queue, and tries it when it is to be tried.
pub fn hand_in(plan: &Sendmail, message: &Message) -> Exit {
    for warning in &message.warnings {
        complain(&format!("warning: {warning}"));
    }
    let kept = Kept {
        message,
        queueing: &plan.queueing,
        way: &plan.way,
        fallbacks: &plan.fallbacks,
        output: plan.output,
        told: Told::Nobody,
        as_given: true,
    };
    kept.send_or_not()
}

/// Asks the servers of these recipients whether they would take a message for them.
fn verify(plan: &Sendmail, recipients: &[String], sender: Option<&str>) -> Exit {
    let envelope = match envelope(plan, recipients, sender) {
        Ok(envelope) => envelope,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let ready = match Ready::of(&plan.way) {
        Ok(ready) => ready,
        Err(error) => {
            complain(&error.to_string());
            return error.exit();
        }
    };
    let parcel = Parcel {
        envelope: &envelope,
        utf8_header: false,
        message: &Nothing,
        asks_only: true,
        ledger: None,
    };
    send::shown(plan.output, Told::Caller, |watch| {
        let mut report = Report::unasked(&envelope.recipients);
        let router = ready.router();
        deliver(&parcel, &ready.way(&router, None), &mut report, watch);
        report
    })
}

fn envelope(
    plan: &Sendmail,
    recipients: &[String],
    sender: Option<&str>,
) -> Result<Envelope, crate::rewrite::RewriteError> {
    let rewriter = Rewriter::new(&plan.rewrite);
    let mut all = Vec::new();
    for recipient in recipients {
        all.extend(rewriter.recipients(recipient)?);
    }
    let login = crate::host::login();
    Ok(Envelope {
        sender: rewriter.sender(sender.unwrap_or(&login))?,
        recipients: all,
        dsn: Dsn::default(),
    })
}
