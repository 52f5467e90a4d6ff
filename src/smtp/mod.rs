//! Code shared by the SMTP client, the server and scripts: replies, stages, SASL mechanisms, dot-stuffing.

pub mod blocks;
pub(crate) mod dots;
pub(crate) mod mechanism;
pub(crate) mod reply;
pub(crate) mod stage;
