//! The histories of all jobs, one file for each.
//!
//! Two runs of a job may end at the same time. A lock over all jobs is held while a run is recorded, and again while
//! it is recorded that it was mailed: milliseconds each. It is not held while the mail is sent. In that
//! time, another lock shows that a process is mailing. That gives the right result in every order:
//!
//! - Both failed the same way: the run recorded first is mailed, and the other one is counted. If that mail
//!   fails, or its sender is killed, the next failure is mailed, with the count.
//! - They failed differently: both are mailed.
//! - One failed and the other succeeded: recovery is mailed by the next successful run, since the failure had
//!   not been mailed before.

use crate::cron::alert::files::{StateFiles, StateLock, file_name};
use crate::cron::alert::history::{HistorySummary, JobHistory};
use crate::cron::alert::{AlertError, AlertRules, Decision, JobRun};
use crate::system::lock::{try_lock, try_lock_shared};
use rustix::fs::OFlags;
use std::fs::File;
use std::path::Path;

/// Maximum size of a file, in octets; histories are far smaller.
const MAX_SIZE: u64 = 1024 * 1024;

/// The histories of all jobs of a user.
pub struct HistoryStore {
    files: StateFiles,
}

pub struct RunDecision {
    pub decision: Decision,
    /// The mail to send, if there is one and its result can be recorded.
    pub pending: Option<PendingMail>,
    /// Reason that something may be mailed a second time.
    pub warning: Option<AlertError>,
}

/// A mail that is being sent. Until its result is recorded, no other process mails the same. If this process ends
/// before that, nothing counts as mailed.
pub struct PendingMail {
    store: HistoryStore,
    job: String,
    run: JobRun,
    decision: Decision,
    _lock: File,
}

impl HistoryStore {
    /// Records a run in the history below the given state directory, or below the usual one.
    ///
    /// If the history cannot be used, a run that should be mailed is mailed.
    pub fn record(
        state: Option<&Path>,
        job: &str,
        run: &JobRun,
        rules: &AlertRules,
    ) -> RunDecision {
        // A job that has never failed has no file.
        let is_stored = run.failed || rules.change;
        let recorded = match Self::open(state, is_stored) {
            Ok(Some(store)) => store.record_run(job, run, rules),
            Ok(None) => Ok(RunDecision::without_history(run, rules)),
            Err(error) => Err(error),
        };
        recorded.unwrap_or_else(|error| RunDecision {
            warning: Some(error),
            ..RunDecision::without_history(run, rules)
        })
    }

    fn open(state: Option<&Path>, create: bool) -> Result<Option<Self>, AlertError> {
        let files = StateFiles::open(state, "jobs", create)?;
        Ok(files.map(|files| Self { files }))
    }

    fn record_run(
        self,
        job: &str,
        run: &JobRun,
        rules: &AlertRules,
    ) -> Result<RunDecision, AlertError> {
        let lock = self.files.lock()?;
        let (mut history, warning) = match self.read(job) {
            Ok(history) => (history, None),
            Err(error @ AlertError::Damaged { .. }) => (JobHistory::default(), Some(error)),
            Err(error) => return Err(error),
        };
        if history.is_empty() && !run.failed && !rules.change && warning.is_none() {
            // Jobs that always succeed have no file.
            return Ok(RunDecision::without_history(run, rules));
        }
        let before = history.clone();
        let mailing_lock = self.mailing_lock(job, &mut history)?;
        let decision = history.record(run, rules);
        if history != before || warning.is_some() {
            self.write(&lock, job, &history)?;
        }
        let pending = match decision {
            Decision::Suppress | Decision::Silent => None,
            _ => Some(PendingMail {
                job: job.to_owned(),
                run: run.clone(),
                decision: decision.clone(),
                _lock: self.share_mailing_lock(mailing_lock, job)?,
                store: self,
            }),
        };
        Ok(RunDecision {
            decision,
            pending,
            warning,
        })
    }

    /// The lock of the processes that are mailing. Forgets them if none of them is running.
    fn mailing_lock(&self, job: &str, history: &mut JobHistory) -> Result<File, AlertError> {
        let name = format!("{}.lock", file_name(job));
        let lock = self
            .files
            .open_file(&name, OFlags::RDONLY | OFlags::CREATE)?;
        if try_lock(&lock).map_err(|error| self.files.failed("lock", &name, error))? {
            history.clear_mailing();
        }
        Ok(lock)
    }

    /// Adds this process to those that are mailing.
    fn share_mailing_lock(&self, lock: File, job: &str) -> Result<File, AlertError> {
        // Other processes have it shared at most, and take it only under the lock that this one holds.
        let is_locked = try_lock_shared(&lock);
        if is_locked.map_err(|error| self.files.failed("lock", &file_name(job), error))? {
            return Ok(lock);
        }
        Err(AlertError::Locked(self.files.path(&file_name(job))))
    }

    /// The part of a history that the list of jobs shows.
    pub fn summary(files: &StateFiles, job: &str) -> Result<HistorySummary, AlertError> {
        Ok(read(files, job)?.summary())
    }

    fn read(&self, job: &str) -> Result<JobHistory, AlertError> {
        read(&self.files, job)
    }

    fn write(&self, _: &StateLock, job: &str, history: &JobHistory) -> Result<(), AlertError> {
        let name = file_of(job);
        if history.is_empty() {
            return self.files.remove(&name);
        }
        // A time before 1970 cannot be written as JSON.
        let content = serde_json::to_vec(history).map_err(|error| {
            self.files
                .failed("write", &name, std::io::Error::other(error))
        })?;
        self.files.replace(&name, &content)
    }
}

fn read(files: &StateFiles, job: &str) -> Result<JobHistory, AlertError> {
    let name = file_of(job);
    let Some(content) = files.read(&name, MAX_SIZE)? else {
        return Ok(JobHistory::default());
    };
    let damaged = |why: String| AlertError::Damaged {
        path: files.path(&name),
        why,
    };
    let history: JobHistory =
        serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
    if history.has_known_version() {
        return Ok(history);
    }
    Err(damaged(
        "it was written by another version of ehlo".to_owned(),
    ))
}

fn file_of(job: &str) -> String {
    format!("{}.json", file_name(job))
}

impl RunDecision {
    /// The decision if there is no history.
    fn without_history(run: &JobRun, rules: &AlertRules) -> Self {
        Self {
            decision: JobHistory::default().record(run, rules),
            pending: None,
            warning: None,
        }
    }
}

impl PendingMail {
    /// Records that the mail was sent with this Message-ID, or queued.
    pub fn mailed(self, message_id: &str) -> Result<(), AlertError> {
        self.change(|history, pending| history.mailed(&pending.run, &pending.decision, message_id))
    }

    /// Records that nothing was mailed. The next run reports it.
    pub fn not_mailed(self) -> Result<(), AlertError> {
        self.change(|history, pending| history.not_mailed(&pending.run, &pending.decision))
    }

    fn change(self, change: impl FnOnce(&mut JobHistory, &Self)) -> Result<(), AlertError> {
        let lock = self.store.files.lock()?;
        let mut history = self.store.read(&self.job)?;
        change(&mut history, &self);
        self.store.write(&lock, &self.job, &history)
    }
}

#[cfg(test)]
mod tests;
