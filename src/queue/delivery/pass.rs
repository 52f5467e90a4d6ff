//! One walk over the due items, by workers that take one destination at a time.

use crate::client::deliver::ConnectionPool;
use crate::client::events::{Event, Interests, Observer, Silent};
use crate::client::transport::{Transport, Transports};
use crate::queue::delivery::destinations::{DestinationKey, DestinationQueues, WorkItem};
use crate::queue::delivery::progress::{DueItem, RunProgress};
use crate::queue::delivery::settle::{Confirmed, SenderNotice, confirm, set_aside, settle};
use crate::queue::delivery::workers::Workers;
use crate::queue::delivery::{Attempt, Outcome, QueueObserver, RunContext, Selection, attempt};
use crate::queue::store::{Claimed, Id, QueueError, RouteSpec, is_due};
use crate::system::stop::Stop;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// Number of consecutive crashed attempts after which an item is set aside.
pub const CRASHES: u32 = 3;

/// Interval of the search for new items while others are being delivered.
const NEWCOMERS: Duration = Duration::from_secs(1);

/// One walk over the due items.
pub struct Pass<'a> {
    pub run_context: &'a RunContext<'a>,
    pub selection: &'a Selection,
    /// Items claimed by another process.
    pub busy: &'a Mutex<HashSet<Id>>,
}

impl Pass<'_> {
    /// Delivers these items over their transports.
    pub fn go(
        &self,
        due: &[DueItem],
        rounds: &mut RunProgress,
        observer: Option<&mut dyn Observer>,
    ) {
        let mut waybills: Vec<&RouteSpec> = Vec::new();
        for one in due {
            if !waybills.contains(&&one.route_spec) {
                waybills.push(&one.route_spec);
            }
        }
        let found: Vec<Result<Vec<Transport>, String>> = waybills
            .iter()
            .map(|route_spec| self.run_context.transports.find(route_spec))
            .collect();
        let branches: Vec<Transports<'_>> = found
            .iter()
            .map(|found| match found {
                Ok(all) => Transports::new(all),
                Err(error) => Transports::missing(error.clone()),
            })
            .collect();
        let map = RouteTable {
            waybills,
            branches: &branches,
        };
        let queues = DestinationQueues::new(self.run_context.settings.per_host);
        for one in due {
            map.lead(one, &queues);
        }
        match observer {
            Some(observer) => self.work(&queues, &branches, observer),
            None => self.work_together(&queues, &map, rounds),
        }
    }

    /// Starts as many workers as are useful and the system has threads for; if it has none, this thread
    /// does the work. Items that arrive meanwhile do not wait for the slowest worker.
    fn work_together(
        &self,
        queues: &DestinationQueues,
        map: &RouteTable<'_>,
        rounds: &mut RunProgress,
    ) {
        let crew = Workers::default();
        thread::scope(|scope| {
            loop {
                let free = self
                    .run_context
                    .settings
                    .connections
                    .saturating_sub(crew.count());
                for _ in 0..queues.width().min(free) {
                    crew.joins();
                    let worker = thread::Builder::new().spawn_scoped(scope, || {
                        self.work(queues, map.branches, &mut Silent);
                        crew.leaves();
                    });
                    if worker.is_err() {
                        crew.leaves();
                        if crew.count() == 0 {
                            self.work(queues, map.branches, &mut Silent);
                        }
                        break;
                    }
                }
                if crew.wait(NEWCOMERS) == 0 {
                    return;
                }
                if !self.run_context.stops() {
                    self.let_in_newcomers(queues, map, rounds);
                }
            }
        });
    }

    /// Adds the items that became due since, if their route is known here.
    fn let_in_newcomers(
        &self,
        queues: &DestinationQueues,
        map: &RouteTable<'_>,
        rounds: &mut RunProgress,
    ) {
        for one in self.run_context.newcomers(self.selection, rounds) {
            if !one.is_suspect && map.lead(&one, queues) {
                rounds.items += 1;
            } else {
                rounds.forget([&one.id]);
            }
        }
    }

    /// Runs one worker, which empties one destination queue after the other.
    fn work(
        &self,
        queues: &DestinationQueues,
        branches: &[Transports<'_>],
        observer: &mut dyn Observer,
    ) {
        let observer = &mut Stoppable {
            observer,
            stop: self.run_context.stop,
        };
        while let Some(destination) = queues.enter() {
            let pool = ConnectionPool::new(&branches[destination.routes], self.run_context.hosts);
            let end = self.go_along(queues, &destination, &pool, observer);
            pool.close(observer);
            if end == WorkerEnd::Reached {
                queues.leave(&destination);
            }
            if observer.is_closed() {
                return;
            }
        }
    }

    /// Works until the queue is empty, or until the server has no capacity for this worker.
    fn go_along(
        &self,
        queues: &DestinationQueues,
        destination: &DestinationKey,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> WorkerEnd {
        let mut turn = None;
        while !observer.is_closed()
            && let Some(next) = turn.take().or_else(|| queues.next(destination))
        {
            match self.start_item(&next, pool, observer) {
                Ok(TakeResult::TurnedAway(_)) if queues.make_way(destination, &next.id) => {
                    return WorkerEnd::Left;
                }
                // Other connections may just have ended, so that the server has capacity again.
                Ok(TakeResult::TurnedAway(_)) if !next.again => {
                    turn = Some(WorkItem {
                        again: true,
                        ..next
                    });
                }
                // It has none at all. The waiting items need not be tried one by one.
                Ok(TakeResult::TurnedAway(untold)) => {
                    untold.tell(&next.id, self.run_context.queue_observer);
                    queues.close(destination);
                }
                Ok(TakeResult::Up) => {}
                Err(error) => self.run_context.trouble(&error),
            }
        }
        WorkerEnd::Reached
    }

    /// Leaves it for another round.
    fn somebody_has(&self, id: &Id) -> TakeResult {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.clone());
        TakeResult::Up
    }

    /// Processes one item, unless it is claimed elsewhere.
    fn start_item(
        &self,
        turn: &WorkItem,
        pool: &ConnectionPool<'_, '_>,
        observer: &mut dyn Observer,
    ) -> Result<TakeResult, QueueError> {
        let (run_context, selection, id) = (self.run_context, self.selection, &turn.id);
        let claim = match run_context.store.claim(id) {
            Ok(Claimed::Ours(claim)) => claim,
            Ok(Claimed::Gone) => return Ok(TakeResult::Up),
            Ok(Claimed::Busy) => return Ok(self.somebody_has(id)),
            Err(error @ QueueError::Damaged { .. }) => {
                run_context.set_aside(id, &error.to_string());
                return Ok(TakeResult::Up);
            }
            Err(error) => return Err(error),
        };
        let item = claim.item();
        let is_due = is_due(item, run_context.settings, SystemTime::now());
        let is_time = turn.again || selection.now || is_due;
        if item.history.held {
            return Ok(TakeResult::Up);
        }
        if item.history.crashes >= CRASHES {
            let reason = format!("{CRASHES} attempts in a row have come to no end");
            set_aside(run_context, claim, &reason)?;
            return Ok(TakeResult::Up);
        }
        if confirm(run_context, item)? == Confirmed::NotYet {
            return Ok(self.somebody_has(id));
        }
        let recipients = selection.recipients(item);
        let mut taken = TakeResult::Up;
        if !recipients.is_empty() && is_time {
            let wanted = Attempt {
                recipients: &recipients,
                early: selection.now && !is_due,
            };
            let outcome = attempt(&*claim, wanted, pool, run_context.queue_observer, observer)?;
            if !outcome.turned_away {
                outcome.tell(id, &recipients, turn.again, run_context.queue_observer);
            }
            if let Some(reason) = outcome.unreadable {
                set_aside(run_context, claim, &reason)?;
                return Ok(TakeResult::Up);
            }
            if outcome.turned_away {
                taken = TakeResult::TurnedAway(Box::new(UnreportedItem {
                    outcome,
                    recipients,
                }));
            }
        }
        settle(run_context, claim, SenderNotice::Nobody).map(|_| taken)
    }
}

/// An observer that ends deliveries when the run is asked to end.
struct Stoppable<'a> {
    observer: &'a mut dyn Observer,
    stop: &'a Arc<Stop>,
}

impl Observer for Stoppable<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        self.observer.on_event(what);
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

/// The result of processing an item.
enum TakeResult {
    /// It is finished for this pass.
    Up,
    /// A server had no capacity for another connection.
    TurnedAway(Box<UnreportedItem>),
}

/// An attempt that was not reported yet, because another may follow at once.
struct UnreportedItem {
    outcome: Outcome,
    recipients: Vec<usize>,
}

impl UnreportedItem {
    /// Reports the attempt, because no other follows.
    fn tell(&self, id: &Id, queue_observer: &dyn QueueObserver) {
        self.outcome
            .tell(id, &self.recipients, true, queue_observer);
    }
}

/// The reason why a worker has left a destination queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkerEnd {
    /// The queue was empty.
    Reached,
    /// The queue was left to other workers.
    Left,
}

struct RouteTable<'a> {
    waybills: Vec<&'a RouteSpec>,
    /// The transports of each stored route.
    branches: &'a [Transports<'a>],
}

impl RouteTable<'_> {
    /// Adds an item to the queue of its destination. Returns false if its route is not known.
    fn lead(&self, one: &DueItem, queues: &DestinationQueues) -> bool {
        let mut waybills = self.waybills.iter();
        let Some(routes) = waybills.position(|route_spec| **route_spec == one.route_spec) else {
            return false;
        };
        let domain = if self.branches[routes].has_relay() {
            String::new()
        } else {
            one.domain.clone()
        };
        queues.add(DestinationKey { routes, domain }, one.id.clone());
        true
    }
}
