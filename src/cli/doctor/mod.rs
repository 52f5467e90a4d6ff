//! `ehlo doctor`: diagnoses how mail from cron would leave this host.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;
