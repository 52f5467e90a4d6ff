//! What will be done: plain data, every default decided.

use crate::exit::Exit;
use crate::wire::tls;
use crate::{credentials, message, route, session, sink, transcript};
use std::path::PathBuf;

/// One run.
#[derive(Debug)]
pub enum Plan {
    /// Build a message and send it.
    Send(Box<Send>),
    /// Build a message and show it.
    Print(message::Options, transcript::Options),
    /// Receive messages.
    Sink(Sink),
    /// Show that it works, with a receiver of our own.
    Demo,
}

/// Sending.
#[derive(Debug)]
pub struct Send {
    /// What.
    pub message: message::Options,
    /// Where to.
    pub route: route::Options,
    /// How.
    pub session: session::Options,
    /// With which keys and which trust.
    pub tls: tls::Options,
    /// As whom; `None` does not log in.
    pub credentials: Option<credentials::Options>,
    /// What is seen of it.
    pub output: transcript::Options,
}

/// Receiving.
#[derive(Debug)]
pub struct Sink {
    /// The server.
    pub server: sink::Options,
    /// What becomes of the messages.
    pub keep: Keep,
}

/// What a receiver does with messages.
#[derive(Debug, PartialEq, Eq)]
pub enum Keep {
    /// A line for each, and nothing else.
    Nothing,
    /// Into this Maildir.
    Maildir(PathBuf),
    /// On the standard output.
    Print,
}

/// What is said instead of a run: help, a version, or what is wrong with the command line.
#[derive(Debug)]
pub struct Said {
    /// The text, with its line end.
    pub text: String,
    /// How the run ends; anything but [`Exit::Ok`] is for stderr.
    pub exit: Exit,
}
