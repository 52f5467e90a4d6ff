//! What is written down about an item while it is delivered.

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

    /// Should it not be possible to write it down, the recipients stay in doubt; that is bad enough, but
    /// nothing would be better for it if the session broke off.
    fn taken(&self, recipients: &[usize], reply: &Reply) {
        let entry = ItemEvent::Taken {
            recipients: recipients.to_vec(),
            reply: reply.whole(),
        };
        let _ = self.0.note(entry, Safety::Process);
    }
}
