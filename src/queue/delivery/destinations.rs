//! Items that are due, in lanes: those of a lane go the same way to the same place, one behind the other
//! on as few connections as may be.

use crate::queue::store::Id;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What the items of a lane have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DestinationKey {
    /// The place of the branch.
    pub branch: usize,
    /// The domain, in lower case; empty where everything goes to a relay.
    pub domain: String,
}

/// An item that somebody is to take up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    pub id: Id,
    /// Whether the server had no time for whoever had it before.
    pub again: bool,
}

/// Items on the same road.
struct DestinationQueue {
    waiting: VecDeque<WorkItem>,
    workers: usize,
    /// So many workers may be in it.
    most: usize,
}

/// All lanes, for all workers.
pub struct DestinationQueues {
    lanes: Mutex<BTreeMap<DestinationKey, DestinationQueue>>,
    per_lane: usize,
}

impl DestinationQueues {
    /// None yet; so many workers may be in a lane at once.
    pub fn new(per_lane: usize) -> Self {
        Self {
            lanes: Mutex::new(BTreeMap::new()),
            per_lane,
        }
    }

    /// One more item, behind the others.
    pub fn add(&self, road: DestinationKey, id: Id) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(road).or_insert(DestinationQueue {
            waiting: VecDeque::new(),
            workers: 0,
            most: self.per_lane,
        });
        lane.waiting.push_back(WorkItem { id, again: false });
    }

    /// How many more workers find something to do.
    pub fn width(&self) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |lane: &DestinationQueue| lane.most.saturating_sub(lane.workers);
        lanes
            .values()
            .map(|lane| lane.waiting.len().min(room(lane)))
            .sum()
    }

    /// A lane that wants another worker; the one with the longest row.
    pub fn enter(&self) -> Option<DestinationKey> {
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
    pub fn next(&self, road: &DestinationKey) -> Option<WorkItem> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get_mut(road)?.waiting.pop_front()
    }

    /// A worker leaves a lane to the others in it, because the server has no time for so many, and leaves
    /// them the item; false where there are no others.
    pub fn make_way(&self, road: &DestinationKey, id: &Id) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(road).filter(|lane| lane.workers > 1) else {
            return false;
        };
        lane.workers -= 1;
        lane.most = lane.workers;
        let (id, again) = (id.clone(), true);
        lane.waiting.push_front(WorkItem { id, again });
        true
    }

    /// Nobody takes up what is still in a lane.
    pub fn close(&self, road: &DestinationKey) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.waiting.clear();
        }
    }

    /// A worker has done what there was in a lane.
    pub fn leave(&self, road: &DestinationKey) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.workers -= 1;
        }
    }
}
