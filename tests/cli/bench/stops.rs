//! `--quit-after`, `--drop-after`, `--drop-after-send`, `--repeat`.

use super::{play, play_secured, play_to, refuses};
use crate::encrypted::Way;
use crate::program::Ehlo;
use crate::server::{Server, Stage};
use serde_json::json;

/// What the server says to each stage.
const STAGES: [(Stage, &str); 6] = [
    (Stage::Banner, "220 mx.example"),
    (Stage::Ehlo, "250 mx.example"),
    (Stage::Mail, "250 sender ok"),
    (Stage::Rcpt, "250 recipient ok"),
    (Stage::Data, "354 go on"),
    (Stage::Dot, "250 taken"),
];

#[test]
fn quit_comes_behind_the_reply_to_the_stage() {
    for (stage, reply) in STAGES {
        let run = play(&["--quit-after", stage.name()], move |talk| {
            talk.go_to(stage);
            talk.say(reply);
            talk.expect("QUIT");
            // Behind DATA, it is a line of the message for the server.
            if stage == Stage::Data {
                return talk.close();
            }
            talk.say("221 bye");
        });
        let verdict = if stage == Stage::Dot {
            "accepted"
        } else {
            "skipped"
        };
        run.exits(0).complains(0).all_are(verdict);
    }
}

#[test]
fn nobody_need_get_anything_as_long_as_nobody_is_named() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Ehlo);
        talk.say("250 mx.example");
        talk.expect("QUIT");
        talk.say("221 bye");
    });
    let run = Ehlo::to(&server).args(["--quit-after", "auth"]).run();
    server.finish();
    run.exits(0).complains(0).shows(&[">>> EHLO", ">>> QUIT"]);
    let run = Ehlo::new().args(["--quit-after", "ehlo"]).run();
    run.exits(64).says(&["specify a recipient, or a server"]);
    let run = Ehlo::new()
        .args(["-r", "127.0.0.1:1", "--quit-after", "mail"])
        .run();
    run.exits(64).says(&["no recipient"]);
}

#[test]
fn the_connection_is_closed_behind_the_reply_without_a_word() {
    for (stage, reply) in STAGES {
        let run = play(&["--drop-after", stage.name()], move |talk| {
            talk.go_to(stage);
            talk.say(reply);
            talk.end();
        });
        let verdict = if stage == Stage::Dot {
            "accepted"
        } else {
            "skipped"
        };
        run.exits(0).complains(0).all_are(verdict);
    }
}

#[test]
fn the_connection_is_closed_with_the_reply_unread() {
    for (stage, _) in STAGES {
        let run = play(&["--drop-after-send", stage.name()], move |talk| {
            talk.go_to(stage);
            talk.end();
        });
        if stage == Stage::Dot {
            run.exits(79).complains(1).all_are("uncertain");
            run.says(&["--drop-after-send dot"]);
        } else {
            run.exits(0).complains(0).all_are("skipped");
        }
    }
}

#[test]
fn nothing_is_waited_for_behind_connect() {
    let run = play(&["--quit-after", "connect"], |talk| {
        talk.expect("QUIT");
        talk.send(b"220 mx.example\r\n221 bye\r\n");
        talk.close();
    });
    run.exits(0).all_are("skipped");
    for option in ["--drop-after", "--drop-after-send"] {
        let run = play(&[option, "connect"], |talk| talk.end());
        run.exits(0).all_are("skipped");
        assert_eq!(run.events("sent"), [json!(null); 0]);
    }
}

#[test]
fn a_group_of_commands_ends_with_the_stage() {
    let run = play_to(
        &["bob@hamburger.edu", "ann@hamburger.edu"],
        &["--drop-after-send", "rcpt"],
        |talk| {
            talk.greet(&["PIPELINING", "CHUNKING"]);
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.expect("RCPT TO:<ann@hamburger.edu>");
            talk.end();
        },
    );
    run.exits(0).all_are("skipped");
}

#[test]
fn one_by_one_all_recipients_are_named_before_the_stop() {
    let run = play_to(
        &["bob@hamburger.edu", "ann@hamburger.edu"],
        &["--drop-after-send", "rcpt"],
        |talk| {
            talk.greet(&[]);
            talk.envelope(&["bob@hamburger.edu"]);
            talk.expect("RCPT TO:<ann@hamburger.edu>");
            talk.end();
        },
    );
    run.exits(0).all_are("skipped");
}

#[test]
fn behind_starttls_nothing_is_said_inside_it() {
    let run = play_secured(Way::Starttls, &["--drop-after", "starttls"], |talk| {
        talk.end();
    });
    run.exits(0).all_are("skipped");
    let run = play_secured(Way::Starttls, &["--quit-after", "starttls"], |talk| {
        talk.quit();
    });
    run.exits(0).all_are("skipped");
    let run = play(
        &["--tls", "starttls", "--drop-after-send", "starttls"],
        |talk| {
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.end();
        },
    );
    run.exits(0).all_are("skipped");
}

#[test]
fn a_stop_behind_auth_waits_for_auth_itself() {
    for way in Way::BOTH {
        let run = play_secured(way, &["-u", "alice", "--quit-after", "auth"], move |talk| {
            if way == Way::Implicit {
                talk.say("220 mx.example");
            }
            talk.offer_auth("PLAIN");
            assert_eq!(talk.begun("PLAIN"), b"\0alice\0secret");
            talk.say("235 in");
            talk.quit();
        });
        run.exits(0).all_are("skipped");
        let options = ["-u", "alice", "--drop-after-send", "auth"];
        let run = play_secured(way, &options, move |talk| {
            if way == Way::Implicit {
                talk.say("220 mx.example");
            }
            talk.offer_auth("PLAIN");
            talk.begun("PLAIN");
            talk.end();
        });
        run.exits(0).all_are("skipped");
    }
}

#[test]
fn inside_implicit_tls_the_stop_behind_ehlo_comes_behind_ehlo() {
    let run = play_secured(Way::Implicit, &["--quit-after", "ehlo"], |talk| {
        talk.say("220 mx.example");
        talk.offer(&[]);
        talk.quit();
    });
    run.exits(0).all_are("skipped");
    let run = play_secured(Way::Implicit, &["--drop-after", "banner"], |talk| {
        talk.say("220 mx.example");
        talk.end();
    });
    run.exits(0).all_are("skipped");
}

#[test]
fn a_refusal_before_the_stop_is_what_counts() {
    let run = play(&["--quit-after", "data"], |talk| {
        talk.go_to(Stage::Rcpt);
        talk.say("550 5.1.1 nobody");
        talk.quit();
    });
    run.exits(69).complains(1).all_are("refused");
}

#[test]
fn what_contradicts_a_stop_is_refused() {
    refuses(
        &["--quit-after", "mail", "--drop-after", "mail"],
        &["--quit-after", "--drop-after"],
    );
    for option in ["--quit-after", "--drop-after", "--drop-after-send"] {
        refuses(&[option, "dot", "--queue"], &[option, "--queue"]);
        refuses(&[option, "helo"], &[option, "connect, proxy, banner, ehlo"]);
    }
    refuses(&["--wait", "1s"], &["--repeat"]);
}

#[test]
fn each_repetition_has_a_message_id_of_its_own() {
    let field = |header: &str| {
        let mut lines = header.lines();
        let line = lines.find(|line| line.starts_with("Message-ID: "));
        line.unwrap().to_owned()
    };
    let server = Server::with_door(move |door| {
        [(); 3].map(|()| {
            let mut talk = door.open();
            let message = talk.take();
            talk.end();
            assert_eq!(message.body(), "out of a pipe\r\n");
            field(&message.header())
        })
    });
    let run = Ehlo::to(&server)
        .args([
            "--repeat",
            "3",
            "--wait",
            "1ms",
            "-b",
            "-",
            "bob@hamburger.edu",
        ])
        .input("out of a pipe\n")
        .run();
    let [one, two, three] = server.finish();
    run.exits(0);
    assert!(
        one != two && two != three && one != three,
        "{one} {two} {three}"
    );
}

#[test]
fn the_first_failure_of_several_is_how_it_ends() {
    let server = Server::with_door(|door| {
        for reply in ["250 taken", "452 no room", "550 no"] {
            let mut talk = door.open();
            talk.go_to(Stage::Dot);
            talk.say(reply);
            talk.quit();
            talk.end();
        }
    });
    let run = Ehlo::to(&server)
        .args(["--repeat", "3"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(75).complains(2);
}
