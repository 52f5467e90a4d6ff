//! What a store does beyond a spool if several hosts share it: it hands out the due items in batches, so that not every
//! worker examines all of them, and counts the connections of all workers to a destination.

use crate::queue::store::{Id, Item, QueueError, RunnerLock};
use std::time::{Duration, SystemTime};

/// A store that several hosts share.
pub trait SharedStore {
    /// Reserves due items for this process, those that are due longest first. No other process can claim them until
    /// they are claimed here and dropped, or postponed.
    fn reserve(&self) -> Result<Vec<Item>, QueueError>;

    /// Gives back reserved items, to be tried at this time; `None`: after a decision of the operator.
    fn postpone(&self, ids: &[Id], until: Option<SystemTime>);

    /// The time until the next item is due; `None`: none is.
    fn next_due(&self) -> Result<Option<Duration>, QueueError>;

    /// A permit for one of `max` connections of all processes to a destination; `None`: there are that many. It is
    /// given back on drop.
    fn connection(&self, destination: &str, max: usize) -> Result<Option<RunnerLock>, QueueError>;

    /// The process that has claimed an item, as `HOST:PID`; `None`: not claimed.
    fn worker_of(&self, id: &Id) -> Result<Option<String>, QueueError>;
}
