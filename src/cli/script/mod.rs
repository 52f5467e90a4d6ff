//! `ehlo script`: runs scripted SMTP sessions.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;

pub(crate) use args::{Args, Recording};
pub(crate) use run::run;
