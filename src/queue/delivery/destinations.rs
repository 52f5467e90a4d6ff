//! Destinations: the transports that items share, the queue of each destination, and the connections of a
//! worker.

use crate::client::deliver::{ConnectionPool, Hosts, OpenTransport};
use crate::client::events::Observer;
use crate::client::ready::LoadedTransport;
use crate::client::route::Router;
use crate::client::transport::Transport;
use crate::queue::store::Id;
use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The transports of a stored route. Keys and passwords are loaded when a transport is first used.
pub struct RouteTransports<'p> {
    transports: Vec<LazyTransport<'p>>,
    /// The reason why there is no transport.
    error: Option<String>,
}

struct LazyTransport<'p> {
    options: &'p Transport,
    loaded: OnceLock<Result<LoadedTransport<'p>, String>>,
}

impl<'p> LazyTransport<'p> {
    fn new(options: &'p Transport) -> Self {
        let loaded = OnceLock::new();
        Self { options, loaded }
    }
}

impl<'p> RouteTransports<'p> {
    /// The first transport and its fallbacks, or the reason why there is none.
    #[must_use]
    pub fn new(transports: &'p Result<Vec<Transport>, String>) -> Self {
        match transports {
            Ok(transports) => Self {
                transports: transports.iter().map(LazyTransport::new).collect(),
                error: None,
            },
            Err(error) => Self::none(error.clone()),
        }
    }

    /// A route with a first transport that is already loaded.
    #[must_use]
    pub fn of(first: LoadedTransport<'p>, fallbacks: &'p [Transport]) -> Self {
        let options = first.plan();
        let loaded = OnceLock::from(Ok(first));
        let mut transports = vec![LazyTransport { options, loaded }];
        transports.extend(fallbacks.iter().map(LazyTransport::new));
        Self {
            transports,
            error: None,
        }
    }

    /// A route without a transport, for this reason.
    #[must_use]
    pub fn none(error: String) -> Self {
        Self {
            transports: Vec::new(),
            error: Some(error),
        }
    }

    /// True if all recipient domains go to one server.
    #[must_use]
    pub fn has_relay(&self) -> bool {
        let first = self.transports.first();
        first.is_some_and(|transport| transport.options.route.relay.is_some())
    }
}

/// The connections of one worker over the transports of a route.
pub struct WorkerConnections<'a, 'p> {
    route: &'a RouteTransports<'p>,
    pools: Vec<TransportPool<'a, 'p>>,
}

struct TransportPool<'a, 'p> {
    router: OnceCell<Router<'p>>,
    pool: ConnectionPool<'a>,
}

impl<'a, 'p> WorkerConnections<'a, 'p> {
    /// Opens no connection yet.
    #[must_use]
    pub fn new(route: &'a RouteTransports<'p>, hosts: &'a dyn Hosts) -> Self {
        let new = |_| TransportPool {
            router: OnceCell::new(),
            pool: ConnectionPool::new(hosts),
        };
        Self {
            route,
            pools: route.transports.iter().map(new).collect(),
        }
    }

    /// The number of transports to try.
    pub(super) fn count(&self) -> usize {
        self.pools.len()
    }

    /// The reason why there is no transport.
    pub(super) fn error(&self) -> Option<&str> {
        self.route.error.as_deref()
    }

    /// The profile name of a transport.
    pub(super) fn profile(&self, index: usize) -> &str {
        let profile = &self.route.transports[index].options.profile;
        profile.as_deref().unwrap_or_default()
    }

    /// One of the transports, with its keys and its password.
    pub(super) fn transport(&self, index: usize) -> Result<OpenTransport<'_>, String> {
        let LazyTransport { options, loaded } = &self.route.transports[index];
        let load = || LoadedTransport::of(options).map_err(|error| error.to_string());
        let loaded = loaded.get_or_init(load).as_ref().map_err(Clone::clone)?;
        let TransportPool { router, pool } = &self.pools[index];
        let router = router.get_or_init(|| loaded.router());
        Ok(loaded.transport(router, Some(pool)))
    }

    /// Loads the keys and the password of the first transport. An error is reported when the transport is
    /// tried.
    pub(super) fn prepare(&self) {
        if self.count() > 0 {
            let _ = self.transport(0);
        }
    }

    /// Sends QUIT on all connections.
    pub fn close(&self, observer: &mut dyn Observer) {
        for (index, TransportPool { router, pool }) in self.pools.iter().enumerate() {
            if let (Some(_), Ok(transport)) = (router.get(), self.transport(index)) {
                pool.close(&transport, observer);
            }
        }
    }
}

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

    /// Adds a worker to the longest queue that can use another one.
    pub fn add_worker(&self) -> Option<DestinationKey> {
        let mut queues = self.lock();
        let open = queues
            .iter_mut()
            .filter(|(_, queue)| queue.workers < queue.max_workers);
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

    /// Drops the items that still wait for a destination.
    pub fn clear(&self, destination: &DestinationKey) {
        if let Some(queue) = self.lock().get_mut(destination) {
            queue.waiting.clear();
        }
    }

    /// Removes a worker that has found the queue empty.
    pub fn remove_worker(&self, destination: &DestinationKey) {
        if let Some(queue) = self.lock().get_mut(destination) {
            queue.workers -= 1;
        }
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
