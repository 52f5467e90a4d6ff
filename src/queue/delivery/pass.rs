//! One walk over the due items, by workers that take one destination at a time.

use crate::client::events::{Event, Interests, Observer, Silent};
use crate::client::transport;
use crate::queue::delivery::connections::{RouteTransports, WorkerConnections};
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
    pub office: &'a RunContext<'a>,
    pub selection: &'a Selection,
    /// Items claimed by another process.
    pub busy: &'a Mutex<HashSet<Id>>,
}

impl Pass<'_> {
    /// Delivers these items over their transports.
    pub fn go(&self, due: &[DueItem], rounds: &mut RunProgress, watch: Option<&mut dyn Observer>) {
        let mut waybills: Vec<&RouteSpec> = Vec::new();
        for one in due {
            if !waybills.contains(&&one.waybill) {
                waybills.push(&one.waybill);
            }
        }
        let found: Vec<Result<Vec<transport::Transport>, String>> = waybills
            .iter()
            .map(|waybill| self.office.ways.find(waybill))
            .collect();
        let branches: Vec<RouteTransports<'_>> = found.iter().map(RouteTransports::new).collect();
        let map = RouteTable {
            waybills,
            branches: &branches,
        };
        let lanes = DestinationQueues::new(self.office.settings.per_host);
        for one in due {
            map.lead(one, &lanes);
        }
        match watch {
            Some(watch) => self.work(&lanes, &branches, watch),
            None => self.work_together(&lanes, &map, rounds),
        }
    }

    /// Starts as many workers as are useful and the system has threads for; if it has none, this thread
    /// does the work. Items that arrive meanwhile do not wait for the slowest worker.
    fn work_together(
        &self,
        lanes: &DestinationQueues,
        map: &RouteTable<'_>,
        rounds: &mut RunProgress,
    ) {
        let crew = Workers::default();
        thread::scope(|scope| {
            loop {
                let free = self
                    .office
                    .settings
                    .connections
                    .saturating_sub(crew.count());
                for _ in 0..lanes.width().min(free) {
                    crew.joins();
                    let worker = thread::Builder::new().spawn_scoped(scope, || {
                        self.work(lanes, map.branches, &mut Silent);
                        crew.leaves();
                    });
                    if worker.is_err() {
                        crew.leaves();
                        if crew.count() == 0 {
                            self.work(lanes, map.branches, &mut Silent);
                        }
                        break;
                    }
                }
                if crew.wait(NEWCOMERS) == 0 {
                    return;
                }
                if !self.office.stops() {
                    self.let_in_newcomers(lanes, map, rounds);
                }
            }
        });
    }

    /// Adds the items that became due since, if their route is known here.
    fn let_in_newcomers(
        &self,
        lanes: &DestinationQueues,
        map: &RouteTable<'_>,
        rounds: &mut RunProgress,
    ) {
        for one in self.office.newcomers(self.selection, rounds) {
            if !one.is_suspect && map.lead(&one, lanes) {
                rounds.items += 1;
            } else {
                rounds.forget([&one.id]);
            }
        }
    }

    /// Runs one worker, which empties one destination queue after the other.
    fn work(
        &self,
        lanes: &DestinationQueues,
        branches: &[RouteTransports<'_>],
        watch: &mut dyn Observer,
    ) {
        let watch = &mut Stoppable {
            watch,
            stop: self.office.stop,
        };
        while let Some(road) = lanes.enter() {
            let lines = WorkerConnections::new(&branches[road.branch], self.office.hosts);
            let end = self.go_along(lanes, &road, &lines, watch);
            lines.close(watch);
            if end == WorkerEnd::Reached {
                lanes.leave(&road);
            }
            if watch.refuses() {
                return;
            }
        }
    }

    /// Works until the queue is empty, or until the server has no capacity for this worker.
    fn go_along(
        &self,
        lanes: &DestinationQueues,
        road: &DestinationKey,
        lines: &WorkerConnections<'_, '_>,
        watch: &mut dyn Observer,
    ) -> WorkerEnd {
        let mut turn = None;
        while !watch.refuses()
            && let Some(next) = turn.take().or_else(|| lanes.next(road))
        {
            match self.take_up(&next, lines, watch) {
                Ok(TakeResult::TurnedAway(_)) if lanes.make_way(road, &next.id) => {
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
                    untold.tell(&next.id, self.office.ear);
                    lanes.close(road);
                }
                Ok(TakeResult::Up) => {}
                Err(error) => self.office.trouble(&error),
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
    fn take_up(
        &self,
        turn: &WorkItem,
        lines: &WorkerConnections<'_, '_>,
        watch: &mut dyn Observer,
    ) -> Result<TakeResult, QueueError> {
        let (office, selection, id) = (self.office, self.selection, &turn.id);
        let claim = match office.store.claim(id) {
            Ok(Claimed::Ours(claim)) => claim,
            Ok(Claimed::Gone) => return Ok(TakeResult::Up),
            Ok(Claimed::Busy) => return Ok(self.somebody_has(id)),
            Err(error @ QueueError::Damaged { .. }) => {
                office.set_aside(id, &error.to_string());
                return Ok(TakeResult::Up);
            }
            Err(error) => return Err(error),
        };
        let item = claim.item();
        let is_due = is_due(item, office.settings, SystemTime::now());
        let is_time = turn.again || selection.now || is_due;
        if item.history.held {
            return Ok(TakeResult::Up);
        }
        if item.history.crashes >= CRASHES {
            let reason = format!("{CRASHES} attempts in a row have come to no end");
            set_aside(office, claim, &reason)?;
            return Ok(TakeResult::Up);
        }
        if confirm(office, item)? == Confirmed::NotYet {
            return Ok(self.somebody_has(id));
        }
        let recipients = selection.recipients(item);
        let mut taken = TakeResult::Up;
        if !recipients.is_empty() && is_time {
            let wanted = Attempt {
                recipients: &recipients,
                early: selection.now && !is_due,
            };
            let outcome = attempt(&*claim, wanted, lines, office.ear, watch)?;
            if !outcome.turned_away {
                outcome.tell(id, &recipients, turn.again, office.ear);
            }
            if let Some(reason) = outcome.unreadable {
                set_aside(office, claim, &reason)?;
                return Ok(TakeResult::Up);
            }
            if outcome.turned_away {
                taken = TakeResult::TurnedAway(Box::new(UnreportedItem {
                    outcome,
                    recipients,
                }));
            }
        }
        settle(office, claim, SenderNotice::Nobody).map(|_| taken)
    }
}

/// An observer that ends deliveries when the run is asked to end.
struct Stoppable<'a> {
    watch: &'a mut dyn Observer,
    stop: &'a Arc<Stop>,
}

impl Observer for Stoppable<'_> {
    fn happened(&mut self, what: Event<'_>) {
        self.watch.happened(what);
    }

    fn refuses(&self) -> bool {
        self.stop.is_set() || self.watch.refuses()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        Some(Arc::clone(self.stop))
    }

    fn wants(&self) -> Interests {
        self.watch.wants()
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
    fn tell(&self, id: &Id, ear: &dyn QueueObserver) {
        self.outcome.tell(id, &self.recipients, true, ear);
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
    branches: &'a [RouteTransports<'a>],
}

impl RouteTable<'_> {
    /// Adds an item to the queue of its destination. Returns false if its route is not known.
    fn lead(&self, one: &DueItem, lanes: &DestinationQueues) -> bool {
        let mut waybills = self.waybills.iter();
        let Some(branch) = waybills.position(|waybill| **waybill == one.waybill) else {
            return false;
        };
        let domain = if self.branches[branch].has_relay() {
            String::new()
        } else {
            one.domain.clone()
        };
        lanes.add(DestinationKey { branch, domain }, one.id.clone());
        true
    }
}
