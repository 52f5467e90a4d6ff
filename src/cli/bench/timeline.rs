//! The intervals of a run, as many as a chart can show.

use crate::probe::load::{Interval, per_second};
use std::time::Duration;

/// Maximum number of points. A run of any length needs no more memory.
const MAX_POINTS: usize = 600;

/// One interval, or several that were merged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Its end, since the start of the run.
    pub at: Duration,
    pub length: Duration,
    pub accepted: u64,
    pub failed: u64,
    /// Median of the times of messages. Of several intervals, the mean of their medians.
    pub p50: Duration,
    /// Of several intervals, the largest.
    pub p99: Duration,
}

#[derive(Debug, Default)]
pub struct Timeline {
    pub points: Vec<Point>,
    /// Intervals in each point but the last.
    merged: usize,
    /// Intervals in the last one.
    in_last: usize,
}

impl Point {
    pub fn of(interval: &Interval) -> Self {
        Self {
            at: interval.at,
            length: interval.length,
            accepted: interval.counts.accepted,
            failed: interval.counts.failed,
            p50: interval.latencies.percentile(50.0),
            p99: interval.latencies.percentile(99.0),
        }
    }

    pub fn rate(&self) -> f64 {
        per_second(self.accepted, self.length)
    }

    fn merge(&mut self, next: Self) {
        let all = (self.accepted + next.accepted).max(1) as f64;
        let weighted = self.p50.as_secs_f64() * self.accepted as f64
            + next.p50.as_secs_f64() * next.accepted as f64;
        *self = Self {
            at: next.at,
            length: self.length + next.length,
            accepted: self.accepted + next.accepted,
            failed: self.failed + next.failed,
            p50: Duration::from_secs_f64(weighted / all),
            p99: self.p99.max(next.p99),
        };
    }
}

impl Timeline {
    pub fn push(&mut self, point: Point) {
        self.merged = self.merged.max(1);
        match self.points.last_mut() {
            Some(last) if self.in_last < self.merged => {
                last.merge(point);
                self.in_last += 1;
            }
            _ => {
                self.points.push(point);
                self.in_last = 1;
            }
        }
        if self.points.len() > MAX_POINTS {
            self.halve();
        }
    }

    /// Merges the end of a run with the interval before if it is short: its rate would mean nothing.
    pub fn finish(&mut self) {
        if let [.., before, last] = self.points[..]
            && last.length * 2 < before.length
        {
            self.points.pop();
            if let Some(before) = self.points.last_mut() {
                before.merge(last);
            }
        }
    }

    fn halve(&mut self) {
        let pairs = self.points.chunks(2).map(|pair| {
            let mut one = pair[0];
            pair[1..].iter().for_each(|next| one.merge(*next));
            one
        });
        // The last one may be half of a pair.
        let is_whole = self.points.len().is_multiple_of(2);
        self.in_last += if is_whole { self.merged } else { 0 };
        self.points = pairs.collect();
        self.merged *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_run_keeps_all_messages_in_few_points() {
        let mut timeline = Timeline::default();
        for second in 1..=100_000 {
            timeline.push(Point {
                at: Duration::from_secs(second),
                length: Duration::from_secs(1),
                accepted: 2,
                failed: 1,
                p50: Duration::from_millis(10),
                p99: Duration::from_millis(second),
            });
        }
        let points = &timeline.points;
        assert!(points.len() <= MAX_POINTS && points.len() > MAX_POINTS / 3);
        assert_eq!(
            points.iter().map(|point| point.accepted).sum::<u64>(),
            200_000
        );
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert_eq!(points.last().unwrap().at, Duration::from_secs(100_000));
        assert!((points[0].rate() - 2.0).abs() < 1e-9);
        assert_eq!(points[3].p50, Duration::from_millis(10));
    }

    #[test]
    fn only_the_end_of_a_run_is_merged_with_a_longer_interval_before_it() {
        let mut timeline = Timeline::default();
        for (number, length) in [20, 5, 5, 2].into_iter().enumerate() {
            timeline.push(Point {
                at: Duration::from_secs(number as u64),
                length: Duration::from_millis(length),
                accepted: 1,
                failed: 0,
                p50: Duration::ZERO,
                p99: Duration::ZERO,
            });
        }
        timeline.finish();
        let accepted = timeline.points.iter().map(|point| point.accepted);
        assert_eq!(accepted.collect::<Vec<_>>(), [1, 1, 2]);
    }
}
