//! The order of the rows: limits of the rate, pauses after temporary errors, and rows that are tried again.

use crate::cli::options::value::Rate;
use crate::mail::merge::{ListReader, Row, RowError};
use crate::system::stop::Stop;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of rows that wait in memory.
const MAX_WAITING: usize = 1000;

/// Longest wait until the stop flag is read.
const POLL: Duration = Duration::from_millis(200);

/// Number of domains above which those without a limit in force are forgotten.
const MAX_DOMAINS: usize = 10_000;

/// Longest pause of a host, as a multiple of the first one.
const MAX_PAUSE: u32 = 30;

/// A token bucket. It holds the tokens of a second, and one at least.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self {
            tokens: 1.0,
            at: now,
        }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let new = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_second();
        self.tokens = (self.tokens + new).min(rate.per_second().max(1.0));
        self.at = now;
    }

    /// The time at which it has a token; `None`: it has one now.
    fn next(&self, rate: Rate) -> Option<Instant> {
        let missing = 1.0 - self.tokens;
        (missing > 1e-9).then(|| self.at + Duration::from_secs_f64(missing / rate.per_second()))
    }
}

/// The pause of a host after temporary errors.
#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    /// The next one, as a multiple of the first.
    next: u32,
}

/// Rates and pauses, shared by all workers.
pub(super) struct Throttle {
    rate: Option<Rate>,
    per_domain: Option<Rate>,
    /// The first pause of a host.
    back_off: Duration,
    state: Mutex<ThrottleState>,
}

struct ThrottleState {
    all: Bucket,
    domains: HashMap<String, Bucket>,
    paused: HashMap<String, Pause>,
}

/// The reason for which a row has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// All rows have to wait.
    All(Instant),
    /// Rows for other domains need not.
    Domain(Instant),
}

impl Throttle {
    pub fn new(rate: Option<Rate>, per_domain: Option<Rate>, back_off: Duration) -> Self {
        Self {
            rate,
            per_domain,
            back_off,
            state: Mutex::new(ThrottleState {
                all: Bucket::new(Instant::now()),
                domains: HashMap::new(),
                paused: HashMap::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, ThrottleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token for a message to this domain over this host; the host is empty for a relay.
    pub fn admit(&self, host: &str, domain: &str, now: Instant) -> Result<(), Wait> {
        let mut state = self.state();
        self.check_in(&mut state, host, domain, now)?;
        if self.rate.is_some() {
            state.all.tokens -= 1.0;
        }
        if let Some(bucket) = state.domains.get_mut(domain) {
            bucket.tokens -= 1.0;
        }
        Ok(())
    }

    /// The same without taking the token.
    pub fn check(&self, host: &str, domain: &str, now: Instant) -> Result<(), Wait> {
        self.check_in(&mut self.state(), host, domain, now)
    }

    fn check_in(
        &self,
        state: &mut ThrottleState,
        host: &str,
        domain: &str,
        now: Instant,
    ) -> Result<(), Wait> {
        if let Some(pause) = state.paused.get(host).filter(|pause| now < pause.until) {
            return Err(if host.is_empty() {
                Wait::All(pause.until)
            } else {
                Wait::Domain(pause.until)
            });
        }
        if let Some(rate) = self.per_domain {
            state.forget_domains(rate, now);
            let bucket = state.domains.entry(domain.to_owned());
            let bucket = bucket.or_insert_with(|| Bucket::new(now));
            bucket.fill(rate, now);
            if let Some(next) = bucket.next(rate) {
                return Err(Wait::Domain(next));
            }
        }
        if let Some(rate) = self.rate {
            state.all.fill(rate, now);
            if let Some(next) = state.all.next(rate) {
                return Err(Wait::All(next));
            }
        }
        Ok(())
    }

    /// Pauses a host after a temporary error, each time for twice as long. Returns the end of the pause.
    pub fn pause(&self, host: &str, now: Instant) -> Instant {
        let mut state = self.state();
        let pause = state.paused.entry(host.to_owned()).or_insert(Pause {
            until: now,
            next: 1,
        });
        // Other workers have just had the same error.
        if now >= pause.until {
            pause.until = now + self.back_off * pause.next;
            pause.next = (pause.next * 2).min(MAX_PAUSE);
        }
        pause.until
    }

    /// Ends the series of pauses: the host has accepted a message.
    pub fn resume(&self, host: &str) {
        self.state().paused.remove(host);
    }

    /// The time at which a row is tried again after this number of attempts.
    pub fn retry_at(&self, attempts: u32, now: Instant) -> Instant {
        let factor = 1_u32
            .checked_shl(attempts.saturating_sub(1))
            .unwrap_or(MAX_PAUSE);
        now + self.back_off * factor.min(MAX_PAUSE)
    }
}

impl ThrottleState {
    fn forget_domains(&mut self, rate: Rate, now: Instant) {
        if self.domains.len() > MAX_DOMAINS {
            self.domains.retain(|_, bucket| {
                bucket.fill(rate, now);
                bucket.tokens < rate.per_second().max(1.0)
            });
        }
    }
}

/// A row to send, with the number of attempts in this run.
pub(super) struct ScheduledRow {
    pub row: Row,
    pub attempts: u32,
    /// True if it was counted for --limit.
    pub is_counted: bool,
}

/// The rows of a run, shared by all workers.
pub(super) struct Schedule<'a> {
    stop: &'a Stop,
    /// Number of rows of the list when it was checked.
    rows: u64,
    state: Mutex<ScheduleState>,
    changed: Condvar,
}

struct ScheduleState {
    reader: ListReader,
    is_read: bool,
    waiting: Vec<(Instant, ScheduledRow)>,
    /// Number of rows that workers have.
    in_work: usize,
    /// Number of threads that wait for a change.
    sleepers: usize,
    /// True if no other row is sent.
    is_stopped: bool,
    error: Option<RowError>,
}

impl<'a> Schedule<'a> {
    pub fn new(reader: ListReader, rows: u64, stop: &'a Stop) -> Self {
        Self {
            stop,
            rows,
            state: Mutex::new(ScheduleState {
                reader,
                is_read: false,
                waiting: Vec::new(),
                in_work: 0,
                sleepers: 0,
                is_stopped: false,
                error: None,
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, ScheduleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next row; waits for one that is tried again. `None`: there are no more.
    pub fn next(&self) -> Option<ScheduledRow> {
        let mut state = self.state();
        loop {
            if self.stop.is_set() || state.is_stopped {
                return None;
            }
            if let Some(row) = state.take(Instant::now()) {
                state.in_work += 1;
                return Some(row);
            }
            if state.is_read && state.waiting.is_empty() && state.in_work == 0 {
                self.wake(&state);
                return None;
            }
            state = self.sleep(state, POLL);
        }
    }

    /// The next row, if there is one now, and more than this number of rows is left for other workers.
    pub fn next_now(&self, others: u64) -> Option<ScheduledRow> {
        let mut state = self.state();
        let left = self.rows.saturating_sub(state.reader.rows());
        let is_full = state.waiting.len() >= MAX_WAITING;
        if self.stop.is_set() || state.is_stopped || is_full || left <= others {
            return None;
        }
        let row = state.take(Instant::now())?;
        state.in_work += 1;
        Some(row)
    }

    /// Waits for a change, at most for this time.
    fn sleep<'s>(
        &'s self,
        mut state: MutexGuard<'s, ScheduleState>,
        time: Duration,
    ) -> MutexGuard<'s, ScheduleState> {
        state.sleepers += 1;
        let waited = self.changed.wait_timeout(state, time);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.sleepers -= 1;
        state
    }

    fn wake(&self, state: &ScheduleState) {
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
    }

    /// A worker is done with a row.
    pub fn done(&self) {
        let mut state = self.state();
        state.in_work -= 1;
        self.wake(&state);
    }

    /// A worker leaves a row to the others.
    pub fn give_back(&self, row: ScheduledRow) {
        let mut state = self.state();
        state.waiting.push((Instant::now(), row));
        state.in_work -= 1;
        self.wake(&state);
    }

    /// Puts a row back until this time. Returns it if too many rows wait.
    pub fn put_back(&self, row: ScheduledRow, until: Instant) -> Result<(), ScheduledRow> {
        let mut state = self.state();
        if state.waiting.len() >= MAX_WAITING {
            return Err(row);
        }
        state.waiting.push((until, row));
        state.in_work -= 1;
        self.wake(&state);
        Ok(())
    }

    /// Reads no other row of the list. Those that wait are sent.
    pub fn read_no_more(&self) {
        let mut state = self.state();
        state.is_read = true;
        self.wake(&state);
    }

    /// Sends no other row.
    pub fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        self.wake(&state);
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_set() || self.state().is_stopped
    }

    /// Waits until this time. Returns false if the run is to end.
    pub fn wait_until(&self, until: Instant) -> bool {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            if self.stop.is_set() || state.is_stopped {
                return false;
            }
            if now >= until {
                return true;
            }
            state = self.sleep(state, POLL.min(until - now));
        }
    }

    /// The error that ended the reading of the list.
    pub fn finish(self) -> Option<RowError> {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).error
    }
}

impl ScheduleState {
    fn take(&mut self, now: Instant) -> Option<ScheduledRow> {
        let due = self.waiting.iter().position(|(until, _)| *until <= now);
        if let Some(index) = due {
            return Some(self.waiting.swap_remove(index).1);
        }
        if self.is_read {
            return None;
        }
        match self.reader.next_row() {
            Ok(Some(row)) => {
                return Some(ScheduledRow {
                    row,
                    attempts: 0,
                    is_counted: false,
                });
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        self.is_read = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(count: f64) -> Rate {
        Rate {
            count,
            period: Duration::from_secs(1),
        }
    }

    const STEP: Duration = Duration::from_millis(10);

    /// The number of messages that are admitted within this time.
    fn admitted(throttle: &Throttle, domains: &[&str], time: Duration) -> usize {
        let (start, mut count, mut at) = (Instant::now(), 0, Duration::ZERO);
        while at < time {
            for domain in domains {
                while throttle.admit("", domain, start + at).is_ok() {
                    count += 1;
                }
            }
            at += STEP;
        }
        count
    }

    #[test]
    fn rate_is_kept_for_all_and_for_each_domain() {
        let time = Duration::from_secs(10);
        let all = Throttle::new(Some(per_second(5.0)), None, STEP);
        let count = admitted(&all, &["a", "b"], time);
        assert!((45..=51).contains(&count), "{count}");
        let each = Throttle::new(None, Some(per_second(0.5)), STEP);
        let count = admitted(&each, &["a", "b"], time);
        assert!((9..=12).contains(&count), "{count}");
    }

    #[test]
    fn check_of_the_rate_takes_no_token() {
        let throttle = Throttle::new(Some(per_second(1.0)), Some(per_second(1.0)), STEP);
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.check("", "a", now), Ok(()));
        }
        assert_eq!(throttle.admit("", "a", now), Ok(()));
        assert!(throttle.check("", "a", now).is_err());
        assert!(throttle.check("", "b", now).is_err());
        assert!(throttle.admit("", "b", now).is_err());
    }

    #[test]
    fn pauses_of_a_host_get_longer_until_it_accepts_a_message() {
        let second = Duration::from_secs(1);
        let throttle = Throttle::new(None, None, second);
        let mut now = Instant::now();
        for length in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(throttle.pause("a", now), now + second * length);
            // Another worker has the same error.
            assert_eq!(throttle.pause("a", now + STEP), now + second * length);
            assert_eq!(
                throttle.admit("a", "a", now),
                Err(Wait::Domain(now + second * length))
            );
            assert_eq!(throttle.admit("b", "b", now), Ok(()));
            now += second * length;
            assert_eq!(throttle.admit("a", "a", now), Ok(()));
        }
        throttle.resume("a");
        assert_eq!(throttle.pause("a", now), now + second);
        assert_eq!(throttle.pause("", now), now + second);
        assert_eq!(throttle.admit("", "b", now), Err(Wait::All(now + second)));
    }

    #[test]
    fn row_is_tried_again_later_each_time() {
        let throttle = Throttle::new(None, None, Duration::from_secs(1));
        let now = Instant::now();
        let waits = [1, 2, 3, 40].map(|attempts| throttle.retry_at(attempts, now) - now);
        assert_eq!(waits.map(|wait| wait.as_secs()), [1, 2, 4, 30]);
    }
}
