//! `ehlo run`: runs a command and mails a report.

pub(crate) mod args;
pub(crate) mod command;

pub(crate) use args::Args;
pub(crate) use command::{drain, run};
