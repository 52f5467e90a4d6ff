//! Delivery of queued items: one attempt at an item, its consequences, and runs over all due items.

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

/// The store, the settings and the observers of a queue run.
pub struct RunContext<'a> {
    pub store: &'a dyn QueueStore,
    /// Records of hosts that are down.
    pub hosts: &'a (dyn Hosts + Sync),
    pub settings: &'a RetrySettings,
    /// Resolves stored routes.
    pub transports: &'a dyn StoredRoutes,
    pub queue_observer: &'a dyn QueueObserver,
    /// Set when no further work is to be started.
    pub stop: &'a Arc<Stop>,
}

/// Receives the events of a queue run.
pub trait QueueObserver: Sync {
    fn on_queue_event(&self, event: &QueueEvent<'_>);
}

/// An event of a queue run.
#[derive(Debug)]
pub enum QueueEvent<'a> {
    /// The message was delivered to a recipient.
    Delivered { id: &'a Id, recipient: &'a str },
    /// It was not delivered to a recipient, or the result is unknown.
    Failed {
        id: &'a Id,
        /// A sentence that names the recipient.
        sentence: &'a str,
        /// True if the result differs from the previous one.
        is_new: bool,
        /// True if it is not tried again.
        is_final: bool,
    },
    /// A message is sent again that may have arrived.
    Again { id: &'a Id, recipient: &'a str },
    /// An item was set aside.
    SetAside { id: &'a Id, reason: &'a str },
    /// Another error.
    Trouble(&'a str),
}
