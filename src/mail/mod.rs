//! Messages: addresses, envelopes, composition and MIME, delivery status notifications, aliases, mbox.

pub mod address;
pub mod envelope;
pub(crate) mod mbox;
pub(crate) mod merge;
pub mod message;
pub mod rewrite;
