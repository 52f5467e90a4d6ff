//! Creates, upgrades and shows the tables of a queue in a database.

use crate::cli::queue::DatabaseWork;
use crate::cli::terminal::{complain, print};
use crate::queue::Database;
use crate::queue::store::QueueError;
use crate::queue::store::postgres::{Administration, DatabaseState};
use crate::system::exit::Exit;
use crate::system::time::{brief, since};
use std::time::Duration;

/// Difference of the clocks that is shown.
const CLOCK: Duration = Duration::from_secs(1);

pub fn change(database: &Database, work: DatabaseWork) -> Result<Exit, QueueError> {
    let administration = Administration::of(database)?;
    match work {
        DatabaseWork::Init => init(&administration, database),
        DatabaseWork::Upgrade => upgrade(&administration, database),
        DatabaseWork::Show => show(&administration, database),
    }
}

fn init(administration: &Administration, database: &Database) -> Result<Exit, QueueError> {
    if administration.create()? {
        return Ok(print(|out| {
            writeln!(out, "the queue {database} was created")
        }));
    }
    let tables = administration.state()?.tables;
    complain(&format!("the queue {database} exists already: it {tables}"));
    Ok(Exit::CantCreate)
}

fn upgrade(administration: &Administration, database: &Database) -> Result<Exit, QueueError> {
    let done = if administration.upgrade()? {
        "was upgraded"
    } else {
        "needs no upgrade"
    };
    let tables = administration.state()?.tables;
    Ok(print(|out| {
        writeln!(out, "the queue {database} {done}: it {tables}")
    }))
}

fn show(administration: &Administration, database: &Database) -> Result<Exit, QueueError> {
    let state = administration.state()?;
    let text = described(&state, database);
    let printed = print(|out| out.write_all(text.as_bytes()));
    Ok(match printed {
        Exit::Ok if !state.is_usable => Exit::Config,
        printed => printed,
    })
}

fn described(state: &DatabaseState, database: &Database) -> String {
    let DatabaseState {
        server,
        database: name,
        tables,
        ..
    } = state;
    let mut text = format!(
        "URL:       {database}\nserver:    PostgreSQL {server}\ndatabase:  {name}\nqueue:     {tables}\n"
    );
    if state.is_read_only {
        text.push_str("access:    read-only: nothing can be queued or delivered\n");
    }
    let (now, here) = state.times;
    let (ahead, behind) = (since(here, now), since(now, here));
    if ahead.max(behind) >= CLOCK {
        let time = brief(ahead.max(behind));
        let side = if ahead > behind { "ahead of" } else { "behind" };
        text.push_str(&format!(
            "clock:     {time} {side} that of this host; times are those of the database\n"
        ));
    }
    for worker in &state.workers {
        let age = brief(since(worker.since, now));
        let (name, role) = (&worker.name, &worker.role);
        text.push_str(&format!("worker:    {name} ({role}), for {age}\n"));
    }
    text
}
