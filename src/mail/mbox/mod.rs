//! Mailboxes of the mbox family (RFC 4155): messages are appended in the mboxrd format and found in all of them.

mod read;
mod write;

pub(crate) use read::{MboxError, MboxPart, MboxScanner, Unquoter};
pub use write::append;
