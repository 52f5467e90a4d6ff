//! Options of `ehlo queue`.

use crate::queue::options::QueueOptions;
use crate::transcript;
use std::time::Duration;

/// A task for the queue.
#[derive(Debug)]
pub struct Queue {
    pub spool: QueueOptions,
    pub work: Work,
}

/// An operation on the queue.
#[derive(Debug)]
pub enum Work {
    /// Show all items.
    List {
        /// For a program.
        json: bool,
    },
    /// Show one of them.
    Show {
        /// Identifier of the item.
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
    /// Remove these items permanently.
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

/// Selection of items to try, and the output.
#[derive(Debug)]
pub struct RunOptions {
    /// Only these; empty is all.
    pub ids: Vec<String>,
    /// Only recipients in these domains; empty is all.
    pub domains: Vec<String>,
    /// True if items are tried before they are due.
    pub now: bool,
    /// True if the process keeps running and waits for more.
    pub watch: bool,
    /// True for a background run: failures are not printed, and it leaves the terminal.
    pub behind: bool,
    pub output: transcript::TranscriptOptions,
}

/// Limits for monitoring. `None`: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Number of items for the state WARNING.
    pub warn_items: Option<usize>,
    /// Number of items for the state CRITICAL.
    pub critical_items: Option<usize>,
    /// An item as old as this is a warning.
    pub warn_age: Option<Duration>,
    /// One as old as this is critical.
    pub critical_age: Option<Duration>,
    /// For a program.
    pub json: bool,
}
