//! `ehlo ask`: sends commands to a server and shows the replies.

pub(crate) mod args;
pub mod options;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;
