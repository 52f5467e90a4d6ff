//! What a worker has reserved and cannot deliver is left to the others.

use crate::postgres::mailbox::Mailbox;
use crate::postgres::proxy::Proxy;
use crate::postgres::server::Server;
use crate::postgres::{Host, world};
use rustix::process::Signal;

/// Keeps a list of all reservations and of the times to which items are postponed.
fn observe(server: &Server) {
    server.sql(
        "create table seen(id text, is_reserved bool, is_later bool); \
         create function see() returns trigger language plpgsql as $$ begin \
           insert into seen values (new.id, new.lease is not null and old.lease is null, new.due > clock_timestamp()); \
           return null; end $$; \
         create trigger see after update on ehlo.item for each row execute function see()",
    );
}

/// The ID of the last item.
fn last(server: &Server) -> String {
    server.sql("select max(id) from ehlo.item")
}

fn wait_until_reserved(server: &Server, id: &str) {
    let reserved = format!("select count(*) from seen where id = '{id}' and is_reserved");
    while server.sql(&reserved) == "0" {}
}

#[test]
fn a_busy_worker_does_not_keep_messages_for_another_relay() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    observe(&server);
    let (busy, free) = (Mailbox::start(0), Mailbox::start(0));
    busy.hold_data();
    host.queue(&busy, 1);
    let _worker = host.worker();
    busy.wait_until_held();
    host.queue(&free, 2);
    wait_until_reserved(&server, &last(&server));
    busy.release();
    free.wait_for(1);
    busy.wait_for(1);
}

#[test]
fn a_worker_without_a_permitted_connection_delays_no_message() {
    let Some((server, direct)) = world(&["fsync=off"]) else {
        return;
    };
    observe(&server);
    let host = Host::new(direct.url.replace("lease=2s", "lease=1h"));
    host.configure("retry = [\"1h\"]\nper-host = 1\n");
    let mailbox = Mailbox::start(0);
    mailbox.hold_data();
    host.queue(&mailbox, 1);
    let connected = host.worker();
    mailbox.wait_until_held();
    connected.send(Signal::STOP);
    let _other = host.worker();
    for number in 2..6 {
        host.queue(&mailbox, number);
    }
    wait_until_reserved(&server, &last(&server));
    connected.send(Signal::CONT);
    mailbox.release();
    mailbox.wait_for(5);
    while server.sql("select count(*) from ehlo.item") != "0" {}
    assert_eq!(server.sql("select count(*) from seen where is_later"), "0");
    assert_eq!(mailbox.arrived().len(), 5);
}

#[test]
fn a_worker_that_is_cut_off_for_longer_than_its_lease_does_not_send_the_end_of_data() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let (mailbox, proxy) = (Mailbox::start(0), Proxy::start(&server.directory()));
    let far = Host::new(Server::url_over(&proxy.directory(), "&lease=2s"));
    mailbox.hold_data();
    host.queue(&mailbox, 1);
    let _cut_off = far.worker();
    mailbox.wait_until_held();
    proxy.freeze(true);
    let _other = host.worker();
    mailbox.wait_for(1);
    mailbox.release();
    proxy.freeze(false);
    mailbox.wait_until_aborted();
    assert_eq!(mailbox.arrived().len(), 1);
    assert!(!mailbox.arrived()[0].is_marked);
    while server.sql("select count(*) from ehlo.item") != "0" {}
}

#[test]
fn tables_of_a_newer_version_are_not_used() {
    let Some((server, host)) = world(&["fsync=off"]) else {
        return;
    };
    let mailbox = Mailbox::start(0);
    host.queue(&mailbox, 1);
    server.sql("update ehlo.meta set version = version + 1");
    for arguments in [
        &["queue", "run"][..],
        &["queue", "run", "--watch"],
        &["queue", "list"],
    ] {
        let error = host.error(arguments, 78);
        assert!(error.contains("install a newer ehlo"), "{error}");
    }
    let relay = mailbox.relay();
    host.error(&Host::message(&relay, "number 2"), 78);
    host.error(&["queue", "database", "upgrade"], 78);
    assert!(mailbox.arrived().is_empty());
}
