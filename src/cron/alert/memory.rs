//! The history of a job, and the decision about a run that has just ended. Pure: files are accessed in
//! `job_history`, and the time is a parameter.

use crate::cron::alert::fingerprint::Fingerprint;
use crate::cron::alert::{AlertRules, Decision, HeldFailures, JobRun, Recovery, Telling};
use crate::system::time::SKEW;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Maximum number of mailed failures that are remembered. A job that fails in more ways mails them again.
const MOST_TOLD: usize = 32;

/// The history of a job between its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    version: u32,
    /// The failures since the last success. `None`: the last run succeeded.
    series: Option<Series>,
    /// Mailed runs with their time, the latest last.
    told: Vec<MailedRun>,
    /// Failures that were not mailed since the last mail.
    held: Option<HeldFailures>,
    /// Exact fingerprint of the run that was mailed last.
    last: Option<String>,
    /// Runs that other processes are mailing.
    telling: Vec<MailedRun>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            version: VERSION,
            series: None,
            told: Vec::new(),
            held: None,
            last: None,
            telling: Vec::new(),
        }
    }
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Series {
    since: SystemTime,
    failures: u64,
    /// Number of the failure that was mailed last. `None`: none was.
    mailed: Option<u64>,
    /// The Message-ID of the first that was mailed.
    thread: Option<String>,
}

/// A run that was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MailedRun {
    /// Its [`Fingerprint::alike`], and nothing for a recovery.
    what: String,
    at: SystemTime,
}

impl Memory {
    /// True if its version is known to this program.
    pub fn is_ours(&self) -> bool {
        self.version == VERSION
    }

    /// True if there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The processes that were mailing have ended without a result.
    pub fn nobody_is_telling(&mut self) {
        self.telling.clear();
    }

    /// Records a run and decides what to do about it.
    ///
    /// A failure is counted as not mailed until [`Memory::told`] records that it was: if the process is
    /// killed in between, the next mail reports it.
    pub fn note(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        let decision = if run.failed {
            self.failure(run, rules)
        } else {
            self.success(run, rules)
        };
        if let Some(what) = decision.subject(&run.fingerprint) {
            let at = run.at;
            self.telling.push(MailedRun { what, at });
        }
        decision
    }

    fn failure(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        let since = run.at;
        let series = self.series.get_or_insert(Series {
            since,
            failures: 0,
            mailed: None,
            thread: None,
        });
        series.failures += 1;
        if !self.is_wanted(run, rules) {
            return Decision::Silent;
        }
        let before = self.held_for_good();
        let held = self.held.get_or_insert(HeldFailures {
            count: 0,
            first: run.at,
            last: run.at,
        });
        held.count += 1;
        held.last = run.at;
        if self.holds_back(run, rules) {
            return Decision::Hold;
        }
        let series = self.series.as_ref();
        Decision::Tell(Telling {
            held: before,
            nth: series.map_or(1, |series| series.failures),
            since: series.map_or(run.at, |series| series.since),
            thread: series.and_then(|series| series.thread.clone()),
        })
    }

    /// Failures that were not mailed, without those that other processes are mailing.
    fn held_for_good(&self) -> Option<HeldFailures> {
        let telling = self.telling.iter().filter(|told| !told.what.is_empty());
        let count = telling.count() as u64;
        let held = self.held.clone().filter(|held| held.count > count)?;
        Some(HeldFailures {
            count: held.count - count,
            ..held
        })
    }

    fn success(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        let was_told = |series: &Series| series.mailed.is_some() && rules.recovered;
        if let Some(series) = self.series.as_ref().filter(|series| was_told(series)) {
            if self.telling.iter().any(|told| told.what.is_empty()) {
                return Decision::Silent;
            }
            // The series is kept until the mail is on its way: if that fails, the next run tries it again.
            return Decision::Recovered(Recovery {
                failures: series.failures,
                since: series.since,
                thread: series.thread.clone(),
            });
        }
        // After a failure that is being mailed, the next run must mail the recovery.
        if !(rules.recovered && self.is_telling_failure()) {
            self.series = None;
        }
        if !self.is_wanted(run, rules) {
            return Decision::Silent;
        }
        Decision::Tell(Telling {
            held: None,
            nth: 0,
            since: run.at,
            thread: None,
        })
    }

    fn is_wanted(&self, run: &JobRun, rules: &AlertRules) -> bool {
        let is_same = || run.fingerprint.exact.is_some() && run.fingerprint.exact == self.last;
        run.wanted && !(rules.change && is_same())
    }

    /// True if the rules suppress the mail about a failure, which is already counted.
    fn holds_back(&self, run: &JobRun, rules: &AlertRules) -> bool {
        let mut known = self.telling.iter().chain(self.told.iter().rev());
        let same = known.find(|told| told.what == run.fingerprint.alike);
        let is_fresh = |window| same.is_some_and(|told| is_within(told.at, run.at, window));
        match (rules.dedupe, rules.every) {
            (None, None) => false,
            (Some(window), None) => is_fresh(window),
            (None, Some(every)) => self.is_between(every),
            (Some(window), Some(every)) => {
                is_fresh(window) || (same.is_some() && self.is_between(every))
            }
        }
    }

    /// True if it is neither the first failure in a row nor `every` failures after the one mailed last.
    fn is_between(&self, every: NonZeroU64) -> bool {
        let Some(series) = &self.series else {
            return false;
        };
        match series.mailed {
            Some(mailed) => series.failures - mailed.min(series.failures) < every.get(),
            None => self.is_telling_failure(),
        }
    }

    fn is_telling_failure(&self) -> bool {
        self.telling.iter().any(|told| !told.what.is_empty())
    }

    /// Records that a mail is on its way, with this Message-ID.
    ///
    /// Other runs may have ended since [`Memory::note`] decided what to mail: the failures that they counted
    /// stay counted.
    pub fn told(&mut self, run: &JobRun, decision: &Decision, message_id: &str) {
        self.gave_up(run, decision);
        self.last = run.fingerprint.exact.clone().or(self.last.take());
        match decision {
            Decision::Tell(telling) if run.failed => self.told_failure(run, telling, message_id),
            Decision::Recovered(recovery) => self.told_recovery(recovery),
            _ => {}
        }
    }

    fn told_failure(&mut self, run: &JobRun, telling: &Telling, message_id: &str) {
        let what = run.fingerprint.alike.clone();
        self.told.retain(|told| told.what != what);
        let oldest = self.told.len().saturating_sub(MOST_TOLD - 1);
        self.told.drain(..oldest);
        self.told.push(MailedRun { what, at: run.at });
        let mailed = 1 + telling.held.as_ref().map_or(0, |held| held.count);
        self.held = self
            .held
            .take()
            .and_then(|held| held.without(mailed, run.at));
        let is_it = |series: &&mut Series| series.since == telling.since;
        if let Some(series) = self.series.as_mut().filter(is_it) {
            series.mailed = series.mailed.max(Some(telling.nth));
            series.thread.get_or_insert_with(|| message_id.to_owned());
        }
    }

    /// After a mail about the recovery, the next failure must be mailed, whatever was mailed before.
    fn told_recovery(&mut self, recovery: &Recovery) {
        self.told.clear();
        self.held = None;
        let is_it = |series: &Series| {
            series.since == recovery.since && series.failures == recovery.failures
        };
        self.series = self.series.take().filter(|series| !is_it(series));
    }

    /// Records that nothing was mailed after all.
    pub fn gave_up(&mut self, run: &JobRun, decision: &Decision) {
        let Some(what) = decision.subject(&run.fingerprint) else {
            return;
        };
        let ours = |told: &MailedRun| told.what == what && told.at == run.at;
        if let Some(place) = self.telling.iter().position(ours) {
            self.telling.remove(place);
        }
    }
}

impl Decision {
    /// The fingerprint of the mail; empty for a recovery. `None`: nothing is mailed.
    fn subject(&self, fingerprint: &Fingerprint) -> Option<String> {
        match self {
            Self::Tell(_) => Some(fingerprint.alike.clone()),
            Self::Recovered(_) => Some(String::new()),
            Self::Hold | Self::Silent => None,
        }
    }
}

impl HeldFailures {
    /// The count without the failures that were just mailed.
    fn without(self, mailed: u64, at: SystemTime) -> Option<Self> {
        let count = self.count.saturating_sub(mailed);
        (count > 0).then_some(Self {
            count,
            first: at,
            last: self.last,
        })
    }
}

/// True if less than `window` has passed since then. A time in the future, because the clock was set back,
/// does not count: it would suppress mail until it comes.
fn is_within(then: SystemTime, now: SystemTime, window: Duration) -> bool {
    match now.duration_since(then) {
        Ok(passed) => passed < window,
        Err(ahead) => ahead.duration() <= SKEW,
    }
}

#[cfg(test)]
mod tests;
