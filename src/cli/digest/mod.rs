//! `ehlo digest`: mails a summary of recorded runs.

pub(crate) mod args;

pub(crate) use args::Args;

use crate::cli::notification::alert::domain;
use crate::cli::notification::{NotificationText, SendOutcome, list_id, send_notification};
use crate::cli::terminal::{complain, print};
use crate::cron::Notification;
use crate::cron::alert::{AlertError, Batch, DigestBatch, DigestState, DigestTable, Digests};
use crate::mail::message::HeaderField;
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::host;
use crate::system::text::shown;
use crate::system::time::{has_come, local};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug)]
pub struct Digest {
    /// State directory. `None`: the usual one.
    pub state: Option<PathBuf>,
    pub task: DigestTask,
}

#[derive(Debug)]
pub enum DigestTask {
    List,
    Mail {
        name: String,
        /// True if an empty digest is mailed as well.
        always: bool,
        mail: Box<Notification>,
    },
}

/// Mails one, or shows all.
pub fn run(plan: Digest) -> Exit {
    let state = plan.state.as_deref();
    let done = match plan.task {
        DigestTask::List => list(state),
        DigestTask::Mail { name, always, mail } => match send(state, &name, &mail) {
            Ok(Sent::Nothing) if !is_known(state, &name) && !always => Ok(Exit::NoInput),
            Ok(Sent::Nothing) if always => Ok(send_empty(&name, &mail).exit()),
            Ok(Sent::Nothing) => {
                inform(&format!(
                    "no runs were recorded in {name} since its last mail"
                ));
                Ok(Exit::Ok)
            }
            Ok(Sent::Busy) => {
                complain(&format!(
                    "the digest {name} is being mailed by another process"
                ));
                Ok(Exit::Ok)
            }
            Ok(Sent::Posted(sent)) => {
                if let SendOutcome::Accepted = sent {
                    inform(&format!("the digest {name} was sent or queued"));
                }
                Ok(sent.exit())
            }
            Err(error) => Err(error),
        },
    };
    done.unwrap_or_else(|error| {
        complain(&error.to_string());
        Exit::Temporary
    })
}

/// Writes a line to stderr if that is a terminal; cron would mail it.
fn inform(text: &str) {
    if io::stderr().is_terminal() {
        complain(text);
    }
}

/// True if a run has used the digest. If not, reports that: the name may be mistyped, or the directory may
/// differ.
fn is_known(state: Option<&Path>, name: &str) -> bool {
    let digests = Digests::open(state, false).ok().flatten();
    let names = digests.map_or_else(|| Ok(BTreeSet::new()), |digests| digests.names());
    let Ok(names) = names else { return true };
    if names.contains(name) {
        return true;
    }
    let hint = match (nearest(name, &names), names.is_empty()) {
        (Some(other), _) => format!("; did you mean {other}?"),
        (None, true) => String::new(),
        (None, false) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("; known digests: {}", names.join(", "))
        }
    };
    complain(&format!(
        "no digest {name}: no run has used --digest {name}{hint}"
    ));
    false
}

fn nearest<'n>(name: &str, names: &'n BTreeSet<String>) -> Option<&'n String> {
    let limit = 2.max(name.chars().count() / 3);
    let distances = names
        .iter()
        .map(|other| (strsim::damerau_levenshtein(name, other), other));
    let similar = distances.filter(|(distance, _)| *distance <= limit);
    similar
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

fn list(state: Option<&Path>) -> Result<Exit, AlertError> {
    let all = match Digests::open(state, false)? {
        Some(digests) => digests.list()?,
        None => Vec::new(),
    };
    Ok(print(|out| {
        all.iter()
            .try_for_each(|one| writeln!(out, "{}", line(one)))
    }))
}

fn line(state: &DigestState) -> String {
    let DigestState {
        name,
        runs,
        failed,
        begun,
    } = state;
    let (name, runs) = (shown(name), counted(*runs as u64, "run"));
    format!("{name}: {runs}, {failed} failed, since {}", local(*begun))
}

pub enum Sent {
    /// The digest is empty, or not yet due.
    Nothing,
    /// Another process is mailing it.
    Busy,
    Posted(SendOutcome),
}

/// Mails a digest that was begun before the last occurrence of a time of day, in minutes since midnight.
pub fn send_when_due(
    state: Option<&Path>,
    (name, minute): (&str, u16),
    mail: &Notification,
) -> Result<Sent, AlertError> {
    let begun = match Digests::open(state, false)? {
        Some(digests) => digests.begun(name)?,
        None => None,
    };
    match begun.filter(|&begun| has_come(minute, begun, SystemTime::now())) {
        Some(_) => send(state, name, mail),
        None => Ok(Sent::Nothing),
    }
}

/// Mails a digest, and before it one that could not be mailed the last time.
fn send(state: Option<&Path>, name: &str, mail: &Notification) -> Result<Sent, AlertError> {
    let mut last = Sent::Nothing;
    while let Some(digests) = Digests::open(state, false)? {
        let batch = match digests.take(name)? {
            DigestBatch::Nothing => break,
            DigestBatch::Busy => return Ok(Sent::Busy),
            DigestBatch::Batch(batch) => batch,
        };
        let is_retry = batch.is_retry();
        let sent = send_batch(batch, name, mail)?;
        let is_over = !is_retry || !is_done(&sent);
        last = Sent::Posted(sent);
        if is_over {
            break;
        }
    }
    Ok(last)
}

/// True if no further attempt is needed.
fn is_done(sent: &SendOutcome) -> bool {
    matches!(
        sent,
        SendOutcome::Accepted | SendOutcome::NotSent | SendOutcome::Failed(Exit::Partial)
    )
}

fn send_batch(
    mut batch: Batch,
    name: &str,
    mail: &Notification,
) -> Result<SendOutcome, AlertError> {
    let mut table = DigestTable::default();
    batch.entries()?.for_each(|entry| table.add(entry));
    let mut notification = notification(name, &table.summary());
    notification.body = format!(
        "Since {}: {}.\n\n{}",
        local(batch.begun()),
        table.summary(),
        table.text()
    );
    // If the process is killed before the digest is removed, it is mailed again with the same Message-ID.
    let id = format!("<digest.{}@{}>", batch.id(), domain(mail));
    notification
        .headers
        .push(HeaderField::new("Message-ID", id));
    let sent = send_notification(mail, &notification);
    if is_done(&sent) {
        batch.mailed()?;
    }
    Ok(sent)
}

fn send_empty(name: &str, mail: &Notification) -> SendOutcome {
    let notification = NotificationText {
        body: "No runs were recorded since the last digest.\n".to_owned(),
        ..notification(name, "no runs")
    };
    send_notification(mail, &notification)
}

fn notification(name: &str, summary: &str) -> NotificationText {
    let short = host::short_name();
    NotificationText {
        subject: format!("[{short}] {}: {summary}", shown(name)),
        headers: vec![list_id(name)],
        ..NotificationText::default()
    }
}
