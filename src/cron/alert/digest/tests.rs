use crate::cron::alert::digest::*;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

fn digests(state: &TempDir) -> Digests {
    Digests::open(Some(state.path()), true).unwrap().unwrap()
}

fn entry(job: &str, failed: bool) -> DigestEntry {
    DigestEntry {
        job: job.to_owned(),
        at: SystemTime::now(),
        took: Duration::from_secs(3),
        status: "OK".to_owned(),
        failed,
        kind: String::new(),
        excerpt: "a line\n".to_owned(),
    }
}

#[track_caller]
fn batch(state: &TempDir) -> Batch {
    match digests(state).take("nightly").unwrap() {
        DigestBatch::Batch(batch) => batch,
        DigestBatch::Nothing => panic!("nothing"),
        DigestBatch::Busy => panic!("busy"),
    }
}

fn jobs(batch: &mut Batch) -> Vec<String> {
    let entries = batch.entries().unwrap();
    entries
        .map(|entry| entry.map_or_else(|()| "damaged".to_owned(), |entry| entry.job))
        .collect()
}

fn open_file(state: &TempDir) -> PathBuf {
    state.path().join("digests/nightly.open")
}

#[test]
fn recorded_runs_are_taken_once() {
    let state = tempfile::tempdir().unwrap();
    for job in ["a", "b"] {
        digests(&state).add("nightly", &entry(job, false)).unwrap();
    }
    let mut taken = batch(&state);
    assert_eq!(jobs(&mut taken), ["a", "b"]);
    assert_eq!(jobs(&mut taken), ["a", "b"]);
    taken.mailed().unwrap();
    assert!(matches!(
        digests(&state).take("nightly").unwrap(),
        DigestBatch::Nothing
    ));
}

#[test]
fn run_during_mailing_is_in_the_next_digest() {
    let state = tempfile::tempdir().unwrap();
    digests(&state).add("nightly", &entry("a", false)).unwrap();
    let mut taken = batch(&state);
    assert!(matches!(
        digests(&state).take("nightly").unwrap(),
        DigestBatch::Busy
    ));
    digests(&state).add("nightly", &entry("b", false)).unwrap();
    assert_eq!(jobs(&mut taken), ["a"]);
    taken.mailed().unwrap();
    assert_eq!(jobs(&mut batch(&state)), ["b"]);
}

#[test]
fn unmailed_digest_is_taken_again_with_the_same_id() {
    let state = tempfile::tempdir().unwrap();
    digests(&state).add("nightly", &entry("a", false)).unwrap();
    let first = batch(&state).id().to_owned();
    digests(&state).add("nightly", &entry("b", false)).unwrap();
    let mut again = batch(&state);
    assert_eq!(
        (jobs(&mut again), again.id()),
        (vec!["a".to_owned()], &*first)
    );
    again.mailed().unwrap();
    assert_ne!(batch(&state).id(), first);
}

#[test]
fn interrupted_write_damages_only_its_own_line() {
    let state = tempfile::tempdir().unwrap();
    digests(&state).add("nightly", &entry("a", false)).unwrap();
    let path = open_file(&state);
    let mut torn = fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"job\":\"to");
    fs::write(&path, torn).unwrap();
    digests(&state).add("nightly", &entry("b", true)).unwrap();
    assert_eq!(jobs(&mut batch(&state)), ["a", "damaged", "b"]);
}

#[test]
fn damaged_header_loses_no_run() {
    let state = tempfile::tempdir().unwrap();
    digests(&state);
    fs::write(open_file(&state), "{\"dig").unwrap();
    digests(&state).add("nightly", &entry("a", false)).unwrap();
    assert_eq!(jobs(&mut batch(&state)), ["a"]);
}

#[test]
fn concurrent_additions_lose_nothing() {
    let state = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    digests(&state).add("nightly", &entry("a", false)).unwrap();
                }
            });
        }
    });
    assert_eq!(jobs(&mut batch(&state)), vec!["a"; 20]);
}

#[test]
fn list_has_the_state_of_each_digest() {
    let state = tempfile::tempdir().unwrap();
    assert!(Digests::open(Some(state.path()), false).unwrap().is_none());
    let all = digests(&state);
    all.add("nightly", &entry("a", true)).unwrap();
    all.add("nightly", &entry("b", false)).unwrap();
    all.add("../weekly", &entry("a", false)).unwrap();
    let _being_mailed = batch(&state);
    all.add("nightly", &entry("c", false)).unwrap();
    let list = all.list().unwrap();
    let found: Vec<_> = list
        .iter()
        .map(|one| (one.name.as_str(), one.runs, one.failed))
        .collect();
    assert_eq!(found, [("../weekly", 1, 0), ("nightly", 3, 1)]);
}
