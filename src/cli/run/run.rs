//! Runs a command, and mails the result.

use crate::cli::digest::run as digest;
use crate::cli::digest::run::Sent;
use crate::cli::notification::alert::{Happened, recovered};
use crate::cli::notification::send::{
    NotificationText, SendOutcome, attachment, interrupt, list_id, post,
};
use crate::cli::terminal::complain;
use crate::cron::NotificationRecipients;
use crate::cron::alert;
use crate::cron::alert::{
    Checksum, Decision, DigestEntry, Digests, Fingerprint, Impression, alike, unnamed,
};
use crate::cron::job;
use crate::cron::job::{DigestUse, Job, Locking, ReportOn};
use crate::cron::job::{
    FinishedJob, JobEnding, JobLock, JobReport, JobSignals, LockError, Tee, Template, quoted,
    shortened,
};
use crate::system::exit::Exit;
use rustix::stdio::{stderr, stdout};
use std::io::{self, IsTerminal as _};
use std::time::SystemTime;

/// Runs it.
pub fn run(plan: &Job) -> Exit {
    let mut sums = plan.alert.rules.change.then(<[Checksum; 2]>::default);
    let mut tee = plan.tee.then(|| Tee::new(stdout(), stderr()));
    let (finished, signals) = match plan.lock.as_ref().map(take).transpose() {
        Ok(_lock) => job::run(&plan.order, tee.as_mut(), &mut |from, bytes| {
            if let Some(sums) = &mut sums {
                sums[from as usize].feed(bytes);
            }
        }),
        Err(ending) => {
            if is_quiet(plan, &ending) {
                return exit(plan, &ending, &SendOutcome::Unwanted);
            }
            let signals = JobSignals::caught().ok();
            (FinishedJob::without_run(&plan.order, ending), signals)
        }
    };
    if let Some(signals) = signals {
        interrupt::hold(signals);
    }
    let is_seen = io::stderr().is_terminal();
    if is_seen {
        say_what_kept_it(&finished);
    }
    let run = alert::JobRun {
        at: SystemTime::now(),
        failed: !finished.ending.is_success(),
        wanted: is_wanted(plan, &finished),
        fingerprint: fingerprint(&finished, sums),
    };
    let sent = match &plan.digest {
        Some(digest) => gather(plan, digest, &finished, &run),
        None => tell(plan, &finished, &run),
    };
    interrupt::release();
    if !is_seen && !is_mailed(plan, &sent) {
        say_what_kept_it(&finished);
    }
    if let Some(tee) = tee {
        tee.finish();
    }
    exit(plan, &finished.ending, &sent)
}

/// Reads the output that background processes of a job still write.
pub fn drain() -> Exit {
    match job::drain() {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Io,
    }
}

/// Mails it, or counts it.
fn tell(plan: &Job, finished: &FinishedJob, run: &alert::JobRun) -> SendOutcome {
    let command = || unnamed(&finished.name, &quoted(&finished.command));
    let on_event = Happened {
        job: &if plan.named {
            finished.name.clone()
        } else {
            command()
        },
        run,
        alert: &plan.alert,
    };
    let sent = on_event.tell(&plan.mail, |decision| {
        notification(plan, finished, decision)
    });
    sent.unwrap_or(SendOutcome::Unwanted)
}

/// Records the run in a digest, and mails that if it is due.
fn gather(
    plan: &Job,
    digest: &DigestUse,
    finished: &FinishedJob,
    run: &alert::JobRun,
) -> SendOutcome {
    let state = plan.alert.state.as_deref();
    let put_down = Digests::open(state, true).and_then(|digests| match digests {
        Some(digests) if run.wanted => digests.add(&digest.name, &entry(plan, finished, run)),
        Some(digests) => digests.register(&digest.name),
        None => Ok(()),
    });
    if put_down.is_ok() {
        interrupt::release();
    }
    if let Err(error) = put_down {
        complain(&format!("warning: {error}; it is mailed at once"));
        let mail = || post(&plan.mail, &notification(plan, finished, &Decision::Silent));
        return if run.wanted {
            mail()
        } else {
            SendOutcome::Unwanted
        };
    }
    let sent = match digest.at {
        Some(minute) => digest::send_when_due(state, (&digest.name, minute), &plan.mail),
        None => Ok(Sent::Nothing),
    };
    match sent {
        Ok(Sent::Posted(sent)) => sent,
        Ok(Sent::Nothing | Sent::Busy) => SendOutcome::Unwanted,
        Err(error) => {
            complain(&format!(
                "warning: {error}; the digest is mailed the next time"
            ));
            SendOutcome::Unwanted
        }
    }
}

fn entry(plan: &Job, finished: &FinishedJob, run: &alert::JobRun) -> DigestEntry {
    let words = || match finished.last_words() {
        nothing if nothing.is_empty() => finished.sentence(),
        words => words,
    };
    DigestEntry {
        job: if plan.named {
            finished.name.clone()
        } else {
            shortened(&finished.command)
        },
        at: run.at,
        took: finished.took,
        status: finished.ending.word(),
        failed: run.failed,
        kind: run.fingerprint.alike.clone(),
        excerpt: if run.failed { words() } else { String::new() },
    }
}

/// The fingerprints of the run. The reason for not starting is folded, because its numbers may differ.
fn fingerprint(finished: &FinishedJob, sums: Option<[Checksum; 2]>) -> Fingerprint {
    let ending = match &finished.ending {
        JobEnding::NotStarted { why, .. } => format!("{} {}", finished.ending.word(), alike(why)),
        ending => ending.word(),
    };
    let log = &finished.log;
    let mut impression = Impression::default();
    impression.feed(log.head());
    if !log.is_in_memory() {
        impression.skip();
    }
    impression.feed(log.tail());
    let fingerprint = Fingerprint::of(&ending, &impression);
    match sums {
        Some(sums) => fingerprint.exactly(&ending, sums),
        None => fingerprint,
    }
}

/// The lock, or the ending of the job without it.
fn take(locking: &Locking) -> Result<JobLock, JobEnding> {
    JobLock::take(&locking.name, locking.wait).map_err(|error| match error {
        LockError::Held(holder) => JobEnding::Locked(holder),
        LockError::Unmade { .. } | LockError::NoDirectory { .. } => JobEnding::NotStarted {
            status: Exit::CantCreate.code().into(),
            why: error.to_string(),
        },
    })
}

fn is_quiet(plan: &Job, ending: &JobEnding) -> bool {
    let quiet = plan.lock.as_ref().is_some_and(|lock| lock.quiet);
    quiet && matches!(ending, JobEnding::Locked(_))
}

/// True if a mail was sent or queued, or the rules suppress it. cron would mail stderr as well.
fn is_mailed(plan: &Job, sent: &SendOutcome) -> bool {
    match sent {
        SendOutcome::Safe | SendOutcome::Failed(Exit::Partial) => true,
        SendOutcome::Failed(_) => false,
        SendOutcome::Unwanted => {
            plan.digest.is_some() || plan.mail.head.recipients != NotificationRecipients::Nobody
        }
    }
}

/// Prints why the command was not started: the command itself cannot.
fn say_what_kept_it(finished: &FinishedJob) {
    if let JobEnding::NotStarted { .. } | JobEnding::Locked(_) = finished.ending {
        complain(&format!("{} {}", finished.name, finished.sentence()));
    }
}

/// True if there is something to report, unless a rule suppresses it.
fn is_wanted(plan: &Job, finished: &FinishedJob) -> bool {
    match plan.when {
        ReportOn::Always => true,
        ReportOn::Output => !finished.ending.is_success() || finished.log.bytes() > 0,
        ReportOn::Failure => !finished.ending.is_success(),
    }
}

/// The notification about a run.
fn notification(plan: &Job, finished: &FinishedJob, decision: &Decision) -> NotificationText {
    let report = JobReport::of(finished, plan.attach, plan.html);
    let usual = || Template::usual(&finished.ending);
    let subject = match (decision, &plan.subject) {
        (Decision::Recovered(recovery), None) => recovered(&finished.name, recovery),
        (Decision::Recovered(_), Some(template)) => {
            format!("RECOVERED: {}", template.filled(finished))
        }
        (_, template) => template.clone().unwrap_or_else(usual).filled(finished),
    };
    NotificationText {
        subject,
        headers: vec![list_id(&finished.name)],
        body: report.body,
        body_alone: report.body_alone,
        html: report.html,
        attachments: report.attached.map(attachment).into_iter().collect(),
    }
}

/// The status of the command; if it succeeded and its mail failed, that of the mail.
fn exit(plan: &Job, ending: &JobEnding, sent: &SendOutcome) -> Exit {
    match ending.status() {
        0 => sent.exit(),
        _ if plan.exit_zero => sent.exit(),
        status => Exit::Command(status),
    }
}
