//! What `ehlo ask` does.

use crate::client::transport::Way;
use crate::transcript;

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    /// Which server, and how it is spoken to.
    pub way: Way,
    /// What is said.
    pub commands: Vec<String>,
    /// What is seen of it.
    pub output: transcript::Options,
}
