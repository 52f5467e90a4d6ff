//! The last run of each job, and when the next one is expected. One file for each job, beside its history.

use crate::cron::alert::AlertError;
use crate::cron::alert::files::{StateFiles, StateLock, file_name};
use crate::cron::alert::history_store::HistoryStore;
use crate::system::lock::try_lock;
use crate::system::time::since;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Maximum size of a file, in octets.
const MAX_SIZE: u64 = 64 * 1024;

/// The end of the name of a file.
const SUFFIX: &str = ".run";

/// The file whose lock is held by a process that reports jobs that did not run.
const CHECK: &str = "check.lock";

/// Time after the last run, in addition to the expected interval, after which a job is forgotten.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// The last run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    pub version: u32,
    pub job: String,
    /// End of the last run.
    pub at: SystemTime,
    pub took: Duration,
    /// The ending, in a word or two: `OK`, `FAILED(3)`.
    pub status: String,
    pub failed: bool,
    pub expected: Option<Expectation>,
    /// Time in which the same failure is not mailed again.
    pub dedupe: Option<Duration>,
    /// The digest that records the runs.
    pub digest: Option<String>,
    /// Time at which it was reported that the job did not run.
    pub missed: Option<SystemTime>,
}

/// The next run of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Maximum time between the ends of two runs.
    pub every: Duration,
    /// Time after that before a missing run is reported.
    pub grace: Duration,
}

impl JobRecord {
    pub fn new(job: String, at: SystemTime) -> Self {
        Self {
            version: VERSION,
            job,
            at,
            took: Duration::ZERO,
            status: String::new(),
            failed: false,
            expected: None,
            dedupe: None,
            digest: None,
            missed: None,
        }
    }

    /// The time by which the next run must have ended. `None`: none is expected.
    pub fn due(&self) -> Option<SystemTime> {
        let Expectation { every, grace } = self.expected?;
        self.at.checked_add(every.checked_add(grace)?)
    }

    /// True if the next run has not ended in time.
    pub fn is_overdue(&self, now: SystemTime) -> bool {
        self.due().is_some_and(|due| due < now)
    }

    fn is_expired(&self, now: SystemTime) -> bool {
        let expected = self.expected.map_or(Duration::ZERO, |one| one.every);
        since(self.at, now) > LIFETIME.saturating_add(expected)
    }
}

/// A job, with what its history adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    pub record: JobRecord,
    /// Failures in a row.
    pub failures: u64,
    /// Time until which the failure that was mailed last is not mailed again.
    pub silenced_until: Option<SystemTime>,
}

/// The jobs of a user.
pub struct Jobs {
    files: StateFiles,
}

impl Jobs {
    /// Opens the jobs below the given state directory, or below the usual one. `None`: there are none, and none are to
    /// be created.
    pub fn open(state: Option<&Path>, create: bool) -> Result<Option<Self>, AlertError> {
        let files = StateFiles::open(state, "jobs", create)?;
        Ok(files.map(|files| Self { files }))
    }

    /// Records a run.
    pub fn record(&self, record: &JobRecord) -> Result<(), AlertError> {
        let lock = self.files.lock()?;
        self.write(&lock, record)
    }

    fn write(&self, _: &StateLock, record: &JobRecord) -> Result<(), AlertError> {
        let name = file_of(&record.job);
        // A time before 1970 cannot be written as JSON.
        let content = serde_json::to_vec(record).map_err(|error| {
            self.files
                .failed("write", &name, std::io::Error::other(error))
        })?;
        self.files.replace(&name, &content)
    }

    /// All jobs in the order of their names, and the files that cannot be read.
    pub fn all(&self, now: SystemTime) -> Result<(Vec<JobState>, Vec<AlertError>), AlertError> {
        let (mut jobs, mut errors) = (Vec::new(), Vec::new());
        for name in self.files.names()? {
            if !name.ends_with(SUFFIX) {
                continue;
            }
            match self.read(&name) {
                Ok(Some(record)) => jobs.push(self.state(record, now)),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        jobs.sort_by(|one, other| one.record.job.cmp(&other.record.job));
        Ok((jobs, errors))
    }

    fn read(&self, name: &str) -> Result<Option<JobRecord>, AlertError> {
        let Some(content) = self.files.read(name, MAX_SIZE)? else {
            return Ok(None);
        };
        let damaged = |why: String| AlertError::Damaged {
            path: self.files.path(name),
            why,
        };
        let record: JobRecord =
            serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        if record.version == VERSION {
            return Ok(Some(record));
        }
        Err(damaged(
            "it was written by another version of ehlo".to_owned(),
        ))
    }

    fn state(&self, record: JobRecord, now: SystemTime) -> JobState {
        let summary = HistoryStore::summary(&self.files, &record.job).unwrap_or_default();
        let until = summary.mailed.zip(record.dedupe).filter(|_| record.failed);
        let until = until.and_then(|(mailed, window)| mailed.checked_add(window));
        JobState {
            failures: summary.failures,
            silenced_until: until.filter(|until| *until > now),
            record,
        }
    }

    /// Forgets a job and its history. Returns false if there is none.
    pub fn forget(&self, job: &str) -> Result<bool, AlertError> {
        let _lock = self.files.lock()?;
        let is_known = self.files.find(&file_of(job))?.is_some();
        let name = file_name(job);
        for suffix in [SUFFIX, ".json", ".lock"] {
            self.files.remove(&format!("{name}{suffix}"))?;
        }
        Ok(is_known)
    }

    /// Forgets jobs that have not run for a long time.
    pub fn expire(&self, now: SystemTime) -> Result<(), AlertError> {
        let (jobs, _) = self.all(now)?;
        for job in jobs.iter().filter(|job| job.record.is_expired(now)) {
            self.forget(&job.record.job)?;
        }
        Ok(())
    }

    /// Makes this process the one that reports missing runs. `None`: another one does.
    pub fn lock_check(&self) -> Result<Option<File>, AlertError> {
        let file = self
            .files
            .open_file(CHECK, OFlags::RDONLY | OFlags::CREATE)?;
        let is_locked = try_lock(&file);
        let is_locked = is_locked.map_err(|error| self.files.failed("lock", CHECK, error))?;
        Ok(is_locked.then_some(file))
    }

    /// Records that it was reported that the job did not run, unless it has run meanwhile.
    pub fn missed(&self, record: &JobRecord, now: SystemTime) -> Result<(), AlertError> {
        let lock = self.files.lock()?;
        match self.read(&file_of(&record.job))? {
            Some(mut current) if current.at == record.at => {
                current.missed = Some(now);
                self.write(&lock, &current)
            }
            _ => Ok(()),
        }
    }
}

fn file_of(job: &str) -> String {
    format!("{}{SUFFIX}", file_name(job))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY
    }

    fn record(job: &str) -> JobRecord {
        JobRecord {
            status: "OK".to_owned(),
            expected: Some(Expectation {
                every: DAY,
                grace: DAY / 24,
            }),
            ..JobRecord::new(job.to_owned(), start())
        }
    }

    fn jobs(home: &Path) -> Jobs {
        Jobs::open(Some(home), true).unwrap().unwrap()
    }

    fn names(jobs: &Jobs) -> Vec<String> {
        let (all, errors) = jobs.all(start()).unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        all.into_iter().map(|one| one.record.job).collect()
    }

    #[test]
    fn job_is_overdue_after_its_interval_and_the_grace() {
        let record = record("backup");
        assert!(!record.is_overdue(start()));
        assert!(!record.is_overdue(start() + DAY + DAY / 24));
        assert!(record.is_overdue(start() + DAY + DAY / 24 + Duration::from_secs(1)));
        let unexpected = JobRecord::new("x".to_owned(), start());
        assert!(!unexpected.is_overdue(start() + 1000 * DAY));
    }

    #[test]
    fn jobs_are_recorded_replaced_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let jobs = jobs(home.path());
        for name in ["b", "a/../x", "b"] {
            jobs.record(&record(name)).unwrap();
        }
        assert_eq!(names(&jobs), ["a/../x", "b"]);
        assert!(jobs.forget("a/../x").unwrap());
        assert!(!jobs.forget("a/../x").unwrap());
        assert_eq!(names(&jobs), ["b"]);
        jobs.expire(start() + 91 * DAY).unwrap();
        assert_eq!(names(&jobs), ["b"]);
        jobs.expire(start() + 92 * DAY).unwrap();
        assert!(names(&jobs).is_empty());
    }

    #[test]
    fn report_of_a_missing_run_is_recorded_unless_the_job_has_run_since() {
        let home = tempfile::tempdir().unwrap();
        let jobs = jobs(home.path());
        let first = record("backup");
        jobs.record(&first).unwrap();
        jobs.missed(&first, start() + DAY).unwrap();
        let missed = |jobs: &Jobs| jobs.all(start()).unwrap().0[0].record.missed;
        assert_eq!(missed(&jobs), Some(start() + DAY));
        let second = JobRecord {
            at: start() + 2 * DAY,
            ..first.clone()
        };
        jobs.record(&second).unwrap();
        jobs.missed(&first, start() + DAY).unwrap();
        assert_eq!(missed(&jobs), None);
    }

    #[test]
    fn damaged_file_does_not_hide_the_others() {
        let home = tempfile::tempdir().unwrap();
        let jobs = jobs(home.path());
        jobs.record(&record("b")).unwrap();
        std::fs::write(home.path().join("jobs/a.run"), "{").unwrap();
        let (all, errors) = jobs.all(start()).unwrap();
        assert_eq!((all.len(), errors.len()), (1, 1));
    }

    #[test]
    fn one_process_checks_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let jobs = jobs(home.path());
        let lock = jobs.lock_check().unwrap();
        assert!(lock.is_some());
        assert!(jobs.lock_check().unwrap().is_none());
    }
}
