//! Delivery of queued items: one attempt at an item, its consequences, and runs over all due items.

mod attempt;
mod destinations;
mod due;
mod notify;
mod pass;
mod settle;
#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Outcome};
pub use due::{RunProgress, Selection};
pub use settle::{ItemOutcome, SenderNotice, settle};

use crate::client::deliver::Hosts;
use crate::client::mail_log;
use crate::mail::dkim::Signer;
use crate::queue::StoredRoutes;
use crate::queue::store::{ClaimedItem, Id, QueueError, QueueStore, RetrySettings};
use crate::system::stop::Stop;
use std::sync::Arc;
use std::time::Duration;

/// The store, the settings and the observers of a queue run.
pub struct RunContext<'a> {
    pub store: &'a dyn QueueStore,
    /// Records of hosts that are down.
    pub hosts: &'a (dyn Hosts + Sync),
    pub settings: &'a RetrySettings,
    /// Resolves stored routes.
    pub transports: &'a dyn StoredRoutes,
    pub queue_observer: &'a dyn QueueObserver,
    /// Signs delivery reports.
    pub signer: &'a Signer,
    /// Set when no further work is to be started.
    pub stop: &'a Arc<Stop>,
}

impl RunContext<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }

    /// Marks a claimed item as failed.
    fn fail_claimed(&self, claim: Box<dyn ClaimedItem>, reason: &str) -> Result<(), QueueError> {
        let id = claim.item().id.clone();
        claim.fail(reason)?;
        mail_log::set_aside(id.as_str(), reason);
        self.report(&QueueEvent::ItemFailed { id: &id, reason });
        Ok(())
    }

    /// Marks an item as failed that cannot be read.
    fn fail_unreadable(&self, id: &Id, reason: &str) {
        match self.store.fail(id, reason) {
            Ok(()) => {
                mail_log::set_aside(id.as_str(), reason);
                self.report(&QueueEvent::ItemFailed { id, reason });
            }
            Err(error) => self.report_error(&error),
        }
    }

    fn report(&self, event: &QueueEvent<'_>) {
        self.queue_observer.on_queue_event(event);
    }

    fn report_error(&self, error: &QueueError) {
        self.report(&QueueEvent::Error(&error.to_string()));
    }
}

/// Receives the events of a queue run.
pub trait QueueObserver: Sync {
    fn on_queue_event(&self, event: &QueueEvent<'_>);
}

/// An event of a queue run.
#[derive(Debug)]
pub enum QueueEvent<'a> {
    /// This number of items is due; one with recipients of several destinations counts for each of them.
    Due(usize),
    /// One of these has been tried or left out.
    Processed,
    /// The message was delivered to a recipient.
    Delivered {
        id: &'a Id,
        recipient: &'a str,
    },
    /// The message was not delivered to a recipient, or the result is unknown.
    NotDelivered {
        id: &'a Id,
        /// A sentence that names the recipient.
        sentence: &'a str,
        /// True if the result differs from the previous one.
        is_new: bool,
        /// True if the recipient is not tried again.
        is_final: bool,
    },
    /// A message is sent again that may have arrived.
    PossibleDuplicate {
        id: &'a Id,
        recipient: &'a str,
    },
    ItemFailed {
        id: &'a Id,
        reason: &'a str,
    },
    /// Another error.
    Error(&'a str),
}

/// The hosts that the store has recorded as down.
pub struct HostMemory<'a> {
    pub store: &'a dyn QueueStore,
    /// Maximum age of a record.
    pub max_age: Duration,
}

impl Hosts for HostMemory<'_> {
    fn down(&self, host: &str, port: Option<u16>) -> Option<String> {
        self.store
            .host_down(host, port.unwrap_or_default(), self.max_age)
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        self.store
            .set_host_down(host, port.unwrap_or_default(), why);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.store.set_host_up(host, port.unwrap_or_default());
    }
}
