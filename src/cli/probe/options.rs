//! What `ehlo probe` looks at.

use crate::client::transport::Way;
use crate::probe::Expectation;

/// A look at a server.
#[derive(Debug)]
pub struct Probe {
    /// Which, and how it is reached.
    pub way: Way,
    /// What must be there.
    pub expect: Vec<Expectation>,
    /// For a program.
    pub json: bool,
    /// With the conversation.
    pub verbose: bool,
}
