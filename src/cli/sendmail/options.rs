//! Options of `ehlo sendmail`.

use crate::cli::queue::RunOptions;
use crate::client::transport::Transport;
use crate::mail::message;
use crate::mail::rewrite;
use crate::queue::options::QueueUse;
use crate::transcript;
use std::path::PathBuf;

/// A task for sendmail, and its delivery options.
#[derive(Debug)]
pub struct Sendmail {
    pub task: SendmailTask,
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    /// The queue.
    pub queueing: QueueUse,
    pub rewrite: rewrite::RewriteOptions,
    /// The transcript (`-v`).
    pub output: transcript::TranscriptOptions,
    /// A file that a transcript is added to (`-X`).
    pub log: Option<PathBuf>,
}

/// A task of sendmail's.
#[derive(Debug)]
pub enum SendmailTask {
    /// Accept a message from the standard input (`-bm`).
    Submit(Box<message::Submission>),
    /// Speak SMTP on the standard input and output (`-bs`).
    Serve,
    /// Check whether these recipients would be accepted (`-bv`).
    Verify {
        recipients: Vec<String>,
        /// `None`: the user.
        sender: Option<String>,
    },
    /// Show the queue (`-bp`, mailq).
    List,
    /// Run the queue (`-q`).
    Run(RunOptions),
    /// Nothing (`-bi`, newaliases).
    Nothing,
}
