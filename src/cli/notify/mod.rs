//! `ehlo notify`: mails a line or a text from a script.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;
