//! Items that are due, in lanes: those of a lane go the same way to the same place, one behind the other
//! on as few connections as may be.

use crate::queue::Id;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What the items of a lane have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Road {
    /// The place of the branch.
    pub branch: usize,
    /// The domain, in lower case; empty where everything goes to a relay.
    pub domain: String,
}

/// Items on the same road.
struct Lane {
    waiting: VecDeque<Id>,
    workers: usize,
    /// No more workers than this.
    most: usize,
}

impl Lane {
    fn new(most: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            workers: 0,
            most,
        }
    }
}

/// All lanes, for all workers.
pub struct Lanes {
    lanes: Mutex<BTreeMap<Road, Lane>>,
    per_lane: usize,
}

impl Lanes {
    /// None yet; so many workers may be in a lane at once.
    pub fn new(per_lane: usize) -> Self {
        Self {
            lanes: Mutex::new(BTreeMap::new()),
            per_lane,
        }
    }

    /// One more item, behind the others.
    pub fn add(&mut self, road: Road, id: Id) {
        let lanes = self.lanes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes
            .entry(road)
            .or_insert_with(|| Lane::new(self.per_lane));
        lane.waiting.push_back(id);
    }

    /// How many workers find something to do.
    pub fn width(&mut self) -> usize {
        let lanes = self.lanes.get_mut().unwrap_or_else(PoisonError::into_inner);
        lanes
            .values()
            .map(|lane| lane.waiting.len().min(lane.most))
            .sum()
    }

    /// A lane that wants another worker; the one with the longest row.
    pub fn enter(&self) -> Option<Road> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let open = lanes
            .iter_mut()
            .filter(|(_, lane)| lane.workers < lane.most);
        let (road, lane) = open.max_by_key(|(_, lane)| lane.waiting.len())?;
        if lane.waiting.is_empty() {
            return None;
        }
        lane.workers += 1;
        Some(road.clone())
    }

    /// The next item of a lane.
    pub fn next(&self, road: &Road) -> Option<Id> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get_mut(road)?.waiting.pop_front()
    }

    /// Whether others are in this lane, too, and go on; then whoever asks is one too many in it, and
    /// nobody comes in their place.
    pub fn narrow(&self, road: &Road) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.get_mut(road) {
            Some(lane) if lane.most > 1 && lane.workers > 1 => {
                lane.most = lane.most.min(lane.workers) - 1;
                true
            }
            _ => false,
        }
    }

    /// A worker has done what there was in a lane.
    pub fn leave(&self, road: &Road) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.workers -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road() -> Road {
        Road {
            branch: 0,
            domain: "example.org".to_owned(),
        }
    }

    /// A lane with so many items, in which there is room for four.
    fn lanes(items: u32) -> Lanes {
        let mut lanes = Lanes::new(4);
        for number in 0..items {
            let id = Id::parse(&format!("0abc0000000{number:02}")).unwrap();
            lanes.add(road(), id);
        }
        lanes
    }

    #[test]
    fn no_more_workers_are_in_a_lane_than_may_be() {
        let mut lanes = lanes(10);
        assert_eq!(lanes.width(), 4);
        for _ in 0..4 {
            assert_eq!(lanes.enter(), Some(road()));
        }
        assert_eq!(lanes.enter(), None);
        lanes.leave(&road());
        assert_eq!(lanes.enter(), Some(road()));
    }

    #[test]
    fn nobody_comes_for_those_whom_a_server_has_turned_away() {
        let lanes = lanes(10);
        for _ in 0..4 {
            lanes.enter().unwrap();
        }
        for _ in 0..3 {
            assert!(lanes.narrow(&road()));
            lanes.leave(&road());
            assert_eq!(lanes.enter(), None);
        }
        assert!(!lanes.narrow(&road()), "the last one goes on");
    }

    #[test]
    fn one_goes_on_also_where_all_are_turned_away_at_once() {
        let lanes = lanes(10);
        for _ in 0..4 {
            lanes.enter().unwrap();
        }
        let leave = (0..4).filter(|_| lanes.narrow(&road())).count();
        assert_eq!(leave, 3);
    }
}
