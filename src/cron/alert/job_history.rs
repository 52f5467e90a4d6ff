//! The histories of all jobs, one file for each.
//!
//! Two runs of a job may end at once. A lock over all jobs is held while a run is recorded, and again while
//! it is recorded that it was mailed: milliseconds each. It is not held while the mail is on its way. In that
//! time, another lock shows that a process is mailing. That gives the right result in every order:
//!
//! - Both failed the same way: the run recorded first is mailed, and the other one is counted. If that mail
//!   fails, or its sender is killed, the next failure is mailed, with the count.
//! - They failed differently: both are mailed.
//! - One failed and the other succeeded: recovery is mailed by the next successful run, since the failure had
//!   not been mailed before.

use crate::cron::alert::files::file_name;
use crate::cron::alert::files::{Files, HistoryLock};
use crate::cron::alert::memory::Memory;
use crate::cron::alert::{AlertError, AlertRules, Decision, JobRun};
use crate::system::lock::{try_lock, try_lock_shared};
use rustix::fs::OFlags;
use std::fs::File;
use std::path::Path;

/// More than a memory ever is.
const LONGEST: u64 = 1024 * 1024;

/// The memories of all jobs of a user.
pub struct JobHistory {
    files: Files,
}

/// The result of recording a run.
pub struct RunDecision {
    pub decision: Decision,
    /// The obligation to mail, if something is to be mailed and can be remembered.
    pub promise: Option<Promise>,
    /// Reason that something may be mailed a second time.
    pub warning: Option<AlertError>,
}

/// A promise to mail. Until it is kept or broken, no other process mails the same. If this process ends
/// before that, it counts as broken.
#[must_use = "a promise is kept or broken"]
pub struct Promise {
    book: JobHistory,
    job: String,
    run: JobRun,
    decision: Decision,
    _lock: File,
}

impl JobHistory {
    /// Records a run in the history below the given state directory, or below the usual one.
    ///
    /// If the history cannot be used, a run that should be mailed is mailed.
    #[must_use]
    pub fn note(state: Option<&Path>, job: &str, run: &JobRun, rules: &AlertRules) -> RunDecision {
        // A job that has never failed has no file.
        let is_kept = run.failed || rules.change;
        let noted = match Self::open(state, is_kept) {
            Ok(Some(book)) => book.take_note(job, run, rules),
            Ok(None) => Ok(RunDecision::alone(run, rules)),
            Err(error) => Err(error),
        };
        noted.unwrap_or_else(|error| RunDecision {
            warning: Some(error),
            ..RunDecision::alone(run, rules)
        })
    }

    fn open(state: Option<&Path>, create: bool) -> Result<Option<Self>, AlertError> {
        let files = Files::open(state, "jobs", create)?;
        Ok(files.map(|files| Self { files }))
    }

    fn take_note(
        self,
        job: &str,
        run: &JobRun,
        rules: &AlertRules,
    ) -> Result<RunDecision, AlertError> {
        let lock = self.files.lock()?;
        let (mut memory, warning) = match self.read(job) {
            Ok(memory) => (memory, None),
            Err(error @ AlertError::Damaged { .. }) => (Memory::default(), Some(error)),
            Err(error) => return Err(error),
        };
        if memory.is_empty() && !run.failed && !rules.change && warning.is_none() {
            // Jobs that always succeed have no file.
            return Ok(RunDecision::alone(run, rules));
        }
        let before = memory.clone();
        let telling = self.telling(job, &mut memory)?;
        let decision = memory.note(run, rules);
        if memory != before || warning.is_some() {
            self.write(&lock, job, &memory)?;
        }
        let promise = match decision {
            Decision::Hold | Decision::Silent => None,
            _ => Some(Promise {
                job: job.to_owned(),
                run: run.clone(),
                decision: decision.clone(),
                _lock: self.tell(telling, job)?,
                book: self,
            }),
        };
        Ok(RunDecision {
            decision,
            promise,
            warning,
        })
    }

    /// The lock of the processes that are mailing. Forgets them if none of them is running.
    fn telling(&self, job: &str, memory: &mut Memory) -> Result<File, AlertError> {
        let name = format!("{}.lock", file_name(job));
        let lock = self
            .files
            .open_file(&name, OFlags::RDONLY | OFlags::CREATE)?;
        if try_lock(&lock).map_err(|error| self.files.failed("lock", &name, error))? {
            memory.nobody_is_telling();
        }
        Ok(lock)
    }

    /// Adds this process to those that are mailing.
    fn tell(&self, lock: File, job: &str) -> Result<File, AlertError> {
        // Other processes have it shared at most, and take it only under the lock that this one holds.
        let is_locked = try_lock_shared(&lock);
        if is_locked.map_err(|error| self.files.failed("lock", &file_name(job), error))? {
            return Ok(lock);
        }
        Err(AlertError::Locked(self.files.path(&file_name(job))))
    }

    fn read(&self, job: &str) -> Result<Memory, AlertError> {
        let name = memory_of(job);
        let Some(content) = self.files.read(&name, LONGEST)? else {
            return Ok(Memory::default());
        };
        let damaged = |why: String| AlertError::Damaged {
            path: self.files.path(&name),
            why,
        };
        let memory: Memory =
            serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        if memory.is_ours() {
            return Ok(memory);
        }
        Err(damaged("another version of ehlo wrote it".to_owned()))
    }

    fn write(&self, _: &HistoryLock, job: &str, memory: &Memory) -> Result<(), AlertError> {
        let name = memory_of(job);
        if memory.is_empty() {
            return self.files.remove(&name);
        }
        // A time before 1970 cannot be written as JSON.
        let content = serde_json::to_vec(memory).map_err(|error| {
            self.files
                .failed("write", &name, std::io::Error::other(error))
        })?;
        self.files.replace(&name, &content)
    }
}

fn memory_of(job: &str) -> String {
    format!("{}.json", file_name(job))
}

impl RunDecision {
    /// The decision if there is no history.
    fn alone(run: &JobRun, rules: &AlertRules) -> Self {
        Self {
            decision: Memory::default().note(run, rules),
            promise: None,
            warning: None,
        }
    }
}

impl Promise {
    /// It was mailed, with this Message-ID, or will be by the queue.
    pub fn keep(self, message_id: &str) -> Result<(), AlertError> {
        self.change(|memory, promise| memory.told(&promise.run, &promise.decision, message_id))
    }

    /// It was not mailed: the next run reports it.
    pub fn give_up(self) -> Result<(), AlertError> {
        self.change(|memory, promise| memory.gave_up(&promise.run, &promise.decision))
    }

    fn change(self, change: impl FnOnce(&mut Memory, &Self)) -> Result<(), AlertError> {
        let lock = self.book.files.lock()?;
        let mut memory = self.book.read(&self.job)?;
        change(&mut memory, &self);
        self.book.write(&lock, &self.job, &memory)
    }
}

#[cfg(test)]
mod tests;
