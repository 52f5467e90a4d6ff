//! A round: all items that are due, and those that come while it goes on.

use crate::client::events::Observer;
use crate::queue::delivery::pass::{CRASHES, Pass};
use crate::queue::delivery::{QueueEvent, RunContext, Selection};
use crate::queue::store::{
    Claimed, ClaimedItem, Id, Item, ItemKind, QueueError, RouteSpec, is_due, next_attempt,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What rounds have come to so far, and what they know of items without another look at them.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Those that were looked at, and need not be looked at again.
    seen: HashMap<Id, ItemKnowledge>,
    /// How many items were taken up.
    pub items: usize,
    /// How many of them somebody else had, the last time.
    pub busy: usize,
}

/// What was tried and is due yet could not be tried: a disk that is full, say. It gets so much time.
const RECOVERY: Duration = Duration::from_secs(30);

/// What is known of an item that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemKnowledge {
    /// It was taken up.
    Taken,
    /// There is nothing to do for it before this time.
    Until(SystemTime),
    /// There is nothing to do for it before somebody else does something.
    Waits,
}

impl RunProgress {
    /// Begins anew with what was taken up and with what has become due since: the others need not be
    /// looked at.
    pub fn go_on(&mut self, now: SystemTime) {
        self.seen.retain(|_, seen| match seen {
            ItemKnowledge::Taken => false,
            ItemKnowledge::Until(time) => *time > now,
            ItemKnowledge::Waits => true,
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
enum Examination {
    Due(DueItem),
    Not(ItemKnowledge),
}

/// An item that is to be taken up.
pub struct DueItem {
    pub id: Id,
    /// Whether another attempt without an end is its last. Others that are tried at the same time end with
    /// it: so it is tried when nobody else is, and behind all others.
    pub is_suspect: bool,
    pub waybill: RouteSpec,
    /// Where its first recipient is, in lower case.
    pub domain: String,
}

impl RunContext<'_> {
    /// Takes up what is due and was not taken up in these rounds, until there is nothing of that kind.
    /// With somebody who looks on, one after the other.
    pub fn round(
        &self,
        selection: &Selection,
        rounds: &mut RunProgress,
        mut watch: Option<&mut dyn Observer>,
    ) -> Result<(), QueueError> {
        self.store.tidy()?;
        let busy = Mutex::new(HashSet::new());
        let mut suspects = VecDeque::new();
        while !self.stops() {
            let left = selection.most.map(|most| most.saturating_sub(rounds.items));
            let due = self.due(selection, &mut rounds.seen, left)?;
            rounds.items += due.len();
            let (suspect, mut due): (Vec<DueItem>, Vec<DueItem>) =
                due.into_iter().partition(|one| one.is_suspect);
            suspects.extend(suspect);
            if due.is_empty() {
                due.extend(suspects.pop_front());
            }
            if due.is_empty() {
                break;
            }
            let walk = Pass {
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
        self.store.settle()
    }

    /// Whether something is due that these rounds have not taken up, and nobody else has it.
    #[must_use]
    pub fn is_something_due(&self, selection: &Selection, rounds: &RunProgress) -> bool {
        let ids = self.ids(selection).unwrap_or_default();
        let mut new = ids.into_iter().filter(|id| !rounds.seen.contains_key(id));
        new.any(|id| self.is_free(&id) && matches!(self.look(id, selection), Examination::Due(_)))
    }

    /// Whether nobody has an item, nor, if it is a report, that which it is about.
    fn is_free(&self, id: &Id) -> bool {
        let Ok(Claimed::Ours(claim)) = self.store.claim(id) else {
            return false;
        };
        match &claim.item().letter.kind {
            ItemKind::Report(about) => !matches!(self.store.claim(about), Ok(Claimed::Busy)),
            ItemKind::Mail => true,
        }
    }

    /// The time until there is something to do for an item that was seen in these rounds; `None` where
    /// all of them wait for somebody. Only those are read that were taken up.
    pub fn next_due(&self, rounds: &mut RunProgress) -> Option<Duration> {
        let now = SystemTime::now();
        rounds.seen.retain(|id, seen| {
            if *seen != ItemKnowledge::Taken {
                return true;
            }
            let item = self.store.item(id).ok().flatten();
            let Some(item) = item.filter(|item| item.dead.is_none()) else {
                return false;
            };
            *seen = match self.rest(&item) {
                ItemKnowledge::Until(time) if time <= now => ItemKnowledge::Until(now + RECOVERY),
                rest => rest,
            };
            true
        });
        let times = rounds.seen.values().filter_map(|seen| match seen {
            ItemKnowledge::Until(time) => Some(*time),
            ItemKnowledge::Taken | ItemKnowledge::Waits => None,
        });
        let next = times.min()?;
        Some(next.duration_since(now).unwrap_or_default())
    }

    /// How long nothing is to be done for an item.
    fn rest(&self, item: &Item) -> ItemKnowledge {
        next_attempt(item, self.settings).map_or(ItemKnowledge::Waits, ItemKnowledge::Until)
    }

    pub(super) fn stops(&self) -> bool {
        self.stop.is_set()
    }

    /// Those that may be tried, as far as their names tell.
    fn ids(&self, selection: &Selection) -> Result<Vec<Id>, QueueError> {
        match selection.ids.as_slice() {
            [] => self.store.ids(),
            ids => Ok(ids.to_vec()),
        }
    }

    /// What has become due while others are under way, where whoever is meant is not counted.
    pub(super) fn newcomers(
        &self,
        selection: &Selection,
        rounds: &mut RunProgress,
    ) -> Vec<DueItem> {
        if !selection.is_for_all() || selection.most.is_some() {
            return Vec::new();
        }
        let due = self.due(selection, &mut rounds.seen, None);
        due.unwrap_or_default()
    }

    /// What is due and was not seen yet.
    fn due(
        &self,
        selection: &Selection,
        seen: &mut HashMap<Id, ItemKnowledge>,
        most: Option<usize>,
    ) -> Result<Vec<DueItem>, QueueError> {
        let mut due = Vec::new();
        for id in self.ids(selection)? {
            if most.is_some_and(|most| due.len() >= most) || self.stops() {
                break;
            }
            if seen.contains_key(&id) {
                continue;
            }
            match self.look(id.clone(), selection) {
                Examination::Due(one) => {
                    seen.insert(id, ItemKnowledge::Taken);
                    due.push(one);
                }
                Examination::Not(why) => {
                    seen.insert(id, why);
                }
            }
        }
        Ok(due)
    }

    /// An item that is due; what cannot be read is set aside.
    fn look(&self, id: Id, selection: &Selection) -> Examination {
        let item = match self.item(&id) {
            Ok(Some(item)) if item.dead.is_none() && selection.means(&item) => item,
            Ok(_) => return Examination::Not(ItemKnowledge::Waits),
            Err(error @ QueueError::Damaged { .. }) => {
                self.set_aside(&id, &error.to_string());
                return Examination::Not(ItemKnowledge::Waits);
            }
            Err(error) => {
                self.trouble(&error);
                return Examination::Not(ItemKnowledge::Waits);
            }
        };
        let is_time = selection.now || is_due(&item, self.settings, SystemTime::now());
        let recipients = selection.recipients(&item);
        let is_to_be_settled = item.open().is_empty() && !item.waits_for_decision();
        if item.history.held || !(is_time && !recipients.is_empty() || is_to_be_settled) {
            let is_meant = !recipients.is_empty();
            return Examination::Not(if is_meant {
                self.rest(&item)
            } else {
                ItemKnowledge::Waits
            });
        }
        let first = recipients.first().copied().unwrap_or_default();
        let domain = item.letter.envelope.recipients.get(first);
        Examination::Due(DueItem {
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
    pub(super) fn bury(&self, claim: Box<dyn ClaimedItem>, reason: &str) -> Result<(), QueueError> {
        let id = claim.item().id.clone();
        claim.bury(reason)?;
        self.ear.hear(&QueueEvent::SetAside { id: &id, reason });
        Ok(())
    }

    pub(super) fn set_aside(&self, id: &Id, reason: &str) {
        match self.store.bury(id, reason) {
            Ok(()) => self.ear.hear(&QueueEvent::SetAside { id, reason }),
            Err(error) => self.trouble(&error),
        }
    }

    pub(super) fn trouble(&self, error: &QueueError) {
        self.ear.hear(&QueueEvent::Trouble(&error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::parse(&format!("0abc00000000{number}")).unwrap()
    }

    fn left(rounds: &RunProgress) -> Vec<Id> {
        let mut left: Vec<Id> = rounds.seen.keys().cloned().collect();
        left.sort();
        left
    }

    #[test]
    fn only_what_was_taken_up_has_become_due_or_was_changed_is_looked_at_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let soon = now + Duration::from_secs(1);
        let mut rounds = RunProgress::default();
        let seen = [
            ItemKnowledge::Taken,
            ItemKnowledge::Until(now),
            ItemKnowledge::Until(soon),
            ItemKnowledge::Waits,
            ItemKnowledge::Waits,
        ];
        rounds.seen = (0..).map(id).zip(seen).collect();
        rounds.forget(&[id(4), id(9)]);
        rounds.go_on(now);
        assert_eq!(left(&rounds), [id(2), id(3)]);
        rounds.go_on(soon);
        assert_eq!(left(&rounds), [id(3)]);
    }
}
