//! Messages: addresses, envelopes, composition and MIME, end-to-end signatures and encryption, DKIM signatures,
//! delivery status notifications, aliases, mbox, received messages as they are shown.

pub mod address;
pub mod crypt;
pub mod dkim;
pub mod envelope;
pub mod layers;
pub(crate) mod mbox;
pub(crate) mod merge;
pub mod message;
pub mod rewrite;
pub mod tag_list;
pub mod view;
