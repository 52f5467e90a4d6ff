//! The store on a real server, which has a schema for each test. Without PostgreSQL, the tests are skipped.

#[expect(dead_code, reason = "the tests of the program need more of it")]
#[path = "../../../../tests/interop/postgres/server.rs"]
mod server;

use crate::mail::envelope::RecipientIndex;
use crate::queue::store::contract::{TestStore, claimed, is_busy, message, read};
use crate::queue::store::item::tests::metadata;
use crate::queue::store::postgres::insert::{Inserted, NewRow, insert_all};
use crate::queue::store::postgres::item::Body;
use crate::queue::store::postgres::*;
use crate::queue::store::{Durability, History};
use crate::smtp::blocks::BodyType;
use server::Server;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};

/// The server of all tests; `None`: not started yet.
static SERVER: Mutex<Option<Server>> = Mutex::new(None);

static SCHEMAS: AtomicUsize = AtomicUsize::new(0);

/// The server, started at the first call; `None`: not installed.
fn server() -> Option<MutexGuard<'static, Option<Server>>> {
    if !server::is_installed() {
        let is_required = std::env::var("EHLO_INTEROP").is_ok_and(|value| value == "required");
        assert!(
            !is_required,
            "EHLO_INTEROP=required, but PostgreSQL 15 is not installed"
        );
        eprintln!("skipped: PostgreSQL 15 is not installed");
        return None;
    }
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if server.is_none() {
        *server = Some(Server::start(&["fsync=off", "max_connections=400"]));
    }
    Some(server)
}

/// A new database with these parameters; `None`: PostgreSQL is not installed.
fn database(parameters: &str) -> Option<Database> {
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let url = server()?
        .as_ref()?
        .url(&format!("&schema=test{number}{parameters}"));
    let Location::Database(database) = Location::from(PathBuf::from(url)) else {
        panic!("not a database")
    };
    assert!(Administration::of(&database).unwrap().create().unwrap());
    Some(database)
}

/// The output of a statement in that database.
fn sql(database: &Database, text: &str) -> String {
    let pool = open_pool(database).unwrap();
    let text = pool.schema.sql(text);
    server().unwrap().as_ref().unwrap().sql(&text)
}

fn test_store() -> Option<TestStore> {
    let database = database("")?;
    Some(TestStore {
        store: Box::new(PostgresStore::open(&database).unwrap()),
        open: Box::new(move || Box::new(PostgresStore::open(&database).unwrap())),
        _place: Box::new(()),
    })
}

mod contract {
    use crate::queue::store::contract::store_tests;

    store_tests!(super::test_store);
}

fn add(store: &PostgresStore) -> Box<dyn ClaimedItem> {
    let (metadata, message) = (
        metadata(&["bob@hamburger.edu"]),
        message(b"Subject: hi\r\n\r\n"),
    );
    store
        .add(&metadata, &message, message.shape(), None)
        .unwrap()
}

fn end_of_data() -> ItemEvent {
    ItemEvent::EndOfData {
        recipients: vec![RecipientIndex(0)],
    }
}

/// Ends all leases, as time does.
fn expire(database: &Database) {
    sql(
        database,
        "update ehlo.item set lease = now() - interval '1 s'",
    );
}

#[test]
fn a_lost_lease_allows_no_record_and_no_removal() {
    let Some(database) = database("") else { return };
    let (one, other) = (
        PostgresStore::open(&database).unwrap(),
        PostgresStore::open(&database).unwrap(),
    );
    let claim = add(&one);
    let id = claim.item().id.clone();
    assert!(is_busy(other.claim(&id)));
    expire(&database);
    let taken = claimed(other.claim(&id));
    let lost = |error: QueueError| matches!(error, QueueError::LeaseLost(_));
    assert!(lost(
        claim.record(end_of_data(), Durability::Disk).unwrap_err()
    ));
    assert_eq!(claim.history(), History::new(1));
    assert!(lost(claim.remove().unwrap_err()));
    taken.record(end_of_data(), Durability::Disk).unwrap();
    assert!(taken.history().states[0].in_doubt);
    assert_eq!(sql(&database, "select count(*) from ehlo.note"), "1");
}

#[test]
fn a_record_renews_the_lease_and_a_release_ends_it() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    let claim = add(&store);
    expire(&database);
    claim.record(end_of_data(), Durability::Disk).unwrap();
    assert_eq!(
        sql(
            &database,
            "select lease > now() + interval '1 min' from ehlo.item"
        ),
        "t"
    );
    drop(claim);
    assert_eq!(
        sql(
            &database,
            "select lease is null and worker is null from ehlo.item"
        ),
        "t"
    );
}

#[test]
fn a_reserved_item_is_claimed_by_its_process_only() {
    let Some(database) = database("") else { return };
    let (one, other) = (
        PostgresStore::open(&database).unwrap(),
        PostgresStore::open(&database).unwrap(),
    );
    let ids: Vec<Id> = (0..3).map(|_| add(&one).item().id.clone()).collect();
    let reserved = one.reserve().unwrap();
    assert_eq!(reserved.len(), 3);
    assert!(other.reserve().unwrap().is_empty() && is_busy(other.claim(&ids[0])));
    let claim = claimed(one.claim(&ids[0]));
    claim.record(end_of_data(), Durability::Disk).unwrap();
    one.postpone(&ids[1..2], Some(one.now() + Duration::from_secs(3600)));
    assert!(other.reserve().unwrap().is_empty());
    assert!(!is_busy(other.claim(&ids[1])));
    // What was not claimed is given back.
    drop(claim);
    drop(one);
    let left: Vec<Id> = other
        .reserve()
        .unwrap()
        .into_iter()
        .map(|item| item.id)
        .collect();
    assert_eq!(left, [ids[0].clone(), ids[2].clone()]);
}

#[test]
fn the_time_of_the_next_attempt_decides() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    assert_eq!(store.next_due().unwrap(), None);
    let claim = add(&store);
    claim.set_due(Some(store.now() + Duration::from_secs(600)));
    let id = claim.item().id.clone();
    drop(claim);
    let left = store.next_due().unwrap().unwrap();
    assert!(
        left > Duration::from_secs(500) && left <= Duration::from_secs(600),
        "{left:?}"
    );
    assert!(store.reserve().unwrap().is_empty());
    // Without a time, it waits for a decision, which makes it due.
    let claim = claimed(store.claim(&id));
    claim.set_due(None);
    drop(claim);
    assert_eq!(store.next_due().unwrap(), None);
    let claim = claimed(store.claim(&id));
    claim.record(ItemEvent::Released, Durability::Disk).unwrap();
    drop(claim);
    assert_eq!(store.reserve().unwrap().len(), 1);
}

#[test]
fn connections_to_a_destination_are_limited_over_all_processes() {
    let Some(database) = database("") else { return };
    let (one, other) = (
        PostgresStore::open(&database).unwrap(),
        PostgresStore::open(&database).unwrap(),
    );
    let first = one.connection("relay:25", 2).unwrap().unwrap();
    let _second = other.connection("relay:25", 2).unwrap().unwrap();
    assert!(one.connection("relay:25", 2).unwrap().is_none());
    let _elsewhere = one.connection("other:25", 2).unwrap().unwrap();
    drop(first);
    let _third = other.connection("relay:25", 2).unwrap().unwrap();
    // A process that was killed holds its connections until its lease has ended.
    sql(
        &database,
        "update ehlo.slot set lease = now() - interval '1 s'",
    );
    assert!(one.connection("relay:25", 2).unwrap().is_some());
}

#[test]
fn several_processes_watch_and_are_known() {
    let Some(database) = database("") else { return };
    let (one, other) = (
        PostgresStore::open(&database).unwrap(),
        PostgresStore::open(&database).unwrap(),
    );
    assert!(!one.is_locked(RunnerRole::Watcher));
    let lock = one.lock(RunnerRole::Watcher).unwrap().unwrap();
    let also = other.lock(RunnerRole::Watcher).unwrap().unwrap();
    assert!(other.is_locked(RunnerRole::Watcher) && !other.is_locked(RunnerRole::Runner));
    let workers = Administration::of(&database)
        .unwrap()
        .state()
        .unwrap()
        .workers;
    assert_eq!(workers.len(), 2);
    assert!(
        workers[0]
            .name
            .ends_with(&format!(":{}", std::process::id()))
    );
    let claim = add(&one);
    let id = claim.item().id.clone();
    assert_eq!(other.worker_of(&id).unwrap(), Some(workers[0].name.clone()));
    drop((claim, lock, also));
    assert_eq!(other.worker_of(&id).unwrap(), None);
    assert!(!one.is_locked(RunnerRole::Watcher));
}

#[test]
fn a_commit_whose_connection_was_lost_is_found() {
    let Some(database) = database("&lease=5m") else {
        return;
    };
    let store = PostgresStore::open(&database).unwrap();
    let metadata = metadata(&["bob@hamburger.edu"]);
    for size in [10, 600_000] {
        let message = message(&vec![b'x'; size]);
        let new = NewItem {
            metadata: &metadata,
            message: &message,
            shape: message.shape(),
        };
        let place = store.adding();
        assert_eq!(add::tests::attempts(place, &new, None), [true, true]);
        // The item of a commit that is older than the lease may have been delivered already.
        let before = Some(store.now() - Duration::from_secs(300));
        assert!(!add::tests::attempts(place, &new, before)[0]);
    }
    let sizes = sql(
        &database,
        "select string_agg(size::text, ' ' order by size) from ehlo.item",
    );
    assert_eq!(sizes, "10 600000");
}

#[test]
fn items_of_one_statement_have_a_result_each() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    let row = |id: &str, metadata: &str| NewRow {
        id: id.to_owned(),
        metadata: metadata.to_owned(),
        body: Body {
            body_type: BodyType::SevenBit,
            size: 1,
            checksum: 0,
        },
        octets: b"x".to_vec(),
        worker: store.leases.worker,
        epoch: number(),
    };
    // PostgreSQL has no text with NUL.
    let rows = [
        row("a", "{}"),
        row("a", "{}"),
        row("b", "\0"),
        row("c", "{}"),
    ];
    let all = |rows: &[&NewRow]| insert_all(&store.pool, rows, None);
    let results = all(&[&rows[0], &rows[1], &rows[3]]);
    assert!(matches!(
        results[..],
        [
            Ok(Inserted::Committed),
            Ok(Inserted::Taken),
            Ok(Inserted::Committed)
        ]
    ));
    let results = all(&[&rows[2], &row("d", "{}"), &rows[1]]);
    assert!(matches!(
        results[..],
        [
            Err(Failure::Refused(_)),
            Ok(Inserted::Committed),
            Ok(Inserted::Taken)
        ]
    ));
    let found = "select string_agg(id, '' order by id) || count(b.id) from ehlo.item join ehlo.body b using (id)";
    assert_eq!(sql(&database, found), "acd3");
}

#[test]
fn items_of_many_threads_are_committed_together() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    let (metadata, message) = (
        metadata(&["bob@hamburger.edu"]),
        message(&vec![b'x'; 100_000]),
    );
    let enqueue = || store.enqueue(&metadata, &message, message.shape()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(enqueue())));
        }
    });
    store.flush().unwrap();
    let found = "select count(distinct i.id) || ' ' || sum(octet_length(b.octets)) || ' ' || count(lease) \
         from ehlo.item i join ehlo.body b using (id)";
    assert_eq!(sql(&database, found), "40 4000000 0");
}

#[test]
fn connections_that_the_server_ends_are_replaced() {
    let Some(database) = database("&application_name=ended") else {
        return;
    };
    let store = PostgresStore::open(&database).unwrap();
    let claim = add(&store);
    for _ in 0..3 {
        sql(
            &database,
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ended'",
        );
        claim.record(ItemEvent::Held, Durability::Disk).unwrap();
    }
    assert_eq!(
        claim.history(),
        store.item(&claim.item().id).unwrap().unwrap().history
    );
    assert_eq!(store.journal(&claim.item().id).unwrap().unwrap().len(), 3);
}

#[test]
fn other_versions_and_wrong_urls_need_the_administrator() {
    let Some(database) = database("") else { return };
    let refused = |expected: &str| {
        let error = PostgresStore::open(&database).err().unwrap();
        assert!(
            error.is_about_setup() && error.to_string().contains(expected),
            "{error}"
        );
    };
    sql(&database, "update ehlo.meta set version = 99");
    refused("install a newer ehlo");
    assert!(Administration::of(&database).unwrap().upgrade().is_err());
    sql(&database, "update ehlo.meta set version = 0");
    refused("ehlo queue database upgrade");
    sql(&database, "drop table ehlo.meta");
    refused("ehlo queue database init");
    for (url, expected) in [
        ("postgres://mail:pw@db/x", "has a password"),
        ("postgres:///x", "has no host"),
        ("postgres://db/x?sslmode=prefer", "unsupported sslmode"),
        ("postgres://db/x?lease=5", "invalid lease"),
        ("postgres://db/x?schema=A-b", "invalid schema"),
        ("postgres://db/x?nonsense=1", "invalid URL"),
        ("postgres://db/x?sslcert=/a", "sslkey"),
        (
            "postgres://db/x?sslrootcert=/nonexistent",
            "cannot read the file",
        ),
    ] {
        let location = Location::from(PathBuf::from(url));
        let error = crate::queue::open(Some(&location), true).err().unwrap();
        assert!(
            error.is_about_setup() && error.to_string().contains(expected),
            "{error}"
        );
        assert!(!error.to_string().contains("pw@"), "{error}");
    }
}

#[test]
fn a_read_only_database_accepts_nothing() {
    let Some(writable) = database("") else {
        return;
    };
    let url = format!(
        "{}&options=-c%20default_transaction_read_only%3Don",
        writable.url()
    );
    let Location::Database(database) = Location::from(PathBuf::from(url)) else {
        panic!("not a database")
    };
    let store = PostgresStore::open(&database).unwrap();
    let message = message(b"x");
    let added = store.add(
        &metadata(&["bob@hamburger.edu"]),
        &message,
        message.shape(),
        None,
    );
    let error = added.err().unwrap();
    assert!(error.is_read_only(), "{error}");
}

#[test]
fn a_damaged_message_is_never_completed() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    let large = message(&vec![b'x'; 600_000]);
    let claim = store
        .add(
            &metadata(&["bob@hamburger.edu"]),
            &large,
            large.shape(),
            None,
        )
        .unwrap();
    assert_eq!(sql(&database, "select count(*) from ehlo.body"), "3");
    sql(
        &database,
        "update ehlo.body set octets = set_byte(octets, 7, 9) where part = 1",
    );
    let error = read(&*claim).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    sql(&database, "delete from ehlo.body where part = 2");
    let error = read(&*claim).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(claim.read_error().is_none());
}

#[test]
fn an_item_that_cannot_be_read_fails_when_it_is_reserved() {
    let Some(database) = database("") else { return };
    let store = PostgresStore::open(&database).unwrap();
    let id = add(&store).item().id.clone();
    sql(&database, "update ehlo.item set metadata = '{}'");
    assert!(matches!(store.claim(&id), Err(QueueError::Damaged { .. })));
    assert!(store.reserve().unwrap().is_empty());
    assert_eq!(store.failed_ids().unwrap(), std::slice::from_ref(&id));
    assert!(
        store
            .failure_reason(&id)
            .unwrap()
            .contains("its metadata is not understood")
    );
    assert!(store.purge(&id).unwrap());
}
