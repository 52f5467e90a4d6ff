//! What `ehlo ask` does.

use crate::client::transport::Transport;
use crate::transcript;

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    /// Which server, and how it is spoken to.
    pub way: Transport,
    /// What is said.
    pub commands: Vec<String>,
    /// What is seen of it.
    pub output: transcript::TranscriptOptions,
}
