//! `ehlo ask`: sends commands to a server and shows the replies.

pub(crate) mod args;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::client::transport::Transport;
use crate::transcript::TranscriptOptions;

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    pub transport: Transport,
    pub commands: Vec<String>,
    pub output: TranscriptOptions,
}
