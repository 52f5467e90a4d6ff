//! The workers of a merge: each sends one row after the other over its own connections.

use crate::cli::merge::MergeOptions;
use crate::cli::merge::journal::{Journal, RowEvent, RowLog};
use crate::cli::merge::report::{MergeOutput, RowOutcome};
use crate::cli::merge::row::{PreparedRow, RowCopy};
use crate::cli::merge::schedule::{Schedule, ScheduledRow, Throttle, Wait};
use crate::client::deliver::{ConnectionPool, NoHostMemory, Outgoing, deliver_to};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::session::Purpose;
use crate::client::transport::Transports;
use crate::mail::envelope::RecipientIndex;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::stop::Stop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Number of rows in a row that the server refuses before the recipient is known, after which the run ends.
const MAX_REJECTIONS: u32 = 3;

/// The state that the workers share.
pub(super) struct MergeRun<'a> {
    pub options: &'a MergeOptions,
    pub journal: &'a Journal,
    pub transports: &'a Transports<'a>,
    pub schedule: &'a Schedule<'a>,
    pub throttle: &'a Throttle,
    pub output: &'a MergeOutput,
    pub stop: &'a Arc<Stop>,
    pub counters: Counters,
}

/// Counters of a run.
pub(super) struct Counters {
    /// Number of rows that may still be begun.
    pub left: AtomicU64,
    /// Number of workers.
    pub workers: AtomicUsize,
    /// Number of rows in a row that failed.
    failures: AtomicU32,
    /// Number of rows in a row that were refused before a recipient was sent.
    rejections: AtomicU32,
    /// True if a server has replied in this run.
    has_reply: AtomicBool,
}

impl Counters {
    pub fn new(limit: Option<u64>) -> Self {
        Self {
            left: AtomicU64::new(limit.unwrap_or(u64::MAX)),
            workers: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            rejections: AtomicU32::new(0),
            has_reply: AtomicBool::new(false),
        }
    }
}

/// The end of the work on a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowEnd {
    Done,
    /// The server has no capacity for this connection.
    NoCapacity,
}

impl MergeRun<'_> {
    /// Sends rows until there are no more, or until the server has no capacity for this worker.
    pub fn work(&self) {
        let hosts = NoHostMemory;
        let pool = ConnectionPool::new(self.transports, &hosts);
        let mut observer = RunObserver { stop: self.stop };
        while let Some(row) = self.schedule.next() {
            let end = self.send(row, &pool, &mut observer);
            if end == RowEnd::NoCapacity && self.leave() {
                pool.close(&mut observer);
                return;
            }
        }
        pool.close(&mut observer);
        self.counters.workers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns false for the last worker.
    fn leave(&self) -> bool {
        let left = |count: usize| (count > 1).then(|| count - 1);
        let workers = &self.counters.workers;
        workers
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
            .is_ok()
    }

    fn send(
        &self,
        scheduled: ScheduledRow,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> RowEnd {
        let prepared = PreparedRow::of(&scheduled.row, self.options, &self.journal.header.id);
        let built = prepared.and_then(|prepared| {
            let open = prepared.open(self.journal.row(prepared.hash), self.options);
            let copies = (open != 0).then(|| prepared.build(&scheduled.row, self.options));
            Ok((copies.transpose()?, prepared, open))
        });
        let (copies, prepared, open) = match built {
            // It was checked: the list or a file has been changed since.
            Err(fault) => {
                self.output.fault(&fault);
                self.schedule.done();
                return RowEnd::Done;
            }
            Ok((None, ..)) => {
                self.schedule.done();
                return RowEnd::Done;
            }
            Ok((Some(copies), prepared, open)) => (copies, prepared, open),
        };
        let Some(scheduled) = self.admit(scheduled, &prepared, open) else {
            return RowEnd::Done;
        };
        let mut results = Vec::new();
        for copy in &copies {
            results.extend(self.send_copy((copy, open), &prepared, pool, observer));
        }
        results.sort_by_key(|(index, _)| *index);
        self.settle(scheduled, &prepared, &results)
    }

    /// Sends a message to those of its recipients that are open, and returns their results with their indices in the row.
    fn send_copy(
        &self,
        (copy, open): (&RowCopy, u32),
        prepared: &PreparedRow,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> Vec<(usize, RecipientResult)> {
        let all = copy.recipients.iter().enumerate();
        let chosen = all.filter(|(_, index)| open & 1 << **index != 0);
        let chosen: Vec<RecipientIndex> = chosen.map(|(place, _)| RecipientIndex(place)).collect();
        if chosen.is_empty() {
            return Vec::new();
        }
        let message = &copy.message;
        let log = RowLog {
            journal: self.journal,
            key: &prepared.key,
            row: prepared.number,
            digest: prepared.digest,
            of: prepared.recipients.len(),
            recipients: &copy.recipients,
        };
        let outgoing = Outgoing {
            envelope: &message.envelope,
            message,
            purpose: Purpose::Mail,
            item: None,
            log: Some(&log),
        };
        let mut report = DeliveryReport::not_attempted(&message.envelope.recipients);
        deliver_to(&chosen, &outgoing, pool, &mut report, observer);
        let results = copy.recipients.iter().copied().zip(report.results);
        results
            .filter(|(index, _)| open & 1 << *index != 0)
            .collect()
    }

    /// Waits until the row may be sent. `None`: it was put back, or the run ends.
    fn admit(&self, row: ScheduledRow, prepared: &PreparedRow, open: u32) -> Option<ScheduledRow> {
        let (host, domain) = (self.host(prepared, open), prepared.domain(open));
        let mut row = row;
        while let Err(wait) = self.throttle.admit(host, domain, Instant::now()) {
            let until = match wait {
                Wait::All(until) => until,
                Wait::Domain(until) => match self.schedule.put_back(row, until) {
                    Ok(()) => return None,
                    Err(same) => {
                        row = same;
                        until
                    }
                },
            };
            if !self.schedule.wait_until(until) {
                self.schedule.done();
                return None;
            }
        }
        let taken = |left: u64| left.checked_sub(1);
        let counter = &self.counters.left;
        let is_within = row.attempts > 0
            || counter
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
                .is_ok();
        if !is_within {
            self.schedule.end();
            self.schedule.done();
            return None;
        }
        row.attempts += 1;
        Some(row)
    }

    /// The name under which pauses of the server are kept; empty for a relay.
    fn host<'p>(&self, prepared: &'p PreparedRow, open: u32) -> &'p str {
        if self.transports.has_relay() {
            ""
        } else {
            prepared.domain(open)
        }
    }

    /// Records the results of a row, and puts it back if it is tried again.
    fn settle(
        &self,
        scheduled: ScheduledRow,
        prepared: &PreparedRow,
        results: &[(usize, RecipientResult)],
    ) -> RowEnd {
        let now = Instant::now();
        let open = results.iter().fold(0, |all, (index, _)| all | 1 << index);
        let host = self.host(prepared, open);
        let recorded = results
            .iter()
            .try_for_each(|result| self.record(prepared, result));
        if recorded.is_err() || self.journal.failure().is_some() || self.output.has_failed() {
            self.schedule.end();
        }
        let is_one =
            |wanted: fn(&RecipientResult) -> bool| results.iter().any(|(_, one)| wanted(one));
        if is_one(|one| one.verdict == RecipientStatus::Accepted) {
            self.throttle.resume(host);
        }
        if is_one(|one| one.reply.is_some()) {
            self.counters.has_reply.store(true, Ordering::Relaxed);
        }
        let is_busy = is_one(is_busy);
        let is_unreachable = self.is_unreachable(results);
        if is_unreachable {
            self.output
                .stopped("the relay cannot be reached", Some(Exit::Temporary));
            self.schedule.end();
        }
        let is_again =
            is_one(is_temporary) && !is_unreachable && scheduled.attempts < self.options.tries;
        if is_again && !self.stop.is_set() && self.journal.failure().is_none() {
            let until = if is_busy {
                self.throttle.pause(host, now)
            } else {
                self.throttle.retry_at(scheduled.attempts, now)
            };
            self.output.deferred(prepared, results, until - now);
            if self.schedule.put_back(scheduled, until).is_ok() {
                return row_end(results);
            }
        } else if is_busy {
            self.throttle.pause(host, now);
        }
        self.count(results);
        let state = self.journal.row(prepared.hash);
        self.output.row(&RowOutcome::of(prepared, state, results));
        self.schedule.done();
        row_end(results)
    }

    /// True if the relay cannot be reached, and no server has replied in this run: other rows have no better chance.
    fn is_unreachable(&self, results: &[(usize, RecipientResult)]) -> bool {
        let is_without_reply = |(_, one): &(usize, RecipientResult)| {
            is_temporary(one) && one.reply.is_none() && one.stage.is_none()
        };
        self.transports.has_relay()
            && !self.counters.has_reply.load(Ordering::Relaxed)
            && results.iter().all(is_without_reply)
    }

    /// Records a result, unless the session did.
    fn record(
        &self,
        prepared: &PreparedRow,
        (recipient, result): &(usize, RecipientResult),
    ) -> std::io::Result<()> {
        let (row, of, recipient) = (prepared.number, prepared.recipients.len(), *recipient);
        let digest = prepared.digest;
        let reply = result.words();
        let event = match result.verdict {
            RecipientStatus::Refused if !is_about_us(result) => RowEvent::Refused {
                row,
                digest,
                of,
                recipient,
                reply,
            },
            RecipientStatus::Refused | RecipientStatus::Deferred => RowEvent::Deferred {
                row,
                digest,
                of,
                recipient,
                reply,
            },
            _ => return Ok(()),
        };
        self.journal.record(&prepared.key, event)
    }

    /// Ends the run if too many rows in a row have failed.
    fn count(&self, results: &[(usize, RecipientResult)]) {
        let failed =
            |one: &(usize, RecipientResult)| !one.1.is_success() && one.1.cause != Cause::Output;
        let in_a_row = |counter: &AtomicU32, is_counted: bool| {
            if is_counted {
                counter.fetch_add(1, Ordering::Relaxed) + 1
            } else {
                counter.store(0, Ordering::Relaxed);
                0
            }
        };
        let failures = in_a_row(&self.counters.failures, results.iter().any(failed));
        let rejected = |one: &(usize, RecipientResult)| is_rejection(&one.1);
        let rejections = in_a_row(&self.counters.rejections, results.iter().any(rejected));
        let (why, exit) = if rejections >= MAX_REJECTIONS {
            let is_policy = results.iter().any(|(_, one)| one.cause == Cause::Policy);
            let exit = if is_policy {
                Exit::Policy
            } else {
                Exit::Refused
            };
            let why =
                format!("the server refused {rejections} rows in a row before their recipients");
            (why, Some(exit))
        } else if failures >= self.options.stop_after {
            let why = format!("{failures} rows in a row have failed (--stop-after)");
            (why, None)
        } else {
            return;
        };
        self.output.stopped(&why, exit);
        self.schedule.end();
    }
}

fn row_end(results: &[(usize, RecipientResult)]) -> RowEnd {
    let mut results = results.iter();
    if results.any(|(_, one)| has_no_capacity(one)) {
        RowEnd::NoCapacity
    } else {
        RowEnd::Done
    }
}

/// True if the row is tried again in this run.
fn is_temporary(result: &RecipientResult) -> bool {
    result.verdict == RecipientStatus::Deferred
}

/// True if the server does not accept messages now: it cannot be reached, or has answered 421 or 454, or deferred
/// the session or the sender.
fn is_busy(result: &RecipientResult) -> bool {
    if !is_temporary(result) {
        return false;
    }
    let Some(reply) = &result.reply else {
        return true;
    };
    let is_early = result
        .stage
        .is_some_and(|stage| stage.is_introduction() || stage == Stage::Mail);
    is_early || matches!(reply.code, 421 | 454)
}

/// True if the server refused another connection.
fn has_no_capacity(result: &RecipientResult) -> bool {
    let is_at_greeting = matches!(result.stage, None | Some(Stage::Banner));
    is_busy(result) && is_at_greeting
}

/// True if the refusal is about this client or its sender, and not about a recipient.
fn is_rejection(result: &RecipientResult) -> bool {
    let is_mail = result.stage == Some(Stage::Mail) && result.reply.is_some();
    result.verdict == RecipientStatus::Refused && (is_mail || is_about_us(result))
}

/// True if the refusal can be corrected without a change of the row: login, TLS, the relay.
fn is_about_us(result: &RecipientResult) -> bool {
    result.cause == Cause::Policy || result.stage.is_some_and(Stage::is_introduction)
}

/// Ends deliveries when the run is asked to end.
struct RunObserver<'a> {
    stop: &'a Arc<Stop>,
}

impl Observer for RunObserver<'_> {
    fn on_event(&mut self, _: Event<'_>) {}

    fn is_closed(&self) -> bool {
        self.stop.is_set()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        Some(Arc::clone(self.stop))
    }
}
