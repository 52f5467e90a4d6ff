//! Where the output goes, and what happens when it cannot go there; exit codes beside it.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, pipe};
use std::thread;

fn take(talk: &mut Talk) {
    talk.take();
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_delivery() {
    for format in ["stevens", "json"] {
        let server = Server::start(take);
        let (reader, writer) = pipe().unwrap();
        let head = thread::spawn(move || {
            let mut line = String::new();
            BufReader::with_capacity(1, reader)
                .read_line(&mut line)
                .unwrap();
            line
        });
        let run = Ehlo::to(&server)
            .args(["--transcript", format])
            .stdout(writer)
            .text_to_bob()
            .run();
        server.finish();
        assert!(!head.join().unwrap().is_empty());
        run.exits(0).complains(0);
    }
}

#[test]
fn a_reader_that_was_never_there_does_not_stop_the_delivery() {
    for format in ["stevens", "json"] {
        let server = Server::start(take);
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let run = Ehlo::to(&server)
            .args(["--transcript", format])
            .stdout(writer)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).complains(0);
    }
}

#[test]
fn an_output_that_cannot_be_written_stops_it_before_a_connection_is_made() {
    for format in ["stevens", "json"] {
        let server = Server::untouched();
        let run = Ehlo::to(&server)
            .args(["--transcript", format, "--timeout", "1s"])
            .stdout(full())
            .text_to_bob()
            .run();
        server.finish();
        run.exits(74).complains(1).says(&["standard output"]);
    }
}

#[test]
fn with_its_output_closed_no_transcript_gets_onto_the_wire() {
    // The first descriptor that is opened must not become the standard output: the script would see it.
    let server = Server::start(take);
    let script = format!(
        "exec {} -f alice@crepes.fr --helo me.example -r 127.0.0.1:{} -b hi bob@hamburger.edu >&-",
        env!("CARGO_BIN_EXE_ehlo"),
        server.port
    );
    let run = Ehlo::through("/bin/sh").args(["-c", &script]).run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn an_output_that_nobody_needs_may_be_full() {
    for quiet in [&["-q"][..], &["--transcript", "none"]] {
        let server = Server::start(take);
        let run = Ehlo::to(&server)
            .args(quiet)
            .stdout(full())
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).complains(0);
    }
}

#[test]
fn help_and_print_notice_a_full_output_too() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["--print", "-b", "hi", "bob@y.org"],
    ] {
        let run = Ehlo::new().args(arguments).stdout(full()).run();
        run.exits(74).complains(1).says(&["standard output"]);
    }
}

#[test]
fn help_and_print_do_not_mind_a_reader_that_goes_away() {
    for arguments in [&["--help"][..], &["--print", "-b", "hi", "bob@y.org"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        Ehlo::new()
            .args(arguments)
            .stdout(writer)
            .run()
            .exits(0)
            .complains(0);
    }
}

#[test]
fn it_runs_without_any_environment() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example");
        assert!(talk.line().starts_with("EHLO "));
        talk.say("250 mx.example");
        assert!(talk.line().starts_with("MAIL FROM:<"));
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let relay = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .without_environment()
        .args(["-r", &relay])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn a_delivery_says_nothing_on_stderr() {
    let server = Server::start(take);
    let run = Ehlo::to(&server).text_to_bob().run();
    server.finish();
    run.exits(0).complains(0);
    assert!(
        run.stdout.ends_with("bob@hamburger.edu... Sent (taken)\n"),
        "{run:#?}"
    );
}

/// A run whose second recipient is refused.
fn half(arguments: &[&str]) -> Run {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.expect("RCPT TO:<eve@hamburger.edu>");
        talk.say("550 5.1.1 no such user");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(arguments)
        .args(["-b", "hi", "bob@hamburger.edu", "eve@hamburger.edu"])
        .run();
    server.finish();
    run
}

#[test]
fn every_transcript_tells_stderr_the_same() {
    let words = "refused <eve@hamburger.edu>: 550 5.1.1 no such user (in reply to RCPT TO)";
    for arguments in [
        &[][..],
        &["-q"],
        &["-v"],
        &["--json"],
        &["--transcript", "none"],
        &["--transcript", "json"],
    ] {
        half(arguments).exits(79).complains(1).says(&[words]);
    }
}

#[test]
fn every_line_of_json_is_an_object_with_event_and_elapsed_ms() {
    let run = half(&["--json"]);
    let mut last = 0.0;
    for line in run.stdout.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["event"].is_string(), "{line}");
        let elapsed = event["elapsed_ms"].as_f64().unwrap();
        assert!(elapsed >= last, "{line}");
        last = elapsed;
    }
    run.result();
}

#[test]
fn quiet_and_json_contradict_each_other() {
    let server = Server::untouched();
    let run = Ehlo::to(&server).args(["-q", "--json"]).text_to_bob().run();
    server.finish();
    run.exits(64).complains(1).says(&["--quiet", "--json"]);
}
