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
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Id>,
    workers: usize,
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
        lanes.entry(road).or_default().waiting.push_back(id);
    }

    /// How many workers find something to do.
    pub fn width(&mut self) -> usize {
        let per_lane = self.per_lane;
        let lanes = self.lanes.get_mut().unwrap_or_else(PoisonError::into_inner);
        lanes
            .values()
            .map(|lane| lane.waiting.len().min(per_lane))
            .sum()
    }

    /// A lane that wants another worker; the one with the longest row.
    pub fn enter(&self) -> Option<Road> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let open = lanes
            .iter_mut()
            .filter(|(_, lane)| lane.workers < self.per_lane);
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

    /// Whether others are in this lane, too.
    pub fn is_shared(&self, road: &Road) -> bool {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(road).is_some_and(|lane| lane.workers > 1)
    }

    /// A worker has done what there was in a lane.
    pub fn leave(&self, road: &Road) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.workers -= 1;
        }
    }
}
