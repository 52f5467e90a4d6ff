//! Options of `ehlo script`.

use crate::cli::send::options::Send;
use crate::client::transport::Transport;
use crate::mail::message;
use crate::script;
use std::path::PathBuf;

/// An operation on scripts.
#[derive(Debug)]
pub enum ScriptTask {
    /// List the scripts that come with the program.
    List,
    /// Print one of them.
    Show(String),
    /// Check these scripts for errors.
    Check(Trial),
    /// Hold these.
    Run(Trial),
    /// Send a message, and write the session into a file, with the message beside it.
    Record(Box<Send>, PathBuf),
}

/// Scripts, and the options for running them.
#[derive(Debug)]
pub struct Trial {
    /// Files, or names of scripts that come with the program.
    pub names: Vec<String>,
    /// The server and the transport.
    pub transport: Transport,
    /// Variables set on the command line.
    pub variables: script::Variables,
    /// The message of `>message`.
    pub message: Option<message::MessageOptions>,
    /// Name of an option on the command line that applies only to messages.
    pub message_option: Option<String>,
    pub look: TrialLook,
    /// Path of the results in `JUnit` XML; `-` is the standard output.
    pub junit: Option<PathBuf>,
}

/// Output of a script run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialLook {
    /// The session, with or without details.
    Conversation {
        /// Every address considered, and the certificates.
        verbose: bool,
    },
    /// Results for a program, in TAP.
    Tap,
    /// Failures only, on stderr.
    Quiet,
}
