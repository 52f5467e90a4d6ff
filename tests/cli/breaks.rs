//! Connections that break off or fall silent, at every stage.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Stage, Talk};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

type Way = fn(&mut Talk);

/// The ways in which a server goes.
const WAYS: [(&str, Way); 3] = [
    ("close", Talk::close),
    ("reset", Talk::reset),
    ("hang", Talk::hang),
];

fn send(server: &Server<()>) -> Run {
    Ehlo::to(server)
        .args(["--json", "--timeout", "300ms"])
        .text_to_bob()
        .run()
}

/// Nobody has it, and trying again is safe.
#[track_caller]
fn may_be_tried_again(run: &Run) {
    run.exits(75).complains(1).all_are("deferred");
    run.says(&["bob@hamburger.edu", "[127.0.0.1]"]);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = listener.local_addr().unwrap().to_string();
    drop(listener);
    let run = Ehlo::new()
        .args(["--json", "-f", "alice@crepes.fr", "-r", &relay])
        .text_to_bob()
        .run();
    may_be_tried_again(&run);
    run.says(&["cannot connect", "refused"]);
}

#[test]
fn a_connection_that_ends_before_the_final_dot_delivers_nothing_at_any_stage() {
    for stage in [
        Stage::Banner,
        Stage::Ehlo,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
    ] {
        for (name, go) in WAYS {
            let server = Server::start(move |talk| {
                talk.go_to(stage);
                go(talk);
            });
            let run = send(&server);
            server.finish();
            may_be_tried_again(&run);
            assert!(
                run.took < Duration::from_secs(4),
                "{name} at {stage:?}: {run:#?}"
            );
            if (stage, name) == (Stage::Banner, "reset") {
                // Perhaps there never was a connection, as far as we could see.
                continue;
            }
            let words = match stage {
                Stage::Banner => "greeting",
                Stage::Ehlo => "EHLO",
                Stage::Mail => "MAIL FROM",
                Stage::Rcpt => "RCPT TO",
                _ => "DATA",
            };
            run.says(&[words]);
            assert_eq!(
                run.result()["recipients"][0]["stage"],
                stage.name(),
                "{name}"
            );
        }
    }
}

/// Sends what no buffer between two programs holds.
fn send_much(server: &Server<()>, timeout: &str) -> Run {
    let ehlo = Ehlo::to(server).args(["--json", "--timeout", timeout, "-a", "big"]);
    ehlo.file("big", vec![0; 24 * 1024 * 1024]);
    ehlo.text_to_bob().run()
}

#[test]
fn a_connection_that_ends_in_the_message_delivers_nothing() {
    for (_, go) in &WAYS[..2] {
        let go = *go;
        let server = Server::start(move |talk| {
            talk.go_to(Stage::Data);
            talk.say("354 go on");
            talk.swallow(10_000);
            go(talk);
        });
        let run = send_much(&server, "5s");
        server.finish();
        may_be_tried_again(&run);
        run.says(&["the message"]);
    }
}

#[test]
fn a_server_that_stops_reading_is_not_waited_for_beyond_the_limit() {
    let (gone, has_gone) = channel();
    let server = Server::start(move |talk| {
        talk.go_to(Stage::Data);
        talk.say("354 go on");
        talk.swallow(10_000);
        has_gone.recv_timeout(Duration::from_secs(20)).unwrap();
        let rest = talk.rest();
        assert!(!rest.ends_with(b"\r\n.\r\n"), "the final dot came");
    });
    let run = send_much(&server, "300ms");
    gone.send(()).unwrap();
    server.finish();
    may_be_tried_again(&run);
    run.says(&["the message"]);
    assert!(run.took < Duration::from_secs(5), "{run:#?}");
}

#[test]
fn a_server_that_has_closed_its_side_gets_no_final_dot() {
    // The reply to the dot can never come: better not to leave the message in doubt.
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        talk.say("354 go on");
        talk.swallow(10_000);
        let rest = talk.close_one_way();
        assert!(!rest.ends_with(b"\r\n.\r\n"), "the final dot came");
    });
    let run = send_much(&server, "5s");
    server.finish();
    may_be_tried_again(&run);
}

#[test]
fn a_server_that_says_354_and_is_gone_gets_no_final_dot() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        let said = talk.last_words(b"354 go on\r\n");
        assert!(!said.ends_with(b"\r\n.\r\n"), "the final dot came");
    });
    let run = send(&server);
    server.finish();
    may_be_tried_again(&run);
}

#[test]
fn what_a_server_says_before_it_goes_is_heard() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        talk.last_words(b"250 taken\r\n");
    });
    let run = send(&server);
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
    let server = Server::start(|talk| {
        talk.go_to(Stage::Banner);
        assert!(talk.last_words(b"554 5.3.2 no service\r\n").len() <= 6);
    });
    let run = send(&server);
    server.finish();
    run.exits(69).complains(1).says(&["554 5.3.2 no service"]);
}

#[test]
fn a_refusal_in_the_middle_of_the_message_is_heard() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        talk.say("354 go on");
        talk.swallow(10_000);
        talk.send(b"552 5.3.4 too much\r\n");
        talk.close();
    });
    let run = send_much(&server, "5s");
    server.finish();
    run.exits(69).complains(1).says(&["552 5.3.4 too much"]);
    run.all_are("refused");
}

#[test]
fn a_connection_lost_between_the_dot_and_its_reply_leaves_it_uncertain() {
    // Whoever sends again may send it twice, and hears so.
    for (name, go) in WAYS {
        let server = Server::start(move |talk| {
            talk.go_to(Stage::Dot);
            go(talk);
        });
        let run = send(&server);
        server.finish();
        run.exits(79).complains(1).all_are("uncertain");
        run.says(&["end of data", "twice", "bob@hamburger.edu"]);
        assert!(run.took < Duration::from_secs(4), "{name}: {run:#?}");
    }
}

#[test]
fn a_connection_lost_after_dot_and_quit_in_one_packet_leaves_it_uncertain() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.group_and_message();
        talk.close();
    });
    let run = send(&server);
    server.finish();
    run.exits(79).complains(1).all_are("uncertain");
    run.says(&["twice"]);
}

#[test]
fn half_a_reply_to_the_dot_is_no_reply() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        talk.send(b"250 tak");
        talk.close();
    });
    let run = send(&server);
    server.finish();
    run.exits(79).all_are("uncertain").says(&["twice"]);
}

#[test]
fn half_a_reply_of_several_lines_to_the_dot_is_no_reply() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        talk.send(b"250-taken\r\n");
        talk.hang();
    });
    let run = send(&server);
    server.finish();
    run.exits(79).all_are("uncertain").says(&["twice"]);
}

#[test]
fn with_the_message_in_doubt_for_one_the_refusal_of_the_other_stays() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.expect("RCPT TO:<eve@hamburger.edu>");
        talk.say("550 5.1.1 no such user");
        talk.data();
        talk.close();
    });
    let run = Ehlo::to(&server)
        .args([
            "--json",
            "-b",
            "hi",
            "bob@hamburger.edu",
            "eve@hamburger.edu",
        ])
        .run();
    server.finish();
    run.exits(79).complains(2);
    assert_eq!(run.verdicts(), ["uncertain", "refused"]);
}

#[test]
fn what_a_finished_transaction_has_delivered_stays_delivered() {
    // RFC 5321 §4.1.1.10: a hundred and one recipients are two transactions.
    let recipients: Vec<String> = (0..101).map(|n| format!("r{n}@y.org")).collect();
    let expected = recipients.clone();
    let server = Server::start(move |talk| {
        talk.greet(&[]);
        let first: Vec<&str> = expected[..100].iter().map(String::as_str).collect();
        talk.envelope(&first);
        talk.data();
        talk.say("250 taken");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.close();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi"])
        .args(&recipients)
        .run();
    server.finish();
    run.exits(79).complains(1).says(&["<r100@y.org>"]);
    let verdicts = run.verdicts();
    assert!(verdicts[..100].iter().all(|verdict| verdict == "accepted"));
    assert_eq!(verdicts[100], "deferred");
}

#[test]
fn however_quit_is_answered_the_message_is_sent() {
    // RFC 5321 §4.1.1.10
    for words in ["", "500 what", "421 too late", "451 hm", "no reply at all"] {
        for (name, go) in WAYS {
            let server = Server::start(move |talk| {
                talk.go_to(Stage::Quit);
                if !words.is_empty() {
                    talk.say(words);
                }
                go(talk);
            });
            let run = send(&server);
            server.finish();
            assert_eq!(run.exit, Some(0), "{words:?}, {name}: {run:#?}");
            run.complains(0).all_are("accepted");
        }
    }
}

#[test]
fn a_server_that_is_gone_when_quit_is_said_has_taken_the_message() {
    for (_, go) in &WAYS[..2] {
        let go = *go;
        let server = Server::start(move |talk| {
            talk.go_to(Stage::Dot);
            talk.send(b"250 taken\r\n");
            go(talk);
        });
        let run = send(&server);
        server.finish();
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn quit_is_not_waited_for_longer_than_a_few_seconds() {
    let server = Server::start(|talk| talk.go_to(Stage::Quit));
    let run = Ehlo::to(&server).args(["--json"]).text_to_bob().run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
    assert!(run.took < Duration::from_secs(7), "{run:#?}");
}

#[test]
fn ctrl_c_says_who_did_not_get_the_message() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.hang();
    });
    let relay = format!("127.0.0.1:{}", server.port);
    let told = crate::terminal::at_terminal("MAIL FROM", "\u{3}", |ehlo| {
        ehlo.args([
            "--helo",
            "me.example",
            "-r",
            &relay,
            "-f",
            "alice@crepes.fr",
        ])
        .args(["-b", "hi", "bob@hamburger.edu", "carol@hamburger.edu"])
    });
    let Some(told) = told else {
        std::mem::forget(server);
        return;
    };
    server.finish();
    assert_eq!(told["exit"], -2, "as SIGINT ends others: {told}");
    for name in ["bob", "carol"] {
        let line =
            format!("ehlo: interrupted: <{name}@hamburger.edu> did not receive the message\r\n");
        assert!(told["seen"].as_str().unwrap().contains(&line), "{told}");
    }
}
