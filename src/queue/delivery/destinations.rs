//! Due items in one queue per destination. The items of a queue share a transport and a destination, and
//! are delivered one after the other on as few connections as possible.

use crate::queue::store::Id;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// The transport and destination that the items of a queue share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DestinationKey {
    /// Index of the route.
    pub branch: usize,
    /// The domain, in lower case; empty if everything goes to a relay.
    pub domain: String,
}

/// An item to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    pub id: Id,
    /// True if the server had no capacity for the previous worker with this item.
    pub again: bool,
}

/// Items for the same destination.
struct DestinationQueue {
    waiting: VecDeque<WorkItem>,
    workers: usize,
    /// Maximum number of workers.
    most: usize,
}

/// The queues of all destinations, shared by all workers.
pub struct DestinationQueues {
    lanes: Mutex<BTreeMap<DestinationKey, DestinationQueue>>,
    per_lane: usize,
}

impl DestinationQueues {
    /// Creates an empty set with a maximum number of workers per destination.
    pub fn new(per_lane: usize) -> Self {
        Self {
            lanes: Mutex::new(BTreeMap::new()),
            per_lane,
        }
    }

    /// Appends an item to the queue of its destination.
    pub fn add(&self, road: DestinationKey, id: Id) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(road).or_insert(DestinationQueue {
            waiting: VecDeque::new(),
            workers: 0,
            most: self.per_lane,
        });
        lane.waiting.push_back(WorkItem { id, again: false });
    }

    /// The number of additional workers that would find something to do.
    pub fn width(&self) -> usize {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |lane: &DestinationQueue| lane.most.saturating_sub(lane.workers);
        lanes
            .values()
            .map(|lane| lane.waiting.len().min(room(lane)))
            .sum()
    }

    /// Adds a worker to the longest queue that can use another one.
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

    /// Removes and returns the next item for a destination.
    pub fn next(&self, road: &DestinationKey) -> Option<WorkItem> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get_mut(road)?.waiting.pop_front()
    }

    /// Removes a worker because the server has no capacity for this number of connections, and returns its
    /// item to the queue. Returns false if it is the only worker of the destination.
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

    /// Drops the items that still wait for a destination.
    pub fn close(&self, road: &DestinationKey) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.waiting.clear();
        }
    }

    /// Removes a worker that has found the queue empty.
    pub fn leave(&self, road: &DestinationKey) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(road) {
            lane.workers -= 1;
        }
    }
}
