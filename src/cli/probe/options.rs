//! Options of `ehlo probe`.

use crate::client::transport::Transport;
use crate::probe::Expectation;

/// A probe of a server.
#[derive(Debug)]
pub struct ProbeOptions {
    pub transport: Transport,
    pub expect: Vec<Expectation>,
    /// For a program.
    pub json: bool,
    /// True if the session is shown.
    pub verbose: bool,
}
