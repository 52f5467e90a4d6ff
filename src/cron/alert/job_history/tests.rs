use crate::cron::alert::Fingerprint;
use crate::cron::alert::job_history::*;
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

fn failure(how: &str) -> JobRun {
    JobRun {
        at: SystemTime::now(),
        failed: true,
        wanted: true,
        fingerprint: Fingerprint {
            alike: how.to_owned(),
            exact: None,
        },
    }
}

fn note(state: &Path, run: &JobRun) -> RunDecision {
    JobHistory::note(Some(state), "backup", run, &rules())
}

fn is_told(noted: &RunDecision) -> bool {
    matches!(noted.decision, Decision::Tell(_))
}

#[test]
fn a_failure_that_was_told_is_remembered_by_the_next_run() {
    let state = tempfile::tempdir().unwrap();
    let noted = note(state.path(), &failure("full"));
    assert!(is_told(&noted) && noted.warning.is_none());
    noted.promise.unwrap().keep("<1@crepes.fr>").unwrap();
    assert_eq!(
        note(state.path(), &failure("full")).decision,
        Decision::Hold
    );
    assert!(is_told(&note(state.path(), &failure("denied"))));
    let other = JobHistory::note(Some(state.path()), "other", &failure("full"), &rules());
    assert!(is_told(&other));
}

#[test]
fn files_are_for_the_owner_alone() {
    let state = tempfile::tempdir().unwrap();
    let noted = note(state.path(), &failure("full"));
    noted.promise.unwrap().keep("<1@crepes.fr>").unwrap();
    let mode = |name: &str| {
        let path = state.path().join(name);
        path.metadata().unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("jobs"), 0o700);
    assert_eq!(mode("jobs/backup.json"), 0o600);
    assert_eq!(mode("jobs/backup.lock"), 0o600);
}

#[test]
fn who_does_not_keep_a_promise_leaves_it_to_the_next() {
    let state = tempfile::tempdir().unwrap();
    let first = note(state.path(), &failure("full"));
    assert_eq!(
        note(state.path(), &failure("full")).decision,
        Decision::Hold
    );
    // As if it had been killed.
    drop(first);
    let Decision::Tell(telling) = note(state.path(), &failure("full")).decision else {
        panic!()
    };
    assert_eq!(telling.held.unwrap().count, 2);
}

#[test]
fn of_many_that_fail_at_once_one_is_told_and_all_are_counted() {
    const MANY: usize = 8;
    let state = tempfile::tempdir().unwrap();
    let all_noted = Barrier::new(MANY);
    let told: usize = thread::scope(|scope| {
        let run = || {
            let noted = note(state.path(), &failure("full"));
            all_noted.wait();
            let is_told = is_told(&noted);
            if let Some(promise) = noted.promise {
                promise.keep("<1@crepes.fr>").unwrap();
            }
            usize::from(is_told)
        };
        let runs: Vec<_> = (0..MANY).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(told, 1);
    let Decision::Tell(telling) = note(state.path(), &failure("denied")).decision else {
        panic!()
    };
    assert_eq!(telling.held.unwrap().count, MANY as u64 - 1);
}

#[test]
fn what_is_damaged_is_told_with_a_warning_and_written_anew() {
    let state = tempfile::tempdir().unwrap();
    let noted = note(state.path(), &failure("full"));
    noted.promise.unwrap().keep("<1@crepes.fr>").unwrap();
    let path = state.path().join("jobs/backup.json");
    for damaged in [
        "",
        "{",
        "{\"version\":99,\"series\":null,\"told\":[],\"held\":null,\"last\":null,\"telling\":[]}",
    ] {
        fs::write(&path, damaged).unwrap();
        let noted = note(state.path(), &failure("full"));
        assert!(is_told(&noted), "{damaged}");
        let warning = noted.warning.unwrap().to_string();
        assert!(warning.contains("backup.json is damaged: "), "{warning}");
        noted.promise.unwrap().keep("<1@crepes.fr>").unwrap();
        assert_eq!(
            note(state.path(), &failure("full")).decision,
            Decision::Hold
        );
    }
}

#[test]
fn a_state_directory_that_cannot_be_had_is_no_reason_to_be_silent() {
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("file");
    fs::write(&file, "").unwrap();
    let open = top.path().join("open");
    fs::create_dir_all(open.join("jobs")).unwrap();
    fs::set_permissions(open.join("jobs"), fs::Permissions::from_mode(0o777)).unwrap();
    for state in [&file, &open] {
        let noted = note(state, &failure("full"));
        assert!(is_told(&noted) && noted.promise.is_none());
        let warning = noted.warning.unwrap().to_string();
        assert!(warning.contains(&state.display().to_string()), "{warning}");
    }
}

#[test]
fn a_job_that_works_leaves_nothing_behind() {
    let state = tempfile::tempdir().unwrap();
    let works = JobRun {
        failed: false,
        wanted: false,
        ..failure("fine")
    };
    assert_eq!(note(state.path(), &works).decision, Decision::Silent);
    assert!(!state.path().join("jobs").exists());
}
