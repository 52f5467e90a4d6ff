//! What `ehlo sendmail` does.

use crate::cli::queue::options::RunOptions;
use crate::client::transport::Transport;
use crate::mail::message;
use crate::mail::rewrite;
use crate::queue::options::QueueUse;
use crate::transcript;
use std::path::PathBuf;

/// What sendmail is asked to do.
#[derive(Debug)]
pub struct Sendmail {
    /// What.
    pub task: Task,
    /// Where to, and how.
    pub way: Transport,
    /// What to try in this order when a way cannot be gone for now.
    pub fallbacks: Vec<Transport>,
    /// The queue.
    pub queueing: QueueUse,
    /// What becomes of addresses.
    pub rewrite: rewrite::RewriteOptions,
    /// What is seen of it (`-v`).
    pub output: transcript::TranscriptOptions,
    /// A file that a transcript is added to (`-X`).
    pub log: Option<PathBuf>,
}

/// A task of sendmail's.
#[derive(Debug)]
pub enum Task {
    /// Take a message from the standard input (`-bm`).
    Submit(Box<message::Submission>),
    /// Speak SMTP on the standard input and output (`-bs`).
    Serve,
    /// Ask whether these would be taken (`-bv`).
    Verify {
        /// For whom.
        recipients: Vec<String>,
        /// As whom; `None` is the user.
        sender: Option<String>,
    },
    /// Show the queue (`-bp`, mailq).
    List,
    /// Run the queue (`-q`).
    Run(RunOptions),
    /// Nothing (`-bi`, newaliases).
    Nothing,
}
