//! Options of `ehlo ask`.

use crate::client::transport::Transport;
use crate::transcript;

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    pub transport: Transport,
    pub commands: Vec<String>,
    pub output: transcript::TranscriptOptions,
}
