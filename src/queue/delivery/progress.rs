//! A round: all due items, including those that become due during it.

use crate::client::events::Observer;
use crate::queue::delivery::pass::{CRASHES, Pass};
use crate::queue::delivery::{QueueEvent, RunContext, Selection};
use crate::queue::store::{
    Claimed, ClaimedItem, Id, Item, ItemKind, QueueError, RouteSpec, is_due, next_attempt,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The progress of a queue run, and the knowledge about items that need not be read again.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Items that were examined, and need not be examined again.
    seen: HashMap<Id, ItemKnowledge>,
    /// Number of items processed.
    pub items: usize,
    /// Number of items claimed by others in the last round.
    pub busy: usize,
}

/// Delay of an item that is still due after it was processed, for example because the disk is full.
const RECOVERY: Duration = Duration::from_secs(30);

/// The knowledge about an item that was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemKnowledge {
    /// It was processed.
    Taken,
    /// There is nothing to do for it before this time.
    Until(SystemTime),
    /// There is nothing to do for it until another process changes it.
    Waits,
}

impl RunProgress {
    /// Forgets the items that were processed or have become due since, so that they are examined again.
    pub fn go_on(&mut self, now: SystemTime) {
        self.seen.retain(|_, seen| match seen {
            ItemKnowledge::Taken => false,
            ItemKnowledge::Until(time) => *time > now,
            ItemKnowledge::Waits => true,
        });
    }

    /// Forgets items that another process has changed.
    pub fn forget<'a>(&mut self, ids: impl IntoIterator<Item = &'a Id>) {
        for id in ids {
            self.seen.remove(id);
        }
    }
}

/// The result of examining an item.
enum Examination {
    Due(DueItem),
    Not(ItemKnowledge),
}

/// An item to process.
pub struct DueItem {
    pub id: Id,
    /// True if it is set aside after one more crash. A crash ends all concurrent attempts: so the item is
    /// tried alone, after all others.
    pub is_suspect: bool,
    pub route_spec: RouteSpec,
    /// The domain of its first recipient, in lower case.
    pub domain: String,
}

impl RunContext<'_> {
    /// Processes the due items that this run has not processed, until there are none. With an observer,
    /// items are processed one after the other.
    pub fn round(
        &self,
        selection: &Selection,
        rounds: &mut RunProgress,
        mut observer: Option<&mut dyn Observer>,
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
                run_context: self,
                selection,
                busy: &busy,
            };
            match &mut observer {
                Some(observer) => walk.go(&due, rounds, Some(*observer)),
                None => walk.go(&due, rounds, None),
            }
        }
        let busy = busy.into_inner().unwrap_or_else(PoisonError::into_inner);
        rounds.busy = busy.len();
        // Their owner may release them without an attempt: they are left for another round.
        rounds.forget(&busy);
        self.store.settle()
    }

    /// True if an item is due that this run has not processed, and that is not claimed elsewhere.
    #[must_use]
    pub fn is_something_due(&self, selection: &Selection, rounds: &RunProgress) -> bool {
        let ids = self.ids(selection).unwrap_or_default();
        let mut new = ids.into_iter().filter(|id| !rounds.seen.contains_key(id));
        new.any(|id| self.is_free(&id) && matches!(self.look(id, selection), Examination::Due(_)))
    }

    /// True if neither the item is claimed nor, for a report, the item that it is about.
    fn is_free(&self, id: &Id) -> bool {
        let Ok(Claimed::Ours(claim)) = self.store.claim(id) else {
            return false;
        };
        match &claim.item().metadata.kind {
            ItemKind::Report(about) => !matches!(self.store.claim(about), Ok(Claimed::Busy)),
            ItemKind::Mail => true,
        }
    }

    /// The time until there is something to do for an item seen in this run; `None`: all of them wait for a
    /// decision. Only items that were processed are read.
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

    /// The time of the next action for an item.
    fn rest(&self, item: &Item) -> ItemKnowledge {
        next_attempt(item, self.settings).map_or(ItemKnowledge::Waits, ItemKnowledge::Until)
    }

    pub(super) fn stops(&self) -> bool {
        self.stop.is_set()
    }

    /// The items selected by name; other criteria need their content.
    fn ids(&self, selection: &Selection) -> Result<Vec<Id>, QueueError> {
        match selection.ids.as_slice() {
            [] => self.store.ids(),
            ids => Ok(ids.to_vec()),
        }
    }

    /// Items that became due during the pass; none if the selection is limited.
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

    /// Due items that were not examined yet.
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

    /// Examines an item. A damaged item is set aside.
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
        let domain = item.metadata.envelope.recipients.get(first);
        Examination::Due(DueItem {
            domain: domain.map_or_else(String::new, |address| {
                address.domain().to_string().to_ascii_lowercase()
            }),
            route_spec: item.metadata.route_spec,
            is_suspect: item.history.crashes + 1 == CRASHES,
            id,
        })
    }

    /// Reads an item. A journal that is being written may look damaged: the item is damaged only if it
    /// looks so while it is claimed here.
    fn item(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        match self.store.item(id) {
            Err(QueueError::Damaged { .. }) => match self.store.claim(id)? {
                Claimed::Ours(claim) => Ok(Some(claim.item().clone())),
                Claimed::Busy | Claimed::Gone => Ok(None),
            },
            seen => seen,
        }
    }

    /// Sets a claimed item aside.
    pub(super) fn bury(&self, claim: Box<dyn ClaimedItem>, reason: &str) -> Result<(), QueueError> {
        let id = claim.item().id.clone();
        claim.bury(reason)?;
        self.queue_observer
            .on_queue_event(&QueueEvent::SetAside { id: &id, reason });
        Ok(())
    }

    pub(super) fn set_aside(&self, id: &Id, reason: &str) {
        match self.store.bury(id, reason) {
            Ok(()) => self
                .queue_observer
                .on_queue_event(&QueueEvent::SetAside { id, reason }),
            Err(error) => self.trouble(&error),
        }
    }

    pub(super) fn trouble(&self, error: &QueueError) {
        self.queue_observer
            .on_queue_event(&QueueEvent::Trouble(&error.to_string()));
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
