//! A run from the first message to the report.

use crate::client::peer::PeerAddress;
use crate::client::transport::OpenTransport;
use crate::probe::load::LoadPlan;
use crate::probe::load::error::ErrorCount;
use crate::probe::load::pace::Pacer;
use crate::probe::load::record::{Counts, Interval, Latencies, Measured, Phase, Recorder};
use crate::probe::load::worker::{LoadRun, in_clear};
use crate::system::process::raise_file_limit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

/// Stack of a thread in octets.
const STACK: usize = 512 * 1024;

/// Maximum number of threads.
const MAX_THREADS: usize = 8;

/// Time for the messages that are under way when the run is interrupted.
const GRACE: Duration = Duration::from_secs(1);

/// Intervals in which the server has refused most messages, after which a run ends.
const REFUSING_INTERVALS: usize = 5;

/// Smallest number of messages in these intervals.
const REFUSED_MESSAGES: u64 = 20;

/// Descriptors that are needed besides those of the connections.
const OTHER_FILES: u64 = 64;

/// The server, by its name and its addresses.
pub struct LoadTarget<'t> {
    /// The name that its certificate must have.
    pub host: &'t str,
    /// At least one.
    pub peers: &'t [PeerAddress],
}

/// The result of a run.
#[derive(Debug)]
pub struct LoadReport {
    /// In the order of [`Phase::ALL`].
    pub phases: [Latencies; Phase::COUNT],
    pub counts: Counts,
    /// The most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Errors of kinds that are not listed because there are too many.
    pub other_errors: u64,
    /// From the end of the warm-up to the end of the last message.
    pub elapsed: Duration,
    /// The phase that is the time of a message: the response time in the open loop, else the service time.
    pub shown: Phase,
    /// Processor time of this process during the run, the warm-up included, and the time of the run.
    pub processor: (Duration, Duration),
    /// Number of all messages, those of the warm-up included.
    pub sent: u64,
    pub interrupted: bool,
    /// True if the run was ended because the server refused most messages.
    pub stopped: bool,
}

impl LoadReport {
    pub fn latencies(&self, phase: Phase) -> &Latencies {
        &self.phases[phase as usize]
    }

    /// Accepted messages in a second.
    pub fn rate(&self) -> f64 {
        self.per_second(self.counts.accepted)
    }

    pub fn per_second(&self, count: u64) -> f64 {
        let elapsed = self.elapsed.as_secs_f64();
        if elapsed > 0.0 {
            count as f64 / elapsed
        } else {
            0.0
        }
    }

    /// Processor time of this process for a message.
    pub fn processor_per_message(&self) -> Duration {
        let sent = u32::try_from(self.sent).unwrap_or(u32::MAX).max(1);
        self.processor.0 / sent
    }

    /// The part of all processors that this process used, from 0 to 1.
    pub fn processor_share(&self) -> f64 {
        let processors = thread::available_parallelism().map_or(1, usize::from) as f64;
        let (used, passed) = self.processor;
        used.as_secs_f64() / passed.as_secs_f64().max(1e-9) / processors
    }
}

/// Runs a plan, and reports each interval. The run ends early when `interrupt` becomes readable.
///
/// # Errors
/// The system has no thread or no descriptors for it.
pub fn run(
    plan: &LoadPlan,
    transport: &OpenTransport<'_>,
    target: &LoadTarget<'_>,
    interrupt: BorrowedFd<'_>,
    on_interval: &mut dyn FnMut(Interval),
) -> io::Result<LoadReport> {
    raise_file_limit(plan.connections as u64 + OTHER_FILES)?;
    let shown = plan.pace.phase();
    let clear = in_clear(transport.session);
    let pacer = Pacer::new(plan);
    let start = pacer.start;
    let load = LoadRun {
        plan,
        host: target.host,
        peers: target.peers,
        terms: transport.terms(),
        tls: transport.tls,
        login: transport.login(),
        options: transport.session,
        clear: &clear,
        recorder: Recorder::new(start + plan.warm_up, shown),
        pacer,
        is_aborted: AtomicBool::new(false),
        sessions: AtomicU64::new(0),
    };
    let processor = processor_time();
    let (done, end) = UnixStream::pair()?;
    let mut ticker = Ticker {
        load: &load,
        at: start,
        sent: 0,
        on_interval,
        recent: VecDeque::new(),
        stopped: false,
    };
    let watch = || ticker.watch(interrupt, &done);
    let interrupted = load.run_threads(threads(plan.connections), end, watch)?;
    let (sent, stopped) = (ticker.sent, ticker.stopped);
    let processor = (processor_time().saturating_sub(processor), start.elapsed());
    let Measured {
        phases,
        counts,
        errors,
        last,
    } = load.recorder.finish();
    let from = start + plan.warm_up;
    Ok(LoadReport {
        phases,
        counts,
        other_errors: errors.others,
        errors: errors.into_counts(),
        elapsed: last.map_or(Duration::ZERO, |last| last.saturating_duration_since(from)),
        shown,
        processor,
        sent,
        interrupted,
        stopped,
    })
}

impl LoadRun<'_> {
    /// Runs this number of threads, which share the connections, until all have ended. Each holds `end` as long as it
    /// works. Returns what `watch` returns.
    fn run_threads(
        &self,
        threads: usize,
        end: UnixStream,
        watch: impl FnOnce() -> io::Result<bool>,
    ) -> io::Result<bool> {
        thread::scope(|scope| {
            let end = Arc::new(end);
            let mut running = Vec::new();
            for number in 0..threads {
                let end = Arc::clone(&end);
                let work = move || {
                    let _end = end;
                    self.work(number, threads)
                };
                let builder = thread::Builder::new().stack_size(STACK);
                match builder.spawn_scoped(scope, work) {
                    Ok(thread) => running.push(thread),
                    Err(error) => {
                        self.abort();
                        return Err(error);
                    }
                }
            }
            drop(end);
            let interrupted = watch()?;
            for thread in running {
                let broken = || Err(io::Error::other("a thread has ended early"));
                thread.join().unwrap_or_else(|_| broken())?;
            }
            Ok(interrupted)
        })
    }
}

/// Reports intervals while the connections work.
struct Ticker<'r, 'a> {
    load: &'r LoadRun<'a>,
    /// End of the last interval.
    at: Instant,
    sent: u64,
    on_interval: &'r mut dyn FnMut(Interval),
    /// Messages of the last intervals: all, and those that the server refused.
    recent: VecDeque<(u64, u64)>,
    stopped: bool,
}

impl Ticker<'_, '_> {
    /// Returns when all threads have ended: true if they were interrupted.
    fn watch(&mut self, interrupt: BorrowedFd<'_>, done: &UnixStream) -> io::Result<bool> {
        let mut interrupted_at: Option<Instant> = None;
        let mut is_aborted = false;
        loop {
            let next = self.at + self.load.plan.interval;
            let until = match interrupted_at {
                Some(at) if !is_aborted => next.min(at + GRACE),
                _ => next,
            };
            let left = until.saturating_duration_since(Instant::now());
            let is_open = |fd: &PollFd<'_>| !fd.revents().is_empty();
            let mut fds = vec![PollFd::from_borrowed_fd(done.as_fd(), PollFlags::IN)];
            if interrupted_at.is_none() {
                fds.push(PollFd::from_borrowed_fd(interrupt, PollFlags::IN));
            }
            let limit = Timespec::try_from(left).ok();
            match poll(&mut fds, limit.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let is_done = is_open(&fds[0]);
            if fds.get(1).is_some_and(is_open) {
                interrupted_at = Some(Instant::now());
                self.load.pacer.stop();
            }
            if !is_aborted && interrupted_at.is_some_and(|at| at.elapsed() >= GRACE) {
                is_aborted = true;
                self.load.abort();
            }
            if is_done || next <= Instant::now() {
                self.tick();
            }
            if is_done {
                return Ok(interrupted_at.is_some());
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let (counts, latencies) = self.load.recorder.interval();
        let length = now - self.at;
        self.at = now;
        self.sent += counts.accepted + counts.failed;
        self.look_for_refusals(&counts);
        let at = now - self.load.pacer.start;
        (self.on_interval)(Interval {
            at,
            length,
            counts,
            latencies,
            is_warm_up: at <= self.load.plan.warm_up,
        });
    }

    /// Ends the run if the server has refused more than half of the messages for some time: it limits the rate, or
    /// something is wrong that more messages do not show.
    fn look_for_refusals(&mut self, counts: &Counts) {
        self.recent
            .push_back((counts.accepted + counts.failed, counts.refused));
        if self.recent.len() > REFUSING_INTERVALS {
            self.recent.pop_front();
        }
        let all: u64 = self.recent.iter().map(|(all, _)| all).sum();
        let refused: u64 = self.recent.iter().map(|(_, refused)| refused).sum();
        let is_refusing =
            self.recent.len() == REFUSING_INTERVALS && all >= REFUSED_MESSAGES && refused > all / 2;
        if is_refusing && !self.load.plan.keeps_going && !self.load.pacer.is_over() {
            self.stopped = true;
            self.load.pacer.stop();
        }
    }
}

/// Half of the processors: the others are left to the system and, on the same host, to the server.
fn threads(connections: usize) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    (processors / 2)
        .clamp(1, MAX_THREADS)
        .min(connections.max(1))
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
