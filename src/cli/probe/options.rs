//! What `ehlo probe` looks at.

use crate::client::transport::Transport;
use crate::probe::Expectation;

/// A look at a server.
#[derive(Debug)]
pub struct ProbeOptions {
    /// Which, and how it is reached.
    pub way: Transport,
    /// What must be there.
    pub expect: Vec<Expectation>,
    /// For a program.
    pub json: bool,
    /// With the conversation.
    pub verbose: bool,
}
