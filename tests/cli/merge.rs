//! `ehlo merge`: lists, templates, the journal and the pace.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use crate::server::{Server, Stage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TEMPLATE: &str = "TO: {{name}} <{{email}}>\nFROM: Alice <alice@crepes.fr>\nSUBJECT: Hello {{name}}\n\nHi {{name}}\n";

const LIST: &str =
    "email,name\none@hamburger.edu,One\ntwo@hamburger.edu,Two\nthree@hamburger.edu,Three\n";

/// A merge of this list with the usual template, over one connection.
fn merge(relay: &str, list: &str) -> Ehlo {
    let run = Ehlo::new();
    run.file("list.csv", list);
    run.file("letter.txt", TEMPLATE);
    run.args(["merge", "list.csv", "--template", "letter.txt", "-r", relay])
        .args([
            "--helo",
            "me.example",
            "--connections",
            "1",
            "--back-off",
            "10ms",
        ])
}

/// The same again in the directory of `run`, with more options.
fn again(directory: &Path, relay: &str, options: &[&str]) -> Run {
    let template = directory.join("letter.txt");
    let run = Ehlo::new().args([
        "merge",
        "-r",
        relay,
        "--connections",
        "1",
        "--back-off",
        "10ms",
    ]);
    run.args([
        directory.join("list.csv").as_path(),
        Path::new("--template"),
        &template,
    ])
    .args(options)
    .run()
}

fn relay<T>(server: &Server<T>) -> String {
    format!("127.0.0.1:{}", server.port)
}

/// The lines of `--json` with this event.
fn events(run: &Run, name: &str) -> Vec<Value> {
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|event: &Value| event["event"] == name)
        .collect()
}

fn statuses(run: &Run) -> BTreeMap<u64, String> {
    let rows = events(run, "row").into_iter();
    rows.map(|row| {
        (
            row["row"].as_u64().unwrap(),
            row["status"].as_str().unwrap().to_owned(),
        )
    })
    .collect()
}

/// The number of messages for each recipient.
fn delivered(messages: &[Value]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for message in messages {
        for recipient in message["recipients"].as_array().unwrap() {
            let address = recipient
                .as_str()
                .or(recipient["address"].as_str())
                .unwrap();
            *all.entry(address.to_owned()).or_default() += 1;
        }
    }
    all
}

#[track_caller]
fn assert_once_each(delivered: &BTreeMap<String, usize>, count: usize, place: &str) {
    assert!(
        delivered.len() == count && delivered.values().all(|&times| times == 1),
        "{place}: {delivered:?}"
    );
}

#[test]
fn each_row_gets_its_message_over_one_connection() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        for (user, name) in [("one", "One"), ("two", "Two"), ("three", "Three")] {
            talk.envelope(&[&format!("{user}@hamburger.edu")]);
            let message = talk.data();
            talk.say("250 taken");
            assert_eq!(message.body(), format!("Hi {name}\r\n"));
            let header = message.header();
            assert!(header.contains(&format!("To: {name} <{user}@hamburger.edu>\r\n")));
            assert!(
                header.contains(&format!("Subject: Hello {name}\r\n")),
                "{header}"
            );
        }
        talk.quit();
    });
    let run = merge(&relay(&server), LIST).run();
    server.finish();
    run.exits(0).complains(0);
    assert_eq!(
        run.stdout,
        "3 accepted, 0 refused, 0 deferred, 0 uncertain, 0 left\n"
    );
}

#[test]
fn nothing_is_sent_if_any_row_has_an_error() {
    let filler = rows_of(900, "N");
    for (list, words, exit) in [
        (
            &format!("email,name\n{filler}b@x.org\n")[..],
            "line 902: the row has 1 field",
            65,
        ),
        (
            &format!("email,name\n{filler}b@@x.org,B\n"),
            "line 902: TO: ",
            65,
        ),
        (
            "email,name\nb@x.org,\"B\nBcc: e@x.org\"\n",
            "line 2: letter.txt, line 1: the value",
            65,
        ),
        (
            "email,nmae\nb@x.org,B\n",
            "the row has no field name; it has email, nmae",
            65,
        ),
        (
            "email,name\nb@x.org,B\nc@x.org,C\nB@X.org,B\nb@x.ORG,C\n",
            "line 4: the recipients are the same as in line 2",
            65,
        ),
        (
            "\u{feff}email,name\n\"b@x.org, e@x.org\",B\n",
            "is not one address",
            65,
        ),
        ("", "it is empty", 65),
    ] {
        let server = Server::untouched();
        let run = merge(&relay(&server), list).run();
        server.finish();
        run.exits(exit).says(&[words, "nothing was sent"]);
        assert!(!run.stderr.contains("panicked"), "{run:#?}");
    }
    let server = Server::untouched();
    let run = merge(&relay(&server), "x");
    run.file("list.csv", b"email,name\nb@x.org,M\xfcller\n");
    run.run()
        .exits(65)
        .says(&["line 2: it is not valid UTF-8", "--encoding"]);
    let run = merge(
        &relay(&server),
        &format!("email,name,file\n{filler}").replace("N\n", "N,letter.txt\n"),
    );
    let list = fs::read_to_string(run.path("list.csv")).unwrap();
    run.file("list.csv", format!("{list}b@x.org,B,missing\n"));
    let run = run.args(["-a", "{{file}}"]).run();
    run.exits(66)
        .complains(2)
        .says(&["line 902: ", "missing: No such file"]);
    let run = merge(&relay(&server), LIST);
    run.file("letter.txt", "TO: {{email}}\n\n{% for a in range(9999) %}{% for a in range(9999) %}x{% endfor %}{% endfor %}");
    run.run()
        .exits(65)
        .says(&["letter.txt, line 3: it takes too much time or memory"]);
    server.finish();
}

#[test]
fn field_name_cannot_be_a_template() {
    let server = Server::untouched();
    for (field, words) in [
        ("{{name}}: 1", "the name of a field cannot be a template"),
        ("X Job: {{name}}", "not a valid header field name"),
        ("{{name}}", "expected a name, a colon and a value"),
    ] {
        let (run, home) = merge(&relay(&server), LIST)
            .args(["-H", field])
            .run_in_home();
        run.exits(64).complains(1).says(&["--header: ", words]);
        assert!(!home.path().join("list.csv.merge").exists());
    }
    server.finish();
}

#[test]
fn refused_rows_are_skipped_later_and_can_be_tried_again() {
    let sink = Receiver::start(&["--json", "--fault", "rcpt=550 5.1.1 nobody@2"]);
    let run = merge(&sink.relay(), LIST).args(["--json"]);
    let directory = tempfile::tempdir().unwrap();
    for name in ["list.csv", "letter.txt"] {
        fs::copy(run.path(name), directory.path().join(name)).unwrap();
    }
    drop(run);
    let first = again(directory.path(), &sink.relay(), &["--json"]);
    first
        .exits(79)
        .complains(1)
        .says(&["row 2: ", "550 5.1.1 nobody"]);
    assert_eq!(
        statuses(&first).into_values().collect::<Vec<_>>(),
        ["accepted", "refused", "accepted"]
    );
    let journal = directory.path().join("list.csv.merge");
    let failed = Ehlo::new().args(["merge", "failed"]).args([&journal]).run();
    assert_eq!(
        failed.exits(0).stdout,
        "email,name,_status,_reply\ntwo@hamburger.edu,Two,refused,550 5.1.1 nobody\n"
    );
    let status = Ehlo::new().args(["merge", "status"]).args([&journal]).run();
    status
        .exits(0)
        .shows(&["2 accepted, 1 refused, 0 deferred, 0 uncertain"]);
    let second = again(directory.path(), &sink.relay(), &[]);
    second
        .exits(79)
        .shows(&["0 accepted", "3 skipped"])
        .says(&["1 row refused by an earlier run", "--retry refused"]);
    let third = again(directory.path(), &sink.relay(), &["--retry", "refused"]);
    third.exits(0).shows(&["1 accepted", "2 skipped"]);
    fs::write(
        directory.path().join("letter.txt"),
        TEMPLATE.replace("Hi", "Dear"),
    )
    .unwrap();
    let changed = again(directory.path(), &sink.relay(), &[]);
    changed.exits(65).says(&[
        "line 2: one@hamburger.edu was sent with another content",
        "--changed",
    ]);
    let skipped = again(directory.path(), &sink.relay(), &["--changed", "skip"]);
    skipped.exits(0).shows(&["0 accepted", "3 skipped"]);
    let sent = delivered(&sink.stop().events("message"));
    assert_once_each(&sent, 3, "");
}

#[test]
fn busy_server_is_left_alone_and_the_rows_are_tried_again() {
    for fault in [
        "mail=421 4.7.0 slow down@2-4",
        "rcpt=450 4.2.1 later@1-2",
        "bdat=451 4.3.0 busy@1-2",
        "connect=close@1",
        "banner=421 busy@1",
    ] {
        let sink = Receiver::start(&["--json", "--fault", fault]);
        let run = merge(&sink.relay(), LIST).args(["--tries", "5"]).run();
        run.exits(0).shows(&["3 accepted"]);
        let sent = delivered(&sink.stop().events("message"));
        assert_once_each(&sent, 3, fault);
    }
    let sink = Receiver::start(&["--fault", "rcpt=450 4.2.1 later"]);
    let run = merge(&sink.relay(), LIST).args(["--tries", "2"]).run();
    run.exits(75)
        .shows(&["3 deferred"])
        .says(&["450 4.2.1 later", "run the same command again"]);
}

#[test]
fn row_that_is_deferred_in_all_attempts_is_queued_and_not_sent_again() {
    let sink = Receiver::start(&["--json", "--fault", "rcpt=450 4.2.1 later@2"]);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("list.csv"), LIST).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let queue = directory.path().join("queue");
    let queue = queue.to_str().unwrap();
    let options = ["--tries", "1", "--queue", "--queue-dir", queue];
    let run = again(directory.path(), &sink.relay(), &options);
    run.exits(0)
        .shows(&["2 accepted, 1 queued, 0 refused, 0 deferred"])
        .says(&["row 2: queued: ", "450 4.2.1 later", "ehlo queue run"]);
    let journal = directory.path().join("list.csv.merge");
    let status = Ehlo::new()
        .args([Path::new("merge"), Path::new("status"), &journal])
        .run();
    status.exits(0).shows(&["2 accepted, 1 queued, 0 refused"]);
    let failed = Ehlo::new()
        .args([Path::new("merge"), Path::new("failed"), &journal])
        .run();
    failed.exits(0);
    assert!(!failed.stdout.contains("hamburger.edu"), "{failed:#?}");
    let untouched = Server::untouched();
    let second = again(directory.path(), &relay(&untouched), &options);
    untouched.finish();
    second.exits(0).shows(&["0 accepted", "3 skipped"]);
    Ehlo::new()
        .args(["queue", "run", "--queue-dir", queue])
        .run()
        .exits(0);
    let sent = delivered(&sink.stop().events("message"));
    assert_once_each(&sent, 3, "");
}

#[test]
fn nothing_is_sent_if_the_queue_cannot_be_opened() {
    let server = Server::untouched();
    let run = merge(&relay(&server), LIST);
    run.file("file", "");
    let run = run.args(["--queue", "--queue-dir", "file/queue"]).run();
    server.finish();
    assert!(matches!(run.exit, Some(75 | 78)), "{run:#?}");
    run.says(&["nothing was sent"]);
}

#[test]
fn run_ends_if_the_server_refuses_all_rows() {
    let list = rows_of(50, "N");
    let list = format!("email,name\n{list}");
    let sink = Receiver::start(&["--fault", "mail=550 5.7.1 who are you"]);
    let run = merge(&sink.relay(), &list).run();
    run.exits(69)
        .shows(&["3 refused", "47 left"])
        .says(&["stopped: the server refused 3 rows"]);
    let sink = Receiver::start(&[
        "--auth",
        "any",
        "--auth-in-clear",
        "--fault",
        "auth=535 5.7.8 no",
    ]);
    let run = merge(&sink.relay(), &list)
        .args(["-u", "alice", "--allow-cleartext-password"])
        .env("EHLO_PASSWORD", "x")
        .run();
    run.exits(77)
        .shows(&["0 accepted", "3 deferred"])
        .says(&["stopped: the server refused 3 rows"]);
    let sink = Receiver::start(&["--fault", "rcpt=550 5.1.1 nobody"]);
    let run = merge(&sink.relay(), &list)
        .args(["--stop-after", "7"])
        .run();
    run.exits(79)
        .shows(&["7 refused", "43 left"])
        .says(&["stopped: 7 rows in a row"]);
}

#[test]
fn row_whose_end_was_sent_without_a_reply_is_uncertain_and_held() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.go_to(Stage::Dot);
        talk.close();
    });
    let run = merge(&relay(&server), "email,name\nbob@hamburger.edu,Bob\n");
    let directory = tempfile::tempdir().unwrap();
    for name in ["list.csv", "letter.txt"] {
        fs::copy(run.path(name), directory.path().join(name)).unwrap();
    }
    let first = again(directory.path(), &relay(&server), &["--helo", "me.example"]);
    server.finish();
    first
        .exits(79)
        .shows(&["1 uncertain"])
        .says(&["may have received the message"]);
    let journal = directory.path().join("list.csv.merge");
    Ehlo::new()
        .args([Path::new("merge"), Path::new("failed"), &journal])
        .run()
        .exits(0)
        .shows(&["uncertain,\"sent, and no reply was recorded; it may have been delivered\""]);
    let untouched = Server::untouched();
    let second = again(directory.path(), &relay(&untouched), &[]);
    untouched.finish();
    second.exits(79).says(&["--retry uncertain"]);
    let sink = Receiver::start(&["--json"]);
    let third = again(directory.path(), &sink.relay(), &["--retry", "uncertain"]);
    third.exits(0).shows(&["1 accepted"]);
    assert_eq!(sink.stop().events("message").len(), 1);
}

#[test]
fn rows_arrive_once_although_the_run_is_killed() {
    const ROWS: usize = 200;
    const KILLS: usize = 8;
    let sink = Receiver::start(&["--json"]);
    let directory = tempfile::tempdir().unwrap();
    let rows = rows_of(ROWS, "N");
    fs::write(
        directory.path().join("list.csv"),
        format!("email,name\n{rows}"),
    )
    .unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let journal = directory.path().join("list.csv.merge");
    let length = || fs::metadata(&journal).map_or(0, |file| file.len());
    for kill in 0..KILLS {
        let mut run = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args([
                "merge",
                "list.csv",
                "--template",
                "letter.txt",
                "-r",
                &sink.relay(),
            ])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // After so many octets of the journal, somewhere within a row.
        let (until, start) = (length() + 40 + 97 * kill as u64, Instant::now());
        while length() < until && run.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(20));
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let last = again(directory.path(), &sink.relay(), &[]);
    assert!(matches!(last.exit, Some(0 | 79)), "{last:#?}");
    let status = Ehlo::new()
        .args(["merge", "status", "--json"])
        .args([&journal])
        .run();
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let held = status["uncertain_rows"].as_array().unwrap().iter();
    let held: Vec<&str> = held.map(|row| row["id"].as_str().unwrap()).collect();
    let sent = delivered(&sink.stop().events("message"));
    for row in 0..ROWS {
        let address = format!("user{row}@x.org");
        let count = sent.get(&address).copied().unwrap_or_default();
        let is_held = held.contains(&address.as_str());
        assert!(
            count == 1 || count == 0 && is_held,
            "{address} was sent {count} times"
        );
    }
}

/// Runs a merge of this many rows against a sink with these faults; the run, and how often each row arrived.
fn faulty(rows: usize, faults: &[&str], options: &[&str]) -> (Run, BTreeMap<String, usize>) {
    let faults = faults.iter().flat_map(|fault| ["--fault", *fault]);
    let sink = Receiver::start(&["--json"].into_iter().chain(faults).collect::<Vec<_>>());
    let list = format!("email,name\n{}", rows_of(rows, "N"));
    let run = merge(&sink.relay(), &list).args(options).run();
    (run, delivered(&sink.stop().events("message")))
}

#[test]
fn deferred_rows_are_tried_again_although_the_limit_is_reached() {
    let limit = ["--limit", "10"];
    let (run, arrived) = faulty(20, &["rcpt=451 4.3.0 later@3"], &limit);
    run.exits(0)
        .shows(&["10 accepted", "0 deferred", "10 left"]);
    assert_eq!(arrived.len(), 10);
    let two = ["--limit", "2", "--tries", "2"];
    let (run, arrived) = faulty(5, &["rcpt=451 4.3.0 later"], &two);
    run.exits(75).shows(&["2 deferred", "3 left"]);
    assert!(arrived.is_empty());
    let queued = [&two[..], &["--queue", "--queue-dir", "queue"]].concat();
    let (run, _) = faulty(5, &["rcpt=451 4.3.0 later"], &queued);
    run.exits(0).shows(&["2 queued", "0 deferred", "3 left"]);
}

#[test]
fn rows_of_all_connections_are_sent_although_the_limit_is_reached_during_a_pause() {
    for time in 2..8 {
        let fault = format!("mail=421 4.7.0 slow down@{time}");
        let sink = Receiver::start(&["--json", "--fault", &fault]);
        let run = Ehlo::new();
        run.file("list.csv", format!("email,name\n{}", rows_of(30, "N")));
        run.file("letter.txt", TEMPLATE);
        let run = run
            .args(["merge", "list.csv", "--template", "letter.txt"])
            .args(["-r", &sink.relay(), "--helo", "me.example"])
            .args(["--connections", "2", "--back-off", "50ms", "--limit", "8"])
            .run();
        run.exits(0).shows(&["8 accepted", "22 left"]);
        let arrived = delivered(&sink.stop().events("message"));
        assert_once_each(&arrived, 8, &fault);
    }
}

#[test]
fn row_that_too_many_others_wait_before_is_queued() {
    let sink = Receiver::start(&["--fault", "rcpt=451 4.3.0 later"]);
    let directory = tempfile::tempdir().unwrap();
    let list = format!("email,name\n{}", rows_of(1001, "N"));
    fs::write(directory.path().join("list.csv"), list).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(["merge", "list.csv", "--template", "letter.txt"])
        .args(["--queue", "--queue-dir", "queue", "--back-off", "1h"])
        .args(["-r", &sink.relay(), "--connections", "1"])
        .current_dir(directory.path())
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(run.stderr.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    let last = lines.find(|line| line.contains("row 1001: ") && !line.contains("next attempt"));
    let id = rustix::process::Pid::from_raw(i32::try_from(run.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert!(lines.any(|line| line.contains("1 message queued")));
    assert_eq!(run.wait().unwrap().code(), Some(75));
    let last = last.unwrap();
    assert!(last.contains("row 1001: queued: "), "{last}");
}

#[test]
fn journal_that_cannot_be_written_before_a_row_is_queued_ends_the_run() {
    let sink = Receiver::start(&["--fault", "rcpt=451 4.3.0 later"]);
    let directory = tempfile::tempdir().unwrap();
    // The key fits into the journal of 1 KiB once.
    let list = format!(
        "email,name,key\na@x.org,A,{}\nb@x.org,B,b\n",
        "k".repeat(500)
    );
    fs::write(directory.path().join("list.csv"), list).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let run = Command::new("sh")
        .args(["-c", "ulimit -f 2; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_ehlo"))
        .args(["merge", "list.csv", "--template", "letter.txt"])
        .args(["--id", "key", "--tries", "1", "--queue", "--queue-dir"])
        .args(["queue", "-r", &sink.relay(), "--connections", "1"])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(74), "{said}");
    let words = "row 1: not queued: cannot write the journal: ";
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("row 2: "), "{said}");
}

#[test]
fn neighbouring_rows_that_become_the_same_after_the_check_are_sent_once() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("list.csv");
    // Not read at once.
    let long = "x".repeat(300_000);
    let rows = ["one", "two", "six"].map(|user| format!("{user}@hamburger.edu,{user},{long}\n"));
    let rows = rows.concat();
    let four = "four@hamburger.edu,N,x\n";
    let text = format!(
        "email,name,long\n{rows}{four}{}",
        four.replace("four", "five")
    );
    fs::write(&list, &text).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let server = Server::start(move |talk| {
        talk.say("220 mx.example ESMTP");
        let changed = text.replace("five", "four");
        // In place: the list is open.
        let file = fs::OpenOptions::new().write(true).open(&list).unwrap();
        file.write_all_at(changed.as_bytes(), 0).unwrap();
        talk.offer(&[]);
        for user in ["one", "two", "six", "four"] {
            talk.envelope(&[&format!("{user}@hamburger.edu")]);
            talk.data();
            talk.say("250 taken");
        }
        talk.quit();
    });
    let from = ["--helo", "me.example"];
    let run = again(directory.path(), &relay(&server), &from);
    server.finish();
    run.shows(&["4 accepted", "1 left"]);
}

#[test]
fn server_that_closes_every_ten_messages_costs_no_row() {
    for how in ["mail=close", "mail=reset", "mail=421 4.7.0 enough"] {
        let faults: Vec<String> = (1..5).map(|time| format!("{how}@{}", time * 11)).collect();
        let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
        let (run, arrived) = faulty(50, &faults, &[]);
        run.exits(0).shows(&["50 accepted"]);
        assert_eq!(arrived.len(), 50, "{how}");
        assert!(
            arrived.values().all(|&count| count == 1),
            "{how}: {arrived:?}"
        );
    }
}

#[test]
fn server_that_hangs_is_a_temporary_error_before_the_end_of_data_and_uncertain_after_it() {
    let hangs = ["--timeout", "300ms"];
    let (run, arrived) = faulty(10, &["rcpt=hang@5"], &hangs);
    run.exits(0).shows(&["10 accepted"]);
    assert!(arrived.len() == 10 && arrived.values().all(|&count| count == 1));
    let all = [&hangs[..], &["--chunking", "off"]].concat();
    let (run, arrived) = faulty(10, &["dot=hang@5"], &all);
    run.exits(79)
        .shows(&["9 accepted, 0 refused, 0 deferred, 1 uncertain"])
        .says(&["may have received the message", "--retry uncertain"]);
    assert!(arrived.values().all(|&count| count == 1), "{arrived:?}");
}

#[test]
fn journal_that_cannot_be_written_ends_the_run_before_the_next_row_is_sent() {
    let sink = Receiver::start(&["--json"]);
    let directory = tempfile::tempdir().unwrap();
    let list = format!("email,name\n{}", rows_of(40, "N"));
    fs::write(directory.path().join("list.csv"), list).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    // A maximum of 4 KiB for a file.
    let run = Command::new("sh")
        .args([
            "-c",
            "ulimit -f 8; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_ehlo"),
        ])
        .args([
            "merge",
            "list.csv",
            "--template",
            "letter.txt",
            "--helo",
            "me.example",
        ])
        .args(["-r", &sink.relay(), "--connections", "2"])
        .current_dir(directory.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(74), "{said}");
    assert!(said.contains("cannot write the journal"), "{said}");
    let last = again(directory.path(), &sink.relay(), &["--helo", "me.example"]);
    assert!(matches!(last.exit, Some(0 | 79)), "{last:#?}");
    let failed = Ehlo::new()
        .args([Path::new("merge"), Path::new("failed")])
        .args([directory.path().join("list.csv.merge")])
        .run();
    let sent = delivered(&sink.stop().events("message"));
    for row in 0..40 {
        let address = format!("user{row}@x.org");
        let is_uncertain = failed.stdout.contains(&format!("{address},"));
        let count = sent.get(&address).copied().unwrap_or_default();
        assert!(
            count == 1 || count == 0 && is_uncertain,
            "{address}: {count}"
        );
    }
}

#[test]
fn interrupted_run_says_what_is_left_and_is_continued() {
    let sink = Receiver::start(&["--json"]);
    let directory = tempfile::tempdir().unwrap();
    let list = format!("email,name\n{}", rows_of(100, "N"));
    fs::write(directory.path().join("list.csv"), list).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args([
            "merge",
            "list.csv",
            "--template",
            "letter.txt",
            "--rate",
            "50/s",
        ])
        .args(["-r", &sink.relay(), "--helo", "me.example"])
        .current_dir(directory.path())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (journal, start) = (directory.path().join("list.csv.merge"), Instant::now());
    while fs::metadata(&journal).map_or(0, |file| file.len()) < 3000 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not send"
        );
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(run.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let run = run.wait_with_output().unwrap();
    let (shown, said) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert_eq!(run.status.code(), Some(75), "{shown}{said}");
    assert!(shown.contains(" left"), "{shown}");
    assert!(said.contains("run the same command again"), "{said}");
    let last = again(directory.path(), &sink.relay(), &["--helo", "me.example"]);
    last.exits(0);
    let sent = delivered(&sink.stop().events("message"));
    assert_once_each(&sent, 100, "");
}

#[test]
fn copy_for_another_recipient_does_not_send_accepted_rows_again() {
    let sink = Receiver::start(&["--json"]);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("list.csv"), LIST).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    again(directory.path(), &sink.relay(), &[]).exits(0);
    let copied = again(
        directory.path(),
        &sink.relay(),
        &["--bcc", "archive@crepes.fr"],
    );
    copied
        .exits(65)
        .says(&["line 2: one@hamburger.edu was sent with another content"]);
    let upper = LIST.replace("one@", "One@");
    fs::write(directory.path().join("list.csv"), upper).unwrap();
    again(directory.path(), &sink.relay(), &[]).exits(65);
    assert_eq!(sink.stop().events("message").len(), 3);
}

#[test]
fn rows_whose_recipients_differ_in_case_only_are_the_same() {
    let server = Server::untouched();
    let list = format!("{LIST}ONE@hamburger.edu,One\n");
    let run = merge(&relay(&server), &list).run();
    run.exits(65)
        .says(&["line 5: the recipients are the same as in line 2", "--id"]);
    server.finish();
}

#[test]
fn row_with_a_corrected_address_is_sent_although_it_was_refused() {
    let sink = Receiver::start(&["--json", "--fault", "rcpt=550 5.1.1 nobody@2"]);
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("list.csv");
    fs::write(&list, LIST).unwrap();
    fs::write(directory.path().join("letter.txt"), TEMPLATE).unwrap();
    let by_name = ["--id", "name"];
    again(directory.path(), &sink.relay(), &by_name).exits(79);
    fs::write(&list, LIST.replace("two@", "too@")).unwrap();
    let second = again(directory.path(), &sink.relay(), &by_name);
    second.exits(0).shows(&["1 accepted", "2 skipped"]);
    let sent = delivered(&sink.stop().events("message"));
    assert!(sent.contains_key("too@hamburger.edu"), "{sent:?}");
}

#[test]
fn relay_that_cannot_be_reached_ends_the_run() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = closed.local_addr().unwrap().to_string();
    drop(closed);
    let run = merge(&relay, LIST).run();
    run.exits(75)
        .shows(&["0 accepted", "1 deferred", "2 left"])
        .says(&["the relay cannot be reached", "run the same command again"]);
}

#[test]
fn list_that_can_be_read_once_only_leaves_no_journal() {
    let run = Ehlo::new().args(["merge", "/dev/stdin", "--to", "{{a}}", "-b", "x"]);
    let journal = run.path("x.merge");
    let run = run
        .args([Path::new("--journal"), &journal])
        .input("a\nb@x.org\n")
        .run();
    run.exits(65)
        .says(&["not a regular file", "nothing was sent"]);
    assert!(!journal.exists());
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let sink = Receiver::start(&["--json"]);
    let run = merge(&sink.relay(), LIST).args(["--json"]);
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    run.stdout(full).run().exits(74);
}

#[test]
fn damaged_and_foreign_journals_are_refused() {
    let server = Server::untouched();
    for (journal, words) in [
        ("hello\nworld\n", "it is not the journal of a merge"),
        ("5b8e2f1a {}\n", "it is not the journal of a merge"),
        ("precious", "it is not the journal of a merge"),
    ] {
        let run = merge(&relay(&server), LIST);
        run.file("list.csv.merge", journal);
        let file = run.path("list.csv.merge");
        let kept = fs::File::open(&file).unwrap();
        run.run().exits(73).says(&[words, "nothing was sent"]);
        assert_eq!(kept.metadata().unwrap().len(), journal.len() as u64);
    }
    server.finish();
}

#[test]
fn preview_and_check_send_nothing_and_write_no_journal() {
    let server = Server::untouched();
    let options = [
        (&["--preview"][..], "To: One <one@hamburger.edu>"),
        (&["--preview=2"], "To: Two <two@hamburger.edu>"),
        (
            &["--preview=three@hamburger.edu"],
            "To: Three <three@hamburger.edu>",
        ),
        (&["--check"], ""),
    ];
    for (options, words) in options {
        let run = merge(&relay(&server), LIST).args(options);
        let journal = run.path("list.csv.merge");
        run.run().exits(0).shows(&[words]);
        assert!(!journal.exists());
    }
    merge(&relay(&server), LIST)
        .args(["--preview=9"])
        .run()
        .exits(64);
    server.finish();
}

#[test]
fn json_list_with_options_as_templates_and_one_click_unsubscription() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        let header = message.header();
        for field in [
            "To: \"Doe, Bob\" <bob@hamburger.edu>",
            "List-Unsubscribe: <https://example.org/leave?id=7>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
        ] {
            assert!(header.contains(field), "{header}");
        }
        assert!(message.body().contains("&lt;b&gt;"), "{}", message.body());
    });
    let run = Ehlo::new();
    run.file(
        "l.jsonl",
        r#"{"id": 7, "n": "Doe, Bob", "a": "bob@hamburger.edu", "t": "<b>", "f": null}"#,
    );
    let run = run
        .args([
            "merge",
            "l.jsonl",
            "-r",
            &relay(&server),
            "--helo",
            "me.example",
        ])
        .args([
            "-f",
            "alice@crepes.fr",
            "--to",
            "{{n}} <{{a}}>",
            "-s",
            "Grüße",
        ])
        .args(["--html", "<p>{{t}}</p>", "-a", "{{f}}?", "--id", "id"])
        .args(["--list-unsubscribe", "https://example.org/leave?id={{id}}"])
        .run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn memory_does_not_grow_with_the_number_of_rows() {
    let rows = rows_of(1000, "Name");
    let server = Server::untouched();
    let run = merge(&relay(&server), &format!("email,name\n{rows}"));
    let run = run.args(["--check"]).run();
    server.finish();
    run.exits(0).says(&["1000 rows: no errors"]);
    assert!(
        run.peak_kib < crate::program::MEMORY_KIB,
        "{} KiB",
        run.peak_kib
    );
}

/// Rows of an address and this name.
fn rows_of(count: usize, name: &str) -> String {
    (0..count).fold(String::new(), |rows, n| {
        rows + &format!("user{n}@x.org,{name}\n")
    })
}
