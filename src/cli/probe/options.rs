//! Options of `ehlo probe`.

use crate::client::transport::Transport;
use crate::probe::Expectation;

/// A look at a server.
#[derive(Debug)]
pub struct ProbeOptions {
    pub way: Transport,
    pub expect: Vec<Expectation>,
    /// For a program.
    pub json: bool,
    /// With the conversation.
    pub verbose: bool,
}
