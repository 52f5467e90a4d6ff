//! The queue of each destination, and the workers that empty them.

use crate::queue::store::Id;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The transport and destination that the items of a queue share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DestinationKey {
    /// Index of the route.
    pub route: usize,
    /// The domain, in lower case; empty if everything goes to a relay.
    pub domain: String,
}

/// An item to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    pub id: Id,
    /// True if the server had no capacity for the previous attempt.
    pub is_repeated: bool,
}

/// Items for the same destination, delivered one after the other on as few connections as possible.
struct DestinationQueue {
    waiting: VecDeque<WorkItem>,
    workers: usize,
    max_workers: usize,
}

/// The queues of all destinations, shared by all workers.
pub struct DestinationQueues {
    queues: Mutex<BTreeMap<DestinationKey, DestinationQueue>>,
    max_workers: usize,
}

impl DestinationQueues {
    /// Creates an empty set with a maximum number of workers per destination.
    pub fn new(max_workers: usize) -> Self {
        Self {
            queues: Mutex::default(),
            max_workers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DestinationKey, DestinationQueue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item to the queue of its destination.
    pub fn add(&self, destination: DestinationKey, id: Id) {
        let mut queues = self.lock();
        let queue = queues.entry(destination).or_insert(DestinationQueue {
            waiting: VecDeque::new(),
            workers: 0,
            max_workers: self.max_workers,
        });
        queue.waiting.push_back(WorkItem {
            id,
            is_repeated: false,
        });
    }

    /// The number of additional workers that would find an item.
    pub fn wanted_workers(&self) -> usize {
        let queues = self.lock();
        let wanted = queues.values().map(|queue| {
            let free = queue.max_workers.saturating_sub(queue.workers);
            queue.waiting.len().min(free)
        });
        wanted.sum()
    }

    /// The number of items that wait for a worker.
    pub fn waiting(&self) -> usize {
        let queues = self.lock();
        queues.values().map(|queue| queue.waiting.len()).sum()
    }

    /// Adds a worker to the longest queue that can use another one, except these.
    pub fn add_worker(&self, except: &[DestinationKey]) -> Option<DestinationKey> {
        let mut queues = self.lock();
        let open = queues.iter_mut().filter(|(destination, queue)| {
            queue.workers < queue.max_workers && !except.contains(destination)
        });
        let (destination, queue) = open.max_by_key(|(_, queue)| queue.waiting.len())?;
        if queue.waiting.is_empty() {
            return None;
        }
        queue.workers += 1;
        Some(destination.clone())
    }

    /// Removes and returns the next item for a destination.
    pub fn next(&self, destination: &DestinationKey) -> Option<WorkItem> {
        self.lock().get_mut(destination)?.waiting.pop_front()
    }

    /// Removes and returns the next item, if enough are left for all workers that the destination may have.
    pub fn next_spare(&self, destination: &DestinationKey) -> Option<WorkItem> {
        let mut queues = self.lock();
        let queue = queues.get_mut(destination)?;
        if queue.waiting.len() < queue.max_workers {
            return None;
        }
        queue.waiting.pop_front()
    }

    /// Puts an item back that was not tried.
    pub fn give_back(&self, destination: &DestinationKey, item: WorkItem) {
        if let Some(queue) = self.lock().get_mut(destination) {
            queue.waiting.push_front(item);
        }
    }

    /// Removes a worker because the server has no capacity for this number of connections, and returns its
    /// item to the queue. Returns false if it is the only worker of the destination.
    pub fn reduce_workers(&self, destination: &DestinationKey, id: &Id) -> bool {
        let mut queues = self.lock();
        let queue = queues.get_mut(destination);
        let Some(queue) = queue.filter(|queue| queue.workers > 1) else {
            return false;
        };
        queue.workers -= 1;
        queue.max_workers = queue.workers;
        queue.waiting.push_front(WorkItem {
            id: id.clone(),
            is_repeated: true,
        });
        true
    }

    /// Removes the items that still wait for a destination.
    pub fn clear(&self, destination: &DestinationKey) -> Vec<Id> {
        let mut queues = self.lock();
        let queue = queues.get_mut(destination);
        let waiting = queue.map(|queue| std::mem::take(&mut queue.waiting));
        let waiting = waiting.into_iter().flatten();
        waiting.map(|item| item.id).collect()
    }

    /// Removes the items that still wait for any destination.
    pub fn clear_all(&self) -> Vec<Id> {
        let mut queues = self.lock();
        let waiting = queues
            .values_mut()
            .flat_map(|queue| queue.waiting.drain(..));
        waiting.map(|item| item.id).collect()
    }

    /// Removes a worker that has found the queue empty.
    pub fn remove_worker(&self, destination: &DestinationKey) {
        if let Some(queue) = self.lock().get_mut(destination) {
            queue.workers -= 1;
        }
    }

    /// Removes a worker that may not connect. Returns the waiting items, if the destination has no other worker.
    pub fn remove_refused_worker(&self, destination: &DestinationKey) -> Vec<Id> {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(destination) else {
            return Vec::new();
        };
        queue.workers -= 1;
        if queue.workers > 0 {
            return Vec::new();
        }
        queue.waiting.drain(..).map(|item| item.id).collect()
    }
}

/// The number of running workers.
#[derive(Default)]
pub struct Workers {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Workers {
    pub fn count(&self) -> usize {
        *self.lock()
    }

    pub fn add(&self) {
        *self.lock() += 1;
    }

    pub fn remove(&self) {
        *self.lock() -= 1;
        self.changed.notify_all();
    }

    /// Waits until no worker is running, at most this long. Returns the number of running workers.
    pub fn wait(&self, limit: Duration) -> usize {
        let is_running = |count: &mut usize| *count > 0;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), limit, is_running);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(domain: &str) -> DestinationKey {
        DestinationKey {
            route: 0,
            domain: domain.to_owned(),
        }
    }

    fn id(number: u8) -> Id {
        Id::parse(&format!("0abc00000000{number}")).unwrap()
    }

    #[test]
    fn a_refused_worker_leaves_its_items_to_the_others_of_its_process() {
        let queues = DestinationQueues::new(4);
        let (one, other) = (key("one"), key("other"));
        queues.add(one.clone(), id(1));
        queues.add(one.clone(), id(2));
        queues.add(other.clone(), id(3));
        assert_eq!(queues.add_worker(&[]), Some(one.clone()));
        assert_eq!(queues.add_worker(&[]), Some(one.clone()));
        assert!(queues.remove_refused_worker(&one).is_empty());
        assert_eq!(queues.add_worker(std::slice::from_ref(&one)), Some(other));
        assert_eq!(queues.waiting(), 3);
        assert_eq!(queues.remove_refused_worker(&one), [id(1), id(2)]);
        assert_eq!(queues.waiting(), 1);
    }
}
