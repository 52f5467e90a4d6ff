//! Several probes of one server, and the duration of each step.

use crate::client::events::Observer;
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::transport::OpenTransport;
use crate::probe::inspect::{ProbeResult, TimedStep, probe_at};
use crate::smtp::stage::Stage;
use std::time::Duration;

/// The probes of one server.
#[derive(Debug)]
pub struct ProbeSeries {
    /// The first probe that failed, else the last one.
    pub probe: ProbeResult,
    pub count: usize,
    pub failed: usize,
    /// Each step, in order.
    pub phases: Vec<Phase>,
    /// All steps together. `None`: no step was completed.
    pub total: Option<Spread>,
    /// True if the EHLO replies differ, as those of several servers at one address may.
    pub differs: bool,
}

/// A step in several probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    pub stage: Stage,
    pub spread: Spread,
}

/// The distribution of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    pub min: Duration,
    /// The mean of the two in the middle if the number is even.
    pub median: Duration,
    pub max: Duration,
}

impl Spread {
    /// `None`: there are no durations.
    fn of(mut all: Vec<Duration>) -> Option<Self> {
        all.sort_unstable();
        let (min, max) = (*all.first()?, *all.last()?);
        let middle = all.len() / 2;
        let median = match all.len() % 2 {
            0 => (all[middle - 1] + all[middle]) / 2,
            _ => all[middle],
        };
        Some(Self { min, median, max })
    }
}

impl ProbeSeries {
    /// Probes a server so often, one probe after the other. `None` for the peer: any of its addresses.
    pub fn run(
        transport: &OpenTransport<'_>,
        (endpoint, peer): (&Endpoint, Option<&PeerAddress>),
        count: usize,
        observer: &mut dyn Observer,
    ) -> Self {
        let one = |_| probe_at(transport, (endpoint, peer), observer);
        Self::of((0..count.max(1)).map(one).collect())
    }

    /// A series of one probe.
    pub fn single(probe: ProbeResult) -> Self {
        Self::of(vec![probe])
    }

    fn of(mut all: Vec<ProbeResult>) -> Self {
        let times = all.iter().map(|probe| probe.steps.as_slice());
        let phases = phases(times);
        let complete = all.iter().filter(|probe| probe.is_complete());
        let totals = complete.map(|probe| probe.steps.iter().map(|step| step.took).sum());
        let total = Spread::of(totals.collect());
        let failed = all.iter().filter(|probe| !probe.is_complete()).count();
        let offers = |probe: &ProbeResult| (probe.in_clear.clone(), probe.in_tls.clone());
        let differs = all.windows(2).any(|pair| {
            pair.iter().all(ProbeResult::is_complete) && offers(&pair[0]) != offers(&pair[1])
        });
        let first_failed = all.iter().position(|probe| !probe.is_complete());
        let (count, shown) = (all.len(), first_failed.unwrap_or(all.len() - 1));
        Self {
            probe: all.swap_remove(shown),
            count,
            failed,
            phases,
            total,
            differs,
        }
    }
}

/// The same steps of all probes. A stage may occur twice: the second EHLO is another step than the first.
fn phases<'p>(probes: impl Iterator<Item = &'p [TimedStep]>) -> Vec<Phase> {
    let mut found: Vec<(Stage, usize, Vec<Duration>)> = Vec::new();
    for steps in probes {
        for (at, step) in steps.iter().enumerate() {
            let earlier = steps[..at]
                .iter()
                .filter(|other| other.stage == step.stage)
                .count();
            let place = found
                .iter()
                .position(|(stage, occurrence, _)| *stage == step.stage && *occurrence == earlier);
            match place {
                Some(place) => found[place].2.push(step.took),
                None => found.push((step.stage, earlier, vec![step.took])),
            }
        }
    }
    let phase = |(stage, _, times)| {
        Some(Phase {
            stage,
            spread: Spread::of(times)?,
        })
    };
    found.into_iter().filter_map(phase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::exit::Exit;

    fn probe(steps: &[(Stage, u64)], offered: &str) -> ProbeResult {
        let step = |&(stage, ms)| TimedStep {
            stage,
            took: Duration::from_millis(ms),
        };
        ProbeResult {
            in_clear: Some(vec![offered.to_owned()]),
            steps: steps.iter().map(step).collect(),
            ..ProbeResult::default()
        }
    }

    #[test]
    fn each_step_has_minimum_median_and_maximum() {
        let of = |a, b, c| probe(&[(Stage::Ehlo, a), (Stage::Tls, b), (Stage::Ehlo, c)], "");
        let series = ProbeSeries::of(vec![
            of(3, 10, 7),
            of(1, 20, 8),
            of(2, 30, 9),
            of(9, 40, 10),
        ]);
        let ms = Duration::from_millis;
        let spreads: Vec<_> = series
            .phases
            .iter()
            .map(|phase| (phase.stage, phase.spread))
            .collect();
        let spread = |min, median, max| Spread { min, median, max };
        let right = [
            (
                Stage::Ehlo,
                spread(ms(1), Duration::from_micros(2500), ms(9)),
            ),
            (Stage::Tls, spread(ms(10), ms(25), ms(40))),
            (
                Stage::Ehlo,
                spread(ms(7), Duration::from_micros(8500), ms(10)),
            ),
        ];
        assert_eq!(spreads, right);
        assert_eq!(series.total.unwrap().max, ms(59));
    }

    #[test]
    fn first_failure_is_kept_and_counted() {
        let failed = |why: &str| ProbeResult {
            failure: Some(why.to_owned()),
            exit: Exit::Temporary,
            ..ProbeResult::default()
        };
        let good = || probe(&[(Stage::Connect, 1)], "SIZE");
        let series = ProbeSeries::of(vec![good(), failed("first"), good(), failed("second")]);
        assert_eq!((series.count, series.failed), (4, 2));
        assert_eq!(series.probe.failure.as_deref(), Some("first"));
        assert!(!series.differs);
        let other = probe(&[], "PIPELINING");
        assert!(ProbeSeries::of(vec![good(), other]).differs);
    }
}
