//! `ehlo config`: shows and checks the configuration.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;

pub(crate) use args::{CommandArgs, check_access};
pub(crate) use run::run;
