//! The queue: the store with its items, the retry schedule, and delivery from it.

pub(crate) mod delivery;
pub mod options;
pub mod store;

use crate::queue::store::spool::Spool;
use crate::queue::store::{QueueError, QueueStore};
use std::path::Path;

/// Opens the queue at a location; `None`: the default directory of this user. With `create`, a missing queue
/// is created; else it counts as empty.
///
/// # Errors
/// The location cannot be used, for example because other users can write to it.
pub fn open(location: Option<&Path>, create: bool) -> Result<Box<dyn QueueStore>, QueueError> {
    Ok(Box::new(Spool::open(location, create)?))
}
