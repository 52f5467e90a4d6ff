//! The run of `ehlo merge`.

use crate::cli::ExitStatus;
use crate::cli::merge::check::{CheckedList, check};
use crate::cli::merge::inspect::{failed, status};
use crate::cli::merge::journal::Journal;
use crate::cli::merge::queue::MergeQueue;
use crate::cli::merge::report::MergeOutput;
use crate::cli::merge::row::PreparedRow;
use crate::cli::merge::schedule::{Schedule, Throttle};
use crate::cli::merge::worker::{Counters, MergeRun};
use crate::cli::merge::{Merge, MergeOptions, Show};
use crate::cli::run_signals::RunSignals;
use crate::cli::send::keep::unkept;
use crate::cli::send::print_message;
use crate::cli::terminal::{complain, load_first, warn};
use crate::client::transport::Transports;
use crate::mail::merge::RowError;
use crate::system::exit::Exit;
use crate::system::figures::counted;
use crate::system::text::{reason, shown};
use std::sync::atomic::Ordering;
use std::thread;

/// Number of rows above which messages without List-Unsubscribe cause a warning.
const BULK: u64 = 500;

/// Stack of a worker in octets.
const STACK: usize = 512 * 1024;

pub(crate) fn run(merge: &Merge) -> Exit {
    let done = match merge {
        Merge::Status(path, json) => status(path, *json),
        Merge::Failed(path) => failed(path),
        Merge::Run(options) => match &options.show {
            Show::Preview(row) => preview(options, row),
            Show::Check => check(options, None).map(|list| {
                complain(&format!(
                    "{}: no errors; nothing was sent",
                    counted(list.rows, "row")
                ));
                Exit::Ok
            }),
            Show::Send => send(options),
        },
    };
    done.unwrap_or_else(|exit| exit)
}

/// Prints the message of the row with this ID or number.
fn preview(options: &MergeOptions, wanted: &str) -> Result<Exit, Exit> {
    let unreadable = |error: &RowError| {
        complain(&format!("{error}"));
        error.exit()
    };
    let number: Option<u64> = wanted.parse().ok();
    let mut reader = options.list.open().map_err(|error| unreadable(&error))?;
    while let Some(row) = reader.next_row().map_err(|error| unreadable(&error))? {
        let prepared = PreparedRow::of(&row, options, "");
        let is_it = prepared
            .as_ref()
            .is_ok_and(|(prepared, _)| prepared.key.text == wanted);
        if !is_it && number != Some(row.number) {
            continue;
        }
        let copies = prepared.and_then(|(prepared, message)| message.build(&prepared, options));
        let copies = copies.map_err(|fault| {
            complain(&fault.text);
            fault.exit
        })?;
        if copies.len() > 1 {
            complain(&format!(
                "the first of {} messages of this row: each hidden recipient gets its own",
                copies.len()
            ));
        }
        let first = copies.first().map(|copy| print_message(&copy.message));
        return Ok(first.unwrap_or(Exit::Software));
    }
    complain(&format!("--preview: there is no row {}", shown(wanted)));
    Err(Exit::Usage)
}

fn send(options: &MergeOptions) -> Result<Exit, Exit> {
    // Before a journal is made for something that is not a list.
    let reader = options.list.open();
    drop(reader.map_err(|error| reported(&format!("{error}; nothing was sent"), error.exit()))?);
    let journal = open_journal(options)?;
    let queue = MergeQueue::open(options)
        .map_err(|error| reported(&format!("{error}; nothing was sent"), unkept(&error)))?;
    let list = check(options, Some(&journal))?;
    warn_of_bulk(options, &list);
    let signals = RunSignals::install().map_err(|error| {
        reported(
            &format!("cannot install signal handlers: {}", reason(&error)),
            Exit::Temporary,
        )
    })?;
    let transports = Transports::new(std::iter::once(&options.transport).chain(&options.fallbacks));
    if list.open > 0 {
        load_first(&transports)?;
    }
    let reader = options
        .list
        .open()
        .map_err(|error| reported(&error.to_string(), error.exit()))?;
    let schedule = Schedule::new(reader, list.rows, &signals.stop);
    let rows = options
        .rows
        .limit
        .map_or(list.open, |limit| limit.min(list.open));
    let output = MergeOutput::new(rows, options.json);
    if list.open > 0 {
        let throttle = Throttle::new(options.rate, options.per_domain, options.back_off);
        let run = MergeRun {
            options,
            journal: &journal,
            queue: queue.as_ref(),
            transports: &transports,
            schedule: &schedule,
            throttle: &throttle,
            output: &output,
            stop: &signals.stop,
            counters: Counters::new(options.rows.limit),
        };
        run_workers(&run, rows);
    }
    let exit = output.finish(&list);
    if let Some(error) = journal.failure() {
        return Err(reported(&error, Exit::Io));
    }
    match schedule.finish() {
        Some(error) => Err(reported(&error.to_string(), error.exit())),
        None => Ok(exit),
    }
}

/// Reports an error on standard error, for this exit status.
fn reported(text: &str, exit: Exit) -> Exit {
    complain(text);
    exit
}

fn open_journal(options: &MergeOptions) -> Result<Journal, Exit> {
    Journal::open(&options.journal, &options.description).map_err(|error| {
        let exit = if error.is_locked {
            Exit::Temporary
        } else {
            Exit::CantCreate
        };
        reported(&format!("{error}; nothing was sent"), exit)
    })
}

/// Starts the workers, and waits for them. If the system has no thread, this one does the work.
fn run_workers(run: &MergeRun<'_>, rows: u64) {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let workers = run.options.connections.min(rows).max(1);
    thread::scope(|scope| {
        for number in 0..workers {
            run.counters.workers.fetch_add(1, Ordering::Relaxed);
            let builder = thread::Builder::new().stack_size(STACK);
            let worker = builder.spawn_scoped(scope, || run.work());
            if worker.is_err() {
                if number == 0 {
                    run.work();
                } else {
                    run.counters.workers.fetch_sub(1, Ordering::Relaxed);
                }
                break;
            }
        }
    });
}

fn warn_of_bulk(options: &MergeOptions, list: &CheckedList) {
    if list.open > BULK && !list.has_unsubscribe {
        warn(&format!(
            "{} without List-Unsubscribe: large receivers demand it for bulk mail; use --list-unsubscribe",
            counted(list.open, "message")
        ));
    }
    let is_signed = !options.context.signer.is_off();
    if options.transport.route.relay.is_none() && !is_signed && list.open > 1 {
        warn(
            "the messages go to MX hosts without a signature (DKIM), which large receivers demand for bulk mail; \
             use --dkim-key, or a relay that signs",
        );
    }
}
