//! One file a verb. Only here is anything written to stdout or stderr.

mod alert;
mod ask;
mod config;
mod demo;
mod digest;
mod doctor;
mod interrupt;
mod keep;
mod log;
mod notify;
mod post;
mod print;
mod probe;
mod progress;
mod queue;
mod run;
mod script;
mod send;
mod sendmail;
mod serve;
mod sink;
mod terminal;
mod unit;

use crate::exit::Exit;
use crate::message::{self, Message, MessageError};
use crate::plan::{Plan, Said, Way};
use crate::ready::Ready;
use crate::text::reason;
use std::io::IsTerminal as _;
use std::time::SystemTime;
use terminal::{Stdout, complain};

/// Does what is planned.
#[must_use]
pub fn run(plan: Plan) -> Exit {
    match plan {
        Plan::Send(plan) => send::run(*plan),
        Plan::Print(message, output) => print::run(*message, output),
        Plan::Sink(plan) => sink::run(*plan),
        Plan::Probe(plan) => probe::run(&plan),
        Plan::Ask(plan) => ask::run(&plan),
        Plan::Script(plan) => script::run(*plan),
        Plan::Doctor(plan) => doctor::run(&plan),
        Plan::Demo => demo::run(),
        Plan::Config(plan) => config::run(&plan),
        Plan::Queue(plan) => queue::run(&plan),
        Plan::Sendmail(plan) => sendmail::run(&plan),
        Plan::Notify(plan) => notify::run(*plan),
        Plan::Digest(plan) => digest::run(*plan),
        Plan::Unit(plan) => unit::run(*plan),
        Plan::Job(plan) => run::run(&plan),
        Plan::Drain => run::drain(),
    }
}

/// Help goes to stdout, complaints to stderr.
#[must_use]
pub fn say(said: &Said) -> Exit {
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

/// Builds the message, or says what is wrong with it.
fn build(options: message::Options) -> Result<Message, Exit> {
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

/// Tells a person at a terminal that the text is read from it.
fn invite() {
    complain("type the text; Ctrl-D at the beginning of a line ends it");
}

/// The same, if what is to be sent is read from there.
fn invite_for(options: &message::Options) {
    if options.reads_stdin() && std::io::stdin().is_terminal() {
        invite();
    }
}

/// What it takes to go that way, or says what is in the way.
fn ready(way: &Way) -> Result<Ready<'_>, Exit> {
    Ready::of(way).map_err(|error| {
        complain(&error.to_string());
        error.exit()
    })
}

/// Writes what is odd, but no reason not to go on.
pub fn warn(text: &str) {
    complain(&format!("warning: {text}"));
}
