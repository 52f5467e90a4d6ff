//! The library behind the program `ehlo`, which sends mail and shows the SMTP session. `src/README.md` describes the
//! folders, how data flows, and where to add things.

// A test may panic if there are no threads.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod cli;
pub mod client;
pub mod config;
pub mod cron;
pub mod mail;
mod mailbox;
pub(crate) mod probe;
pub mod queue;
pub mod script;
pub(crate) mod server;
pub mod smtp;
pub mod system;
pub(crate) mod transcript;
