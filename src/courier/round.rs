//! A round: all items that are due, and those that come while it goes on.

use super::lanes::{Lanes, Road, Turn};
use super::lines::{Branch, Lines};
use super::settle::{Confirmed, Told, confirm, settle};
use super::{Ear, News, Office, Outcome, attempt};
use crate::plan;
use crate::queue::{Claim, Claimed, Id, Item, Kind, QueueError, Waybill, is_due, next_attempt};
use crate::watch::{Nobody, Watch};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// After so many attempts in a row that crashed, an item is set aside.
const CRASHES: u32 = 3;

/// So often it is looked for items that have come while others are under way.
const NEWCOMERS: Duration = Duration::from_secs(1);

/// Which items are tried.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; empty is all.
    pub ids: Vec<Id>,
    /// Only recipients in these domains; empty is all.
    pub domains: Vec<String>,
    /// Only items of which no recipient is in another domain: an attempt counts for the whole item, and
    /// nobody wants to put it off for all because of some.
    pub wholly: bool,
    /// Only what goes by this way.
    pub waybill: Option<Waybill>,
    /// No more than so many.
    pub most: Option<usize>,
    /// Whether those are tried as well whose time has not come.
    pub now: bool,
}

impl Selection {
    /// The recipients that are to be tried.
    fn recipients(&self, item: &Item) -> Vec<usize> {
        let all = &item.letter.envelope.recipients;
        let is_meant = |&place: &usize| {
            let domain = all[place].domain().to_string();
            let mut wanted = self.domains.iter();
            self.domains.is_empty() || wanted.any(|wanted| wanted.eq_ignore_ascii_case(&domain))
        };
        item.open().into_iter().filter(is_meant).collect()
    }

    /// Whether no item is left out.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.ids.is_empty() && self.domains.is_empty() && self.waybill.is_none()
    }

    fn means(&self, item: &Item) -> bool {
        let by_this_way = |waybill: &Waybill| item.letter.waybill == *waybill;
        let is_whole = || self.recipients(item).len() == item.open().len();
        self.waybill.as_ref().is_none_or(by_this_way) && (!self.wholly || is_whole())
    }
}

/// What rounds have come to so far, and what they know of items without another look at them.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Those that were looked at, and need not be looked at again.
    seen: HashMap<Id, Seen>,
    /// How many items were taken up.
    pub items: usize,
    /// How many of them somebody else had, the last time.
    pub busy: usize,
}

/// What was tried and is due yet could not be tried: a disk that is full, say. It gets so much time.
const RECOVERY: Duration = Duration::from_secs(30);

/// What is known of an item that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It was taken up.
    Taken,
    /// There is nothing to do for it before this time.
    Until(SystemTime),
    /// There is nothing to do for it before somebody else does something.
    Waits,
}

impl Rounds {
    /// Begins anew with what was taken up and with what has become due since: the others need not be
    /// looked at.
    pub fn go_on(&mut self, now: SystemTime) {
        self.seen.retain(|_, seen| match seen {
            Seen::Taken => false,
            Seen::Until(time) => *time > now,
            Seen::Waits => true,
        });
    }

    /// Somebody else has done something with these.
    pub fn forget<'a>(&mut self, ids: impl IntoIterator<Item = &'a Id>) {
        for id in ids {
            self.seen.remove(id);
        }
    }
}

/// What a look at an item says.
enum Look {
    Due(Due),
    Not(Seen),
}

/// An item that is to be taken up.
struct Due {
    id: Id,
    /// Whether another attempt without an end is its last. Others that are tried at the same time end with
    /// it: so it is tried when nobody else is, and behind all others.
    is_suspect: bool,
    waybill: Waybill,
    domain: String,
}

impl Office<'_> {
    /// Takes up what is due and was not taken up in these rounds, until there is nothing of that kind.
    /// With somebody who looks on, one after the other.
    pub fn round(
        &self,
        selection: &Selection,
        rounds: &mut Rounds,
        mut watch: Option<&mut dyn Watch>,
    ) -> Result<(), QueueError> {
        self.store.tidy()?;
        let busy = Mutex::new(HashSet::new());
        let mut suspects = VecDeque::new();
        while !self.stops() {
            let left = selection.most.map(|most| most.saturating_sub(rounds.items));
            let due = self.due(selection, &mut rounds.seen, left)?;
            rounds.items += due.len();
            let (suspect, mut due): (Vec<Due>, Vec<Due>) =
                due.into_iter().partition(|one| one.is_suspect);
            suspects.extend(suspect);
            if due.is_empty() {
                due.extend(suspects.pop_front());
            }
            if due.is_empty() {
                break;
            }
            let walk = Walk {
                office: self,
                selection,
                busy: &busy,
            };
            match &mut watch {
                Some(watch) => walk.go(&due, rounds, Some(*watch)),
                None => walk.go(&due, rounds, None),
            }
        }
        let busy = busy.into_inner().unwrap_or_else(PoisonError::into_inner);
        rounds.busy = busy.len();
        // Whoever has them may let go of them without having tried: they are for another round.
        rounds.forget(&busy);
        self.store.tidy()
    }

    /// Whether something is due that these rounds have not taken up, and nobody else has it.
    #[must_use]
    pub fn is_something_due(&self, selection: &Selection, rounds: &Rounds) -> bool {
        let ids = self.ids(selection).unwrap_or_default();
        let mut new = ids.into_iter().filter(|id| !rounds.seen.contains_key(id));
        new.any(|id| self.is_free(&id) && matches!(self.look(id, selection), Look::Due(_)))
    }

    /// Whether nobody has an item, nor, if it is a report, that which it is about.
    fn is_free(&self, id: &Id) -> bool {
        let Ok(Claimed::Ours(claim)) = self.store.claim(id) else {
            return false;
        };
        match &claim.item().letter.kind {
            Kind::Report(about) => !matches!(self.store.claim(about), Ok(Claimed::Busy)),
            Kind::Mail => true,
        }
    }

    /// The time until there is something to do for an item that was seen in these rounds; `None` where
    /// all of them wait for somebody. Only those are read that were taken up.
    pub fn next_due(&self, rounds: &mut Rounds) -> Option<Duration> {
        let now = SystemTime::now();
        rounds.seen.retain(|id, seen| {
            if *seen != Seen::Taken {
                return true;
            }
            let item = self.store.item(id).ok().flatten();
            let Some(item) = item.filter(|item| item.dead.is_none()) else {
                return false;
            };
            *seen = match self.rest(&item) {
                Seen::Until(time) if time <= now => Seen::Until(now + RECOVERY),
                rest => rest,
            };
            true
        });
        let times = rounds.seen.values().filter_map(|seen| match seen {
            Seen::Until(time) => Some(*time),
            Seen::Taken | Seen::Waits => None,
        });
        let next = times.min()?;
        Some(next.duration_since(now).unwrap_or_default())
    }

    /// How long nothing is to be done for an item.
    fn rest(&self, item: &Item) -> Seen {
        next_attempt(item, self.settings).map_or(Seen::Waits, Seen::Until)
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Those that may be tried, as far as their names tell.
    fn ids(&self, selection: &Selection) -> Result<Vec<Id>, QueueError> {
        match selection.ids.as_slice() {
            [] => self.store.ids(),
            ids => Ok(ids.to_vec()),
        }
    }

    /// What is due and was not seen yet.
    fn due(
        &self,
        selection: &Selection,
        seen: &mut HashMap<Id, Seen>,
        most: Option<usize>,
    ) -> Result<Vec<Due>, QueueError> {
        let mut due = Vec::new();
        for id in self.ids(selection)? {
            if most.is_some_and(|most| due.len() >= most) || self.stops() {
                break;
            }
            if seen.contains_key(&id) {
                continue;
            }
            match self.look(id.clone(), selection) {
                Look::Due(one) => {
                    seen.insert(id, Seen::Taken);
                    due.push(one);
                }
                Look::Not(why) => {
                    seen.insert(id, why);
                }
            }
        }
        Ok(due)
    }

    /// An item that is due; what cannot be read is set aside.
    fn look(&self, id: Id, selection: &Selection) -> Look {
        let item = match self.item(&id) {
            Ok(Some(item)) if item.dead.is_none() && selection.means(&item) => item,
            Ok(_) => return Look::Not(Seen::Waits),
            Err(error @ QueueError::Damaged { .. }) => {
                self.set_aside(&id, &error.to_string());
                return Look::Not(Seen::Waits);
            }
            Err(error) => {
                self.trouble(&error);
                return Look::Not(Seen::Waits);
            }
        };
        let is_time = selection.now || is_due(&item, self.settings, SystemTime::now());
        let recipients = selection.recipients(&item);
        let is_to_be_settled = item.open().is_empty() && !item.waits_for_decision();
        if item.history.held || !(is_time && !recipients.is_empty() || is_to_be_settled) {
            let is_meant = !recipients.is_empty();
            return Look::Not(if is_meant {
                self.rest(&item)
            } else {
                Seen::Waits
            });
        }
        let first = recipients.first().copied().unwrap_or_default();
        let domain = item.letter.envelope.recipients.get(first);
        Look::Due(Due {
            domain: domain.map_or_else(String::new, |address| {
                address.domain().to_string().to_ascii_lowercase()
            }),
            waybill: item.letter.waybill,
            is_suspect: item.history.crashes + 1 == CRASHES,
            id,
        })
    }

    /// An item. Somebody may be writing in its journal, so that it looks damaged: it is only if it is when
    /// nobody has it.
    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        match self.store.item(id) {
            Err(QueueError::Damaged { .. }) => match self.store.claim(id)? {
                Claimed::Ours(claim) => Ok(Some(claim.item().clone())),
                Claimed::Busy | Claimed::Gone => Ok(None),
            },
            seen => seen,
        }
    }

    /// Sets aside what is ours.
    pub(super) fn bury(&self, claim: Box<dyn Claim>, reason: &str) -> Result<(), QueueError> {
        let id = claim.item().id.clone();
        claim.bury(reason)?;
        self.ear.hear(&News::SetAside { id: &id, reason });
        Ok(())
    }

    fn set_aside(&self, id: &Id, reason: &str) {
        match self.store.bury(id, reason) {
            Ok(()) => self.ear.hear(&News::SetAside { id, reason }),
            Err(error) => self.trouble(&error),
        }
    }

    pub(super) fn trouble(&self, error: &QueueError) {
        self.ear.hear(&News::Trouble(&error.to_string()));
    }
}

/// What came of taking up an item.
enum Taken {
    /// There is nothing more to know about it.
    Up,
    /// A server had no time for another connection.
    TurnedAway(Box<Untold>),
}

/// An attempt that nobody has heard of yet, because another may follow at once.
struct Untold {
    outcome: Outcome,
    recipients: Vec<usize>,
}

impl Untold {
    /// None follows.
    fn tell(&self, id: &Id, ear: &dyn Ear) {
        self.outcome.tell(id, &self.recipients, true, ear);
    }
}

/// How a worker came out of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There was nothing more to do.
    Reached,
    /// It was left to others.
    Left,
}

/// Where lanes lead.
struct Map<'a> {
    waybills: Vec<&'a Waybill>,
    /// A branch for each of them.
    branches: &'a [Branch<'a>],
}

impl Map<'_> {
    /// Puts an item into its lane; false where its way is not known.
    fn lead(&self, one: &Due, lanes: &Lanes) -> bool {
        let mut waybills = self.waybills.iter();
        let Some(branch) = waybills.position(|waybill| **waybill == one.waybill) else {
            return false;
        };
        let domain = if self.branches[branch].has_relay() {
            String::new()
        } else {
            one.domain.clone()
        };
        lanes.add(Road { branch, domain }, one.id.clone());
        true
    }
}

/// How many are at work.
#[derive(Default)]
struct Crew {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Crew {
    fn count(&self) -> usize {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn joins(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn leaves(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.changed.notify_all();
    }

    /// Until nobody is at work any more, or for so long. Gives how many are.
    fn wait(&self, limit: Duration) -> usize {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(count, limit, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// One way through the items that are due.
struct Walk<'a> {
    office: &'a Office<'a>,
    selection: &'a Selection,
    /// Those that somebody else has.
    busy: &'a Mutex<HashSet<Id>>,
}

impl Walk<'_> {
    /// Takes up these, by their ways.
    fn go(&self, due: &[Due], rounds: &mut Rounds, watch: Option<&mut dyn Watch>) {
        let mut waybills: Vec<&Waybill> = Vec::new();
        for one in due {
            if !waybills.contains(&&one.waybill) {
                waybills.push(&one.waybill);
            }
        }
        let found: Vec<Result<Vec<plan::Way>, String>> = waybills
            .iter()
            .map(|waybill| self.office.ways.find(waybill))
            .collect();
        let branches: Vec<Branch<'_>> = found.iter().map(Branch::new).collect();
        let map = Map {
            waybills,
            branches: &branches,
        };
        let lanes = Lanes::new(self.office.settings.per_host);
        for one in due {
            map.lead(one, &lanes);
        }
        match watch {
            Some(watch) => self.work(&lanes, &branches, watch),
            None => self.work_together(&lanes, &map, rounds),
        }
    }

    /// Many workers. What comes while they are at it does not wait until the slowest has done.
    fn work_together(&self, lanes: &Lanes, map: &Map<'_>, rounds: &mut Rounds) {
        let crew = Crew::default();
        thread::scope(|scope| {
            loop {
                let free = self
                    .office
                    .settings
                    .connections
                    .saturating_sub(crew.count());
                for _ in 0..lanes.width().min(free) {
                    crew.joins();
                    scope.spawn(|| {
                        self.work(lanes, map.branches, &mut Nobody);
                        crew.leaves();
                    });
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
    fn let_in_newcomers(&self, lanes: &Lanes, map: &Map<'_>, rounds: &mut Rounds) {
        if !self.selection.is_for_all() || self.selection.most.is_some() {
            return;
        }
        let due = self.office.due(self.selection, &mut rounds.seen, None);
        for one in due.unwrap_or_default() {
            if !one.is_suspect && map.lead(&one, lanes) {
                rounds.items += 1;
            } else {
                rounds.seen.remove(&one.id);
            }
        }
    }

    /// One worker: a lane at a time, to its end.
    fn work(&self, lanes: &Lanes, branches: &[Branch<'_>], watch: &mut dyn Watch) {
        while let Some(road) = lanes.enter() {
            let lines = Lines::new(&branches[road.branch], self.office.hosts);
            let end = self.go_along(lanes, &road, &lines, watch);
            lines.close(watch);
            if end == End::Reached {
                lanes.leave(&road);
            }
            if self.office.stops() || watch.refuses() {
                return;
            }
        }
    }

    /// To the end of a lane, unless there are too many in it.
    fn go_along(
        &self,
        lanes: &Lanes,
        road: &Road,
        lines: &Lines<'_, '_>,
        watch: &mut dyn Watch,
    ) -> End {
        let mut turn = None;
        while !self.office.stops()
            && !watch.refuses()
            && let Some(next) = turn.take().or_else(|| lanes.next(road))
        {
            match self.take_up(&next, lines, watch) {
                Ok(Taken::TurnedAway(_)) if lanes.make_way(road, &next.id) => return End::Left,
                // The others may have gone just now, and the server may have time again.
                Ok(Taken::TurnedAway(_)) if !next.again => {
                    turn = Some(Turn {
                        again: true,
                        ..next
                    });
                }
                // It has none for anybody. Whatever waits need not hear that, one by one.
                Ok(Taken::TurnedAway(untold)) => {
                    untold.tell(&next.id, self.office.ear);
                    lanes.close(road);
                }
                Ok(Taken::Up) => {}
                Err(error) => self.office.trouble(&error),
            }
        }
        End::Reached
    }

    /// It is for another round.
    fn somebody_has(&self, id: &Id) -> Taken {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.clone());
        Taken::Up
    }

    /// One item, if nobody else has it.
    fn take_up(
        &self,
        turn: &Turn,
        lines: &Lines<'_, '_>,
        watch: &mut dyn Watch,
    ) -> Result<Taken, QueueError> {
        let (office, selection, id) = (self.office, self.selection, &turn.id);
        let claim = match office.store.claim(id) {
            Ok(Claimed::Ours(claim)) => claim,
            Ok(Claimed::Gone) => return Ok(Taken::Up),
            Ok(Claimed::Busy) => return Ok(self.somebody_has(id)),
            Err(error @ QueueError::Damaged { .. }) => {
                office.set_aside(id, &error.to_string());
                return Ok(Taken::Up);
            }
            Err(error) => return Err(error),
        };
        let item = claim.item();
        let is_time =
            turn.again || selection.now || is_due(item, office.settings, SystemTime::now());
        if item.history.held {
            return Ok(Taken::Up);
        }
        if item.history.crashes >= CRASHES {
            let reason = format!("{CRASHES} attempts in a row have come to no end");
            office.bury(claim, &reason)?;
            return Ok(Taken::Up);
        }
        if confirm(office, item)? == Confirmed::NotYet {
            return Ok(self.somebody_has(id));
        }
        let recipients = selection.recipients(item);
        let mut taken = Taken::Up;
        if !recipients.is_empty() && is_time {
            let outcome = attempt(&*claim, &recipients, lines, office.ear, watch)?;
            if !outcome.turned_away {
                outcome.tell(id, &recipients, turn.again, office.ear);
            }
            if let Some(reason) = outcome.unreadable {
                office.bury(claim, &reason)?;
                return Ok(Taken::Up);
            }
            if outcome.turned_away {
                taken = Taken::TurnedAway(Box::new(Untold {
                    outcome,
                    recipients,
                }));
            }
        }
        settle(office, claim, Told::Nobody).map(|_| taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::parse(&format!("0abc00000000{number}")).unwrap()
    }

    fn left(rounds: &Rounds) -> Vec<Id> {
        let mut left: Vec<Id> = rounds.seen.keys().cloned().collect();
        left.sort();
        left
    }

    #[test]
    fn only_what_was_taken_up_has_become_due_or_was_changed_is_looked_at_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let soon = now + Duration::from_secs(1);
        let mut rounds = Rounds::default();
        let seen = [
            Seen::Taken,
            Seen::Until(now),
            Seen::Until(soon),
            Seen::Waits,
            Seen::Waits,
        ];
        rounds.seen = (0..).map(id).zip(seen).collect();
        rounds.forget(&[id(4), id(9)]);
        rounds.go_on(now);
        assert_eq!(left(&rounds), [id(2), id(3)]);
        rounds.go_on(soon);
        assert_eq!(left(&rounds), [id(3)]);
    }
}
