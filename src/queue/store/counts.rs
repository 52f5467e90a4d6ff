//! Counts of the items in a queue.

use crate::queue::store::{QueueError, QueueStore};
use crate::system::figures::counted;
use crate::system::time::{brief, since};
use std::time::{Duration, SystemTime};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items to deliver.
    pub items: usize,
    /// Age of the oldest item to deliver.
    pub oldest: Duration,
    /// Items to deliver that are held until they are released.
    pub held: usize,
    /// Items to deliver that cannot be read.
    pub damaged: usize,
    /// Items that were set aside.
    pub dead: usize,
}

impl Counts {
    /// Counts the current items.
    pub fn of(store: &dyn QueueStore, now: SystemTime) -> Result<Self, QueueError> {
        let mut counts = Self {
            dead: store.dead()?.len(),
            ..Self::default()
        };
        for id in store.ids()? {
            match store.item(&id) {
                Ok(Some(item)) => {
                    counts.items += 1;
                    counts.held += usize::from(item.history.held);
                    counts.oldest = counts.oldest.max(since(item.metadata.queued, now));
                }
                Ok(None) => {}
                Err(QueueError::Damaged { .. }) => {
                    counts.items += 1;
                    counts.damaged += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(counts)
    }

    /// `3 items, oldest 2h00m, 0 held, 0 set aside`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = counted(self.items as u64, "item");
        if self.items > 0 {
            words.push_str(&format!(", oldest {}", brief(self.oldest)));
        }
        words.push_str(&format!(", {} held", self.held));
        if self.damaged > 0 {
            words.push_str(&format!(", {} damaged", self.damaged));
        }
        words.push_str(&format!(", {} set aside", self.dead));
        words
    }
}
