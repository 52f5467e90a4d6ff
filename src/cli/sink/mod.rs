//! `ehlo sink`: receives mail, for demonstrations and tests.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;
