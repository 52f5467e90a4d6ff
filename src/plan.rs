//! What will be done: plain data, every default decided.

use crate::check::Expectation;
use crate::exit::Exit;
use crate::wire::tls;
use crate::{config, credentials, message, route, session, sink, transcript};
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
    /// Say what a server says of itself.
    Probe(Box<Probe>),
    /// Show that it works, with a receiver of our own.
    Demo,
    /// Show the configuration.
    Config(Config),
}

/// Sending.
#[derive(Debug)]
pub struct Send {
    /// What.
    pub message: message::Options,
    /// Where to, and how.
    pub way: Way,
    /// What to try in this order when a way cannot be gone for now.
    pub fallbacks: Vec<Way>,
    /// What is seen of it.
    pub output: transcript::Options,
}

/// Where messages go and how they get there.
#[derive(Debug)]
pub struct Way {
    /// The profile that says so; `None` where none was chosen.
    pub profile: Option<String>,
    /// Where to.
    pub route: route::Options,
    /// How.
    pub session: session::Options,
    /// With which keys and which trust.
    pub tls: tls::Options,
    /// As whom; `None` does not log in.
    pub credentials: Option<credentials::Options>,
}

/// What is shown of the configuration.
#[derive(Debug)]
pub enum Config {
    /// Which file it is.
    Path(PathBuf),
    /// That nothing is wrong with it.
    Checked {
        /// The file.
        path: PathBuf,
        /// How many profiles it has.
        profiles: usize,
        /// The one that is used when none is asked for.
        default: Option<String>,
    },
    /// A profile with all that it inherits.
    Profile(config::Profile),
}

/// A look at a server.
#[derive(Debug)]
pub struct Probe {
    /// Which, and how it is reached.
    pub way: Way,
    /// What must be there.
    pub expect: Vec<Expectation>,
    /// For a program.
    pub json: bool,
    /// With the conversation.
    pub verbose: bool,
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
