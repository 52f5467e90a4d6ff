//! `ehlo queue`: seeing the queue, and steering it.

pub(crate) mod args;
pub mod options;

mod events;
mod find;
mod list;
mod object;
mod run;
mod show;
mod state;
mod status;
mod steer;
mod units;
mod watch;

pub(crate) use args::CommandArgs;

use crate::cli::queue::options::{Queue, RunOptions, Work};
use crate::cli::terminal::complain;
use crate::queue::options::QueueOptions as SpoolOptions;
use crate::queue::store::{QueueError, Spool};
use crate::system::exit::Exit;
use find::find;
use show::ShownPart;

pub fn run(plan: &Queue) -> Exit {
    work(&plan.spool, &plan.work)
}

pub fn work(plan: &SpoolOptions, work: &Work) -> Exit {
    match work {
        Work::Run(what) => run_or_watch(plan, what),
        Work::Status(thresholds) => status::run(open(plan), thresholds),
        Work::Systemd => units::systemd(plan),
        Work::Cron => units::cron(plan),
        _ => match open(plan) {
            Ok(spool) => look_or_steer(&spool, plan, work),
            Err(error) => failed(&error),
        },
    }
}

/// Delivers due items, once or continuously.
pub fn run_or_watch(plan: &SpoolOptions, what: &RunOptions) -> Exit {
    match Spool::open(plan.directory.as_deref(), true) {
        Ok(spool) => run::run(&spool, plan, what),
        Err(error) => failed(&error),
    }
}

/// A missing queue is treated as empty, and is not created.
fn open(plan: &SpoolOptions) -> Result<Spool, QueueError> {
    Spool::open(plan.directory.as_deref(), false)
}

fn look_or_steer(spool: &Spool, plan: &SpoolOptions, work: &Work) -> Exit {
    let settings = &plan.settings;
    match work {
        Work::List { json } => list::run(spool, settings, *json),
        Work::Show { id, message, json } => {
            let what = match (message, json) {
                (true, _) => ShownPart::Message,
                (_, true) => ShownPart::Object,
                _ => ShownPart::Report,
            };
            show::run(spool, settings, id, what)
        }
        Work::Hold(ids) => steer::hold(spool, ids),
        Work::Release(ids) => steer::release(spool, ids),
        Work::Remove(ids) => steer::remove(spool, ids),
        Work::Requeue(ids) => steer::requeue(spool, ids),
        Work::Run(_) | Work::Status(_) | Work::Systemd | Work::Cron => Exit::Software,
    }
}

/// Reports an error of the queue. Damage is permanent; other errors may be temporary.
fn failed(error: &QueueError) -> Exit {
    complain(&error.to_string());
    match error {
        QueueError::Damaged { .. } => Exit::Data,
        _ => Exit::Temporary,
    }
}
