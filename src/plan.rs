//! What will be done: plain data, every default decided.

mod alert;
mod doctor;
mod job;
mod mail;
mod queue;
mod script;
mod sink;

pub use alert::{Alert, Digest, DigestTask, Unit};
pub use doctor::{Configuration, Doctor, Front, Shown, Step, Test, View};
pub use job::{Gathering, Job, Locking, When};
pub use mail::{Dispatch, Hindrance, Letterhead, Level, Mail, Notify, Recipients};
pub use queue::{FirstTry, Queue, Queueing, Run, Spool, Thresholds, Ways, Work};
pub use script::{Script, Trial, TrialLook};
pub use sink::{Doorman, Keep, Sink};

use crate::check::Expectation;
use crate::exit::Exit;
use crate::wire::tls;
use crate::{config, credentials, message, rewrite, route, session, transcript};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Whether what cannot be sent now is kept; `None` keeps nothing.
    pub queueing: Option<Queueing>,
    /// How often it is sent.
    pub repeat: Repeat,
}

/// How often a message is sent.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// How many times.
    pub times: NonZeroU32,
    /// How long to wait between them.
    pub wait: Duration,
}

/// What sendmail is asked to do.
#[derive(Debug)]
pub struct Sendmail {
    /// What.
    pub task: Task,
    /// Where to, and how.
    pub way: Way,
    /// What to try in this order when a way cannot be gone for now.
    pub fallbacks: Vec<Way>,
    /// The queue.
    pub queueing: Queueing,
    /// What becomes of addresses.
    pub rewrite: rewrite::Options,
    /// What is seen of it (`-v`).
    pub output: transcript::Options,
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
    Run(Run),
    /// Nothing (`-bi`, newaliases).
    Nothing,
}

/// Where messages go and how they get there.
#[derive(Clone, Debug)]
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

/// Commands for a server.
#[derive(Debug)]
pub struct Ask {
    /// Which server, and how it is spoken to.
    pub way: Way,
    /// What is said.
    pub commands: Vec<String>,
    /// What is seen of it.
    pub output: transcript::Options,
}

/// What is said instead of a run: help, a version, or what is wrong with the command line.
#[derive(Debug)]
pub struct Said {
    /// The text, with its line end.
    pub text: String,
    /// How the run ends; anything but [`Exit::Ok`] is for stderr.
    pub exit: Exit,
}
