//! Due items in one queue per destination. The items of a queue share a transport and a destination, and
//! are delivered one after the other on as few connections as possible.

use crate::queue::store::Id;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// The transport and destination that the items of a queue share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DestinationKey {
    /// Index of the route.
    pub routes: usize,
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
    queues: Mutex<BTreeMap<DestinationKey, DestinationQueue>>,
    per_lane: usize,
}

impl DestinationQueues {
    /// Creates an empty set with a maximum number of workers per destination.
    pub fn new(per_lane: usize) -> Self {
        Self {
            queues: Mutex::new(BTreeMap::new()),
            per_lane,
        }
    }

    /// Appends an item to the queue of its destination.
    pub fn add(&self, destination: DestinationKey, id: Id) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(destination).or_insert(DestinationQueue {
            waiting: VecDeque::new(),
            workers: 0,
            most: self.per_lane,
        });
        queue.waiting.push_back(WorkItem { id, again: false });
    }

    /// The number of additional workers that would find something to do.
    pub fn width(&self) -> usize {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |queue: &DestinationQueue| queue.most.saturating_sub(queue.workers);
        queues
            .values()
            .map(|queue| queue.waiting.len().min(room(queue)))
            .sum()
    }

    /// Adds a worker to the longest queue that can use another one.
    pub fn enter(&self) -> Option<DestinationKey> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let open = queues
            .iter_mut()
            .filter(|(_, queue)| queue.workers < queue.most);
        let (destination, queue) = open.max_by_key(|(_, queue)| queue.waiting.len())?;
        if queue.waiting.is_empty() {
            return None;
        }
        queue.workers += 1;
        Some(destination.clone())
    }

    /// Removes and returns the next item for a destination.
    pub fn next(&self, destination: &DestinationKey) -> Option<WorkItem> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.get_mut(destination)?.waiting.pop_front()
    }

    /// Removes a worker because the server has no capacity for this number of connections, and returns its
    /// item to the queue. Returns false if it is the only worker of the destination.
    pub fn make_way(&self, destination: &DestinationKey, id: &Id) -> bool {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queues
            .get_mut(destination)
            .filter(|queue| queue.workers > 1)
        else {
            return false;
        };
        queue.workers -= 1;
        queue.most = queue.workers;
        let (id, again) = (id.clone(), true);
        queue.waiting.push_front(WorkItem { id, again });
        true
    }

    /// Drops the items that still wait for a destination.
    pub fn close(&self, destination: &DestinationKey) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(destination) {
            queue.waiting.clear();
        }
    }

    /// Removes a worker that has found the queue empty.
    pub fn leave(&self, destination: &DestinationKey) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get_mut(destination) {
            queue.workers -= 1;
        }
    }
}
