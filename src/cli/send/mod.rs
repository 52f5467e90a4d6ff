//! Sending a message, which is what `ehlo` does without a command.

pub(crate) mod keep;
pub mod options;
pub(crate) mod print;
pub(crate) mod run;

pub(crate) use run::run;
