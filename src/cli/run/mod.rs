//! `ehlo run`: runs a command and mails a report.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::{drain, run};
