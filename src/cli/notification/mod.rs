//! Notifications from jobs: when they are sent, where they go, and what becomes of undeliverable ones.

pub(crate) mod alert;
pub(crate) mod send;
