//! Messages: addresses, envelopes, composition and MIME, end-to-end signatures and encryption,
//! DKIM signatures, delivery status notifications, aliases,
//! mbox.

pub mod address;
pub mod crypt;
pub mod dkim;
pub mod envelope;
pub(crate) mod mbox;
pub(crate) mod merge;
pub mod message;
pub mod rewrite;
