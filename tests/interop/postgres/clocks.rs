//! Hosts whose clocks are wrong: times are those of the database.

use crate::parts;
use crate::postgres::mailbox::Mailbox;
use crate::postgres::{Host, Worker, errors, world};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The library of faketime.
fn faketime() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib")
        .ok()?
        .flatten()
        .find_map(|entry| {
            let library = entry.path().join("faketime/libfaketime.so.1");
            library.exists().then_some(library)
        });
    if found.is_none() {
        parts::skip("faketime is not installed");
    }
    found
}

/// A command of a host whose clock differs by this.
fn shifted(library: &PathBuf, host: &Host, shift: &str, arguments: &[&str]) -> Command {
    let mut command = host.command(arguments);
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME", shift)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

#[track_caller]
fn run(mut command: Command) -> String {
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", errors(&done));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_clock_that_is_ahead_ends_no_lease_and_makes_nothing_due() {
    let (Some(library), Some((server, host))) = (faketime(), world(&["fsync=off"])) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    mailbox.hold_data();
    host.queue(&mailbox, 1);
    let _worker = host.worker();
    mailbox.wait_until_held();
    // Neither the lease of the message that is being delivered has ended, nor is one due that is tried again in an hour.
    host.configure("retry = [\"1h\"]\nspread = 0\n");
    host.output(&Host::message("unix:/nowhere", "number 2"));
    let attempts = "select count(*) from ehlo.note where entry like '%attempt%'";
    while server.sql(attempts) != "2" {
        // The worker may have reserved it for a moment.
        host.output(&["queue", "run"]);
    }
    for shift in ["+1d", "-1d"] {
        run(shifted(&library, &host, shift, &["queue", "run"]));
        assert_eq!(server.sql(attempts), "2", "{shift}");
        let list = run(shifted(&library, &host, shift, &["queue", "list"]));
        assert!(
            list.contains("in 5") || list.contains("in 1h00m"),
            "{shift}: {list}"
        );
        let show = run(shifted(
            &library,
            &host,
            shift,
            &["queue", "database", "show"],
        ));
        let side = if shift == "+1d" { "behind" } else { "ahead of" };
        assert!(
            show.contains(&format!("{side} that of this host")),
            "{show}"
        );
    }
    mailbox.release();
    mailbox.wait_for(1);
    while server.sql("select count(*) from ehlo.item") != "1" {}
    assert!(!mailbox.arrived()[0].is_marked);
}

#[test]
fn a_clock_that_is_behind_delays_nothing() {
    let (Some(library), Some((server, host))) = (faketime(), world(&["fsync=off"])) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    host.output(&Host::message("unix:/nowhere", "number 1"));
    host.output(&["queue", "run"]);
    let mut behind = shifted(&library, &host, "-1d", &["queue", "run", "--watch"]);
    let _worker = Worker(behind.stdout(Stdio::null()).spawn().unwrap());
    // It is tried again every second by the clock of the database.
    let attempts = "select count(*) from ehlo.note where entry like '%attempt%'";
    while server.sql(attempts).parse::<u32>().unwrap() < 3 {}
    // A sender whose clock is ahead queues a message that is due at once.
    let relay = mailbox.relay();
    run(shifted(
        &library,
        &host,
        "+1d",
        &Host::message(&relay, "number 2"),
    ));
    mailbox.wait_for(1);
    let queued = "select max((metadata::json->>'queued')::int8) < extract(epoch from now()) * 1000 from ehlo.item";
    assert_eq!(server.sql(queued), "t");
}
