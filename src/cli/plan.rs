//! A command with all its options, every default decided.

use crate::cli::ask::options::Ask;
use crate::cli::config::options::Config;
use crate::cli::digest::options::Digest;
use crate::cli::notify::options::Notify;
use crate::cli::probe::options::Probe;
use crate::cli::queue::options::Queue;
use crate::cli::script::options::Script;
use crate::cli::send::options::Send;
use crate::cli::sendmail::options::Sendmail;
use crate::cli::sink::options::Sink;
use crate::cli::unit::options::Unit;
use crate::cron::doctor::options::Doctor;
use crate::cron::job::options::Job;
use crate::mail::message;
use crate::system::exit::Exit;
use crate::transcript;

/// One run.
#[derive(Debug)]
pub enum Plan {
    /// Build a message and send it.
    Send(Box<Send>),
    /// Build a message and show it.
    Print(Box<message::Options>, transcript::Options),
    /// Receive messages.
    Sink(Box<Sink>),
    /// Say what a server says of itself.
    Probe(Box<Probe>),
    /// Say commands to a server.
    Ask(Box<Ask>),
    /// Hold the conversation that scripts say.
    Script(Box<Script>),
    /// Say what this host would do with a mail from cron.
    Doctor(Box<Doctor>),
    /// Show that it works, with a receiver of our own.
    Demo,
    /// Show the configuration.
    Config(Config),
    /// Look at the queue, or work on it.
    Queue(Box<Queue>),
    /// Do what sendmail does.
    Sendmail(Box<Sendmail>),
    /// Mail a line or a text.
    Notify(Box<Notify>),
    /// Mail what jobs gathered, or show it.
    Digest(Box<Digest>),
    /// Mail what became of a unit of systemd.
    Unit(Box<Unit>),
    /// Run a command, and mail what happened.
    Job(Box<Job>),
    /// Read what background processes of a job still write.
    Drain,
}

/// What is said instead of a run: help, a version, or what is wrong with the command line.
#[derive(Debug)]
pub struct Said {
    /// The text, with its line end.
    pub text: String,
    /// How the run ends; anything but [`Exit::Ok`] is for stderr.
    pub exit: Exit,
}
