//! `ehlo jobs`: shows recorded jobs, and reports those that did not run.

pub(crate) mod args;

pub(crate) use args::Args;

use crate::cli::notification::{NotificationText, SendOutcome, list_id, send_notification};
use crate::cli::terminal::{complain, print};
use crate::cron::Notification;
use crate::cron::alert::{AlertError, JobRecord, JobState, Jobs};
use crate::system::exit::Exit;
use crate::system::host;
use crate::system::text::shown;
use crate::system::time::{brief, local, rfc3339, since};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug)]
pub struct JobsOptions {
    /// State directory. `None`: the usual one.
    pub state: Option<PathBuf>,
    pub task: JobsTask,
}

#[derive(Debug)]
pub enum JobsTask {
    List {
        json: bool,
    },
    Show {
        name: String,
        json: bool,
    },
    Forget(Vec<String>),
    /// Mail once for each job that did not run in time.
    Check(Box<Notification>),
}

impl JobsOptions {
    /// The mail that a check sends.
    pub fn mail(&self) -> Option<&Notification> {
        match &self.task {
            JobsTask::Check(mail) => Some(mail),
            _ => None,
        }
    }
}

pub fn run(options: &JobsOptions) -> Exit {
    let state = options.state.as_deref();
    let done = match &options.task {
        JobsTask::List { json } => list(state, *json),
        JobsTask::Show { name, json } => show(state, name, *json),
        JobsTask::Forget(names) => forget(state, names),
        JobsTask::Check(mail) => check(state, mail),
    };
    done.unwrap_or_else(|error| {
        complain(&error.to_string());
        Exit::Temporary
    })
}

/// All jobs. A file that cannot be read is reported.
fn all(state: Option<&Path>) -> Result<Vec<JobState>, AlertError> {
    let Some(jobs) = Jobs::open(state, false)? else {
        return Ok(Vec::new());
    };
    let (jobs, errors) = jobs.all(SystemTime::now())?;
    for error in &errors {
        complain(&error.to_string());
    }
    Ok(jobs)
}

fn list(state: Option<&Path>, as_json: bool) -> Result<Exit, AlertError> {
    let (jobs, now) = (all(state)?, SystemTime::now());
    let text: String = if as_json && !jobs.is_empty() {
        lines(jobs.iter().map(|job| object(job, now).to_string()))
    } else if as_json {
        String::new()
    } else if jobs.is_empty() {
        "No jobs are recorded.\n".to_owned()
    } else {
        let heading = format!("{:<28}{:<14}{:<18}NEXT\n", "JOB", "RESULT", "LAST RUN");
        heading + &jobs.iter().map(|job| line(job, now)).collect::<String>()
    };
    Ok(print(|out| out.write_all(text.as_bytes())))
}

fn line(job: &JobState, now: SystemTime) -> String {
    let record = &job.record;
    let next = match record.due() {
        None => String::new(),
        Some(due) if record.is_overdue(now) => {
            format!("overdue since {}", brief(since(due, now)))
        }
        Some(due) => format!("within {}", brief(since(now, due))),
    };
    let ago = format!("{} ago", brief(since(record.at, now)));
    let name = shown(&record.job);
    let line = format!("{name:<27} {:<13} {ago:<17} {next}", record.status);
    format!("{}\n", line.trim_end())
}

fn show(state: Option<&Path>, name: &str, as_json: bool) -> Result<Exit, AlertError> {
    let (jobs, now) = (all(state)?, SystemTime::now());
    let Some(job) = jobs.iter().find(|job| job.record.job == name) else {
        return Ok(unknown(name));
    };
    let text = if as_json {
        format!("{}\n", object(job, now))
    } else {
        details(job, now)
    };
    Ok(print(|out| out.write_all(text.as_bytes())))
}

fn unknown(name: &str) -> Exit {
    complain(&format!(
        "no job {} is recorded; ehlo jobs list shows all jobs",
        shown(name)
    ));
    Exit::NoInput
}

fn details(job: &JobState, now: SystemTime) -> String {
    let record = &job.record;
    let mut rows = vec![
        ("Job", shown(&record.job)),
        ("Result", record.status.clone()),
        (
            "Last run",
            format!("{}, took {}", local(record.at), brief(record.took)),
        ),
    ];
    if job.failures > 0 {
        rows.push(("Failures", format!("{} in a row", job.failures)));
    }
    if let Some(until) = job.silenced_until {
        rows.push((
            "Silenced",
            format!("the same failure until {}", local(until)),
        ));
    }
    if let Some(digest) = &record.digest {
        rows.push(("Digest", shown(digest)));
    }
    if let (Some(expected), Some(due)) = (record.expected, record.due()) {
        let overdue = if record.is_overdue(now) {
            ", overdue"
        } else {
            ""
        };
        let every = brief(expected.every);
        rows.push((
            "Expected",
            format!("every {every}, by {}{overdue}", local(due)),
        ));
    }
    if let Some(at) = record.missed {
        rows.push(("Reported", local(at)));
    }
    let rows = rows.iter();
    lines(rows.map(|(name, value)| format!("{name:<10}{value}")))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let mut lines = lines.collect::<Vec<String>>().join("\n");
    lines.push('\n');
    lines
}

fn object(job: &JobState, now: SystemTime) -> Value {
    let record = &job.record;
    json!({
        "job": record.job,
        "status": record.status,
        "failed": record.failed,
        "at": rfc3339(record.at),
        "seconds": record.took.as_secs_f64(),
        "failures": job.failures,
        "silenced_until": job.silenced_until.map(rfc3339),
        "digest": record.digest,
        "expected_every": record.expected.map(|expected| expected.every.as_secs()),
        "due": record.due().map(rfc3339),
        "overdue": record.is_overdue(now),
        "reported": record.missed.map(rfc3339),
    })
}

fn forget(state: Option<&Path>, names: &[String]) -> Result<Exit, AlertError> {
    let mut exit = Exit::Ok;
    let jobs = Jobs::open(state, false)?;
    for name in names {
        let is_known = jobs.as_ref().map_or(Ok(false), |jobs| jobs.forget(name))?;
        if !is_known {
            exit = unknown(name);
        }
    }
    Ok(exit)
}

/// Mails once for each job that did not run in time.
fn check(state: Option<&Path>, mail: &Notification) -> Result<Exit, AlertError> {
    let Some(jobs) = Jobs::open(state, false)? else {
        return Ok(Exit::Ok);
    };
    let Some(_lock) = jobs.lock_check()? else {
        complain("another process is checking the jobs");
        return Ok(Exit::Ok);
    };
    let now = SystemTime::now();
    let (found, errors) = jobs.all(now)?;
    for error in &errors {
        complain(&error.to_string());
    }
    let mut exit = Exit::Ok;
    let overdue = found.iter().map(|job| &job.record);
    for record in overdue.filter(|one| one.is_overdue(now) && one.missed.is_none()) {
        let sent = send_notification(mail, &notification(record, now));
        match &sent {
            SendOutcome::Accepted | SendOutcome::NotSent | SendOutcome::Failed(Exit::Partial) => {
                jobs.missed(record, now)?;
            }
            SendOutcome::Failed(_) => {}
        }
        if exit == Exit::Ok {
            exit = sent.exit();
        }
    }
    jobs.expire(now)?;
    Ok(exit)
}

fn notification(record: &JobRecord, now: SystemTime) -> NotificationText {
    let (host, name) = (host::short_name(), shown(&record.job));
    let passed = brief(since(record.at, now));
    let every = record.expected.map(|one| brief(one.every));
    let every = every.unwrap_or_default();
    let due = record.due().map(local).unwrap_or_default();
    NotificationText {
        subject: format!("[{host}] MISSED: {name} did not run for {passed}"),
        headers: vec![list_id(&record.job)],
        body: format!(
            "{name} is expected to run every {every}, and was due by {due}.\n\n\
             Last run: {} ({}, took {}), {} ago.\n\n\
             The job did not start, it is still running, or cron or its timer does not run. This is reported once;\n\
             if the job was removed, use: ehlo jobs forget {}\n",
            local(record.at),
            record.status,
            brief(record.took),
            passed,
            crate::system::quote::for_shell(Path::new(&record.job)),
        ),
        ..NotificationText::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::alert::Expectation;
    use std::time::Duration;

    #[test]
    fn line_names_the_result_and_the_next_run() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let hour = Duration::from_secs(3600);
        let record = JobRecord {
            status: "FAILED(3)".to_owned(),
            failed: true,
            expected: Some(Expectation {
                every: 24 * hour,
                grace: hour,
            }),
            ..JobRecord::new("backup".to_owned(), now - 2 * hour)
        };
        let mut job = JobState {
            record,
            failures: 1,
            silenced_until: None,
        };
        let text = line(&job, now);
        assert!(text.starts_with("backup "), "{text}");
        assert!(text.contains("FAILED(3)") && text.contains("ago") && text.contains("within"));
        job.record.at = now - 26 * hour;
        assert!(
            line(&job, now).contains("overdue since"),
            "{}",
            line(&job, now)
        );
        assert_eq!(object(&job, now)["overdue"], true);
    }
}
