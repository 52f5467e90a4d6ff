//! `ehlo ask`.

use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};
use crate::spool::closed;

fn ask(options: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    let server = Server::start(script);
    let there = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["ask", &there, "--helo", "me.example"])
        .args(options)
        .run();
    server.finish();
    run
}

#[test]
fn each_command_is_said_behind_the_reply_to_the_one_before() {
    let run = ask(&["VRFY smith", "EXPN list", "HELP", "NOOP"], |talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect("VRFY smith");
        talk.say("252 perhaps");
        talk.expect("EXPN list");
        talk.say("250-<a@x>\n250 <b@x>");
        talk.expect("HELP");
        talk.say("214 no");
        talk.expect("NOOP");
        talk.say("250 ok");
        talk.quit();
    });
    run.exits(0)
        .complains(0)
        .shows(&[">>> VRFY smith\n252 perhaps\n>>> EXPN list\n250-<a@x>\n250 <b@x>\n>>> HELP\n"]);
}

#[test]
fn the_worst_reply_is_the_exit_status_and_the_next_command_comes_all_the_same() {
    for (reply, exit) in [("459 4.7.0 busy", 75), ("502 5.5.1 what?", 69)] {
        let run = ask(&["ETRN example.org", "RSET"], move |talk| {
            talk.greet(&[]);
            talk.expect("ETRN example.org");
            talk.say(reply);
            talk.expect("RSET");
            talk.say("250 ok");
            talk.quit();
        });
        run.exits(exit).complains(0);
    }
}

#[test]
fn refused_command_is_said_on_stderr_if_nothing_else_shows_it() {
    for options in [&["-q"][..], &["-q", "--summary"]] {
        let run = ask(
            &[options, &["VRFY bob", "NOOP", "ETRN x"]].concat(),
            |talk| {
                talk.greet(&[]);
                talk.expect("VRFY bob");
                talk.say("550 5.1.1 nobody");
                talk.expect("NOOP");
                talk.say("250 ok");
                talk.expect("ETRN x");
                talk.say("458 4.3.0 busy");
                talk.quit();
            },
        );
        run.exits(69).complains(2).says(&[
            " refused VRFY bob: 550 5.1.1 nobody\n",
            " deferred ETRN x: 458 4.3.0 busy\n",
        ]);
    }
}

#[test]
fn a_server_that_does_not_get_so_far_is_named() {
    let run = ask(&["NOOP"], |talk| {
        talk.say("554 go away");
        talk.quit();
    });
    run.exits(69)
        .complains(1)
        .says(&["127.0.0.1", "554 go away"]);
    let run = ask(&["NOOP", "HELP"], |talk| {
        talk.greet(&[]);
        talk.expect("NOOP");
        talk.say("421 4.3.2 closing");
        talk.quit();
    });
    run.exits(75).complains(1).says(&["421 4.3.2 closing"]);
    let run = ask(&["NOOP"], |talk| {
        talk.greet(&[]);
        talk.expect("NOOP");
        talk.say("354 go on");
        talk.rest();
    });
    run.exits(76).complains(1).says(&["354 go on"]);
    let nowhere = format!("127.0.0.1:{}", closed());
    let run = Ehlo::new().args(["ask", &nowhere, "NOOP"]).run();
    run.exits(75).complains(1).says(&["Connection refused"]);
}

#[test]
fn json_has_the_commands_their_replies_and_the_exit_status() {
    let run = ask(&["--json", "VRFY smith"], |talk| {
        talk.greet(&[]);
        talk.expect("VRFY smith");
        talk.say("550 5.1.1 nobody");
        talk.quit();
    });
    run.exits(69);
    assert!(run.result()["recipients"].as_array().unwrap().is_empty());
    let received = run.events("received");
    let reply = received
        .iter()
        .find(|event| event["stage"] == "ask")
        .unwrap();
    assert_eq!(reply["code"], 550);
    assert_eq!(reply["lines"][0], "5.1.1 nobody");
}

#[test]
fn how_long_each_step_took_is_said_and_nothing_of_a_message() {
    let run = ask(&["-q", "--summary", "NOOP"], |talk| {
        talk.greet(&[]);
        talk.expect("NOOP");
        talk.say("250 ok");
        talk.quit();
    });
    run.exits(0).shows(&["banner ", "EHLO "]);
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    for option in ["--show-data", "--progress=always"] {
        let run = Ehlo::new()
            .args(["ask", "127.0.0.1:9", "NOOP", option])
            .run();
        run.exits(64).says(&["unexpected argument"]);
    }
}

#[test]
fn questions_are_put_inside_tls_and_behind_auth() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Starttls.open(talk, &config);
        talk.offer_auth("PLAIN");
        talk.begun("PLAIN");
        talk.say("235 in");
        talk.expect("VRFY smith");
        talk.say("250 smith@x");
        talk.quit();
    });
    let there = format!("127.0.0.1:{}", server.port);
    let run = Ehlo::new()
        .args(["ask", &there, "VRFY smith", "--helo", "me.example"])
        .args(["--tls", "starttls", "-u", "alice"])
        .env("EHLO_PASSWORD", "secret")
        .trusting(&ca.pem())
        .run();
    server.finish();
    run.exits(0).shows(&["certificate of 127.0.0.1 verified"]);
}

#[test]
fn questions_are_put_by_lmtp_and_for_somebody_else() {
    let guise = [
        "--xclient",
        "NAME=a.example",
        "--xforward",
        "NAME=b.example",
    ];
    let rest = ["--lmtp", "--proxy-protocol", "v1 unknown", "VRFY smith"];
    let run = ask(&[guise, rest].concat(), |talk| {
        talk.expect("PROXY UNKNOWN");
        talk.say("220 lmtp.example");
        talk.expect("LHLO me.example");
        talk.say("250-lmtp.example\n250 XCLIENT NAME");
        talk.expect("XCLIENT NAME=a.example");
        talk.say("220 lmtp.example");
        talk.expect("LHLO me.example");
        talk.say("250-lmtp.example\n250 XFORWARD NAME");
        talk.expect("XFORWARD NAME=b.example");
        talk.say("250 ok");
        talk.expect("VRFY smith");
        talk.say("252 perhaps");
        talk.quit();
    });
    run.exits(0);
}

#[test]
fn commands_that_change_what_the_conversation_is_are_refused() {
    for (command, instead) in [
        ("DATA", "ehlo without a subcommand"),
        ("bdat 5 LAST", "ehlo without a subcommand"),
        ("EHLO x", "--helo"),
        ("STARTTLS", "--tls starttls"),
        ("AUTH PLAIN", "--user"),
        ("XCLIENT NAME=x", "--xclient"),
        ("QUIT", "at the end"),
        ("NOOP\r\nRSET", "control characters"),
    ] {
        let run = Ehlo::new().args(["ask", "127.0.0.1:9", command]).run();
        run.exits(64).says(&[instead]);
    }
}
