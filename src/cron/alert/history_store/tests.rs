use crate::cron::alert::Fingerprint;
use crate::cron::alert::history_store::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

fn rules() -> AlertRules {
    AlertRules {
        dedupe: Some(Duration::from_secs(3600)),
        ..AlertRules::default()
    }
}

fn failure(output: &str) -> JobRun {
    JobRun {
        at: SystemTime::now(),
        failed: true,
        reportable: true,
        fingerprint: Fingerprint {
            kind: output.to_owned(),
            exact: None,
        },
    }
}

fn record(state: &Path, run: &JobRun) -> RunDecision {
    HistoryStore::record(Some(state), "backup", run, &rules())
}

fn is_mailed(recorded: &RunDecision) -> bool {
    matches!(recorded.decision, Decision::Mail(_))
}

#[test]
fn mailed_failure_is_remembered() {
    let state = tempfile::tempdir().unwrap();
    let recorded = record(state.path(), &failure("full"));
    assert!(is_mailed(&recorded) && recorded.warning.is_none());
    recorded.pending.unwrap().mailed("<1@crepes.fr>").unwrap();
    assert_eq!(
        record(state.path(), &failure("full")).decision,
        Decision::Suppress
    );
    assert!(is_mailed(&record(state.path(), &failure("denied"))));
    let other = HistoryStore::record(Some(state.path()), "other", &failure("full"), &rules());
    assert!(is_mailed(&other));
}

#[test]
fn state_files_are_private() {
    let state = tempfile::tempdir().unwrap();
    let recorded = record(state.path(), &failure("full"));
    recorded.pending.unwrap().mailed("<1@crepes.fr>").unwrap();
    let mode = |name: &str| {
        let path = state.path().join(name);
        path.metadata().unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("jobs"), 0o700);
    assert_eq!(mode("jobs/backup.json"), 0o600);
    assert_eq!(mode("jobs/backup.lock"), 0o600);
}

#[test]
fn unmailed_failure_is_mailed_by_the_next_run() {
    let state = tempfile::tempdir().unwrap();
    let first = record(state.path(), &failure("full"));
    assert_eq!(
        record(state.path(), &failure("full")).decision,
        Decision::Suppress
    );
    // As if it had been killed.
    drop(first);
    let Decision::Mail(mailing_lock) = record(state.path(), &failure("full")).decision else {
        panic!()
    };
    assert_eq!(mailing_lock.suppressed.unwrap().count, 2);
}

#[test]
fn one_of_many_concurrent_failures_is_mailed_and_all_are_counted() {
    const MANY: usize = 8;
    let state = tempfile::tempdir().unwrap();
    let all_recorded = Barrier::new(MANY);
    let mailed: usize = thread::scope(|scope| {
        let run = || {
            let recorded = record(state.path(), &failure("full"));
            all_recorded.wait();
            let is_mailed = is_mailed(&recorded);
            if let Some(pending) = recorded.pending {
                pending.mailed("<1@crepes.fr>").unwrap();
            }
            usize::from(is_mailed)
        };
        let runs: Vec<_> = (0..MANY).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(mailed, 1);
    let Decision::Mail(mailing_lock) = record(state.path(), &failure("denied")).decision else {
        panic!()
    };
    assert_eq!(mailing_lock.suppressed.unwrap().count, MANY as u64 - 1);
}

#[test]
fn damaged_history_is_replaced_with_a_warning() {
    let state = tempfile::tempdir().unwrap();
    let recorded = record(state.path(), &failure("full"));
    recorded.pending.unwrap().mailed("<1@crepes.fr>").unwrap();
    let path = state.path().join("jobs/backup.json");
    for damaged in [
        "",
        "{",
        "{\"version\":99,\"series\":null,\"told\":[],\"held\":null,\"last\":null,\"telling\":[]}",
    ] {
        fs::write(&path, damaged).unwrap();
        let recorded = record(state.path(), &failure("full"));
        assert!(is_mailed(&recorded), "{damaged}");
        let warning = recorded.warning.unwrap().to_string();
        assert!(warning.contains("backup.json is damaged: "), "{warning}");
        recorded.pending.unwrap().mailed("<1@crepes.fr>").unwrap();
        assert_eq!(
            record(state.path(), &failure("full")).decision,
            Decision::Suppress
        );
    }
}

#[test]
fn failure_is_mailed_without_a_state_directory() {
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("file");
    fs::write(&file, "").unwrap();
    let open = top.path().join("open");
    fs::create_dir_all(open.join("jobs")).unwrap();
    fs::set_permissions(open.join("jobs"), fs::Permissions::from_mode(0o777)).unwrap();
    for state in [&file, &open] {
        let recorded = record(state, &failure("full"));
        assert!(is_mailed(&recorded) && recorded.pending.is_none());
        let warning = recorded.warning.unwrap().to_string();
        assert!(warning.contains(&state.display().to_string()), "{warning}");
    }
}

#[test]
fn successful_job_has_no_history_file() {
    let state = tempfile::tempdir().unwrap();
    let works = JobRun {
        failed: false,
        reportable: false,
        ..failure("fine")
    };
    assert_eq!(record(state.path(), &works).decision, Decision::Silent);
    assert!(!state.path().join("jobs").exists());
}
