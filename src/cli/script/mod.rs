//! `ehlo script`: runs scripted SMTP sessions.

pub(crate) mod args;
mod record;
pub(crate) mod run;

pub(crate) use args::Args;
pub(crate) use record::Recording;
pub(crate) use run::run;

use crate::cli::send::Send;
use crate::client::transport::Transport;
use crate::mail::message::MessageOptions;
use crate::script::Variables;
use std::path::PathBuf;

/// An operation on scripts.
#[derive(Debug)]
pub enum ScriptTask {
    /// List the bundled scripts.
    List,
    /// Print one of them.
    Show(String),
    /// Check scripts for errors.
    Check(ScriptRun),
    Run(ScriptRun),
    /// Send a message, and record the session as a script.
    Record(Box<Send>, PathBuf),
}

/// Scripts, and the options for running them.
#[derive(Debug)]
pub struct ScriptRun {
    /// Files, or names of bundled scripts.
    pub names: Vec<String>,
    /// The server and the transport.
    pub transport: Transport,
    /// Variables set on the command line.
    pub variables: Variables,
    /// The message of `>message`.
    pub message: Option<MessageOptions>,
    /// Name of an option on the command line that applies only to messages.
    pub message_option: Option<String>,
    pub output: ScriptOutput,
    /// Path of the results in `JUnit` XML; `-` is the standard output.
    pub junit: Option<PathBuf>,
}

/// Output of a script run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptOutput {
    Session {
        /// True: also every address considered, and the certificates.
        verbose: bool,
    },
    /// Results for a program, in TAP.
    Tap,
    /// Failures only, on stderr.
    Quiet,
}
