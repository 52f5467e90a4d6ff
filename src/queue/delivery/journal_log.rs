//! The journal entries that are written during a delivery.

use crate::client::session::DeliveryLog;
use crate::queue::store::{ClaimedItem, ItemEvent, Safety};
use crate::smtp::reply::Reply;
use std::io;

/// The journal of an item, for a session.
pub struct JournalLog<'a>(pub &'a dyn ClaimedItem);

impl DeliveryLog for JournalLog<'_> {
    fn ending(&self, recipients: &[usize]) -> io::Result<()> {
        let recipients = recipients.to_vec();
        let noted = self.0.note(ItemEvent::Dot { recipients }, Safety::Disk);
        noted.map_err(io::Error::other)
    }

    /// If the entry cannot be written, the recipients remain in doubt. Ending the session would not improve
    /// that.
    fn taken(&self, recipients: &[usize], reply: &Reply) {
        let entry = ItemEvent::Taken {
            recipients: recipients.to_vec(),
            reply: reply.whole(),
        };
        let _ = self.0.note(entry, Safety::Process);
    }
}
