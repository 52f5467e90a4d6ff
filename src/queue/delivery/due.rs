//! The due items: selection, examination, and what a queue run knows about items that it has examined.

use crate::mail::envelope::RecipientIndex;
use crate::queue::delivery::RunContext;
use crate::queue::store::{
    ClaimResult, Id, Item, ItemKind, QueueError, RouteSpec, SharedStore, is_due, next_attempt,
};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// Number of consecutive crashed attempts after which an item fails.
pub const MAX_CRASHES: u32 = 3;

/// Delay of an item that is still due after it was processed, for example because the disk is full.
pub const RECOVERY: Duration = Duration::from_secs(30);

/// The items that are tried.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these; empty is all.
    pub ids: Vec<Id>,
    /// Only recipients in these domains; empty is all.
    pub domains: Vec<String>,
    /// Only items with all recipients in these domains: an attempt counts for the whole item, and must not
    /// delay the other recipients.
    pub all_recipients: bool,
    /// Only items with this route.
    pub route_spec: Option<RouteSpec>,
    /// Maximum number of items.
    pub limit: Option<usize>,
    /// True if items that are not due are tried as well.
    pub now: bool,
}

impl Selection {
    /// The recipients to try.
    pub fn recipients(&self, item: &Item) -> Vec<RecipientIndex> {
        let all = &item.metadata.envelope.recipients;
        let is_selected = |&index: &RecipientIndex| {
            let domain = all[index].domain().to_string();
            let mut domains = self.domains.iter();
            self.domains.is_empty() || domains.any(|one| one.eq_ignore_ascii_case(&domain))
        };
        item.open().into_iter().filter(is_selected).collect()
    }

    /// True if all items are selected.
    pub fn is_for_all(&self) -> bool {
        self.ids.is_empty() && self.domains.is_empty() && self.route_spec.is_none()
    }

    fn matches(&self, item: &Item) -> bool {
        let route_spec = self.route_spec.as_ref();
        let has_all = || self.recipients(item).len() == item.open().len();
        route_spec.is_none_or(|route_spec| item.metadata.route_spec == *route_spec)
            && (!self.all_recipients || has_all())
    }
}

/// The progress of a queue run, and the knowledge about items that need not be read again.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Items that were examined, and need not be examined again.
    examined: HashMap<Id, Examined>,
    /// Number of items processed.
    pub items: usize,
    /// Number of items in the last pass that were claimed by others.
    pub busy: usize,
}

/// The knowledge about an item that was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Examined {
    /// It was processed.
    Processed,
    /// Nothing is to be done for it before this time.
    NotBefore(SystemTime),
    /// Nothing is to be done for it until another process changes it.
    Waiting,
}

impl RunProgress {
    /// Forgets the items that were processed or have become due since, so that they are examined again.
    pub fn forget_due(&mut self, now: SystemTime) {
        self.examined.retain(|_, examined| match examined {
            Examined::Processed => false,
            Examined::NotBefore(time) => *time > now,
            Examined::Waiting => true,
        });
    }

    /// Forgets items that another process has changed.
    pub fn forget<'a>(&mut self, ids: impl IntoIterator<Item = &'a Id>) {
        for id in ids {
            self.examined.remove(id);
        }
    }
}

/// The result of examining an item.
enum Examination {
    Due(DueItem),
    NotDue(Examined),
}

/// An item to process.
pub struct DueItem {
    pub id: Id,
    /// True if the item fails after one more crash. A crash ends all concurrent attempts: so the item is
    /// tried alone, after all others.
    pub is_suspect: bool,
    pub route_spec: RouteSpec,
    /// The domain of its first recipient, in lower case.
    pub domain: String,
}

impl RunContext<'_> {
    /// Due items that were not examined yet, up to the limit.
    pub(super) fn due(
        &self,
        selection: &Selection,
        progress: &mut RunProgress,
    ) -> Result<Vec<DueItem>, QueueError> {
        if let Some(shared) = self.batches(selection) {
            return self.due_in_batch(shared, selection);
        }
        let limit = selection.limit;
        let limit = limit.map(|limit| limit.saturating_sub(progress.items));
        let mut due = Vec::new();
        for id in self.ids(selection)? {
            if limit.is_some_and(|limit| due.len() >= limit) || self.is_stopped() {
                break;
            }
            if progress.examined.contains_key(&id) {
                continue;
            }
            let examined = match self.examine(&id, selection) {
                Examination::Due(item) => {
                    due.push(item);
                    Examined::Processed
                }
                Examination::NotDue(examined) => examined,
            };
            progress.examined.insert(id, examined);
        }
        Ok(due)
    }

    /// The store, if it hands out the items of this selection in batches.
    fn batches(&self, selection: &Selection) -> Option<&dyn SharedStore> {
        let is_usual = selection.is_for_all() && !selection.now && selection.limit.is_none();
        self.store.shared().filter(|_| is_usual)
    }

    /// The due items of the next batches, up to one with a due item.
    fn due_in_batch(
        &self,
        shared: &dyn SharedStore,
        selection: &Selection,
    ) -> Result<Vec<DueItem>, QueueError> {
        let mut due = Vec::new();
        while due.is_empty() && !self.is_stopped() {
            let batch = shared.reserve()?;
            if batch.is_empty() {
                break;
            }
            for item in batch {
                let id = item.id.clone();
                match self.examine_item(item, selection) {
                    Examination::Due(item) => due.push(item),
                    Examination::NotDue(Examined::NotBefore(time)) => {
                        shared.postpone(&[id], Some(time));
                    }
                    Examination::NotDue(_) => shared.postpone(&[id], None),
                }
            }
        }
        Ok(due)
    }

    /// Gives back items of a batch that were not processed, to be tried after this time. Items that are due since
    /// then come after those that were due before.
    pub(super) fn postpone(&self, ids: &[Id], wait: Duration) {
        if let Some(shared) = self.store.shared() {
            shared.postpone(ids, Some(self.store.now() + wait));
        }
    }

    /// The time of the next attempt at an item that is kept; `None`: after a decision. It is not due at once: the
    /// state that makes it due may not have changed, for example because the disk is full.
    pub(super) fn due_after(&self, item: &Item) -> Option<SystemTime> {
        let now = self.store.now();
        next_attempt(item, self.settings).map(
            |next| {
                if next <= now { now + RECOVERY } else { next }
            },
        )
    }

    /// Items that became due during the pass; none if the selection is limited.
    pub(super) fn newly_due(
        &self,
        selection: &Selection,
        progress: &mut RunProgress,
    ) -> Vec<DueItem> {
        if !selection.is_for_all() || selection.limit.is_some() {
            return Vec::new();
        }
        self.due(selection, progress).unwrap_or_default()
    }

    /// True if an item is due that this run has not processed, and that is not claimed elsewhere.
    pub fn has_due(&self, selection: &Selection, progress: &RunProgress) -> bool {
        // Items that another worker has claimed are not due before its lease ends.
        if let Some(shared) = self.batches(selection) {
            return shared
                .next_due()
                .is_ok_and(|next| next == Some(Duration::ZERO));
        }
        let ids = self.ids(selection).unwrap_or_default();
        let mut new = ids.into_iter();
        new.any(|id| {
            !progress.examined.contains_key(&id)
                && self.is_free(&id)
                && matches!(self.examine(&id, selection), Examination::Due(_))
        })
    }

    /// True if neither the item is claimed nor, for a report, the item that it is about.
    fn is_free(&self, id: &Id) -> bool {
        let Ok(ClaimResult::Claimed(claim)) = self.store.claim(id) else {
            return false;
        };
        match &claim.item().metadata.kind {
            ItemKind::Report(about) => !matches!(self.store.claim(about), Ok(ClaimResult::Busy)),
            ItemKind::Mail => true,
        }
    }

    /// The time until something is to be done for an examined item; `None`: all of them wait for a decision.
    /// Only items that were processed are read.
    pub fn next_due(&self, progress: &mut RunProgress) -> Option<Duration> {
        if let Some(shared) = self.store.shared() {
            return shared.next_due().ok().flatten();
        }
        let now = self.store.now();
        progress.examined.retain(|id, examined| {
            if *examined != Examined::Processed {
                return true;
            }
            let item = self.store.item(id).ok().flatten();
            let Some(item) = item.filter(|item| item.failed.is_none()) else {
                return false;
            };
            *examined = match self.next_action(&item) {
                Examined::NotBefore(time) if time <= now => Examined::NotBefore(now + RECOVERY),
                next => next,
            };
            true
        });
        let times = progress
            .examined
            .values()
            .filter_map(|examined| match examined {
                Examined::NotBefore(time) => Some(*time),
                Examined::Processed | Examined::Waiting => None,
            });
        let next = times.min()?;
        Some(next.duration_since(now).unwrap_or_default())
    }

    fn next_action(&self, item: &Item) -> Examined {
        next_attempt(item, self.settings).map_or(Examined::Waiting, Examined::NotBefore)
    }

    /// The items selected by name; other criteria need their content.
    fn ids(&self, selection: &Selection) -> Result<Vec<Id>, QueueError> {
        match selection.ids.as_slice() {
            [] => self.store.ids(),
            ids => Ok(ids.to_vec()),
        }
    }

    /// Examines an item. A damaged item fails.
    fn examine(&self, id: &Id, selection: &Selection) -> Examination {
        let waiting = Examination::NotDue(Examined::Waiting);
        let item = match self.read(id) {
            Ok(Some(item)) => item,
            Ok(None) => return waiting,
            Err(error @ QueueError::Damaged { .. }) => {
                self.fail_unreadable(id, &error.to_string());
                return waiting;
            }
            Err(error) => {
                self.report_error(&error);
                return waiting;
            }
        };
        self.examine_item(item, selection)
    }

    fn examine_item(&self, item: Item, selection: &Selection) -> Examination {
        let waiting = Examination::NotDue(Examined::Waiting);
        if item.failed.is_some() || !selection.matches(&item) {
            return waiting;
        }
        let is_time = selection.now || is_due(&item, self.settings, self.store.now());
        let recipients = selection.recipients(&item);
        let is_only_to_settle = item.open().is_empty() && !item.waits_for_decision();
        if item.history.held || !(is_time && !recipients.is_empty() || is_only_to_settle) {
            return if recipients.is_empty() {
                waiting
            } else {
                Examination::NotDue(self.next_action(&item))
            };
        }
        let first = recipients.first().copied().unwrap_or_default();
        let domain = item.metadata.envelope.recipients.get(first.0);
        Examination::Due(DueItem {
            domain: domain.map_or_else(String::new, |address| {
                address.domain().to_string().to_ascii_lowercase()
            }),
            route_spec: item.metadata.route_spec,
            is_suspect: item.history.crashes + 1 == MAX_CRASHES,
            id: item.id,
        })
    }

    /// Reads an item. A journal that is being written may look damaged: the item is damaged only if it
    /// looks so while it is claimed here.
    fn read(&self, id: &Id) -> Result<Option<Item>, QueueError> {
        match self.store.item(id) {
            Err(QueueError::Damaged { .. }) => match self.store.claim(id)? {
                ClaimResult::Claimed(claim) => Ok(Some(claim.item().clone())),
                ClaimResult::Busy | ClaimResult::NotFound => Ok(None),
            },
            read => read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::parse(&format!("0abc00000000{number}")).unwrap()
    }

    fn examined(progress: &RunProgress) -> Vec<Id> {
        let mut ids: Vec<Id> = progress.examined.keys().cloned().collect();
        ids.sort();
        ids
    }

    #[test]
    fn processed_due_and_changed_items_are_examined_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let later = now + Duration::from_secs(1);
        let all = [
            Examined::Processed,
            Examined::NotBefore(now),
            Examined::NotBefore(later),
            Examined::Waiting,
            Examined::Waiting,
        ];
        let mut progress = RunProgress {
            examined: (0..).map(id).zip(all).collect(),
            ..RunProgress::default()
        };
        progress.forget(&[id(4), id(9)]);
        progress.forget_due(now);
        assert_eq!(examined(&progress), [id(2), id(3)]);
        progress.forget_due(later);
        assert_eq!(examined(&progress), [id(3)]);
    }
}
