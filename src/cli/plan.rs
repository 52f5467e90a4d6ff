//! A command with all its options, every default decided.

use crate::cli::ask::options::Ask;
use crate::cli::config::options::ConfigView;
use crate::cli::digest::options::Digest;
use crate::cli::notify::options::NotifyOptions;
use crate::cli::probe::options::ProbeOptions;
use crate::cli::queue::Queue;
use crate::cli::script::options::ScriptTask;
use crate::cli::send::options::Send;
use crate::cli::sendmail::options::Sendmail;
use crate::cli::sink::options::SinkOptions;
use crate::cli::unit::options::Unit;
use crate::cron::doctor::options::Doctor;
use crate::cron::job::options::Job;
use crate::mail::message;
use crate::system::exit::Exit;
use crate::transcript;

/// One run.
#[derive(Debug)]
pub enum Invocation {
    /// Build a message and send it.
    Send(Box<Send>),
    /// Build a message and show it.
    Print(Box<message::MessageOptions>, transcript::TranscriptOptions),
    /// Receive messages.
    Sink(Box<SinkOptions>),
    /// Report a server's extensions, TLS and certificate.
    Probe(Box<ProbeOptions>),
    /// Send commands to a server.
    Ask(Box<Ask>),
    /// Run scripted sessions.
    Script(Box<ScriptTask>),
    /// Diagnose how mail from cron would leave this host.
    Doctor(Box<Doctor>),
    /// Send a sample message to a built-in receiver.
    Demo,
    /// Show the configuration.
    Config(ConfigView),
    /// Inspect and run the mail queue.
    Queue(Box<Queue>),
    /// Stand in for sendmail(8).
    Sendmail(Box<Sendmail>),
    /// Mail a line or a text.
    Notify(Box<NotifyOptions>),
    /// Mail a summary of recorded runs, or show it.
    Digest(Box<Digest>),
    /// Mail the status of a systemd unit.
    Unit(Box<Unit>),
    /// Run a command and mail the result.
    Job(Box<Job>),
    /// Read the output that background processes of a job still write.
    Drain,
}

/// Output instead of a run: help, a version, or an error in the command line.
#[derive(Debug)]
pub struct EarlyExit {
    /// The text, with its line end.
    pub text: String,
    /// The exit status. Anything but [`Exit::Ok`] goes to stderr.
    pub exit: Exit,
}
