//! What a run has measured: a histogram for each phase, counters and errors.

use crate::probe::load::error::{ErrorTable, LoadError};
use crate::probe::load::locked;
use hdrhistogram::Histogram;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Times are told apart from this number of nanoseconds on.
const RESOLUTION: u64 = 128;

/// Significant decimal digits of a time.
const DIGITS: u8 = 3;

/// Maximum number of parts of a recorder.
const MAX_SHARDS: usize = 4;

/// A part of the work on a message that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The connection to the server.
    Connect,
    /// The handshake, with STARTTLS if that is used.
    Tls,
    /// From the connection, or the handshake of implicit TLS, to the greeting.
    Banner,
    /// EHLO, the second one after STARTTLS included.
    Ehlo,
    /// AUTH until its last reply.
    Auth,
    Mail,
    /// RCPT, until the reply to the last one.
    Rcpt,
    Data,
    /// From the end of data, or from BDAT, to the reply.
    Dot,
    /// QUIT at the end of a session.
    Quit,
    /// From MAIL to the last reply.
    Message,
    /// From the first step for this message, which may be a connection, to the last reply.
    Service,
    /// From the time at which the message was due to the last reply; in the open loop only.
    Response,
}

impl Phase {
    pub const COUNT: usize = Self::Response as usize + 1;

    pub const ALL: [Self; Self::COUNT] = [
        Self::Connect,
        Self::Tls,
        Self::Banner,
        Self::Ehlo,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Dot,
        Self::Quit,
        Self::Message,
        Self::Service,
        Self::Response,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
            Self::Quit => "quit",
            Self::Message => "message",
            Self::Service => "service",
            Self::Response => "response",
        }
    }
}

/// The time of each phase of one message; `None`: the phase did not occur.
pub type Times = [Option<Duration>; Phase::COUNT];

/// Steps of a distribution for each halving of the distance to its end, as other programs with an `HdrHistogram` print.
const STEPS: u32 = 5;

/// A step of a distribution.
pub struct DistributionStep {
    pub time: Duration,
    /// The part of all times that do not exceed it, from 0 to 1.
    pub quantile: f64,
    /// Number of these times.
    pub count: u64,
}

/// A distribution of times.
#[derive(Clone, Debug)]
pub struct Latencies(Option<Histogram<u32>>);

impl Latencies {
    const fn new() -> Self {
        Self(None)
    }

    fn record(&mut self, time: Duration) {
        if self.0.is_none() {
            self.0 = Histogram::new_with_bounds(RESOLUTION, 2 * RESOLUTION, DIGITS).ok();
            if let Some(histogram) = &mut self.0 {
                histogram.auto(true);
            }
        }
        if let Some(histogram) = &mut self.0 {
            // It grows up to any time of 64 bits.
            let _ = histogram.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(own), Some(other)) => {
                let _ = own.add(other);
            }
            (own @ None, Some(_)) => own.clone_from(&other.0),
            (_, None) => {}
        }
    }

    fn clear(&mut self) {
        if let Some(histogram) = &mut self.0 {
            histogram.reset();
        }
    }

    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// Zero if there are none.
    pub fn min(&self) -> Duration {
        nanoseconds(self.0.as_ref().map_or(0, Histogram::min))
    }

    /// Zero if there are none.
    pub fn max(&self) -> Duration {
        nanoseconds(self.0.as_ref().map_or(0, Histogram::max))
    }

    /// Zero if there are none.
    pub fn mean(&self) -> Duration {
        let mean = self.0.as_ref().map_or(0.0, Histogram::mean);
        Duration::from_secs_f64(mean / 1e9)
    }

    /// Standard deviation; zero if there are none.
    pub fn deviation(&self) -> Duration {
        let deviation = self.0.as_ref().map_or(0.0, Histogram::stdev);
        Duration::from_secs_f64(deviation.max(0.0) / 1e9)
    }

    /// The distribution in steps that become finer towards the longest times.
    pub fn steps(&self) -> impl Iterator<Item = DistributionStep> {
        let histogram = self.0.iter().filter(|histogram| !histogram.is_empty());
        histogram.flat_map(|histogram| {
            let mut count = 0;
            histogram.iter_quantiles(STEPS).map(move |step| {
                count += step.count_since_last_iteration();
                DistributionStep {
                    time: nanoseconds(step.value_iterated_to()).min(nanoseconds(histogram.max())),
                    quantile: step.quantile_iterated_to(),
                    count,
                }
            })
        })
    }

    /// The time that this percentage does not exceed; zero if there are none.
    pub fn percentile(&self, percentile: f64) -> Duration {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty());
        nanoseconds(histogram.map_or(0, |histogram| histogram.value_at_percentile(percentile)))
    }

    /// The number of times above `low` and up to `high`.
    pub fn count_between(&self, low: Duration, high: Duration) -> u64 {
        let of = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.as_ref().map_or(0, |histogram| {
            let recorded = histogram.iter_recorded();
            let is_in = |value: u64| value > of(low) && value <= of(high);
            recorded
                .filter(|step| is_in(step.value_iterated_to()))
                .map(|step| step.count_since_last_iteration())
                .sum()
        })
    }
}

fn nanoseconds(value: u64) -> Duration {
    Duration::from_nanos(value)
}

/// Numbers of messages and connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Messages that were accepted for all recipients, or sessions that reached the stage at which they end.
    pub accepted: u64,
    pub failed: u64,
    /// Those of them that the server refused with 4yz or 5yz.
    pub refused: u64,
    /// Octets of the messages that were accepted, before dot-stuffing.
    pub octets: u64,
    /// Connections that were established.
    pub connections: u64,
    /// Connections that the server had closed between two messages, so that another one was opened.
    pub reopened: u64,
    /// Messages that began more than a millisecond after they were due.
    pub late: u64,
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.refused += other.refused;
        self.octets += other.octets;
        self.connections += other.connections;
        self.reopened += other.reopened;
        self.late += other.late;
    }
}

/// The result of a part of a run.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Since the start of the run.
    pub at: Duration,
    pub length: Duration,
    pub counts: Counts,
    /// The time of a message: in the open loop its response time, else its service time.
    pub latencies: Latencies,
    /// True if it is part of the warm-up.
    pub is_warm_up: bool,
}

/// This number of messages in this time, as the number in a second.
pub fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// One message as it was measured.
pub struct Sample {
    pub due: Instant,
    pub times: Times,
    /// Octets of the message, or why it was not accepted.
    pub result: Result<u64, LoadError>,
    pub counts: Counts,
}

#[derive(Debug)]
pub struct Measured {
    /// In the order of [`Phase::ALL`].
    pub phases: [Latencies; Phase::COUNT],
    pub counts: Counts,
    pub errors: ErrorTable,
    /// The end of the last message.
    pub last: Option<Instant>,
}

impl Measured {
    fn new() -> Self {
        Self {
            phases: [const { Latencies::new() }; Phase::COUNT],
            counts: Counts::default(),
            errors: ErrorTable::default(),
            last: None,
        }
    }
}

struct Shard {
    measured: Measured,
    /// Since the last interval.
    interval: (Counts, Latencies),
}

/// Collects what all workers measure. Its size does not depend on the number of connections.
pub struct Recorder {
    shards: Vec<Mutex<Shard>>,
    /// Messages that were due before it are not measured.
    from: Instant,
    /// The phase that intervals show.
    shown: Phase,
}

impl Recorder {
    pub fn new(from: Instant, shown: Phase) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let shard = |_| {
            Mutex::new(Shard {
                measured: Measured::new(),
                interval: (Counts::default(), Latencies::new()),
            })
        };
        Self {
            shards: (0..processors.min(MAX_SHARDS)).map(shard).collect(),
            from,
            shown,
        }
    }

    /// Adds the time of the QUIT of a session that was kept.
    pub fn add_quit(&self, thread: usize, time: Duration) {
        if Instant::now() >= self.from {
            let mut shard = locked(&self.shards[thread % self.shards.len()]);
            shard.measured.phases[Phase::Quit as usize].record(time);
        }
    }

    /// Adds a message of this thread.
    pub fn add(&self, thread: usize, sample: Sample) {
        let now = Instant::now();
        let mut counts = sample.counts;
        match &sample.result {
            Ok(octets) => {
                counts.accepted = 1;
                counts.octets = *octets;
            }
            Err(error) => {
                counts.failed = 1;
                counts.refused = error.is_reply().into();
            }
        }
        let mut shard = locked(&self.shards[thread % self.shards.len()]);
        shard.interval.0.merge(&counts);
        let shown = sample.times[self.shown as usize].filter(|_| sample.result.is_ok());
        if let Some(time) = shown {
            shard.interval.1.record(time);
        }
        if sample.due < self.from {
            return;
        }
        let measured = &mut shard.measured;
        measured.counts.merge(&counts);
        measured.last = measured.last.max(Some(now));
        for (latencies, time) in measured.phases.iter_mut().zip(sample.times) {
            if let Some(time) = time {
                latencies.record(time);
            }
        }
        if let Err(error) = sample.result {
            measured.errors.add(error);
        }
    }

    /// The counters and times since the last call.
    pub fn interval(&self) -> (Counts, Latencies) {
        let mut all = (Counts::default(), Latencies::new());
        for shard in &self.shards {
            let (counts, latencies) = &mut locked(shard).interval;
            all.0.merge(&std::mem::take(counts));
            all.1.merge(latencies);
            latencies.clear();
        }
        all
    }

    /// Everything that was measured.
    pub fn finish(self) -> Measured {
        let mut all = Measured::new();
        for shard in self.shards {
            let measured = shard
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
                .measured;
            for (own, other) in all.phases.iter_mut().zip(&measured.phases) {
                own.merge(other);
            }
            all.counts.merge(&measured.counts);
            all.errors.merge(measured.errors);
            all.last = all.last.max(measured.last);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(due: Instant, service: u64, result: Result<u64, LoadError>) -> Sample {
        let mut times: Times = [None; Phase::COUNT];
        times[Phase::Service as usize] = Some(Duration::from_millis(service));
        Sample {
            due,
            times,
            result,
            counts: Counts::default(),
        }
    }

    #[test]
    fn percentiles_are_within_a_thousandth_over_nine_decades() {
        let mut latencies = Latencies::new();
        for power in 0..9 {
            latencies.record(Duration::from_micros(10_u64.pow(power)));
        }
        assert_eq!(latencies.count(), 9);
        for (percentile, micros) in [(11.0, 1.0), (55.0, 10_000.0), (100.0, 1e8)] {
            let found = latencies.percentile(percentile).as_secs_f64() * 1e6;
            assert!(
                (found / micros - 1.0).abs() < 0.13 / micros + 1e-3,
                "{percentile}: {found}"
            );
        }
        let upto = latencies.count_between(Duration::from_micros(50), Duration::from_millis(2));
        assert_eq!(upto, 2);
    }

    #[test]
    fn warm_up_is_in_intervals_and_not_in_the_result() {
        let start = Instant::now();
        let from = start + Duration::from_secs(1);
        let recorder = Recorder::new(from, Phase::Service);
        recorder.add(0, sample(start, 900, Ok(100)));
        recorder.add(1, sample(from, 5, Ok(100)));
        recorder.add(2, sample(from, 7, Err(LoadError::connect("no".to_owned()))));
        let (counts, latencies) = recorder.interval();
        assert_eq!(
            (counts.accepted, counts.failed, latencies.count()),
            (2, 1, 2)
        );
        assert_eq!(recorder.interval().0.accepted, 0);
        let measured = recorder.finish();
        assert_eq!((measured.counts.accepted, measured.counts.octets), (1, 100));
        let service = &measured.phases[Phase::Service as usize];
        assert_eq!(service.count(), 2);
        assert!(service.max() < Duration::from_millis(8));
        assert_eq!(measured.errors.into_counts().len(), 1);
    }
}
