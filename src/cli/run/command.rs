//! A command is run, and whoever is to hear of it gets a mail.

use crate::cli::digest::run as digest;
use crate::cli::digest::run::Sent;
use crate::cli::notification::alert::{Happened, recovered};
use crate::cli::notification::send::{Memo, Posted, attachment, interrupt, list_id, post};
use crate::cli::terminal::complain;
use crate::cron::alert;
use crate::cron::alert::{
    Checksum, Decision, Digests, Entry, Fingerprint, Impression, alike, unnamed,
};
use crate::cron::job;
use crate::cron::job::options::{Gathering, Job, Locking, When};
use crate::cron::job::{
    Ending, Finished, Lock, LockError, Report, Signals, Tee, Template, quoted, shortened,
};
use crate::cron::mail::Recipients;
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
                return exit(plan, &ending, &Posted::Unwanted);
            }
            let signals = Signals::caught().ok();
            (Finished::without_run(&plan.order, ending), signals)
        }
    };
    if let Some(signals) = signals {
        interrupt::hold(signals);
    }
    let is_seen = io::stderr().is_terminal();
    if is_seen {
        say_what_kept_it(&finished);
    }
    let run = alert::Run {
        at: SystemTime::now(),
        failed: !finished.ending.is_success(),
        wanted: is_wanted(plan, &finished),
        fingerprint: fingerprint(&finished, sums),
    };
    let posted = match &plan.digest {
        Some(digest) => gather(plan, digest, &finished, &run),
        None => tell(plan, &finished, &run),
    };
    interrupt::release();
    if !is_seen && !is_mailed(plan, &posted) {
        say_what_kept_it(&finished);
    }
    if let Some(tee) = tee {
        tee.finish();
    }
    exit(plan, &finished.ending, &posted)
}

/// Reads what background processes of a job still write.
pub fn drain() -> Exit {
    match job::drain::run() {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Io,
    }
}

/// Mails it, or counts it.
fn tell(plan: &Job, finished: &Finished, run: &alert::Run) -> Posted {
    let command = || unnamed(&finished.name, &quoted(&finished.command));
    let happened = Happened {
        job: &if plan.named {
            finished.name.clone()
        } else {
            command()
        },
        run,
        alert: &plan.alert,
    };
    let posted = happened.tell(&plan.mail, |decision| memo(plan, finished, decision));
    posted.unwrap_or(Posted::Unwanted)
}

/// Puts it down in a digest, and mails that where its time has come.
fn gather(plan: &Job, digest: &Gathering, finished: &Finished, run: &alert::Run) -> Posted {
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
        let mail = || post(&plan.mail, &memo(plan, finished, &Decision::Silent));
        return if run.wanted { mail() } else { Posted::Unwanted };
    }
    let sent = match digest.at {
        Some(minute) => digest::send_when_due(state, (&digest.name, minute), &plan.mail),
        None => Ok(Sent::Nothing),
    };
    match sent {
        Ok(Sent::Posted(posted)) => posted,
        Ok(Sent::Nothing | Sent::Busy) => Posted::Unwanted,
        Err(error) => {
            complain(&format!(
                "warning: {error}; the digest is mailed the next time"
            ));
            Posted::Unwanted
        }
    }
}

fn entry(plan: &Job, finished: &Finished, run: &alert::Run) -> Entry {
    let words = || match finished.last_words() {
        nothing if nothing.is_empty() => finished.sentence(),
        words => words,
    };
    Entry {
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

/// By what it is compared with other runs. Numbers in the reason that it did not begin are as good as any.
fn fingerprint(finished: &Finished, sums: Option<[Checksum; 2]>) -> Fingerprint {
    let ending = match &finished.ending {
        Ending::NotStarted { why, .. } => format!("{} {}", finished.ending.word(), alike(why)),
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

/// The lock, or how the job ends without it.
fn take(locking: &Locking) -> Result<Lock, Ending> {
    Lock::take(&locking.name, locking.wait).map_err(|error| match error {
        LockError::Held(holder) => Ending::Locked(holder),
        LockError::Unmade { .. } | LockError::NoDirectory { .. } => Ending::NotStarted {
            status: Exit::CantCreate.code().into(),
            why: error.to_string(),
        },
    })
}

fn is_quiet(plan: &Job, ending: &Ending) -> bool {
    let quiet = plan.lock.as_ref().is_some_and(|lock| lock.quiet);
    quiet && matches!(ending, Ending::Locked(_))
}

/// Whether somebody has got a mail, or gets one, or the rules hold it back. cron would mail stderr as well.
fn is_mailed(plan: &Job, posted: &Posted) -> bool {
    match posted {
        Posted::Safe | Posted::Failed(Exit::Partly) => true,
        Posted::Failed(_) => false,
        Posted::Unwanted => {
            plan.digest.is_some() || plan.mail.head.recipients != Recipients::Nobody
        }
    }
}

/// What did not begin is said: the command cannot say it.
fn say_what_kept_it(finished: &Finished) {
    if let Ending::NotStarted { .. } | Ending::Locked(_) = finished.ending {
        complain(&format!("{} {}", finished.name, finished.sentence()));
    }
}

/// Whether there is something to tell, as long as no rule is against it.
fn is_wanted(plan: &Job, finished: &Finished) -> bool {
    match plan.when {
        When::Always => true,
        When::Output => !finished.ending.is_success() || finished.log.bytes() > 0,
        When::Failure => !finished.ending.is_success(),
    }
}

/// What is told of it.
fn memo(plan: &Job, finished: &Finished, decision: &Decision) -> Memo {
    let report = Report::of(finished, plan.attach, plan.html);
    let usual = || Template::usual(&finished.ending);
    let subject = match (decision, &plan.subject) {
        (Decision::Recovered(recovery), None) => recovered(&finished.name, recovery),
        (Decision::Recovered(_), Some(template)) => {
            format!("RECOVERED: {}", template.filled(finished))
        }
        (_, template) => template.clone().unwrap_or_else(usual).filled(finished),
    };
    Memo {
        subject,
        headers: vec![list_id(&finished.name)],
        body: report.body,
        body_alone: report.body_alone,
        html: report.html,
        attachments: report.attached.map(attachment).into_iter().collect(),
    }
}

/// The status of the command; where all was well with it but its mail, that of the mail.
fn exit(plan: &Job, ending: &Ending, posted: &Posted) -> Exit {
    match ending.status() {
        0 => posted.exit(),
        _ if plan.exit_zero => posted.exit(),
        status => Exit::Command(status),
    }
}
