use crate::cron::job::run::*;

fn spec(command: &[&str]) -> CommandSpec {
    CommandSpec {
        name: "job".to_owned(),
        command: command.iter().map(Into::into).collect(),
        timeout: None,
        kill_after: Duration::from_secs(5),
        log_limit: 1 << 20,
        mark_stderr: false,
    }
}

fn ends(command: &[&str]) -> FinishedJob {
    run(&spec(command), None, &mut |_, _| ()).0
}

#[test]
fn exit_status_and_signal_of_the_command_are_reported() {
    assert_eq!(ends(&["true"]).ending, JobEnding::Exited(0));
    assert_eq!(ends(&["sh", "-c", "exit 3"]).ending, JobEnding::Exited(3));
    let killed = ends(&["sh", "-c", "kill -SEGV $$"]);
    assert_eq!(killed.ending, JobEnding::Signalled(11));
}

#[test]
fn command_that_cannot_be_started_has_status_126_or_127() {
    assert_eq!(ends(&["/nonexistent/x"]).ending.status(), 127);
    assert_eq!(ends(&["/etc/passwd"]).ending.status(), 126);
}

#[test]
fn start_failure_has_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let why = |first_line: &str| {
        let path = home.path().join("job");
        fs::write(&path, first_line).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        match ends(&[path.to_str().unwrap()]).ending {
            JobEnding::NotStarted { status: 127, why } => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(why("#!/bin/sh\r\ntrue\r\n").contains(" has CRLF line endings"));
    let gone = why("#! /nonexistent/python3 -u\n");
    assert!(
        gone.starts_with("the interpreter /nonexistent/python3, named"),
        "{gone}"
    );
    let JobEnding::NotStarted { status: 126, why } = ends(&["/usr/"]).ending else {
        panic!("a directory was started")
    };
    assert_eq!(why, "/usr/ is a directory");
}

#[test]
fn script_without_interpreter_line_is_run_by_the_shell() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("job");
    fs::write(&path, "echo $1\n").unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let finished = ends(&[path.to_str().unwrap(), "hi"]);
    assert_eq!(finished.log.head(), b"hi\n");
}

#[test]
fn consumer_receives_both_streams_unchanged() {
    let mut seen = [Vec::new(), Vec::new()];
    let mut spec = spec(&["sh", "-c", "echo out; echo err >&2; printf end"]);
    spec.mark_stderr = true;
    let (finished, _) = run(&spec, None, &mut |from, bytes| {
        seen[from as usize].extend_from_slice(bytes);
    });
    assert_eq!(seen, [b"out\nend".to_vec(), b"err\n".to_vec()]);
    assert_eq!((finished.log.lines(), finished.has_background), (3, false));
}

#[test]
fn streams_keep_the_order_of_writes() {
    let script = "for n in 1 2 3 4 5 6 7 8 9; do echo out$n; echo err$n >&2; done";
    let finished = ends(&["sh", "-c", script]);
    let lines: String = (1..10).fold(String::new(), |all, n| all + &format!("out{n}\nerr{n}\n"));
    assert_eq!(String::from_utf8_lossy(finished.log.head()), lines);
}

#[test]
fn command_over_its_limit_gets_sigterm_and_then_sigkill() {
    let mut spec = spec(&[
        "sh",
        "-c",
        "trap 'echo asked' TERM; while :; do sleep 5 & wait; done",
    ]);
    spec.timeout = Some(Duration::from_millis(100));
    spec.kill_after = Duration::from_millis(50);
    let finished = run(&spec, None, &mut |_, _| ()).0;
    let limit = Duration::from_millis(100);
    assert_eq!(
        finished.ending,
        JobEnding::TimedOut {
            limit,
            killed: true
        }
    );
    assert_eq!(finished.log.head(), b"asked\n");
    spec.kill_after = Duration::from_secs(20);
    spec.command = ["sleep", "9"].map(Into::into).to_vec();
    let finished = run(&spec, None, &mut |_, _| ()).0;
    assert_eq!(
        finished.ending,
        JobEnding::TimedOut {
            limit,
            killed: false
        }
    );
}

#[test]
fn background_processes_are_not_waited_for() {
    let finished = ends(&["sh", "-c", "sleep 9 & echo done"]);
    assert!(finished.has_background && finished.took < GRACE);
    assert_eq!(finished.log.head(), b"done\n");
}
