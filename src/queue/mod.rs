//! The queue: the store with its items, the retry schedule, and delivery from it.

pub(crate) mod delivery;
pub mod options;
pub mod store;
