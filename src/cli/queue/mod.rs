//! `ehlo queue`: shows, changes and delivers the items of the queue.

pub(crate) mod args;

mod change;
mod database;
mod item;
mod list;
mod plans;
mod progress;
mod run;
mod serve;
mod show;
mod status;
#[cfg(feature = "postgres")]
mod tables;
mod units;
mod users;

pub(crate) use args::QueueCommandArgs;
pub(crate) use change::FindError;
pub(crate) use users::take_rights_of_owner;

use crate::cli::ExitStatus;
use crate::cli::terminal::complain;
use crate::queue;
use crate::queue::QueueOptions;
use crate::queue::store::{QueueError, QueueStore};
use crate::system::exit::Exit;
use crate::transcript::TranscriptOptions;
use serve::ServeOptions;
use show::ShownPart;
use std::time::Duration;

#[derive(Debug)]
pub struct Queue {
    pub queue: QueueOptions,
    pub work: Work,
}

/// An operation on the queue.
#[derive(Debug)]
pub enum Work {
    List {
        json: bool,
    },
    Show {
        /// Identifier of the item, or the beginning of it.
        id: String,
        /// True if only the message is written.
        message: bool,
        json: bool,
    },
    Run(RunOptions),
    /// Accept messages from the users of the host.
    Serve(Box<ServeOptions>),
    Hold(Vec<String>),
    Release(Vec<String>),
    Remove(Vec<String>),
    Requeue(Vec<String>),
    Status(Thresholds),
    /// `user`: the units for one queue of all users, which this system user owns.
    Systemd {
        user: Option<String>,
    },
    /// Run the personal queues of all users.
    RunAll,
    Cron,
    /// Create or examine the tables of a queue in a database.
    Database(DatabaseWork),
}

/// What is done with the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseWork {
    Init,
    Upgrade,
    Show,
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
    pub background: bool,
    pub output: TranscriptOptions,
}

/// Limits for monitoring. `None`: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Number of items for the state WARNING.
    pub warn_items: Option<usize>,
    /// Number of items for the state CRITICAL.
    pub critical_items: Option<usize>,
    /// Age of an item for the state WARNING.
    pub warn_age: Option<Duration>,
    /// Age of an item for the state CRITICAL.
    pub critical_age: Option<Duration>,
    pub json: bool,
}

pub fn run(plan: &Queue) -> Exit {
    work(&plan.queue, &plan.work)
}

impl Work {
    /// True if it opens the queue.
    fn uses_queue(&self) -> bool {
        !matches!(self, Self::Systemd { .. } | Self::Cron | Self::RunAll)
    }
}

impl Queue {
    /// As root, gives up the rights that are not those of the owner of the queue.
    pub fn take_rights_of_owner(&mut self) -> Result<(), Exit> {
        if self.work.uses_queue() {
            return users::take_rights_of_owner(&mut self.queue);
        }
        Ok(())
    }
}

pub fn work(options: &QueueOptions, work: &Work) -> Exit {
    let settings = &options.settings;
    match work {
        Work::Run(run) => run_or_watch(options, run),
        Work::Serve(serve) => serve::run(options, serve),
        Work::Status(thresholds) => status::run(open(options), thresholds),
        Work::Systemd { user: None } => units::systemd(options),
        Work::Systemd { user: Some(user) } => units::of_host(options, user),
        Work::RunAll => users::run_all(),
        Work::Cron => units::cron(options),
        Work::Database(work) => database::run(options, *work),
        Work::List { json } => with_store(options, |store| list::run(store, settings, *json)),
        Work::Show { id, message, json } => {
            let part = match (message, json) {
                (true, _) => ShownPart::Message,
                (_, true) => ShownPart::Object,
                _ => ShownPart::Report,
            };
            with_store(options, |store| show::run(store, settings, id, part))
        }
        Work::Hold(ids) => with_store(options, |store| change::hold(store, ids)),
        Work::Release(ids) => with_store(options, |store| change::release(store, ids)),
        Work::Remove(ids) => with_store(options, |store| change::remove(store, ids)),
        Work::Requeue(ids) => with_store(options, |store| change::requeue(store, ids)),
    }
}

/// Delivers due items, once or continuously.
pub fn run_or_watch(options: &QueueOptions, run: &RunOptions) -> Exit {
    match queue::open(options.location.as_ref(), true) {
        Ok(store) => run::run(&*store, options, run),
        Err(error) => failed(&error),
    }
}

/// A missing queue is treated as empty, and is not created.
fn open(options: &QueueOptions) -> Result<Box<dyn QueueStore>, QueueError> {
    queue::open(options.location.as_ref(), false)
}

fn with_store(options: &QueueOptions, act: impl FnOnce(&dyn QueueStore) -> Exit) -> Exit {
    open(options).map_or_else(|error| failed(&error), |store| act(&*store))
}

/// Reports an error of the queue.
fn failed(error: &QueueError) -> Exit {
    complain(&error.to_string());
    error.exit()
}
