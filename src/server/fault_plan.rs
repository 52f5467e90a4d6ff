//! The choice of the fault that is due. Occurrences are counted over the life of the server.

use crate::server::fault::{Delay, FaultAction, FaultTime, InjectedFault};
use crate::smtp::stage::Stage;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// All faults, and the number of times that each stage was reached.
#[derive(Debug, Default)]
pub struct FaultPlan {
    faults: Vec<InjectedFault>,
    delays: Vec<Delay>,
    past: Mutex<Past>,
}

#[derive(Debug, Default)]
struct Past {
    reached: [u64; Stage::COUNT],
    dice: fastrand::Rng,
}

impl FaultPlan {
    /// If several faults are due at once, the first is used. With a `seed`, random choices are the same in
    /// every run.
    pub fn new(faults: Vec<InjectedFault>, delays: Vec<Delay>, seed: Option<u64>) -> FaultPlan {
        let dice = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let past = Past {
            dice,
            ..Past::default()
        };
        FaultPlan {
            faults,
            delays,
            past: Mutex::new(past),
        }
    }

    /// Counts that this stage was reached, and returns the fault that is due.
    pub fn due(&self, stage: Stage) -> Option<&FaultAction> {
        let mut faults = self
            .faults
            .iter()
            .filter(|fault| fault.stage == stage)
            .peekable();
        // Without faults, no lock is needed.
        faults.peek()?;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = &mut past.reached[stage as usize];
        *reached += 1;
        let time = *reached;
        let mut due = faults.filter(|fault| match fault.when {
            FaultTime::Always => true,
            FaultTime::Times(first, last) => (first..=last).contains(&time),
            FaultTime::Chance(chance) => past.dice.f64() * 100.0 < chance,
        });
        due.next().map(|fault| &fault.what)
    }

    /// The delay of every reply at this stage.
    pub fn delay(&self, stage: Stage) -> Duration {
        let mut delays = self.delays.iter().rev();
        let own = delays.find(|delay| delay.stage == Some(stage));
        let general = || self.delays.iter().rev().find(|delay| delay.stage.is_none());
        own.or_else(general)
            .map_or(Duration::ZERO, |delay| delay.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(what: FaultAction, when: FaultTime) -> InjectedFault {
        InjectedFault {
            stage: Stage::Rcpt,
            what,
            when,
        }
    }

    #[test]
    fn occurrences_are_counted_for_each_stage() {
        let faults = vec![
            fault(FaultAction::Close, FaultTime::Times(2, 2)),
            fault(FaultAction::Reset, FaultTime::Times(2, 3)),
        ];
        let faults = FaultPlan::new(faults, Vec::new(), None);
        assert_eq!(faults.due(Stage::Mail), None);
        let due: Vec<_> = (0..4).map(|_| faults.due(Stage::Rcpt)).collect();
        assert_eq!(
            due,
            [
                None,
                Some(&FaultAction::Close),
                Some(&FaultAction::Reset),
                None
            ]
        );
    }

    #[test]
    fn seed_makes_random_faults_repeatable() {
        let due_fault = || {
            let faults = vec![fault(FaultAction::Close, FaultTime::Chance(50.0))];
            let faults = FaultPlan::new(faults, Vec::new(), Some(7));
            let due = (0..64).map(|_| faults.due(Stage::Rcpt).is_some());
            due.collect::<Vec<_>>()
        };
        assert_eq!(due_fault(), due_fault());
        assert!(due_fault().contains(&true) && due_fault().contains(&false));
    }

    #[test]
    fn probability_may_be_0_or_100() {
        for (chance, due) in [(0.0, false), (100.0, true)] {
            let faults = vec![fault(FaultAction::Close, FaultTime::Chance(chance))];
            let faults = FaultPlan::new(faults, Vec::new(), None);
            assert!((0..64).all(|_| faults.due(Stage::Rcpt).is_some() == due));
        }
    }

    #[test]
    fn delay_of_a_stage_overrides_the_general_one() {
        let delay = |stage, seconds| Delay {
            stage,
            time: Duration::from_secs(seconds),
        };
        let delays = vec![delay(Some(Stage::Dot), 9), delay(None, 1)];
        let faults = FaultPlan::new(Vec::new(), delays, None);
        assert_eq!(faults.delay(Stage::Dot).as_secs(), 9);
        assert_eq!(faults.delay(Stage::Mail).as_secs(), 1);
    }
}
