//! The workers of a merge: each sends one row after the other over its own connections.

use crate::cli::merge::MergeOptions;
use crate::cli::merge::journal::{Journal, RowEvent, RowLog};
use crate::cli::merge::queue::MergeQueue;
use crate::cli::merge::report::{MergeOutput, RowOutcome};
use crate::cli::merge::row::{PreparedRow, RowCopy};
use crate::cli::merge::schedule::{Schedule, ScheduledRow, Throttle, Wait};
use crate::client::deliver::{ConnectionPool, NextMessage, NoHostMemory, Outgoing, deliver_to};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, DeliveryReport, RecipientResult, RecipientStatus};
use crate::client::session::DeliveryLog as _;
use crate::client::transport::Transports;
use crate::mail::envelope::RecipientIndex;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::stop::Stop;
use crate::system::text::reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Number of rows in a row that the server refuses before the recipient is known, after which the run ends.
const MAX_REJECTIONS: u32 = 3;

/// The state that the workers share.
pub(super) struct MergeRun<'a> {
    pub options: &'a MergeOptions,
    pub journal: &'a Journal,
    /// `None`: rows are not queued.
    pub queue: Option<&'a MergeQueue<'a>>,
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

/// A row with its message.
struct OpenRow {
    scheduled: ScheduledRow,
    prepared: PreparedRow,
    /// Its messages with open recipients.
    copies: Vec<OpenCopy>,
    /// The recipients that are sent a message, as bits.
    open: u32,
    /// True if it may follow the row before it at once.
    is_ready: bool,
}

/// A message of a row that is sent.
struct OpenCopy {
    copy: RowCopy,
    /// The recipients that it is sent to.
    places: Vec<RecipientIndex>,
}

impl OpenCopy {
    /// `None`: the message has no recipient among these bits.
    fn of(copy: RowCopy, open: u32) -> Option<Self> {
        let all = copy.recipients.iter().enumerate();
        let chosen = all.filter(|(_, index)| open & 1 << **index != 0);
        let places: Vec<RecipientIndex> = chosen.map(|(place, _)| RecipientIndex(place)).collect();
        (!places.is_empty()).then_some(Self { copy, places })
    }
}

impl OpenRow {
    fn domain(&self) -> &str {
        self.prepared.domain(self.open)
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
        let mut ahead = None;
        while let Some(row) = self.next_row(ahead.take()) {
            ahead = self.row_ahead();
            let end = self.send(row, ahead.as_ref(), &pool, &mut observer);
            if end == RowEnd::NoCapacity && self.leave() {
                if let Some(row) = ahead.take() {
                    self.schedule.give_back(row.scheduled);
                }
                pool.close(&mut observer);
                return;
            }
        }
        pool.close(&mut observer);
        self.counters.workers.fetch_sub(1, Ordering::Relaxed);
    }

    /// The next row, as soon as it may be sent. `None`: the run ends.
    fn next_row(&self, mut ahead: Option<OpenRow>) -> Option<OpenRow> {
        loop {
            let row = match ahead.take() {
                Some(_) if self.schedule.is_stopped() => {
                    self.schedule.done();
                    return None;
                }
                Some(row) => self.still_open(row),
                None => self.opened(self.schedule.next()?),
            };
            if let Some(row) = row.and_then(|row| self.admit(row)) {
                return Some(row);
            }
        }
    }

    /// The row as it is open now: the row before it may have had the same recipients. `None`: it is not open.
    fn still_open(&self, row: OpenRow) -> Option<OpenRow> {
        let state = self.journal.row(row.prepared.key.hash);
        if row.prepared.open(state, self.options) == row.open {
            Some(row)
        } else {
            self.opened(row.scheduled)
        }
    }

    /// The row that follows on the same connection. The rate counts it when it is sent.
    fn row_ahead(&self) -> Option<OpenRow> {
        if !self.transports.has_relay() {
            return None;
        }
        loop {
            // Those of workers that have not begun yet, too.
            let others = self.options.connections as u64 - 1;
            let scheduled = self.schedule.next_now(others)?;
            let Some(mut row) = self.opened(scheduled) else {
                continue;
            };
            let (host, domain) = (self.host(&row.prepared, row.open), row.domain());
            row.is_ready = self.throttle.check(host, domain, Instant::now()).is_ok();
            return Some(row);
        }
    }

    /// Fills in a row and builds its message. `None`: it needs no message, it is one too many for --limit, or it has an
    /// error, which was reported.
    fn opened(&self, mut scheduled: ScheduledRow) -> Option<OpenRow> {
        let filled = PreparedRow::of(&scheduled.row, self.options, &self.journal.header.id);
        let built = filled.and_then(|(prepared, message)| {
            let open = prepared.open(self.journal.row(prepared.key.hash), self.options);
            let copies = (open != 0).then(|| message.build(&prepared, self.options));
            let copies = copies.transpose()?.unwrap_or_default().into_iter();
            let copies = copies.filter_map(|copy| OpenCopy::of(copy, open));
            Ok((prepared, copies.collect::<Vec<OpenCopy>>(), open))
        });
        match built {
            Ok((prepared, copies, open))
                if !copies.is_empty() && self.is_within_limit(&mut scheduled) =>
            {
                return Some(OpenRow {
                    scheduled,
                    prepared,
                    copies,
                    open,
                    is_ready: false,
                });
            }
            Ok(_) => {}
            // It was checked: the list or a file has been changed since.
            Err(fault) => self.output.fault(&fault),
        }
        self.schedule.done();
        None
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
        row: OpenRow,
        ahead: Option<&OpenRow>,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> RowEnd {
        let ahead = ahead.filter(|row| row.is_ready);
        let ahead = ahead.and_then(|row| row.copies.first());
        let mut results = Vec::new();
        for (number, copy) in row.copies.iter().enumerate() {
            let next = row.copies.get(number + 1).or(ahead);
            results.extend(self.send_copy((copy, next), &row.prepared, pool, observer));
        }
        results.sort_by_key(|(index, _)| *index);
        self.settle(row, results)
    }

    /// Sends a message to those of its recipients that are open, and returns their results with their indices in the
    /// row.
    fn send_copy(
        &self,
        (open, next): (&OpenCopy, Option<&OpenCopy>),
        prepared: &PreparedRow,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> Vec<(usize, RecipientResult)> {
        let copy = &open.copy;
        let log = self.log(prepared, &copy.recipients);
        let next = next.map(|next| (Outgoing::of(&next.copy.message), &next.places));
        let outgoing = Outgoing {
            log: Some(&log),
            next: next.as_ref().map(|(outgoing, recipients)| NextMessage {
                outgoing,
                recipients,
            }),
            ..Outgoing::of(&copy.message)
        };
        let mut report = DeliveryReport::not_attempted(&copy.message.envelope.recipients);
        deliver_to(&open.places, &outgoing, pool, &mut report, observer);
        let results = copy.recipients.iter().copied().zip(report.results);
        let results = results.enumerate();
        let results = results.filter(|(place, _)| open.places.contains(&RecipientIndex(*place)));
        results.map(|(_, result)| result).collect()
    }

    fn log<'r>(&'r self, prepared: &'r PreparedRow, recipients: &'r [usize]) -> RowLog<'r> {
        RowLog {
            journal: self.journal,
            key: &prepared.key,
            row: prepared.number,
            digest: prepared.digest,
            of: prepared.recipients.len(),
            recipients,
        }
    }

    /// Waits until the row may be sent. `None`: it was put back, or the run ends.
    fn admit(&self, mut row: OpenRow) -> Option<OpenRow> {
        loop {
            let (host, domain) = (self.host(&row.prepared, row.open), row.domain());
            let until = match self.throttle.admit(host, domain, Instant::now()) {
                Ok(()) => break,
                Err(Wait::All(until)) => until,
                Err(Wait::Domain(until)) => match self.schedule.put_back(row.scheduled, until) {
                    Ok(()) => return None,
                    Err(same) => {
                        row.scheduled = same;
                        until
                    }
                },
            };
            if !self.schedule.wait_until(until) {
                self.schedule.done();
                return None;
            }
        }
        row.scheduled.attempts += 1;
        Some(row)
    }

    /// Counts a row, once. Returns false if it is one too many: then no other row is read, and those that were counted
    /// are sent.
    fn is_within_limit(&self, row: &mut ScheduledRow) -> bool {
        let taken = |left: u64| left.checked_sub(1);
        let counter = &self.counters.left;
        row.is_counted = row.is_counted
            || counter
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
                .is_ok();
        if !row.is_counted {
            self.schedule.read_no_more();
        }
        row.is_counted
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
    fn settle(&self, row: OpenRow, mut results: Vec<(usize, RecipientResult)>) -> RowEnd {
        let now = Instant::now();
        let OpenRow {
            scheduled,
            prepared,
            copies,
            open,
            ..
        } = row;
        let end = row_end(&results);
        let host = self.host(&prepared, open);
        let recorded = results
            .iter()
            .try_for_each(|result| self.record(&prepared, result));
        if recorded.is_err() || self.journal.failure().is_some() || self.output.has_failed() {
            self.schedule.stop();
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
        let is_unreachable = self.is_unreachable(&results);
        if is_unreachable {
            self.output
                .stopped("the relay cannot be reached", Some(Exit::Temporary));
            self.schedule.stop();
        }
        let is_open = is_one(is_temporary) && !is_unreachable && !self.schedule.is_stopped();
        let pause = is_busy.then(|| self.throttle.pause(host, now));
        if is_open && scheduled.attempts < self.options.tries {
            let until = pause.unwrap_or_else(|| self.throttle.retry_at(scheduled.attempts, now));
            if self.schedule.put_back(scheduled, until).is_ok() {
                self.output.deferred(&prepared, &results, until - now);
                return end;
            }
        }
        self.count(&results);
        if is_open {
            for copy in copies {
                self.enqueue(&prepared, copy.copy, &mut results);
            }
        }
        let state = self.journal.row(prepared.key.hash);
        self.output.row(&RowOutcome::of(&prepared, state, &results));
        self.schedule.done();
        end
    }

    /// Puts the message into the queue for the recipients that are deferred, if rows are queued.
    fn enqueue(
        &self,
        prepared: &PreparedRow,
        RowCopy {
            message,
            recipients,
        }: RowCopy,
        results: &mut [(usize, RecipientResult)],
    ) {
        let Some(queue) = self.queue else {
            return;
        };
        let results = results.iter_mut();
        let mut deferred: Vec<&mut (usize, RecipientResult)> = results
            .filter(|(index, one)| is_temporary(one) && recipients.contains(index))
            .collect();
        let places = recipients.iter().enumerate();
        let places = places.filter(|(_, index)| deferred.iter().any(|one| one.0 == **index));
        let places: Vec<RecipientIndex> = places.map(|(place, _)| RecipientIndex(place)).collect();
        let log = self.log(prepared, &recipients);
        if places.is_empty() {
            return;
        }
        // If the run is killed before the next record, the row is uncertain.
        if let Err(error) = log.ending(&places) {
            let why = format!("cannot write the journal: {}", reason(&error));
            self.output.unqueued(prepared, &why);
            self.schedule.stop();
            return;
        }
        let recorded = match queue.add(message, &places) {
            Ok(id) => {
                for (_, result) in &mut deferred {
                    result.verdict = RecipientStatus::Queued;
                }
                log.queued(&places, id.as_str())
            }
            Err(error) => {
                self.output.unqueued(prepared, &error.to_string());
                let why = "the queue cannot be written";
                self.output.stopped(why, Some(Exit::Temporary));
                self.schedule.stop();
                let mut deferred = deferred.iter();
                deferred.try_for_each(|result| self.record(prepared, result))
            }
        };
        if recorded.is_err() {
            self.schedule.stop();
        }
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
        self.journal.record(&prepared.key, &event)
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
        self.schedule.stop();
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
