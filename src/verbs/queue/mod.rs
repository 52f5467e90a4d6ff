//! `ehlo queue`: seeing the queue, and steering it.

mod list;
mod run;
mod show;
mod status;
mod steer;
mod units;

use super::terminal::complain;
use crate::exit::Exit;
use crate::plan::{self, Queue, Work};
use crate::queue::{Id, Spool, Store};

/// Does what is planned.
pub fn run(plan: &Queue) -> Exit {
    work(&plan.spool, &plan.work)
}

/// Works on a queue.
pub fn work(plan: &plan::Spool, work: &Work) -> Exit {
    let creates = matches!(work, Work::Run(_));
    let spool = match Spool::open(plan.directory.as_deref(), creates) {
        Ok(spool) => spool,
        Err(error) => {
            complain(&error.to_string());
            return Exit::Temporary;
        }
    };
    match work {
        Work::Run(what) => run::run(&spool, plan, what),
        Work::List { json } => list::run(&spool, &plan.settings, *json),
        Work::Show { id, message, json } => show::run(&spool, &plan.settings, id, *message, *json),
        Work::Hold(ids) => steer::hold(&spool, ids),
        Work::Release(ids) => steer::release(&spool, ids),
        Work::Remove(ids) => steer::remove(&spool, ids),
        Work::Requeue(ids) => steer::requeue(&spool, ids),
        Work::Status(thresholds) => status::run(&spool, thresholds),
        Work::Systemd => units::systemd(plan),
        Work::Cron => units::cron(plan),
    }
}
