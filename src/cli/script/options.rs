//! What is done with scripts.

use crate::cli::send::options::Send;
use crate::client::transport::Transport;
use crate::mail::message;
use crate::script;
use std::path::PathBuf;

/// What is done with scripts.
#[derive(Debug)]
pub enum ScriptTask {
    /// Name those that come with the program.
    List,
    /// Print one of them.
    Show(String),
    /// Look for mistakes in these.
    Check(Trial),
    /// Hold these.
    Run(Trial),
    /// Send a message, and write the session into a file, with the message beside it.
    Record(Box<Send>, PathBuf),
}

/// Scripts, and what they are held with.
#[derive(Debug)]
pub struct Trial {
    /// Files, or names of those that come with the program.
    pub names: Vec<String>,
    /// The server, and how it is reached.
    pub way: Transport,
    /// What the command line sets.
    pub variables: script::Variables,
    /// The message of `>message`.
    pub message: Option<message::MessageOptions>,
    /// An option, as it is spelled, that has a meaning only for the message.
    pub message_option: Option<String>,
    /// What is seen of it.
    pub look: TrialLook,
    /// Where the results go as `JUnit`'s XML; `-` is the standard output.
    pub junit: Option<PathBuf>,
}

/// What is seen of scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialLook {
    /// The conversation; with details or without.
    Conversation {
        /// Every address considered, and the certificates.
        verbose: bool,
    },
    /// Results for a program, in TAP.
    Tap,
    /// What failed, on stderr.
    Quiet,
}
