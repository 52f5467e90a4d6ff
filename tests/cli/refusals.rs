//! Servers that say no: who gets the message, who does not, and what is said when.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Stage};
use serde_json::Value;

const GROUP: [&str; 3] = [
    "MAIL FROM:<alice@crepes.fr>",
    "RCPT TO:<bob@hamburger.edu>",
    "DATA",
];

fn send(server: &Server<()>) -> Run {
    Ehlo::to(server).args(["--json"]).text_to_bob().run()
}

#[test]
fn a_refusal_at_any_stage_is_followed_by_quit_and_a_verdict() {
    for stage in Stage::DECIDING {
        for (words, exit, verdict) in [
            ("554 5.3.0 not today", 69, "refused"),
            ("451 4.3.0 not now", 75, "deferred"),
            ("421 4.3.2 going down", 75, "deferred"),
        ] {
            let server = Server::start(move |talk| {
                talk.go_to(stage);
                talk.say(words);
                if stage == Stage::Ehlo && words.starts_with('5') {
                    talk.expect("HELO me.example");
                    talk.say(words);
                }
                talk.quit();
            });
            let run = send(&server);
            server.finish();
            run.exits(exit).complains(1).all_are(verdict);
            run.says(&["[127.0.0.1]", "<bob@hamburger.edu>", words, "in reply to"]);
        }
    }
}

#[test]
fn the_refusal_names_its_stage_code_and_enhanced_code() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        talk.say("554-5.7.1 first reason\n554 5.7.1 second reason");
        talk.quit();
    });
    let run = send(&server);
    server.finish();
    run.says(&[
        "refused <bob@hamburger.edu>: 554 5.7.1 first reason second reason (in reply to DATA)",
    ]);
    let result = run.result();
    let bob = &result["recipients"][0];
    assert_eq!(bob["address"], "bob@hamburger.edu");
    assert_eq!(
        (&bob["stage"], &bob["code"]),
        (&Value::from("data"), &Value::from(554))
    );
    assert_eq!(
        (&bob["enhanced"], &bob["ip"]),
        (&Value::from("5.7.1"), &Value::from("127.0.0.1"))
    );
    assert_eq!(bob["reply"], "first reason second reason");
}

#[test]
fn an_enhanced_code_of_another_class_is_text() {
    // RFC 2034 §4
    let server = Server::start(|talk| {
        talk.go_to(Stage::Rcpt);
        talk.say("550 2.1.5 odd");
        talk.quit();
    });
    let run = send(&server);
    server.finish();
    run.exits(69);
    assert_eq!(run.result()["recipients"][0]["enhanced"], Value::Null);
}

#[test]
fn mail_that_is_refused_in_a_group_and_closed_behind_is_heard() {
    // The 550 is what the user hears, not "connection lost".
    for words in [
        &b"550 5.7.1 you are not welcome\r\n"[..],
        b"550-5.7.1 you are\r\n550 5.7.1 not welcome\r\n",
        b"421 4.7.0 you are not welcome\r\n",
    ] {
        let server = Server::start(move |talk| {
            talk.greet(&["PIPELINING"]);
            talk.expect_group(&GROUP);
            talk.send(words);
            talk.close();
        });
        let run = send(&server);
        server.finish();
        let (exit, verdict) = match words[0] {
            b'5' => (69, "refused"),
            _ => (75, "deferred"),
        };
        run.exits(exit)
            .complains(1)
            .all_are(verdict)
            .says(&["not welcome"]);
        assert!(!run.stderr.contains("lost"), "{run:#?}");
    }
}

#[test]
fn mail_that_is_refused_in_a_group_and_reset_behind_is_heard() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&GROUP);
        talk.send(b"550 5.7.1 you are not welcome\r\n");
        talk.reset();
    });
    let run = send(&server);
    server.finish();
    // A reset may overtake the words; what is heard must never be a success.
    assert!(matches!(run.exit, Some(69 | 75)), "{run:#?}");
    run.complains(1);
}

#[test]
fn after_a_refused_mail_the_replies_to_the_rest_of_the_group_change_nothing() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&GROUP);
        talk.say("550 5.7.1 not you\n503 5.5.1 mail first\n503 5.5.1 rcpt first");
        talk.quit();
    });
    let run = send(&server);
    server.finish();
    run.exits(69)
        .complains(1)
        .says(&["550 5.7.1 not you (in reply to MAIL FROM)"]);
}

#[test]
fn after_a_refused_mail_354_to_the_pipelined_data_gets_a_lone_dot() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&GROUP);
        talk.say("451 4.7.1 greylisted\n250 ok\n354 go on");
        talk.expect(".");
        talk.say("250 taken, says he");
        talk.quit();
    });
    let run = send(&server);
    server.finish();
    run.exits(75)
        .complains(1)
        .all_are("deferred")
        .says(&["greylisted"]);
}

#[test]
fn one_refused_recipient_does_not_stop_the_others() {
    for keywords in [&[][..], &["PIPELINING"]] {
        let recipients: Vec<String> = (0..100).map(|n| format!("r{n}@y.org")).collect();
        let expected = recipients.clone();
        let server = Server::start(move |talk| {
            talk.greet(keywords);
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            let mut owed = vec!["250 ok"];
            for (n, recipient) in expected.iter().enumerate() {
                if keywords.is_empty() {
                    talk.say(owed.pop().unwrap());
                }
                talk.expect(&format!("RCPT TO:<{recipient}>"));
                owed.push(match n % 10 {
                    3 => "550 5.1.1 no such user",
                    7 => "450 4.2.1 busy",
                    _ => "250 ok",
                });
            }
            if keywords.is_empty() {
                talk.say(owed.pop().unwrap());
            }
            talk.expect("DATA");
            owed.push("354 go on");
            talk.say(&owed.join("\n"));
            talk.message();
            if keywords.is_empty() {
                talk.say("250 taken");
                talk.quit();
            } else {
                talk.expect("QUIT");
                talk.say("250 taken\n221 bye");
            }
        });
        let run = Ehlo::to(&server)
            .args(["--json", "-b", "hi"])
            .args(&recipients)
            .run();
        server.finish();
        run.exits(79)
            .complains(20)
            .says(&["<r3@y.org>: 550", "<r97@y.org>: 450"]);
        for (n, verdict) in run.verdicts().iter().enumerate() {
            let right = match n % 10 {
                3 => "refused",
                7 => "deferred",
                _ => "accepted",
            };
            assert_eq!(verdict, right, "r{n}");
        }
    }
}

#[test]
fn the_hundred_and_first_recipient_comes_in_a_second_transaction() {
    // RFC 5321 §4.5.3.1.10
    let recipients: Vec<String> = (0..250).map(|n| format!("r{n}@y.org")).collect();
    let expected = recipients.clone();
    let server = Server::start(move |talk| {
        talk.greet(&[]);
        let mut ids = Vec::new();
        for part in expected.chunks(100) {
            let part: Vec<&str> = part.iter().map(String::as_str).collect();
            talk.envelope(&part);
            let header = talk.data().header();
            ids.push(
                header
                    .lines()
                    .find(|l| l.starts_with("Message-ID:"))
                    .unwrap()
                    .to_owned(),
            );
            talk.say("250 taken");
        }
        talk.quit();
        ids
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi"])
        .args(&recipients)
        .run();
    let ids = server.finish();
    assert!(
        ids.len() == 3 && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    run.exits(0).complains(0).all_are("accepted");
}

#[test]
fn too_many_recipients_of_a_group_come_in_a_further_transaction() {
    for words in ["452 4.5.3 too many", "452 too many", "552 too many"] {
        let server = Server::start(move |talk| {
            talk.greet(&["PIPELINING"]);
            talk.expect_group(&[GROUP[0], "RCPT TO:<a@y.org>", "RCPT TO:<b@y.org>", "DATA"]);
            talk.say("250 ok\n250 ok");
            talk.say(words);
            talk.say("354 go on");
            talk.message();
            talk.say("250 taken for a");
            talk.expect_group(&[GROUP[0], "RCPT TO:<b@y.org>", "DATA"]);
            talk.say("250 ok\n250 ok\n354 go on");
            talk.message();
            talk.expect("QUIT");
            talk.say("250 taken for b\n221 bye");
        });
        let run = Ehlo::to(&server)
            .args(["--json", "-b", "hi", "a@y.org", "b@y.org"])
            .run();
        server.finish();
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn too_many_for_ever_comes_to_an_end() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect(GROUP[0]);
        talk.say("250 ok");
        for recipient in ["a@y.org", "b@y.org"] {
            talk.expect(&format!("RCPT TO:<{recipient}>"));
            talk.say("452 4.5.3 too many");
        }
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi", "a@y.org", "b@y.org"])
        .run();
    server.finish();
    run.exits(75).complains(2).all_are("deferred");
}

#[test]
fn a_452_about_storage_is_no_too_many() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["a@y.org"]);
        talk.expect("RCPT TO:<b@y.org>");
        talk.say("452 4.2.2 mailbox full");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi", "a@y.org", "b@y.org"])
        .run();
    server.finish();
    run.exits(79)
        .complains(1)
        .says(&["<b@y.org>: 452 4.2.2 mailbox full"]);
    assert_eq!(run.verdicts(), ["accepted", "deferred"]);
}

#[test]
fn a_message_over_the_limit_is_refused_here() {
    // RFC 1870 §6: before MAIL, with the words that a server would have used.
    for keyword in ["SIZE 10", "size 10", "Size 10 "] {
        let server = Server::start(move |talk| {
            talk.greet(&[keyword]);
            talk.quit();
        });
        let run = send(&server);
        server.finish();
        run.exits(69)
            .complains(1)
            .all_are("refused")
            .says(&["10", "5.3.4"]);
    }
}

#[test]
fn a_size_that_is_no_size_is_no_limit() {
    for keyword in [
        "SIZE 99999999999999999999999999",
        "SIZE -5",
        "SIZE 0",
        "SIZE",
        "SIZE many",
        "SIZE 1e3",
        "SIZE=10",
    ] {
        let server = Server::start(move |talk| {
            talk.greet(&[keyword]);
            let mail = talk.line();
            assert!(mail.starts_with("MAIL FROM:<alice@crepes.fr>"), "{mail}");
            talk.say("250 ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.say("250 ok");
            talk.data();
            talk.say("250 taken");
            talk.quit();
        });
        let run = send(&server);
        server.finish();
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn the_size_that_is_announced_is_that_of_the_message() {
    let server = Server::start(|talk| {
        talk.greet(&["SIZE"]);
        let mail = talk.line();
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let size = talk.data().stored().len();
        talk.say("250 taken");
        talk.quit();
        assert_eq!(mail, format!("MAIL FROM:<alice@crepes.fr> SIZE={size}"));
    });
    let run = Ehlo::to(&server)
        .args([
            "-q",
            "-b",
            ".\n..\nno line end",
            "-a",
            "/proc/version",
            "bob@hamburger.edu",
        ])
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn eight_bit_text_goes_encoded_where_8bitmime_is_not_offered() {
    let server = Server::start(|talk| talk.take());
    let run = Ehlo::to(&server)
        .args([
            "-q",
            "-s",
            "Grüße",
            "-b",
            "Schöne Grüße\n",
            "bob@hamburger.edu",
        ])
        .run();
    let text = server.finish().text();
    run.exits(0).is_silent();
    assert!(text.is_ascii(), "{text}");
    let message = mail_parser::MessageParser::default().parse(&text).unwrap();
    assert_eq!(message.subject(), Some("Grüße"));
    assert_eq!(message.body_text(0).unwrap(), "Schöne Grüße\r\n");
}

#[test]
fn an_eight_bit_ready_message_never_goes_raw_where_8bitmime_is_not_offered() {
    // RFC 6152 §3: downgrade, or fail with 5.6.3.
    let server = Server::start(|talk| {
        talk.greet(&["SIZE"]);
        let mail = talk.line();
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        (mail, message)
    });
    let ehlo = Ehlo::to(&server).args(["--json", "--message", "m.eml"]);
    ehlo.file(
        "m.eml",
        "From: alice@crepes.fr\nTo: bob@hamburger.edu\n\nGrüße\n",
    );
    let run = ehlo.run();
    let (mail, message) = server.finish();
    run.exits(0);
    assert!(message.raw.is_ascii());
    assert!(message.raw.ends_with(b"\r\nGr=C3=BC=C3=9Fe\r\n"));
    let size = format!("MAIL FROM:<alice@crepes.fr> SIZE={}", message.raw.len());
    assert_eq!(mail, size);
}

#[test]
fn signed_content_is_not_encoded_anew() {
    let server = Server::start(|talk| {
        talk.greet(&["SIZE"]);
        talk.quit();
    });
    let ehlo = Ehlo::to(&server).args(["--json", "--message", "m.eml"]);
    ehlo.file(
        "m.eml",
        "From: alice@crepes.fr\nTo: bob@hamburger.edu\nMIME-Version: 1.0\n\
         Content-Type: multipart/signed; boundary=b\n\n--b\n\nGrüße\n--b\n\nsignature\n--b--\n",
    );
    let run = ehlo.run();
    server.finish();
    run.exits(69)
        .complains(1)
        .says(&["8BITMIME", "5.6.3", "signed"]);
}

#[test]
fn an_eight_bit_ready_message_goes_as_it_is_where_8bitmime_is_offered() {
    let server = Server::start(|talk| {
        talk.greet(&["8bitmime"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> BODY=8BITMIME");
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        let message = talk.data();
        talk.say("250 taken");
        talk.quit();
        message
    });
    let ehlo = Ehlo::to(&server).args(["-q", "--message", "m.eml"]);
    ehlo.file(
        "m.eml",
        "From: alice@crepes.fr\nTo: bob@hamburger.edu\n\nGrüße\n",
    );
    let run = ehlo.run();
    assert_eq!(server.finish().body(), "Grüße\r\n");
    run.exits(0).is_silent();
}

#[test]
fn an_address_beyond_ascii_goes_only_where_smtputf8_is_offered() {
    // RFC 6531 §3.2
    let server = Server::start(|talk| {
        talk.greet(&["8BITMIME"]);
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi", "jürgen@y.org"])
        .run();
    server.finish();
    run.exits(69).complains(1).says(&["SMTPUTF8", "5.6.7"]);

    let server = Server::start(|talk| {
        talk.greet(&["8BITMIME", "SMTPUTF8"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> SMTPUTF8");
        talk.say("250 ok");
        talk.expect("RCPT TO:<jürgen@y.org>");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["-q", "-b", "hi", "jürgen@y.org"])
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn a_domain_beyond_ascii_needs_no_extension() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@xn--bcher-kva.example"]);
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["-q", "-b", "hi", "bob@bücher.example"])
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn a_421_to_one_recipient_ends_it_for_all() {
    for keywords in [&[][..], &["PIPELINING"]] {
        let server = Server::start(move |talk| {
            talk.greet(keywords);
            talk.expect(GROUP[0]);
            if keywords.is_empty() {
                talk.say("250 ok");
                talk.expect("RCPT TO:<a@y.org>");
                talk.say("250 ok");
                talk.expect("RCPT TO:<b@y.org>");
                talk.say("421 4.3.2 going down");
            } else {
                talk.expect_group(&["RCPT TO:<a@y.org>", "RCPT TO:<b@y.org>", "DATA"]);
                talk.say("250 ok\n250 ok\n421 4.3.2 going down");
            }
            talk.part();
        });
        let run = Ehlo::to(&server)
            .args(["--json", "-b", "hi", "a@y.org", "b@y.org"])
            .run();
        server.finish();
        run.exits(75).complains(2).all_are("deferred");
    }
}
