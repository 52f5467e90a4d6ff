//! `ehlo doctor`: checks what this host would do with a mail from cron.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;
