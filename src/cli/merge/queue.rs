//! Rows that are still deferred after all attempts, as messages of the queue.

use crate::cli::merge::MergeOptions;
use crate::cli::send::keep::QueuedMessage;
use crate::mail::envelope::RecipientIndex;
use crate::mail::message::Message;
use crate::queue;
use crate::queue::QueueUse;
use crate::queue::delivery::SenderNotice;
use crate::queue::store::{Id, QueueError, QueueStore};
use crate::transcript::TranscriptOptions;

/// The queue of a run.
pub(super) struct MergeQueue<'a> {
    store: Box<dyn QueueStore>,
    queueing: &'a QueueUse,
    options: &'a MergeOptions,
}

impl<'a> MergeQueue<'a> {
    /// Opens or creates the queue. `None`: rows are not queued.
    pub fn open(options: &'a MergeOptions) -> Result<Option<Self>, QueueError> {
        let Some(queueing) = &options.queueing else {
            return Ok(None);
        };
        let store = queue::open(queueing.queue.location.as_ref(), true)?;
        Ok(Some(Self {
            store,
            queueing,
            options,
        }))
    }

    /// Adds a message for some of its recipients, durably.
    pub fn add(
        &self,
        mut message: Message,
        recipients: &[RecipientIndex],
    ) -> Result<Id, QueueError> {
        let all = &message.envelope.recipients;
        let some = recipients.iter().map(|&recipient| all[recipient].clone());
        message.envelope = message.envelope.only(some.collect());
        let queued = QueuedMessage {
            message: &message,
            queueing: self.queueing,
            transport: &self.options.transport,
            fallbacks: &self.options.fallbacks,
            output: TranscriptOptions::default(),
            notice: SenderNotice::None,
            log: None,
            patience: None,
            as_given: false,
        };
        queued.keep_in(&*self.store)
    }
}
