//! A standby that takes the place of its server. With synchronous replication, it has all that was confirmed.

use crate::postgres::mailbox::Mailbox;
use crate::postgres::model::check_deliveries;
use crate::postgres::{Host, world};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Messages that are queued before and while the server is replaced.
const MESSAGES: usize = 60;

/// Messages that arrive before.
const BEFORE: usize = 10;

#[test]
fn workers_and_senders_go_on_with_a_standby_that_is_promoted() {
    let Some((mut server, _)) = world(&["fsync=off"]) else {
        return;
    };
    let standby = server.start_standby();
    let hosts = format!(
        "{},{}",
        server.directory().display(),
        standby.directory().display()
    );
    // A commit that was interrupted is repeated within the lease.
    let parameters = "lease=1m&target_session_attrs=read-write";
    let host = Host::new(format!(
        "postgres://ehlo@/postgres?host={hosts}&{parameters}"
    ));
    // The standby alone accepts nothing.
    let alone = Host::new(standby.url("&connect_timeout=1"));
    let relay = "unix:/nowhere";
    let error = alone.error(&Host::message(relay, "number 0"), 75);
    assert!(error.contains("accepts no changes"), "{error}");
    let mailbox = Mailbox::start(0);
    let _workers = [host.worker(), host.worker()];
    let next = AtomicUsize::new(0);
    let queued: Vec<usize> = thread::scope(|scope| {
        let senders: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| send(&host, &mailbox, &next)))
            .collect();
        mailbox.wait_for(BEFORE);
        server.end("kill");
        standby.sql("select pg_promote()");
        let queued = senders
            .into_iter()
            .flat_map(|sender| sender.join().unwrap());
        queued.collect()
    });
    // Statements are tried again for longer than the promotion takes.
    assert_eq!(queued.len(), MESSAGES);
    while standby.sql("select count(*) from ehlo.item") != "0" {}
    check_deliveries(&mailbox, &queued);
    let shown = host.output(&["queue", "database", "show"]);
    assert_eq!(shown.matches("(watch)").count(), 2, "{shown}");
}

/// Queues messages until all numbers are given, and returns those that were reported as queued.
fn send(host: &Host, mailbox: &Mailbox, next: &AtomicUsize) -> Vec<usize> {
    let mut queued = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= MESSAGES {
            return queued;
        }
        host.queue(mailbox, number);
        queued.push(number);
    }
}
