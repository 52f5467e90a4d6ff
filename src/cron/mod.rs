//! Mail from jobs: running a command and reporting it, notifications, digests, and the check of a host.

pub(crate) mod alert;
pub mod doctor;
pub(crate) mod job;
pub mod mail;
