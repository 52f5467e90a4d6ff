//! What `ehlo queue` does.

use crate::queue::options::QueueOptions;
use crate::transcript;
use std::time::Duration;

/// Work on a queue.
#[derive(Debug)]
pub struct Queue {
    /// Which.
    pub spool: QueueOptions,
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
    Run(RunOptions),
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
pub struct RunOptions {
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
    pub output: transcript::TranscriptOptions,
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
