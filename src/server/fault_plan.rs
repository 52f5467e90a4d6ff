//! The faults of a server: those of its options, and those that were added or removed since. Occurrences are counted
//! over the life of the server.

use crate::server::fault::{Delay, FaultAction, FaultTime, InjectedFault};
use crate::smtp::stage::Stage;
use crate::system::text::matches_pattern;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// All faults, and the number of times that each stage was reached.
#[derive(Debug, Default)]
pub struct FaultPlan {
    rules: RwLock<Vec<Rule>>,
    delays: Vec<Delay>,
    past: Mutex<Past>,
}

#[derive(Debug, Default)]
struct Past {
    reached: [u64; Stage::COUNT],
    dice: fastrand::Rng,
    last_id: u64,
}

/// A fault, and how often its address was met.
#[derive(Debug)]
struct Rule {
    id: u64,
    fault: InjectedFault,
    what: Arc<FaultAction>,
    seen: AtomicU64,
}

impl Rule {
    fn new(id: u64, fault: InjectedFault) -> Rule {
        Rule {
            id,
            what: Arc::new(fault.what.clone()),
            fault,
            seen: AtomicU64::new(0),
        }
    }

    /// True if it concerns one of these addresses. Occurrences of its address are counted.
    fn concerns(&self, addresses: &[&str]) -> bool {
        let Some(pattern) = &self.fault.address else {
            return true;
        };
        let pattern = pattern.to_lowercase();
        let is_met = addresses
            .iter()
            .any(|address| matches_pattern(&pattern, &address.to_lowercase()));
        self.seen.fetch_add(u64::from(is_met), Ordering::Relaxed);
        is_met
    }

    /// True if it is due the `time`th time that the stage is reached.
    fn is_due(&self, time: u64, dice: &mut fastrand::Rng) -> bool {
        let time = match self.fault.address {
            Some(_) => self.seen.load(Ordering::Relaxed),
            None => time,
        };
        match self.fault.when {
            FaultTime::Always => true,
            FaultTime::Times(first, last) => (first..=last).contains(&time),
            FaultTime::Chance(chance) => dice.f64() * 100.0 < chance,
        }
    }
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
        let plan = FaultPlan {
            rules: RwLock::default(),
            delays,
            past: Mutex::new(past),
        };
        for fault in faults {
            plan.add(fault);
        }
        plan
    }

    /// Counts that this stage was reached, and returns the fault that is due. `addresses`: those that the stage
    /// concerns. A fault for an address counts the occurrences of this address.
    pub fn due(&self, stage: Stage, addresses: &[&str]) -> Option<Arc<FaultAction>> {
        let rules = self.rules();
        let mut rules = rules
            .iter()
            .filter(|rule| rule.fault.stage == stage)
            .peekable();
        // Without faults, the counts are not needed.
        rules.peek()?;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = &mut past.reached[stage as usize];
        *reached += 1;
        let time = *reached;
        let concerned: Vec<&Rule> = rules.filter(|rule| rule.concerns(addresses)).collect();
        let mut concerned = concerned.into_iter();
        let due = concerned.find(|rule| rule.is_due(time, &mut past.dice));
        due.map(|rule| Arc::clone(&rule.what))
    }

    /// True if a fault at this stage has an address.
    pub fn has_addresses(&self, stage: Stage) -> bool {
        let rules = self.rules();
        let mut rules = rules.iter();
        rules.any(|rule| rule.fault.stage == stage && rule.fault.address.is_some())
    }

    /// The delay of every reply at this stage.
    pub fn delay(&self, stage: Stage) -> Duration {
        let mut delays = self.delays.iter().rev();
        let own = delays.find(|delay| delay.stage == Some(stage));
        let general = || self.delays.iter().rev().find(|delay| delay.stage.is_none());
        own.or_else(general)
            .map_or(Duration::ZERO, |delay| delay.time)
    }

    /// Adds a fault after the others, and returns its number.
    pub fn add(&self, fault: InjectedFault) -> u64 {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.last_id += 1;
        let id = past.last_id;
        drop(past);
        self.rules_mut().push(Rule::new(id, fault));
        id
    }

    /// Removes the faults that are selected by number and fault. Returns their number.
    pub fn remove(&self, is_selected: impl Fn(u64, &InjectedFault) -> bool) -> usize {
        let mut rules = self.rules_mut();
        let count = rules.len();
        rules.retain(|rule| !is_selected(rule.id, &rule.fault));
        count - rules.len()
    }

    /// All faults with their numbers, in the order in which they are tried.
    pub fn all(&self) -> Vec<(u64, InjectedFault)> {
        let rules = self.rules();
        rules
            .iter()
            .map(|rule| (rule.id, rule.fault.clone()))
            .collect()
    }

    fn rules(&self) -> RwLockReadGuard<'_, Vec<Rule>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules_mut(&self) -> RwLockWriteGuard<'_, Vec<Rule>> {
        self.rules.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rcpt_fault(what: FaultAction, when: FaultTime) -> InjectedFault {
        InjectedFault {
            stage: Stage::Rcpt,
            address: None,
            what,
            when,
        }
    }

    #[test]
    fn occurrences_are_counted_for_each_stage() {
        let faults = vec![
            rcpt_fault(FaultAction::Close, FaultTime::Times(2, 2)),
            rcpt_fault(FaultAction::Reset, FaultTime::Times(2, 3)),
        ];
        let faults = FaultPlan::new(faults, Vec::new(), None);
        assert_eq!(faults.due(Stage::Mail, &[]), None);
        let due: Vec<_> = (0..4).map(|_| faults.due(Stage::Rcpt, &[])).collect();
        assert_eq!(
            due,
            [
                None,
                Some(Arc::new(FaultAction::Close)),
                Some(Arc::new(FaultAction::Reset)),
                None
            ]
        );
    }

    #[test]
    fn occurrences_of_an_address_are_counted_for_each_fault() {
        let mut greylisted = rcpt_fault(FaultAction::Close, FaultTime::Times(1, 1));
        greylisted.address = Some("*@Hamburger.edu".to_owned());
        let faults = FaultPlan::new(vec![greylisted], Vec::new(), None);
        let due = |address: &str| faults.due(Stage::Rcpt, &[address]).is_some();
        assert!(!due("eve@example.org") && due("bob@HAMBURGER.edu") && !due("bob@hamburger.edu"));
    }

    #[test]
    fn faults_are_added_and_removed() {
        let faults = FaultPlan::default();
        let always = |what| rcpt_fault(what, FaultTime::Always);
        faults.add(always(FaultAction::Close));
        let second = faults.add(always(FaultAction::Reset));
        assert_eq!(
            faults.due(Stage::Rcpt, &[]),
            Some(Arc::new(FaultAction::Close))
        );
        assert_eq!(faults.remove(|id, _| id != second), 1);
        assert_eq!(
            faults.due(Stage::Rcpt, &[]),
            Some(Arc::new(FaultAction::Reset))
        );
        assert_eq!(faults.all().len(), 1);
    }

    #[test]
    fn seed_makes_random_faults_repeatable() {
        let due_fault = || {
            let faults = vec![rcpt_fault(FaultAction::Close, FaultTime::Chance(50.0))];
            let faults = FaultPlan::new(faults, Vec::new(), Some(7));
            let due = (0..64).map(|_| faults.due(Stage::Rcpt, &[]).is_some());
            due.collect::<Vec<_>>()
        };
        assert_eq!(due_fault(), due_fault());
        assert!(due_fault().contains(&true) && due_fault().contains(&false));
    }

    #[test]
    fn probability_may_be_0_or_100() {
        for (chance, due) in [(0.0, false), (100.0, true)] {
            let faults = vec![rcpt_fault(FaultAction::Close, FaultTime::Chance(chance))];
            let faults = FaultPlan::new(faults, Vec::new(), None);
            assert!((0..64).all(|_| faults.due(Stage::Rcpt, &[]).is_some() == due));
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
