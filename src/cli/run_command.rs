//! One file a verb. Only here is anything written to stdout or stderr.

use crate::cli::ask;
use crate::cli::config;
use crate::cli::demo;
use crate::cli::digest;
use crate::cli::doctor;
use crate::cli::notify;
use crate::cli::plan::{EarlyExit, Invocation};
use crate::cli::probe;
use crate::cli::queue;
use crate::cli::run;
use crate::cli::script;
use crate::cli::send;
use crate::cli::send::print;
use crate::cli::sendmail;
use crate::cli::sink;
use crate::cli::terminal;
use crate::cli::terminal::{Stdout, complain};
use crate::cli::unit;
use crate::client::transport::Transport;
use crate::client::transport::{LoadedTransport, Transports};
use crate::mail::message;
use crate::mail::message::{Message, MessageError};
use crate::system::exit::Exit;
use crate::system::text::reason;
use std::io::IsTerminal as _;
use std::time::SystemTime;

#[must_use]
pub fn run(plan: Invocation) -> Exit {
    match plan {
        Invocation::Send(plan) => send::run(*plan),
        Invocation::Print(message, output) => print::run(*message, output),
        Invocation::Sink(plan) => sink::run(*plan),
        Invocation::Probe(plan) => probe::run(&plan),
        Invocation::Ask(plan) => ask::run(&plan),
        Invocation::Script(plan) => script::run(*plan),
        Invocation::Doctor(plan) => doctor::run(&plan),
        Invocation::Demo => demo::run(),
        Invocation::Config(plan) => config::run(&plan),
        Invocation::Queue(plan) => queue::run(&plan),
        Invocation::Sendmail(plan) => sendmail::run(&plan),
        Invocation::Notify(plan) => notify::run(*plan),
        Invocation::Digest(plan) => digest::run(*plan),
        Invocation::Unit(plan) => unit::run(*plan),
        Invocation::Job(plan) => run::run(&plan),
        Invocation::Drain => run::drain(),
    }
}

/// Prints help to stdout, or an error to stderr.
#[must_use]
pub fn say(said: &EarlyExit) -> Exit {
    if said.exit != Exit::Ok {
        terminal::complain_as_it_is(&said.text);
        return said.exit;
    }
    match std::io::Write::write_all(&mut Stdout, said.text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!(
                "cannot write to the standard output: {}",
                reason(&error)
            ));
            Exit::Io
        }
        _ => Exit::Ok,
    }
}

/// Builds the message, or reports the error.
pub(crate) fn build(options: message::MessageOptions) -> Result<Message, Exit> {
    let built = Message::build(options, SystemTime::now());
    let message = built.map_err(|error: MessageError| {
        if error.exit() != Exit::Ok {
            complain(&error.to_string());
        }
        error.exit()
    })?;
    message.warnings.iter().for_each(|warning| warn(warning));
    Ok(message)
}

/// Tells a user at a terminal that the text is read from it.
pub(crate) fn invite() {
    complain("type the text; Ctrl-D at the beginning of a line ends it");
}

/// The same, if a part of the message is read from there.
pub(crate) fn invite_for(options: &message::MessageOptions) {
    if options.reads_stdin() && std::io::stdin().is_terminal() {
        invite();
    }
}

/// Loads a transport, or reports the error.
pub(crate) fn ready(transport: &Transport) -> Result<LoadedTransport<'_>, Exit> {
    LoadedTransport::of(transport).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

/// Loads the first of these transports, or reports the error.
pub(crate) fn load(transports: &Transports<'_>) -> Result<(), Exit> {
    transports.load(0).map(drop).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

/// Prints a warning.
pub fn warn(text: &str) {
    complain(&format!("warning: {text}"));
}
