//! `ehlo probe`: shows what a server offers, without sending mail.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::client::transport::Transport;
use crate::probe::Expectation;

#[derive(Debug)]
pub struct ProbeOptions {
    pub transport: Transport,
    pub expect: Vec<Expectation>,
    pub json: bool,
    /// True if the session is shown.
    pub verbose: bool,
}
