//! What will be done: plain data, every default decided.

mod alert;
mod doctor;
mod job;
mod mail;

pub use alert::{Alert, Digest, DigestTask, Unit};
pub use doctor::{Configuration, Doctor, Front, Shown, Step, Test, View};
pub use job::{Gathering, Job, Locking, When};
pub use mail::{Dispatch, Hindrance, Letterhead, Level, Mail, Notify, Recipients};

use crate::check::Expectation;
use crate::exit::Exit;
use crate::queue::{OnUncertain, Waybill};
use crate::wire::tls;
use crate::{
    config, credentials, message, queue, rewrite, route, script, session, sink, transcript,
};
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

/// How a message is kept until it can be sent.
#[derive(Debug)]
pub struct Queueing {
    /// The queue.
    pub spool: Spool,
    /// How the way is found again.
    pub waybill: Waybill,
    /// What becomes of a recipient who may have got it already.
    pub on_uncertain: OnUncertain,
    /// A shell command that is told of what was given up.
    pub on_failure: Option<String>,
    /// When it is tried first.
    pub first: FirstTry,
}

/// When a message that was put into the queue is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// Now, and the caller waits for it.
    Now,
    /// Now, and the caller does not wait.
    Behind,
    /// When the queue is run.
    Later,
}

/// A queue: where it is, and by which rules it is worked on.
#[derive(Debug)]
pub struct Spool {
    /// The directory; `None` is the usual one.
    pub directory: Option<PathBuf>,
    /// The configuration that was named; `None` is the usual one. A run that is started later gets it
    /// again.
    pub config: Option<PathBuf>,
    /// The rules.
    pub settings: queue::Settings,
    /// Who knows the ways.
    pub ways: Box<dyn Ways>,
}

/// Finds the ways again that items of the queue were given.
pub trait Ways: std::fmt::Debug + std::marker::Send + Sync {
    /// The way, and those to fall back to.
    ///
    /// # Errors
    /// There is no such profile any more, or something is wrong with the configuration: the reason.
    fn find(&self, waybill: &Waybill) -> Result<Vec<Way>, String>;
}

/// Work on a queue.
#[derive(Debug)]
pub struct Queue {
    /// Which.
    pub spool: Spool,
    /// What.
    pub work: Work,
}

/// What is done with a queue.
#[derive(Debug)]
pub enum Work {
    /// Show all items.
    List {
        /// For a program.
        json: bool,
    },
    /// Show one of them.
    Show {
        /// Which.
        id: String,
        /// Its message and nothing else.
        message: bool,
        /// For a program.
        json: bool,
    },
    /// Deliver.
    Run(Run),
    /// Try these no more until they are released.
    Hold(Vec<String>),
    /// Try these again.
    Release(Vec<String>),
    /// Remove these for good.
    Remove(Vec<String>),
    /// Bring these back from the dead.
    Requeue(Vec<String>),
    /// One line for monitoring.
    Status(Thresholds),
    /// Print unit files.
    Systemd,
    /// Print a line for a crontab.
    Cron,
}

/// Which items are tried, and what is seen of it.
#[derive(Debug)]
pub struct Run {
    /// Only these; empty is all.
    pub ids: Vec<String>,
    /// Only recipients in these domains; empty is all.
    pub domains: Vec<String>,
    /// Whether those are tried as well whose time has not come.
    pub now: bool,
    /// Whether to stay and wait for more.
    pub watch: bool,
    /// Whether somebody else waits for nothing: nobody is told of failures, and the terminal is left.
    pub behind: bool,
    /// What is seen.
    pub output: transcript::Options,
}

/// From when on a queue is in a bad state. `None` is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// So many items are a warning.
    pub warn_items: Option<usize>,
    /// So many are critical.
    pub critical_items: Option<usize>,
    /// An item as old as this is a warning.
    pub warn_age: Option<Duration>,
    /// One as old as this is critical.
    pub critical_age: Option<Duration>,
    /// For a program.
    pub json: bool,
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

/// What is done with scripts.
#[derive(Debug)]
pub enum Script {
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
    pub way: Way,
    /// What the command line sets.
    pub variables: script::Variables,
    /// The message of `>message`.
    pub message: Option<message::Options>,
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

/// Receiving.
#[derive(Debug)]
pub struct Sink {
    /// The server, still without what must be read from files.
    pub server: sink::Options,
    /// Its side of TLS.
    pub tls: Option<sink::TlsOptions>,
    /// Where the authority goes that signs the certificate.
    pub save_ca: Option<PathBuf>,
    /// Who may log in.
    pub auth: Option<Doorman>,
    /// What becomes of the messages.
    pub keep: Keep,
    /// Whether everything that happens is told to a program.
    pub json: bool,
}

/// Who may log in at a receiver.
#[derive(Debug)]
pub struct Doorman {
    /// A file of users; `None` is anybody.
    pub users: Option<PathBuf>,
    /// The mechanisms; `None` is all that will do.
    pub only: Option<Vec<sink::Mechanism>>,
    /// Also without TLS.
    pub in_clear: bool,
}

/// What a receiver does with messages.
#[derive(Debug, PartialEq, Eq)]
pub enum Keep {
    /// A line for each, and nothing else.
    Nothing,
    /// Into this Maildir.
    Maildir(PathBuf),
    /// Behind the others in this mbox.
    Mbox(PathBuf),
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
