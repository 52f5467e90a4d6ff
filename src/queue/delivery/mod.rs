//! Who takes items out of the queue and delivers them: one attempt at an item, what follows from it,
//! and a round of all that are due.

pub(crate) mod connections;
pub(crate) mod destinations;
pub(crate) mod host_memory;
pub(crate) mod journal_log;
pub(crate) mod on_failure;
pub(crate) mod pass;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod retransmission;
pub(crate) mod workers;

mod attempt;
mod selection;
mod settle;

pub use crate::queue::delivery::connections::{RouteTransports, WorkerConnections};
pub use crate::queue::delivery::host_memory::Remembered;
pub use crate::queue::delivery::progress::RunProgress;
pub use attempt::{Attempt, Outcome, attempt};
pub use selection::Selection;
pub use settle::{ItemOutcome, SenderNotice, settle};

use crate::client::deliver::Hosts;
use crate::queue::options::StoredRoutes;
use crate::queue::store::{Id, QueueStore, RetrySettings};
use crate::system::stop::Stop;
use std::sync::Arc;

/// Where items come from, and by which rules they are worked on.
pub struct RunContext<'a> {
    pub store: &'a dyn QueueStore,
    /// Which hosts are down.
    pub hosts: &'a (dyn Hosts + Sync),
    pub settings: &'a RetrySettings,
    /// Who knows the ways.
    pub ways: &'a dyn StoredRoutes,
    /// Who hears of it.
    pub ear: &'a dyn QueueObserver,
    /// Set when nothing more shall be begun.
    pub stop: &'a Arc<Stop>,
}

/// Somebody who hears what becomes of items.
pub trait QueueObserver: Sync {
    fn hear(&self, news: &QueueEvent<'_>);
}

/// What became of an item.
#[derive(Debug)]
pub enum QueueEvent<'a> {
    /// A recipient got the message.
    Delivered { id: &'a Id, recipient: &'a str },
    /// A recipient did not get it, or not for sure.
    Failed {
        id: &'a Id,
        /// What happened, with the recipient in it.
        sentence: &'a str,
        /// Whether it is not what happened the last time.
        is_new: bool,
        /// Whether it is not tried again.
        is_final: bool,
    },
    /// A message is sent again that may have arrived.
    Again { id: &'a Id, recipient: &'a str },
    /// An item was set aside.
    SetAside { id: &'a Id, reason: &'a str },
    /// Something else does not go as it should.
    Trouble(&'a str),
}
