//! How messages are kept, and what is done with a queue.

use super::Way;
use crate::queue::{self, OnUncertain, Waybill};
use crate::transcript;
use std::path::PathBuf;
use std::time::Duration;

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
