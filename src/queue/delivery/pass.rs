//! A pass: the due items are delivered by workers that process one destination at a time.

use crate::client::deliver::ConnectionPool;
use crate::client::events::{Event, Interests, Observer, Silent};
use crate::client::transport::{Transport, Transports};
use crate::mail::envelope::RecipientIndex;
use crate::queue::delivery::destinations::{DestinationKey, DestinationQueues, WorkItem, Workers};
use crate::queue::delivery::due::{DueItem, MAX_CRASHES, RECOVERY};
use crate::queue::delivery::settle::{Confirmation, confirm_report, give_up_item};
use crate::queue::delivery::{
    Attempt, Outcome, QueueEvent, RunContext, RunProgress, Selection, SenderNotice, settle,
};
use crate::queue::store::{
    ClaimResult, ClaimedItem, Id, QueueError, RouteSpec, RunnerLock, is_due,
};
use crate::system::stop::Stop;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Interval of the search for new items while others are being delivered.
const RESCAN: Duration = Duration::from_secs(1);

/// Pause before an item of a shared store is tried again that another process needs, or if the store is not available.
const PAUSE: Duration = Duration::from_secs(2);

/// Items that may wait in this process before it reserves more of a shared store.
const MAX_WAITING: usize = 1000;

impl RunContext<'_> {
    /// Processes the due items that this run has not processed, until there are none. With an observer,
    /// items are processed one after the other.
    pub fn deliver_due(
        &self,
        selection: &Selection,
        progress: &mut RunProgress,
        mut observer: Option<&mut dyn Observer>,
    ) -> Result<(), QueueError> {
        self.store.clean()?;
        let busy = Mutex::new(HashSet::new());
        let mut refused = 0;
        let mut suspects = VecDeque::new();
        while !self.is_stopped() {
            let due = self.due(selection, progress)?;
            progress.items += due.len();
            self.report(&QueueEvent::Due(due.len()));
            let (suspect, mut due): (Vec<DueItem>, Vec<DueItem>) =
                due.into_iter().partition(|item| item.is_suspect);
            suspects.extend(suspect);
            if due.is_empty() {
                due.extend(suspects.pop_front());
            }
            if due.is_empty() {
                break;
            }
            let pass = Pass {
                run_context: self,
                selection,
                busy: &busy,
                permits: AtomicUsize::new(0),
                refused: AtomicUsize::new(0),
            };
            match &mut observer {
                Some(observer) => pass.run(&due, progress, Some(*observer)),
                None => pass.run(&due, progress, None),
            }
            if pass.permits.into_inner() == 0 {
                refused = pass.refused.into_inner();
                if refused > 0 {
                    // The processes that have the connections need not wait for this one.
                    break;
                }
            }
        }
        let busy = busy.into_inner().unwrap_or_else(PoisonError::into_inner);
        progress.busy = busy.len() + refused;
        // Their owner may release them without an attempt: they are left for another pass.
        progress.forget(&busy);
        self.store.flush()
    }
}

struct Pass<'a> {
    run_context: &'a RunContext<'a>,
    selection: &'a Selection,
    /// Items claimed by another process.
    busy: &'a Mutex<HashSet<Id>>,
    /// Connections to destinations that this process was permitted.
    permits: AtomicUsize,
    /// Items that were given back, because other processes have all connections to their destination.
    refused: AtomicUsize,
}

/// The routes of a pass, and the queues of their destinations.
struct RouteTable<'a> {
    specs: Vec<&'a RouteSpec>,
    /// The transports of each route.
    transports: &'a [Transports<'a>],
    queues: DestinationQueues,
}

impl RouteTable<'_> {
    /// Adds an item to the queue of its destination. Returns false if its route is not known.
    fn enqueue(&self, item: &DueItem) -> bool {
        let mut specs = self.specs.iter();
        let Some(route) = specs.position(|spec| **spec == item.route_spec) else {
            return false;
        };
        let domain = if self.transports[route].has_relay() {
            String::new()
        } else {
            item.domain.clone()
        };
        self.queues
            .add(DestinationKey { route, domain }, item.id.clone());
        true
    }
}

impl Pass<'_> {
    /// Delivers these items over their transports.
    fn run(
        &self,
        due: &[DueItem],
        progress: &mut RunProgress,
        observer: Option<&mut dyn Observer>,
    ) {
        let mut specs: Vec<&RouteSpec> = Vec::new();
        for item in due {
            if !specs.contains(&&item.route_spec) {
                specs.push(&item.route_spec);
            }
        }
        let found: Vec<Result<Vec<Transport>, String>> = specs
            .iter()
            .map(|spec| self.run_context.transports.find(spec))
            .collect();
        let transports = found.iter().map(|found| match found {
            Ok(all) => Transports::new(all),
            Err(error) => Transports::missing(error.clone()),
        });
        let transports: Vec<Transports<'_>> = transports.collect();
        let routes = RouteTable {
            specs,
            transports: &transports,
            queues: DestinationQueues::new(self.run_context.settings.per_host),
        };
        for item in due {
            routes.enqueue(item);
        }
        match observer {
            Some(observer) => self.run_worker(&routes, observer),
            None => self.run_workers(&routes, progress),
        }
    }

    /// Starts as many workers as are useful and the system has threads for; if it has none, this thread
    /// does the work. Items that arrive meanwhile do not wait for the slowest worker.
    fn run_workers(&self, routes: &RouteTable<'_>, progress: &mut RunProgress) {
        let workers = Workers::default();
        let max_workers = self.run_context.settings.connections;
        thread::scope(|scope| {
            loop {
                let free = max_workers.saturating_sub(workers.count());
                for _ in 0..routes.queues.wanted_workers().min(free) {
                    workers.add();
                    let worker = thread::Builder::new().spawn_scoped(scope, || {
                        self.run_worker(routes, &mut Silent);
                        workers.remove();
                    });
                    if worker.is_err() {
                        workers.remove();
                        if workers.count() == 0 {
                            self.run_worker(routes, &mut Silent);
                        }
                        break;
                    }
                }
                if workers.wait(RESCAN) == 0 {
                    return;
                }
                if !self.run_context.is_stopped() {
                    self.add_newly_due(routes, progress);
                }
            }
        });
    }

    /// Adds the items that became due since, if their route is known here.
    fn add_newly_due(&self, routes: &RouteTable<'_>, progress: &mut RunProgress) {
        if self.run_context.store.shared().is_some() && routes.queues.waiting() >= MAX_WAITING {
            return;
        }
        for item in self.run_context.newly_due(self.selection, progress) {
            if !item.is_suspect && routes.enqueue(&item) {
                progress.items += 1;
                self.run_context.report(&QueueEvent::Due(1));
            } else {
                progress.forget([&item.id]);
                self.run_context.postpone(&[item.id], Duration::ZERO);
            }
        }
    }

    /// Processes one destination queue after the other.
    fn run_worker(&self, routes: &RouteTable<'_>, observer: &mut dyn Observer) {
        let observer = &mut Stoppable {
            observer,
            stop: self.run_context.stop,
        };
        let mut full = Vec::new();
        while let Some(destination) = routes.queues.add_worker(&full) {
            let transports = &routes.transports[destination.route];
            let permit = match self.permit(transports, &destination) {
                Ok(Some(permit)) => permit,
                Ok(None) => {
                    let waiting = routes.queues.remove_refused_worker(&destination);
                    self.run_context.postpone(&waiting, Duration::ZERO);
                    self.refused.fetch_add(waiting.len(), Ordering::Relaxed);
                    full.push(destination);
                    continue;
                }
                Err(error) => {
                    self.run_context.report_error(&error);
                    routes.queues.remove_worker(&destination);
                    self.leave_all(&routes.queues);
                    return;
                }
            };
            let pool = ConnectionPool::new(transports, self.run_context.hosts);
            let end = self.process_queue(&routes.queues, &destination, &pool, observer);
            pool.close(observer);
            drop(permit);
            if end == WorkerEnd::QueueEmpty {
                routes.queues.remove_worker(&destination);
            }
            if observer.is_closed() {
                return;
            }
        }
    }

    /// A permit for a connection to a destination of a shared store; `None`: all workers have as many as are allowed.
    fn permit(
        &self,
        transports: &Transports<'_>,
        destination: &DestinationKey,
    ) -> Result<Option<RunnerLock>, QueueError> {
        let Some(shared) = self.run_context.store.shared() else {
            return Ok(Some(Box::new(())));
        };
        let name = match transports.relay() {
            Some(relay) if destination.domain.is_empty() => relay,
            _ => destination.domain.clone(),
        };
        let permit = shared.connection(&name, self.run_context.settings.per_host)?;
        self.permits
            .fetch_add(usize::from(permit.is_some()), Ordering::Relaxed);
        Ok(permit)
    }

    /// Leaves all items of this pass to another one, because the store is not available.
    fn leave_all(&self, queues: &DestinationQueues) {
        self.run_context.postpone(&queues.clear_all(), PAUSE);
    }

    /// Works until the queue is empty, or until the server has no capacity for this worker.
    fn process_queue(
        &self,
        queues: &DestinationQueues,
        destination: &DestinationKey,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> WorkerEnd {
        let has_relay = pool.transports().has_relay();
        let mut repeated = None;
        let mut ahead: Option<ReadyItem> = None;
        while !observer.is_closed() {
            let next = |first: Option<WorkItem>| {
                self.next_ready(queues, first, || queues.next(destination))
            };
            let Some(item) = ahead.take().or_else(|| next(repeated.take())) else {
                break;
            };
            if has_relay {
                ahead = self.next_ready(queues, None, || queues.next_spare(destination));
            }
            let work = item.work.clone();
            let result = self.try_item(item, ahead.as_ref(), pool, observer);
            if !matches!(result, Ok(ItemEnd::Processed))
                && let Some(item) = ahead.take()
            {
                item.give_back(queues, destination);
            }
            match result {
                Ok(ItemEnd::NoCapacity(_)) if queues.reduce_workers(destination, &work.id) => {
                    return WorkerEnd::Removed;
                }
                // Other connections may just have ended, so that the server has capacity again.
                Ok(ItemEnd::NoCapacity(_)) if !work.is_repeated => {
                    repeated = Some(WorkItem {
                        is_repeated: true,
                        ..work
                    });
                    continue;
                }
                // It has none at all. The waiting items need not be tried one by one.
                Ok(ItemEnd::NoCapacity(outcome)) => {
                    outcome.report_results(&work.id, true, self.run_context.queue_observer);
                    let waiting = queues.clear(destination);
                    self.run_context.postpone(&waiting, RECOVERY);
                }
                Ok(ItemEnd::Processed) => {}
                Err(error) => self.postpone_failed(queues, &work.id, &error),
            }
            self.run_context.report(&QueueEvent::Processed);
        }
        if let Some(item) = ahead {
            item.give_back(queues, destination);
        }
        WorkerEnd::QueueEmpty
    }

    /// The next item that is to be tried. Those that are not are processed here.
    fn next_ready(
        &self,
        queues: &DestinationQueues,
        first: Option<WorkItem>,
        next: impl Fn() -> Option<WorkItem>,
    ) -> Option<ReadyItem> {
        let mut work = first.or_else(&next);
        while let Some(item) = work {
            let id = item.id.clone();
            match self.claim(item) {
                Ok(Some(ready)) => return Some(ready),
                Ok(None) => {}
                Err(error) => self.postpone_failed(queues, &id, &error),
            }
            self.run_context.report(&QueueEvent::Processed);
            work = next();
        }
        None
    }

    /// Leaves an item to another pass after an error; all of them, if the store is not available.
    fn postpone_failed(&self, queues: &DestinationQueues, id: &Id, error: &QueueError) {
        self.run_context.report_error(error);
        if error.is_unavailable() {
            self.leave_all(queues);
        } else {
            self.run_context
                .postpone(std::slice::from_ref(id), RECOVERY);
        }
    }

    /// Leaves an item that another process has claimed for another pass.
    fn skip_busy(&self, id: &Id) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.clone());
    }

    /// Claims an item. `None`: it is claimed elsewhere or is not tried now.
    fn claim(&self, work: WorkItem) -> Result<Option<ReadyItem>, QueueError> {
        let (run_context, id) = (self.run_context, &work.id);
        let claim = match run_context.store.claim(id) {
            Ok(ClaimResult::Claimed(claim)) => claim,
            Ok(ClaimResult::NotFound) => return Ok(None),
            Ok(ClaimResult::Busy) => {
                self.skip_busy(id);
                return Ok(None);
            }
            Err(error @ QueueError::Damaged { .. }) => {
                run_context.fail_unreadable(id, &error.to_string());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let item = claim.item();
        if item.history.held {
            return Ok(None);
        }
        if item.history.crashes >= MAX_CRASHES {
            let reason = format!("{MAX_CRASHES} attempts in a row ended in a crash");
            give_up_item(run_context, claim, &reason)?;
            return Ok(None);
        }
        if confirm_report(run_context, item)? == Confirmation::Busy {
            claim.set_due(Some(run_context.store.now() + PAUSE));
            self.skip_busy(id);
            return Ok(None);
        }
        let is_due = is_due(item, run_context.settings, run_context.store.now());
        let recipients = self.selection.recipients(item);
        if recipients.is_empty() || !(work.is_repeated || self.selection.now || is_due) {
            settle(run_context, claim, SenderNotice::None)?;
            return Ok(None);
        }
        Ok(Some(ReadyItem {
            work,
            claim,
            recipients,
            is_due,
        }))
    }

    /// Tries an item that is claimed, before another one.
    fn try_item(
        &self,
        item: ReadyItem,
        ahead: Option<&ReadyItem>,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> Result<ItemEnd, QueueError> {
        let run_context = self.run_context;
        let attempt = Attempt {
            claim: &*item.claim,
            recipients: &item.recipients,
            early: self.selection.now && !item.is_due,
            pool,
            queue_observer: run_context.queue_observer,
            signer: run_context.signer,
            next: ahead.map(|ahead| (&*ahead.claim, &ahead.recipients[..])),
        };
        let outcome = attempt.run(observer)?;
        self.finish_attempt(item.claim, outcome, &item.work)
    }

    /// Reports an attempt, unless another may follow at once, and settles its item.
    fn finish_attempt(
        &self,
        claim: Box<dyn ClaimedItem>,
        outcome: Outcome,
        next: &WorkItem,
    ) -> Result<ItemEnd, QueueError> {
        let run_context = self.run_context;
        if !outcome.no_capacity {
            outcome.report_results(&next.id, next.is_repeated, run_context.queue_observer);
        }
        if let Some(reason) = &outcome.unreadable {
            give_up_item(run_context, claim, reason)?;
            return Ok(ItemEnd::Processed);
        }
        settle(run_context, claim, SenderNotice::None)?;
        Ok(if outcome.no_capacity {
            ItemEnd::NoCapacity(Box::new(outcome))
        } else {
            ItemEnd::Processed
        })
    }
}

/// An observer that ends deliveries when the run is asked to end.
struct Stoppable<'a> {
    observer: &'a mut dyn Observer,
    stop: &'a Arc<Stop>,
}

impl Observer for Stoppable<'_> {
    fn on_event(&mut self, event: Event<'_>) {
        self.observer.on_event(event);
    }

    fn is_closed(&self) -> bool {
        self.stop.is_set() || self.observer.is_closed()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        Some(Arc::clone(self.stop))
    }

    fn interests(&self) -> Interests {
        self.observer.interests()
    }
}

/// An item that a worker has claimed to try it.
struct ReadyItem {
    work: WorkItem,
    claim: Box<dyn ClaimedItem>,
    /// Indices into the envelope.
    recipients: Vec<RecipientIndex>,
    is_due: bool,
}

impl ReadyItem {
    /// Leaves it to the workers of the destination. It is released first, because another one may take it at once.
    fn give_back(self, queues: &DestinationQueues, destination: &DestinationKey) {
        drop(self.claim);
        queues.give_back(destination, self.work);
    }
}

/// The end of processing an item in a pass.
enum ItemEnd {
    Processed,
    /// A server had no capacity for another connection. The attempt was not reported yet.
    NoCapacity(Box<Outcome>),
}

/// The reason why a worker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkerEnd {
    QueueEmpty,
    /// The server has no capacity for it, and other workers continue.
    Removed,
}
