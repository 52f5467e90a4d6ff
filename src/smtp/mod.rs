//! Code shared by the SMTP client, the server and scripts: extensions and their parameters, stages, replies, SASL
//! mechanisms, dot-stuffing, the PROXY header, message content as blocks.

pub mod blocks;
pub(crate) mod dot_stuffing;
pub mod extension;
pub(crate) mod mechanism;
pub(crate) mod parameter;
pub(crate) mod proxy;
pub(crate) mod reply;
pub mod stage;
