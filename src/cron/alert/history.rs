//! The history of a job, and the decision about a run that has just ended. Pure: files are accessed in
//! `history_store`, and the time is a parameter.

use crate::cron::alert::fingerprint::Fingerprint;
use crate::cron::alert::{AlertRules, Decision, JobRun, MailFacts, Recovery, SuppressedFailures};
use crate::system::time::SKEW;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Maximum number of mailed failures that are remembered. A job that fails in more ways mails them again.
const MAX_MAILED: usize = 32;

/// The history of a job between its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHistory {
    version: u32,
    /// The failures since the last success. `None`: the last run succeeded.
    series: Option<Series>,
    /// Mailed runs with their time, the latest last.
    #[serde(rename = "told")]
    mailed: Vec<MailedRun>,
    /// Failures that were not mailed since the last mail.
    #[serde(rename = "held")]
    suppressed: Option<SuppressedFailures>,
    /// Exact fingerprint of the run that was mailed last.
    last: Option<String>,
    /// Runs that other processes are mailing.
    #[serde(rename = "telling")]
    mailing: Vec<MailedRun>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistorySummary {
    /// Failures in a row.
    pub failures: u64,
    /// Time of the last mail.
    pub mailed: Option<SystemTime>,
}

impl Default for JobHistory {
    fn default() -> Self {
        Self {
            version: VERSION,
            series: None,
            mailed: Vec::new(),
            suppressed: None,
            last: None,
            mailing: Vec::new(),
        }
    }
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Series {
    since: SystemTime,
    failures: u64,
    /// Successes since the last failure.
    #[serde(default)]
    successes: u64,
    /// Number of the failure that was mailed last. `None`: none was.
    mailed: Option<u64>,
    /// The Message-ID of the first that was mailed.
    thread: Option<String>,
}

/// A run that was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MailedRun {
    /// [`Fingerprint::kind`]; empty for a recovery.
    #[serde(rename = "what")]
    fingerprint: String,
    at: SystemTime,
}

impl JobHistory {
    /// True if its version is known to this program.
    pub fn has_known_version(&self) -> bool {
        self.version == VERSION
    }

    /// True if there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The part of it that the list of jobs shows.
    pub fn summary(&self) -> HistorySummary {
        HistorySummary {
            failures: self.series.as_ref().map_or(0, |series| series.failures),
            mailed: self.mailed.last().map(|mailed| mailed.at),
        }
    }

    /// The processes that were mailing have ended without a result.
    pub fn clear_mailing(&mut self) {
        self.mailing.clear();
    }

    /// Records a run and decides what to do about it.
    ///
    /// A failure is counted as not mailed until [`JobHistory::mailed`] records that it was: if the process is
    /// killed in between, the next mail reports it.
    pub fn record(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        let decision = if run.failed {
            self.failure(run, rules)
        } else {
            self.success(run, rules)
        };
        if let Some(fingerprint) = decision.subject(&run.fingerprint) {
            let at = run.at;
            self.mailing.push(MailedRun { fingerprint, at });
        }
        decision
    }

    fn failure(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        let since = run.at;
        let series = self.series.get_or_insert(Series {
            since,
            failures: 0,
            successes: 0,
            mailed: None,
            thread: None,
        });
        series.failures += 1;
        series.successes = 0;
        if !self.is_reportable(run, rules) {
            return Decision::Silent;
        }
        let before = self.suppressed_and_not_being_mailed();
        let suppressed = self.suppressed.get_or_insert(SuppressedFailures {
            count: 0,
            first: run.at,
            last: run.at,
        });
        suppressed.count += 1;
        suppressed.last = run.at;
        if self.is_suppressed(run, rules) {
            return Decision::Suppress;
        }
        let series = self.series.as_ref();
        Decision::Mail(MailFacts {
            suppressed: before,
            nth: series.map_or(1, |series| series.failures),
            since: series.map_or(run.at, |series| series.since),
            thread: series.and_then(|series| series.thread.clone()),
        })
    }

    /// Failures that were not mailed, without those that other processes are mailing.
    fn suppressed_and_not_being_mailed(&self) -> Option<SuppressedFailures> {
        let mailing = self
            .mailing
            .iter()
            .filter(|mailed| !mailed.fingerprint.is_empty());
        let count = mailing.count() as u64;
        let suppressed = self
            .suppressed
            .clone()
            .filter(|suppressed| suppressed.count > count)?;
        Some(SuppressedFailures {
            count: suppressed.count - count,
            ..suppressed
        })
    }

    fn success(&mut self, run: &JobRun, rules: &AlertRules) -> Decision {
        if let Some(series) = &mut self.series {
            series.successes += 1;
            if series.successes < rules.recovered_after.map_or(1, NonZeroU64::get) {
                return self.reported_success(run, rules);
            }
        }
        let was_mailed = |series: &Series| series.mailed.is_some() && rules.recovered;
        if let Some(series) = self.series.as_ref().filter(|series| was_mailed(series)) {
            if self
                .mailing
                .iter()
                .any(|mailed| mailed.fingerprint.is_empty())
            {
                return Decision::Silent;
            }
            // The series is kept until the mail is sent: if that fails, the next run tries again.
            return Decision::Recovered(Recovery {
                failures: series.failures,
                since: series.since,
                thread: series.thread.clone(),
            });
        }
        // After a failure that is being mailed, the next run must mail the recovery.
        if !(rules.recovered && self.is_mailing_failure()) {
            self.series = None;
        }
        self.reported_success(run, rules)
    }

    fn reported_success(&self, run: &JobRun, rules: &AlertRules) -> Decision {
        if !self.is_reportable(run, rules) {
            return Decision::Silent;
        }
        Decision::Mail(MailFacts {
            suppressed: None,
            nth: 0,
            since: run.at,
            thread: None,
        })
    }

    fn is_reportable(&self, run: &JobRun, rules: &AlertRules) -> bool {
        let is_same = || run.fingerprint.exact.is_some() && run.fingerprint.exact == self.last;
        run.reportable && !(rules.change && is_same())
    }

    /// True if the rules suppress the mail about a failure, which is already counted.
    fn is_suppressed(&self, run: &JobRun, rules: &AlertRules) -> bool {
        let mut known = self.mailing.iter().chain(self.mailed.iter().rev());
        let same = known.find(|mailed| mailed.fingerprint == run.fingerprint.kind);
        let is_fresh = |window| same.is_some_and(|mailed| is_within(mailed.at, run.at, window));
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
            None => self.is_mailing_failure(),
        }
    }

    fn is_mailing_failure(&self) -> bool {
        self.mailing
            .iter()
            .any(|mailed| !mailed.fingerprint.is_empty())
    }

    /// Records that a mail was sent, with this Message-ID.
    ///
    /// Other runs may have ended since [`JobHistory::record`] decided what to mail: the failures that they counted
    /// stay counted.
    pub fn mailed(&mut self, run: &JobRun, decision: &Decision, message_id: &str) {
        self.not_mailed(run, decision);
        self.last = run.fingerprint.exact.clone().or(self.last.take());
        match decision {
            Decision::Mail(mailing) if run.failed => self.failure_mailed(run, mailing, message_id),
            Decision::Recovered(recovery) => self.recovery_mailed(recovery),
            _ => {}
        }
    }

    fn failure_mailed(&mut self, run: &JobRun, mailing: &MailFacts, message_id: &str) {
        let fingerprint = run.fingerprint.kind.clone();
        self.mailed
            .retain(|mailed| mailed.fingerprint != fingerprint);
        let oldest = self.mailed.len().saturating_sub(MAX_MAILED - 1);
        self.mailed.drain(..oldest);
        self.mailed.push(MailedRun {
            fingerprint,
            at: run.at,
        });
        let mailed = 1 + mailing
            .suppressed
            .as_ref()
            .map_or(0, |suppressed| suppressed.count);
        self.suppressed = self
            .suppressed
            .take()
            .and_then(|suppressed| suppressed.without(mailed, run.at));
        let is_same = |series: &&mut Series| series.since == mailing.since;
        if let Some(series) = self.series.as_mut().filter(is_same) {
            series.mailed = series.mailed.max(Some(mailing.nth));
            series.thread.get_or_insert_with(|| message_id.to_owned());
        }
    }

    /// After a mail about the recovery, the next failure must be mailed, whatever was mailed before.
    fn recovery_mailed(&mut self, recovery: &Recovery) {
        self.mailed.clear();
        self.suppressed = None;
        let is_same = |series: &Series| {
            series.since == recovery.since && series.failures == recovery.failures
        };
        self.series = self.series.take().filter(|series| !is_same(series));
    }

    /// Records that nothing was mailed after all.
    pub fn not_mailed(&mut self, run: &JobRun, decision: &Decision) {
        let Some(fingerprint) = decision.subject(&run.fingerprint) else {
            return;
        };
        let is_same = |mailed: &MailedRun| mailed.fingerprint == fingerprint && mailed.at == run.at;
        if let Some(index) = self.mailing.iter().position(is_same) {
            self.mailing.remove(index);
        }
    }
}

impl Decision {
    /// The fingerprint of the mail; empty for a recovery. `None`: nothing is mailed.
    fn subject(&self, fingerprint: &Fingerprint) -> Option<String> {
        match self {
            Self::Mail(_) => Some(fingerprint.kind.clone()),
            Self::Recovered(_) => Some(String::new()),
            Self::Suppress | Self::Silent => None,
        }
    }
}

impl SuppressedFailures {
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
