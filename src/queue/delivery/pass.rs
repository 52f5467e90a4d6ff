//! One way through items that are due: workers, who take them up lane by lane.

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

/// After so many attempts in a row that crashed, an item is set aside.
pub const CRASHES: u32 = 3;

/// So often it is looked for items that have come while others are under way.
const NEWCOMERS: Duration = Duration::from_secs(1);

/// One way through the items that are due.
pub struct Pass<'a> {
    pub office: &'a RunContext<'a>,
    /// Which of them are meant.
    pub selection: &'a Selection,
    /// Those that somebody else has.
    pub busy: &'a Mutex<HashSet<Id>>,
}

impl Pass<'_> {
    /// Takes up these, by their ways.
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
        let map = Routes {
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

    /// Many workers, or as many as the system has threads for; if it has none, this thread does the
    /// work. Items that arrive meanwhile do not wait for the slowest worker.
    fn work_together(&self, lanes: &DestinationQueues, map: &Routes<'_>, rounds: &mut RunProgress) {
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

    /// Items that have come since, as far as their way is known here.
    fn let_in_newcomers(
        &self,
        lanes: &DestinationQueues,
        map: &Routes<'_>,
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

    /// One worker: a lane at a time, to its end.
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

    /// To the end of a lane, unless there are too many in it.
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
                // The others may have gone just now, and the server may have time again.
                Ok(TakeResult::TurnedAway(_)) if !next.again => {
                    turn = Some(WorkItem {
                        again: true,
                        ..next
                    });
                }
                // It has none for anybody. Whatever waits need not hear that, one by one.
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

    /// It is for another round.
    fn somebody_has(&self, id: &Id) -> TakeResult {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.clone());
        TakeResult::Up
    }

    /// One item, if nobody else has it.
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

/// A watch of deliveries that end when the run is asked to end.
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

/// What came of taking up an item.
enum TakeResult {
    /// There is nothing more to know about it.
    Up,
    /// A server had no time for another connection.
    TurnedAway(Box<UnreportedItem>),
}

/// An attempt that nobody has heard of yet, because another may follow at once.
struct UnreportedItem {
    outcome: Outcome,
    recipients: Vec<usize>,
}

impl UnreportedItem {
    /// None follows.
    fn tell(&self, id: &Id, ear: &dyn QueueObserver) {
        self.outcome.tell(id, &self.recipients, true, ear);
    }
}

/// How a worker came out of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkerEnd {
    /// There was nothing more to do.
    Reached,
    /// It was left to others.
    Left,
}

struct Routes<'a> {
    waybills: Vec<&'a RouteSpec>,
    /// A branch for each of them.
    branches: &'a [RouteTransports<'a>],
}

impl Routes<'_> {
    /// Puts an item into its lane; false where its way is not known.
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
