//! Notifications from jobs: rules, delivery, and dead letters.

pub(crate) mod alert;
pub(crate) mod send;
