//! `ehlo jobs`: what is recorded of jobs, and the mail about those that did not run.

use crate::program::{Ehlo, Run};
use crate::relay::{Do, Relay};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

fn ehlo(state: &TempDir, words: &[&str]) -> Run {
    Ehlo::new()
        .env("EHLO_STATE_DIR", state.path())
        .args(words)
        .run()
}

fn job(state: &TempDir, options: &[&str], script: &str) -> Run {
    let command = [
        "--config",
        "/dev/null",
        "--no-queue",
        "--pipe",
        "false",
        "--",
        "sh",
        "-c",
        script,
    ];
    let words = [&["run"], options, &command].concat();
    let ran = Ehlo::new()
        .env("EHLO_STATE_DIR", state.path())
        .env("MAILTO", "")
        .args(words)
        .run();
    ran
}

fn object(state: &TempDir, name: &str) -> Value {
    let shown = ehlo(state, &["jobs", "show", name, "--json"]);
    shown.exits(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

/// Sets the end of the last run back, as if it had been long ago.
fn set_back(state: &Path, name: &str, seconds: u64) {
    let path = state.join(format!("jobs/{name}.run"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let at = &mut record["at"]["secs_since_epoch"];
    *at = (at.as_u64().unwrap() - seconds).into();
    std::fs::write(path, record.to_string()).unwrap();
}

#[test]
fn last_run_of_named_jobs_is_listed() {
    let state = tempfile::tempdir().unwrap();
    ehlo(&state, &["jobs", "list"])
        .exits(0)
        .shows(&["No jobs are recorded."]);
    job(&state, &["--name", "backup", "--dedupe", "1h"], "exit 3").exits(3);
    job(
        &state,
        &["--name", "nightly", "--expect-every", "1d"],
        "true",
    )
    .exits(0);
    job(&state, &[], "true").exits(0);
    let listed = ehlo(&state, &["jobs", "list"]);
    listed
        .exits(0)
        .shows(&["backup ", "FAILED(3)", "nightly ", "OK", "within "]);
    assert_eq!(listed.stdout.lines().count(), 3, "{listed:#?}");
    let backup = object(&state, "backup");
    assert_eq!(
        (&backup["status"], &backup["failed"]),
        (&"FAILED(3)".into(), &true.into())
    );
    assert_eq!(backup["failures"], 1);
    let nightly = object(&state, "nightly");
    assert_eq!(nightly["expected_every"], 24 * 3600);
    assert_eq!(nightly["overdue"], false);
    ehlo(&state, &["jobs", "show", "nightly"])
        .exits(0)
        .shows(&["Expected", "every 1d"]);
    ehlo(&state, &["jobs", "forget", "backup"])
        .exits(0)
        .is_silent();
    ehlo(&state, &["jobs", "show", "backup"])
        .exits(66)
        .complains(1);
    ehlo(&state, &["jobs", "forget", "backup"])
        .exits(66)
        .complains(1);
    ehlo(&state, &["run", "--grace", "1h", "true"]).exits(64);
}

#[test]
fn job_that_did_not_run_is_mailed_once() {
    let state = tempfile::tempdir().unwrap();
    let relay = Relay::start(|_| Do::Usual);
    let route = format!("127.0.0.1:{}", relay.port);
    let check = || {
        let words = [
            "jobs",
            "check",
            "--to",
            "bob@hamburger.edu",
            "-f",
            "alice@crepes.fr",
        ];
        let how = ["--no-queue", "--tls", "off", "-r", &route];
        ehlo(&state, &[&words[..], &how].concat())
    };
    check().exits(0).is_silent();
    let run = || {
        job(
            &state,
            &["--name", "backup", "--expect-every", "1h"],
            "true",
        )
    };
    run().exits(0);
    check().exits(0).is_silent();
    assert!(relay.taken().is_empty());
    set_back(state.path(), "backup", 2 * 3600);
    ehlo(&state, &["jobs", "list"]).shows(&["overdue since"]);
    for _ in 0..2 {
        check().exits(0).is_silent();
        assert_eq!(relay.taken().len(), 1);
    }
    run().exits(0);
    set_back(state.path(), "backup", 2 * 3600);
    check().exits(0);
    assert_eq!(relay.taken().len(), 2);
}

#[test]
fn report_that_cannot_be_sent_is_tried_again() {
    let state = tempfile::tempdir().unwrap();
    job(
        &state,
        &["--name", "backup", "--expect-every", "1h"],
        "true",
    )
    .exits(0);
    set_back(state.path(), "backup", 2 * 3600);
    let words = [
        "jobs",
        "check",
        "--to",
        "bob@hamburger.edu",
        "-f",
        "alice@crepes.fr",
        "--no-queue",
    ];
    for _ in 0..2 {
        let checked = ehlo(&state, &[&words[..], &["-r", "127.0.0.1:1"]].concat());
        checked.exits(75).says(&["MISSED: backup did not run"]);
    }
}

#[test]
fn damaged_state_is_reported_and_hides_nothing() {
    let state = tempfile::tempdir().unwrap();
    job(&state, &["--name", "backup"], "true").exits(0);
    std::fs::write(state.path().join("jobs/other.run"), "{").unwrap();
    let listed = ehlo(&state, &["jobs", "list"]);
    listed
        .exits(0)
        .complains(1)
        .says(&["other.run is damaged"])
        .shows(&["backup"]);
}
