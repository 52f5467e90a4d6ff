//! The command line: one folder for each command with its options and its run, options that commands share,
//! terminal output, and the exit status.

pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod cron;
pub(crate) mod demo;
pub(crate) mod digest;
pub(crate) mod dkim;
pub(crate) mod doctor;
mod exit_status;
pub(crate) mod fetch;
pub mod help;
pub(crate) mod interrupt;
pub mod invocation;
pub(crate) mod jobs;
mod layers;
pub(crate) mod login;
pub(crate) mod manual;
pub(crate) mod merge;
pub(crate) mod notification;
pub(crate) mod notify;
pub(crate) mod observer;
pub(crate) mod options;
pub mod parse;
pub(crate) mod policy;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod roundtrip;
pub(crate) mod run;
pub(crate) mod run_signals;
pub(crate) mod script;
pub(crate) mod send;
pub(crate) mod sendmail;
pub(crate) mod show;
pub(crate) mod sink;
pub mod standins;
pub mod terminal;
pub(crate) mod unit;
pub(crate) mod verify;

use crate::system::exit::Exit;

/// An error with an exit status: that of the program, if the error ends the run. All are in `exit_status.rs`.
pub(crate) trait ExitStatus {
    fn exit(&self) -> Exit;
}
