//! A command is run, and whoever is to hear of it gets a mail.

use super::post::{Memo, Posted, attachment, post};
use super::terminal::{Stdout, complain};
use crate::exit::Exit;
use crate::host;
use crate::job::{self, Ending, Finished, Lock, LockError, Report, Stream, Template};
use crate::message::Field;
use crate::plan::{Job, Locking, When};
use std::io::{self, Write};

/// Runs it.
pub fn run(plan: &Job) -> Exit {
    let finished = match plan.lock.as_ref().map(take).transpose() {
        Ok(_lock) => job::run(&plan.order, &mut |from, bytes| {
            if plan.tee {
                pass_on(from, bytes);
            }
        }),
        Err(ending) => {
            if is_quiet(plan, &ending) {
                return exit(plan, &ending, &Posted::Unwanted);
            }
            Finished::without_run(&plan.order, ending)
        }
    };
    say_what_kept_it(&finished);
    let posted = if is_told(plan, &finished) {
        post(&plan.mail, &memo(plan, &finished))
    } else {
        Posted::Unwanted
    };
    exit(plan, &finished.ending, &posted)
}

/// The lock, or how the job ends without it.
fn take(locking: &Locking) -> Result<Lock, Ending> {
    Lock::take(&locking.name, locking.wait).map_err(|error| match error {
        LockError::Held(holder) => Ending::Locked(holder),
        LockError::Unmade { .. } => Ending::NotStarted {
            status: Exit::CantCreate.code().into(),
            why: error.to_string(),
        },
    })
}

fn is_quiet(plan: &Job, ending: &Ending) -> bool {
    let quiet = plan.lock.as_ref().is_some_and(|lock| lock.quiet);
    quiet && matches!(ending, Ending::Locked(_))
}

/// What did not begin is said on stderr, too: the command cannot say it.
fn say_what_kept_it(finished: &Finished) {
    if let Ending::NotStarted { .. } | Ending::Locked(_) = finished.ending {
        complain(&format!("{} {}", finished.name, finished.sentence()));
    }
}

/// Whether there is something to tell.
fn is_told(plan: &Job, finished: &Finished) -> bool {
    match plan.when {
        When::Always => true,
        When::Output => !finished.ending.is_success() || finished.log.bytes() > 0,
        When::Failure => !finished.ending.is_success(),
    }
}

/// What is told of it.
fn memo(plan: &Job, finished: &Finished) -> Memo {
    let report = Report::of(finished, plan.attach, plan.html);
    let usual = || Template::usual(&finished.ending);
    Memo {
        subject: plan.subject.clone().unwrap_or_else(usual).filled(finished),
        headers: vec![list_id(&finished.name)],
        body: report.body,
        html: report.html,
        attachments: report.attached.map(attachment).into_iter().collect(),
    }
}

/// Mails about a job belong together (RFC 2919 §2).
fn list_id(name: &str) -> Field {
    let label = |text: &str| {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let text: String = text.chars().map(plain).collect();
        text.trim_matches('-').to_ascii_lowercase()
    };
    let node = host::node_name();
    let job = match label(name) {
        empty if empty.is_empty() => "job".to_owned(),
        label => label,
    };
    Field {
        name: "List-Id".to_owned(),
        value: format!(
            "<{job}.ehlo.{}>",
            label(node.split('.').next().unwrap_or_default())
        ),
    }
}

/// That nobody reads it is no reason for the job to stop.
fn pass_on(from: Stream, bytes: &[u8]) {
    let _ = match from {
        Stream::Out => Stdout.write_all(bytes),
        Stream::Err => io::stderr().write_all(bytes),
    };
}

/// The status of the command; where all was well with it but its mail, that of the mail.
fn exit(plan: &Job, ending: &Ending, posted: &Posted) -> Exit {
    match ending.status() {
        0 => posted.exit(),
        _ if plan.exit_zero => posted.exit(),
        status => Exit::Command(status),
    }
}
