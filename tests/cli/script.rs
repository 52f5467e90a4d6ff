//! `ehlo script`: what is shown of a conversation, how it ends, and what is refused before it begins.

use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::program::Ehlo;
use crate::sasl::PASSWORD;
use crate::server::{Server, Talk};
use std::fs;

/// A script against a server of ours.
fn script<T>(server: &Server<T>, text: &str) -> Ehlo {
    let place = format!("127.0.0.1:{}", server.port);
    let ehlo = Ehlo::new().args([
        "script",
        "t.ehlo",
        "--server",
        &place,
        "--helo",
        "me.example",
    ]);
    ehlo.file("t.ehlo", text);
    ehlo
}

/// A script that is not to come so far as to connect.
fn alone(text: &str) -> Ehlo {
    let ehlo = Ehlo::new().args(["script", "t.ehlo"]);
    ehlo.file("t.ehlo", text);
    ehlo
}

/// A greeting, and the end.
fn greeting() -> Server<()> {
    Server::start(|talk| {
        talk.say("220 mx.example ESMTP");
        talk.quit();
    })
}

const GREETED: &str = "connect\n< 220\n> QUIT\n< 221\n";

#[test]
fn a_conversation_is_shown_and_ends_well() {
    let server = greeting();
    let port = server.port;
    let run = script(
        &server,
        "connect\n< 220 /(?<name>\\S+)/\nprint met $name\n> QUIT\n< 221\n",
    )
    .run();
    server.finish();
    run.exits(0).complains(0);
    let right = format!(
        "*** test: t.ehlo\n\
         Connecting to [127.0.0.1] (port {port})...\n\
         Trying 127.0.0.1:{port}... Connected.\n\
         220 mx.example ESMTP\n\
         *** met mx.example\n\
         >>> QUIT\n\
         221 bye\n\
         *** passed\n\
         *** 1 test: 1 passed\n"
    );
    assert_eq!(run.stdout, right);
}

#[test]
fn the_first_thing_that_differs_ends_it_with_one() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example ESMTP");
        talk.expect("EHLO me.example");
        talk.say("250-mx.example\n250 SIZE 10");
    });
    let run = script(
        &server,
        "connect\n< 220\n> EHLO $helo\n< 250 has DSN\n> QUIT\n",
    )
    .run();
    server.finish();
    let words =
        "t.ehlo:4: expected a reply that has DSN, but the server sent \"250 mx.example / SIZE 10\"";
    run.exits(1).complains(1).says(&[words]);
    run.shows(&["*** FAILED: t.ehlo:4: ", "*** 1 test: 1 failed\n"]);
}

#[test]
fn quiet_says_nothing_but_what_failed() {
    let server = greeting();
    script(&server, GREETED)
        .args(["-q"])
        .run()
        .exits(0)
        .is_silent();
    server.finish();
    let server = greeting();
    let run = script(&server, "connect\n< 220\n> QUIT\n< 250\n")
        .args(["-q"])
        .run();
    server.finish();
    run.exits(1).complains(1);
    assert_eq!(run.stdout, "");
}

#[test]
fn tap_and_junit_have_a_line_for_each_test() {
    let text = "connect\n< 220\ntest fine\n> QUIT\n< 221\ntest \"not so\"\n> QUIT\n< 250\ntest skipped\nskip-unless has DSN\n";
    let server = || {
        Server::with_door(|door| {
            for _ in 0..2 {
                let mut talk = door.open();
                talk.say("220 mx.example ESMTP");
                talk.quit();
                talk.end();
            }
            let mut talk = door.open();
            talk.say("220 mx.example ESMTP");
            talk.end();
        })
    };
    let taps = server();
    let home = tempfile::tempdir().unwrap();
    let results = home.path().join("r.xml");
    let file = results.to_str().unwrap();
    let run = script(&taps, text).args(["--tap", "--junit", file]).run();
    taps.finish();
    run.exits(1).complains(1);
    assert_eq!(
        run.stdout,
        "TAP version 13\n1..3\nok 1 - fine\nnot ok 2 - not so\n  ---\n  \
         message: \"t.ehlo:8: expected 250, but the server sent \\\"221 bye\\\"\"\n  ...\n\
         ok 3 - skipped # SKIP t.ehlo:10: condition not met: has DSN\n"
    );
    let xml = fs::read_to_string(results).unwrap();
    assert!(
        xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains("\n&gt;&gt;&gt; QUIT\n221 bye</failure>"),
        "{xml}"
    );
}

#[test]
fn junit_goes_to_stdout_alone() {
    let server = greeting();
    let run = script(&server, GREETED).args(["--junit", "-"]).run();
    server.finish();
    run.exits(0).complains(0);
    assert!(run.stdout.starts_with("<?xml version=\"1.0\""), "{run:#?}");
    run.shows(&[
        "<testsuite name=\"t.ehlo\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\"",
    ]);
}

#[test]
fn a_mistake_is_found_before_anybody_is_asked() {
    let server = Server::untouched();
    let run = script(&server, "connect\n< 220\n> HELO $hello\nqit\n").run();
    server.finish();
    run.exits(65)
        .complains(1)
        .says(&["t.ehlo:4: expected a statement, not `qit`"]);
    assert_eq!(run.stdout, "");
    alone("connect\n> $x\n")
        .args(["--check"])
        .run()
        .exits(65)
        .says(&["t.ehlo:2: "]);
    alone("connect\n> $x\n")
        .args(["--check", "-D", "x=1"])
        .run()
        .exits(0)
        .is_silent();
    Ehlo::new()
        .args(["script", "no.ehlo"])
        .run()
        .exits(66)
        .complains(1);
}

#[test]
fn what_a_script_wants_and_the_command_line_does_not_give_is_named() {
    for (text, options, words) in [
        (
            "connect",
            &[][..],
            "t.ehlo:1: `connect` requires --server or --pipe",
        ),
        (
            "> BDAT $message.size",
            &[],
            "t.ehlo:1: this line requires a message; use --to",
        ),
        (
            "auth",
            &["--server", "127.0.0.1:9"],
            "t.ehlo:1: `auth` requires --user",
        ),
        (
            "pause 1s",
            &["--to", "b@x.org", "-s", "x"],
            "--subject has no effect: no script uses >message",
        ),
        (
            "pause 1s",
            &["--server", "127.0.0.1:9", "-u", "a"],
            "--user has no effect: no script uses `auth`",
        ),
        (
            "pause 1s",
            &["--tls", "starttls"],
            "--tls: only implicit is allowed here",
        ),
        (
            "pause 1s",
            &["--tap", "--junit", "-"],
            "--tap conflicts with --junit -",
        ),
        ("pause 1s", &["--print"], "unexpected argument '--print'"),
        ("pause 1s", &["-D", "x"], "expected NAME=VALUE"),
    ] {
        let run = alone(text).args(options).run();
        run.exits(64).complains(1).says(&[words]);
    }
}

#[test]
fn only_a_session_that_is_held_now_is_recorded() {
    for (options, words) in [
        (
            &["--queue", "-b", "x", "b@x.org"][..],
            "--record conflicts with --queue",
        ),
        (
            &["--repeat", "2", "-b", "x", "b@x.org"],
            "--record conflicts with --repeat",
        ),
        (
            &["--print", "-b", "x", "b@x.org"],
            "--record requires a message to send",
        ),
        (&[], "no recipient"),
    ] {
        let run = Ehlo::new()
            .args(["script", "--record", "x"])
            .args(options)
            .run();
        run.exits(64).complains(1).says(&[words]);
    }
}

#[test]
fn who_does_not_answer_makes_no_test_fail_and_none_pass() {
    // Nobody listens there: it was free a moment ago.
    let port = Server::<()>::with_door(|_| ());
    let place = format!("127.0.0.1:{}", port.port);
    port.finish();
    let ehlo = Ehlo::new().args(["script", "t.ehlo", "-r", &place]);
    ehlo.file("t.ehlo", GREETED);
    let run = ehlo.run();
    run.exits(75)
        .says(&["t.ehlo:1: cannot connect to [127.0.0.1]:"]);
    run.shows(&["*** 1 test: 1 not run\n"]);
}

#[test]
fn a_message_of_the_usual_options_goes_with_its_dots() {
    let server = Server::start(Talk::take);
    let text = "connect\n< 220\n> EHLO $helo\n< 250\n> MAIL FROM:<$from>\n< 250\n> RCPT TO:<$to>\n< 250\n> DATA\n< 354\n>message\n< 250\n> QUIT\n< 221\n";
    let run = script(&server, text)
        .args([
            "-f",
            "alice@crepes.fr",
            "--to",
            "bob@hamburger.edu",
            "-s",
            "x",
            "-b",
            ".\n..x",
        ])
        .run();
    let message = server.finish();
    run.exits(0).shows(&[" octets and the final dot\n"]);
    assert!(message.header().contains("Subject: x\r\n"));
    assert_eq!(message.body(), ".\r\n..x\r\n");
}

#[test]
fn what_was_recorded_can_be_held_again() {
    let first = Server::start(Talk::take);
    let relay = format!("127.0.0.1:{}", first.port);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.ehlo");
    let file = path.to_str().unwrap();
    let run = Ehlo::new()
        .args([
            "script",
            "--record",
            file,
            "--helo",
            "me.example",
            "-r",
            &relay,
        ])
        .args(["-f", "alice@crepes.fr"])
        .text_to_bob()
        .run();
    let sent = first.finish();
    run.exits(0).shows(&["bob@hamburger.edu... Sent"]);
    let script = fs::read_to_string(&path).unwrap();
    assert!(
        script.contains("connect\n< 220\n> EHLO me.example\n< 250\n"),
        "{script}"
    );
    let second = Server::start(Talk::take);
    let place = format!("127.0.0.1:{}", second.port);
    let run = Ehlo::new().args(["script", file, "--server", &place]).run();
    let again = second.finish();
    run.exits(0).shows(&["*** 1 test: 1 passed\n"]);
    assert_eq!(again.raw, sent.raw);
}

#[test]
fn a_script_logs_in_inside_tls_and_shows_no_password() {
    let authority = Authority::new();
    let papers = authority.issue(&["127.0.0.1"]);
    let config = papers.config(BOTH);
    let server = Server::start(move |talk| {
        Way::Starttls.open(talk, &config);
        talk.offer_auth("PLAIN LOGIN");
        let said = talk.begun("PLAIN");
        talk.say("235 welcome");
        talk.quit();
        said
    });
    let text = "connect\n< 220\n> EHLO $helo\n< 250\nstarttls verified\n> EHLO $helo\n< 250 has AUTH LOGIN\nauth plain\n> QUIT\n< 221\n";
    let run = script(&server, text)
        .args(["-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&authority.pem())
        .run();
    let said = server.finish();
    assert_eq!(said, format!("\0alice\0{PASSWORD}").into_bytes());
    run.exits(0).shows(&[
        ">>> AUTH PLAIN ********\n",
        "certificate of 127.0.0.1 verified\n",
    ]);
    assert!(!run.stdout.contains(PASSWORD), "{run:#?}");
}

#[test]
fn keyword_may_be_offered_in_several_lines() {
    let server = Server::start(|talk| {
        talk.greet(&["AUTH PLAIN", "SIZE 1000", "auth=LOGIN"]);
        talk.quit();
    });
    let text = "connect\n< 220\n> EHLO $helo\n< 250 has AUTH LOGIN PLAIN lacks AUTH CRAM-MD5\n> QUIT\n< 221\n";
    let run = script(&server, text).run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn script_answers_prompts_of_login_that_are_not_base64() {
    let server = Server::start(|talk| {
        talk.greet(&["AUTH LOGIN"]);
        talk.expect("AUTH LOGIN");
        talk.say("334 Username:");
        assert_eq!(talk.decoded(), b"alice");
        talk.say("334 Password:");
        assert_eq!(talk.decoded(), PASSWORD.as_bytes());
        talk.say("235 welcome");
        talk.quit();
    });
    let text = "connect\n< 220\n> EHLO $helo\n< 250\nauth login\n> QUIT\n< 221\n";
    let run = script(&server, text)
        .args(["-u", "alice", "--allow-cleartext-password"])
        .env("EHLO_PASSWORD", PASSWORD)
        .run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn a_password_stays_here_without_tls() {
    let server = Server::start(|talk| talk.greet(&["AUTH PLAIN"]));
    let text = "connect\n< 220\n> EHLO $helo\n< 250\nauth\n";
    let run = script(&server, text)
        .args(["-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .run();
    server.finish();
    run.exits(77)
        .complains(1)
        .says(&["t.ehlo:5: the password was not sent, because the connection is not encrypted"]);
}

#[test]
fn any_certificate_will_do_unless_the_script_wants_the_right_one() {
    let papers = Authority::new().issue(&["mx.example"]);
    for (word, code) in [("starttls", 0), ("starttls verified", 1)] {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| Way::Starttls.open(talk, &config));
        let run = script(
            &server,
            &format!("connect\n< 220\n> EHLO $helo\n< 250\n{word}\n"),
        )
        .run();
        server.finish();
        run.exits(code);
        if code == 1 {
            run.says(&["t.ehlo:5: expected a valid certificate, but the certificate of 127.0.0.1 is not trusted: it "]);
        }
    }
}

#[test]
fn a_server_that_obeys_what_came_in_clear_is_found_out() {
    // CVE-2011-0411
    let papers = Authority::new().issue(&["127.0.0.1"]);
    let server = Server::with_door(move |door| {
        let config = papers.config(BOTH);
        let mut talk = door.open();
        talk.greet(&["STARTTLS"]);
        talk.expect_group(&["STARTTLS", "NOOP"]);
        talk.early = b"250 ok\r\n".to_vec();
        talk.say("220 go ahead");
        talk.secure(&config);
        talk.expect("QUIT");
        talk.end();
        for _ in 0..3 {
            let mut talk = door.open();
            talk.greet(&[]);
            talk.end();
        }
    });
    let place = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args([
            "script",
            "starttls",
            "--server",
            &place,
            "--helo",
            "me.example",
        ])
        .run();
    server.finish();
    run.exits(1).complains(1).says(&[
        "expected 221, but the server sent \"250 ok\" (a command in the packet of STARTTLS",
    ]);
    run.shows(&["*** 4 tests: 1 failed, 3 skipped\n"]);
}

#[test]
fn a_server_that_ends_a_message_too_early_is_found_out() {
    let text = "include smuggling\n";
    let server = Server::with_door(|door| {
        for _ in 0..15 {
            let mut talk = door.open();
            talk.greet(&[]);
            smuggled_to(&mut talk);
            talk.end();
        }
    });
    let run = script(&server, text).run();
    server.finish();
    run.exits(1).complains(2);
    run.says(&[
        "(end of data: \\n.\\r\\n)",
        "(end of data: \\n\\n.\\r\\n)",
        "the server sent \"250 ok MAIL\"",
    ]);
}

/// A server that takes an LF for the end of a line.
fn smuggled_to(talk: &mut Talk) {
    for _ in 0..2 {
        let line = talk.line();
        talk.say(&format!("250 ok {}", &line[..4]));
    }
    let message = talk.data();
    if message.raw.windows(4).any(|octets| octets == b"\n.\r\n") {
        talk.say("250 taken\n250 ok MAIL\n250 ok RCPT\n354 go on\n250 taken");
        talk.expect("QUIT");
    } else {
        talk.say("250 taken");
        talk.quit();
    }
}

#[test]
fn a_command_is_a_server_as_well() {
    let line = "printf '220 hi\\r\\n'; read -r said; printf \"221 $said\\r\\n\"";
    let talk = "< 220\n> QUIT now\n< 221 /QUIT now/\n";
    let run = alone(&format!("connect\n{talk}"))
        .args(["--pipe", line, "-q"])
        .run();
    run.exits(0).is_silent();
    let quoted = line
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "$$");
    let run = alone(&format!("connect \"pipe:{quoted}\"\n{talk}"))
        .args(["-q"])
        .run();
    run.exits(0).is_silent();
}
