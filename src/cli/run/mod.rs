//! `ehlo run`: runs a command, and mails the result.

pub(crate) mod args;

pub(crate) use args::Args;

use crate::cli::digest;
use crate::cli::digest::Sent;
use crate::cli::notification::alert::{RunReport, recovered};
use crate::cli::notification::{
    NotificationText, SendOutcome, attachment, interrupt, list_id, send_notification,
};
use crate::cli::terminal::complain;
use crate::client::http::Url;
use crate::cron::NotificationRecipients;
use crate::cron::alert;
use crate::cron::alert::{
    Checksum, Decision, DigestEntry, Digests, Fingerprint, JobRecord, Jobs, OutputSample,
    folded_text, job_identifier,
};
use crate::cron::job;
use crate::cron::job::{
    DigestUse, FinishedJob, Job, JobEnding, JobLock, JobReport, JobSignals, LockError, LockOptions,
    ReportOn, Tee, Template, quoted, shortened,
};
use crate::cron::ping;
use crate::cron::ping::Pending;
use crate::system::exit::Exit;
use rustix::stdio::{stderr, stdout};
use std::io::{self, IsTerminal as _};
use std::time::SystemTime;

/// Runs the command, and mails or records the result.
pub fn run(plan: &Job) -> Exit {
    let mut checksums = plan.alert.rules.change.then(<[Checksum; 2]>::default);
    let mut pending = None;
    let mut tee = plan.tee.then(|| Tee::new(stdout(), stderr()));
    let (finished, signals) = match plan.lock.as_ref().map(take).transpose() {
        Ok(_lock) => {
            pending = plan.ping.as_ref().map(ping::job_starts);
            job::run(&plan.spec, tee.as_mut(), &mut |from, bytes| {
                if let Some(checksums) = &mut checksums {
                    checksums[from as usize].update(bytes);
                }
            })
        }
        Err(ending) => {
            if is_silent(plan, &ending) {
                return exit(plan, &ending, &SendOutcome::NotSent);
            }
            let signals = JobSignals::caught().ok();
            (FinishedJob::not_run(&plan.spec, ending), signals)
        }
    };
    if let Some(signals) = signals {
        interrupt::hold(signals);
    }
    let is_interactive = io::stderr().is_terminal();
    if is_interactive {
        explain_not_started(&finished);
    }
    if let Some(url) = &plan.ping {
        report_end(url, pending, &finished);
    }
    let run = alert::JobRun {
        at: SystemTime::now(),
        failed: !finished.ending.is_success(),
        reportable: is_reportable(plan, &finished),
        fingerprint: fingerprint(&finished, checksums),
    };
    record(plan, &finished, &run);
    let sent = match &plan.digest {
        Some(digest) => record_in_digest(plan, digest, &finished, &run),
        None => mail(plan, &finished, &run),
    };
    interrupt::release();
    if !is_interactive && !is_mailed(plan, &sent) {
        explain_not_started(&finished);
    }
    if let Some(tee) = tee {
        tee.finish();
    }
    exit(plan, &finished.ending, &sent)
}

/// Tells the monitoring service how the job ended. An error does not change the result of the run.
fn report_end(url: &Url, pending: Option<Pending>, finished: &FinishedJob) {
    let started = pending.map_or(Ok(()), Pending::finish);
    let ended = ping::job_ended(url, &finished.ending);
    if let Err(why) = started.and(ended) {
        let host = url.host();
        complain(&format!(
            "warning: --ping: cannot tell {host} about {}: {why}",
            finished.name
        ));
    }
}

/// Reads the output that background processes of a job still write.
pub fn drain() -> Exit {
    match job::drain() {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Io,
    }
}

/// Records the run for `ehlo jobs`, if it has a name, rules, or an expected next run.
fn record(plan: &Job, finished: &FinishedJob, run: &alert::JobRun) {
    if !plan.named && plan.expected.is_none() && !plan.alert.rules.are_set() {
        return;
    }
    let record = JobRecord {
        took: finished.took,
        status: finished.ending.word(),
        failed: run.failed,
        expected: plan.expected,
        dedupe: plan.alert.rules.dedupe,
        digest: plan.digest.as_ref().map(|digest| digest.name.clone()),
        ..JobRecord::new(identifier(plan, finished), run.at)
    };
    let recorded = Jobs::open(plan.alert.state.as_deref(), true)
        .and_then(|jobs| jobs.map_or(Ok(()), |jobs| jobs.record(&record)));
    // Without an expected run, only the list of jobs is incomplete.
    if let Err(error) = recorded
        && plan.expected.is_some()
    {
        complain(&format!(
            "warning: {error}; the run was not recorded, and may be reported as missing"
        ));
    }
}

/// The name of the job, else one that is made of its command line.
fn identifier(plan: &Job, finished: &FinishedJob) -> String {
    if plan.named {
        return finished.name.clone();
    }
    job_identifier(&finished.name, &quoted(&finished.command))
}

/// Mails it, or counts it.
fn mail(plan: &Job, finished: &FinishedJob, run: &alert::JobRun) -> SendOutcome {
    let report = RunReport {
        job: &identifier(plan, finished),
        run,
        alert: &plan.alert,
    };
    let sent = report.mail(&plan.mail, |decision| {
        notification(plan, finished, decision)
    });
    sent.unwrap_or(SendOutcome::NotSent)
}

/// Records the run in a digest, and mails that if it is due.
fn record_in_digest(
    plan: &Job,
    digest: &DigestUse,
    finished: &FinishedJob,
    run: &alert::JobRun,
) -> SendOutcome {
    let state = plan.alert.state.as_deref();
    let recorded = Digests::open(state, true).and_then(|digests| match digests {
        Some(digests) if run.reportable => digests.add(&digest.name, &entry(plan, finished, run)),
        Some(digests) => digests.register(&digest.name),
        None => Ok(()),
    });
    if recorded.is_ok() {
        interrupt::release();
    }
    if let Err(error) = recorded {
        complain(&format!("warning: {error}; the run is mailed immediately"));
        if !run.reportable {
            return SendOutcome::NotSent;
        }
        return send_notification(&plan.mail, &notification(plan, finished, &Decision::Silent));
    }
    let sent = match digest.at {
        Some(minute) => digest::send_when_due(state, (&digest.name, minute), &plan.mail),
        None => Ok(Sent::Nothing),
    };
    match sent {
        Ok(Sent::Posted(sent)) => sent,
        Ok(Sent::Nothing | Sent::Busy) => SendOutcome::NotSent,
        Err(error) => {
            complain(&format!(
                "warning: {error}; the digest will be mailed next time"
            ));
            SendOutcome::NotSent
        }
    }
}

fn entry(plan: &Job, finished: &FinishedJob, run: &alert::JobRun) -> DigestEntry {
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
        kind: run.fingerprint.kind.clone(),
        excerpt: match finished.last_lines() {
            _ if !run.failed => String::new(),
            nothing if nothing.is_empty() => finished.sentence(),
            text => text,
        },
    }
}

/// The fingerprints of the run. The reason for not starting is folded, because its numbers may differ.
fn fingerprint(finished: &FinishedJob, checksums: Option<[Checksum; 2]>) -> Fingerprint {
    let ending = match &finished.ending {
        JobEnding::NotStarted { why, .. } => {
            format!("{} {}", finished.ending.word(), folded_text(why))
        }
        ending => ending.word(),
    };
    let log = &finished.log;
    let mut sample = OutputSample::default();
    sample.update(log.head());
    if !log.is_in_memory() {
        sample.skip();
    }
    sample.update(log.tail());
    let fingerprint = Fingerprint::of(&ending, &sample);
    match checksums {
        Some(checksums) => fingerprint.with_exact(&ending, checksums),
        None => fingerprint,
    }
}

/// The lock, or the ending of the job without it.
fn take(locking: &LockOptions) -> Result<JobLock, JobEnding> {
    JobLock::acquire(&locking.name, locking.wait).map_err(|error| match error {
        LockError::Held(holder) => JobEnding::Locked(holder),
        LockError::NotCreated { .. } | LockError::NoDirectory { .. } => JobEnding::NotStarted {
            status: Exit::CantCreate.code().into(),
            why: error.to_string(),
        },
    })
}

fn is_silent(plan: &Job, ending: &JobEnding) -> bool {
    let quiet = plan.lock.as_ref().is_some_and(|lock| lock.quiet);
    quiet && matches!(ending, JobEnding::Locked(_))
}

/// True if a mail was sent or queued, or the rules suppress it. cron would mail stderr as well.
fn is_mailed(plan: &Job, sent: &SendOutcome) -> bool {
    match sent {
        SendOutcome::Accepted | SendOutcome::Failed(Exit::Partial) => true,
        SendOutcome::Failed(_) => false,
        SendOutcome::NotSent => {
            plan.digest.is_some() || plan.mail.head.recipients != NotificationRecipients::None
        }
    }
}

/// Prints why the command was not started: the command itself cannot.
fn explain_not_started(finished: &FinishedJob) {
    if let JobEnding::NotStarted { .. } | JobEnding::Locked(_) = finished.ending {
        complain(&format!("{} {}", finished.name, finished.sentence()));
    }
}

/// True if there is something to report, unless a rule suppresses it.
fn is_reportable(plan: &Job, finished: &FinishedJob) -> bool {
    match plan.when {
        ReportOn::Always => true,
        ReportOn::Output => !finished.ending.is_success() || finished.log.bytes() > 0,
        ReportOn::Failure => !finished.ending.is_success(),
    }
}

fn notification(plan: &Job, finished: &FinishedJob, decision: &Decision) -> NotificationText {
    let report = JobReport::of(finished, plan.attach, plan.html);
    let usual = || Template::default_for(&finished.ending);
    let subject = match (decision, &plan.subject) {
        (Decision::Recovered(recovery), None) => recovered(&finished.name, recovery),
        (Decision::Recovered(_), Some(template)) => {
            format!("RECOVERED: {}", template.fill(finished))
        }
        (_, template) => template.clone().unwrap_or_else(usual).fill(finished),
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
