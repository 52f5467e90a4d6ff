//! `ehlo sendmail`, `mailq` and `newaliases`: the options of sendmail.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;
pub(crate) mod serve;

pub(crate) use args::{SendmailCall, SendmailWords, misplaced};
pub(crate) use run::run;
