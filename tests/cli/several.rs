//! Several messages in one run: `--message` repeated, `--mbox`, `--maildir`, `--repeat --reuse`.

use crate::program::{Ehlo, Run};
use crate::receiver::Receiver;
use crate::server::{Server, Talk};
use std::fs;

/// The keywords of an EHLO reply.
type Keywords = &'static [&'static str];

const FROM_LINE: &str = "From alice@crepes.fr Tue Dec  1 08:00:00 2026\n";

fn mail(to: &str, text: &str) -> String {
    format!("From: alice@crepes.fr\nTo: {to}\n\n{text}\n")
}

/// An mbox with a message to each of these users at hamburger.edu, with the name as the text.
fn mbox(users: &[&str]) -> String {
    let one = |user: &&str| {
        format!(
            "{FROM_LINE}{}\n",
            mail(&format!("{user}@hamburger.edu"), user)
        )
    };
    users.iter().map(one).collect()
}

fn takes(talk: &mut Talk, user: &str) {
    talk.envelope(&[&format!("{user}@hamburger.edu")]);
    assert_eq!(talk.data().body(), format!("{user}\r\n"));
    talk.say("250 taken");
}

/// The number of each message and its verdicts.
fn verdicts(run: &Run) -> Vec<(u64, String)> {
    let results = run.events("result").into_iter();
    let one = |result: serde_json::Value| {
        let recipients = result["recipients"].as_array().unwrap().iter();
        let verdicts = recipients.map(|one| one["verdict"].as_str().unwrap());
        (
            result["message"].as_u64().unwrap(),
            verdicts.collect::<Vec<_>>().join(" "),
        )
    };
    results.map(one).collect()
}

fn numbered(verdicts: &[&str]) -> Vec<(u64, String)> {
    (1..)
        .zip(verdicts.iter().map(|&verdict| verdict.to_owned()))
        .collect()
}

#[test]
fn messages_of_files_mailboxes_and_maildirs_share_a_connection() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        for user in ["one", "two", "three", "four", "five"] {
            takes(talk, user);
        }
        talk.quit();
    });
    let run = Ehlo::to(&server);
    let one = run.file("one", mail("one@hamburger.edu", "one"));
    let two = run.file("two", mail("two@hamburger.edu", "two"));
    let three = run.file("box", mbox(&["three"]));
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir_all(run.path("maildir").join(folder)).unwrap();
    }
    run.file("maildir/new/2.x.y", mail("five@hamburger.edu", "five"));
    run.file("maildir/cur/1.x.y:2,S", mail("four@hamburger.edu", "four"));
    run.file("maildir/cur/0.x.y:2,ST", "trashed");
    run.file("maildir/tmp/3.x.y", "unfinished");
    let run = run
        .args(["--json", "--maildir", "maildir", "--mbox"])
        .args([three])
        .arg_each("--message", [one, two])
        .run();
    server.finish();
    run.exits(0).complains(0);
    assert_eq!(verdicts(&run), numbered(&["accepted"; 5]));
    assert_eq!(run.events("reused").len(), 4);
    assert_eq!(run.events("total")[0]["failed"], 0);
    let names = run.events("begin");
    assert!(
        names[2]["name"]
            .as_str()
            .unwrap()
            .ends_with("/box, message 1")
    );
    assert!(names.iter().all(|begin| begin["of"] == 5));
}

#[test]
fn quoted_lines_of_an_mbox_are_restored() {
    let server = Server::start(|talk| {
        let message = talk.take();
        assert_eq!(message.body(), "From x\r\n>From y\r\n");
    });
    let run = Ehlo::to(&server).args(["--mbox", "-"]);
    let text = mail("bob@hamburger.edu", ">From x\n>>From y");
    run.input(format!("{FROM_LINE}{text}\n")).run().exits(0);
    server.finish();
}

#[test]
fn refused_message_does_not_stop_the_others() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        takes(talk, "one");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 sender ok");
        talk.expect("RCPT TO:<two@hamburger.edu>");
        talk.say("550 5.1.1 nobody");
        talk.expect("RSET");
        talk.say("250 ok");
        takes(talk, "three");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--json", "--mbox", "-"]);
    let run = run.input(mbox(&["one", "two", "three"])).run();
    server.finish();
    run.exits(79).complains(2).says(&[
        "message 2 of 3 (standard input, message 2): ",
        "550 5.1.1 nobody",
        "1 of 3 messages were not accepted for all of their recipients",
    ]);
    assert_eq!(
        verdicts(&run),
        numbered(&["accepted", "refused", "accepted"])
    );
}

/// What a server offers, and how it ends.
type ServerEnd = (Keywords, fn(&mut Talk));

#[test]
fn server_that_accepts_no_more_messages_gets_another_connection() {
    let ends: [ServerEnd; 4] = [
        (&["LIMITS MAILMAX=2"], Talk::quit),
        (&[], Talk::close),
        (&[], |talk| {
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.say("421 4.7.0 too many messages");
        }),
        (&[], |talk| {
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.reset();
        }),
    ];
    for (keywords, end) in ends {
        let server = Server::with_door(move |door| {
            let mut talk = door.open();
            talk.greet(keywords);
            takes(&mut talk, "one");
            takes(&mut talk, "two");
            end(&mut talk);
            let mut talk = door.open();
            talk.greet(keywords);
            takes(&mut talk, "three");
            talk.quit();
        });
        let run = Ehlo::to(&server).args(["-q", "--mbox", "-"]);
        let run = run.input(mbox(&["one", "two", "three"])).run();
        server.finish();
        run.exits(0).complains(0);
    }
}

#[test]
fn session_that_ends_after_an_envelope_was_sent_ahead_is_replaced() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&["PIPELINING"]);
        let group = |user: &str| {
            [
                "MAIL FROM:<alice@crepes.fr>".to_owned(),
                format!("RCPT TO:<{user}@hamburger.edu>"),
                "DATA".to_owned(),
            ]
        };
        let expect = |talk: &mut Talk, user: &str| {
            let lines = group(user);
            talk.expect_group(&lines.each_ref().map(String::as_str));
        };
        expect(&mut talk, "one");
        talk.say("250 ok\n250 ok\n354 go");
        talk.message();
        // Nothing follows the first message.
        talk.expect_quiet();
        talk.say("250 taken");
        expect(&mut talk, "two");
        talk.say("250 ok\n250 ok\n354 go");
        talk.message();
        expect(&mut talk, "three");
        talk.say("250 taken\n250 ok\n250 ok\n354 go\n421 4.4.2 timeout");
        talk.close();
        let mut talk = door.open();
        talk.greet(&["PIPELINING"]);
        expect(&mut talk, "three");
        talk.say("250 ok\n250 ok\n354 go");
        assert_eq!(talk.message().body(), "three\r\n");
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["-q", "--mbox", "-"]);
    let run = run.input(mbox(&["one", "two", "three"])).run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn connection_lost_after_the_end_of_a_message_is_uncertain_for_that_message_alone() {
    let server = Server::with_door(|door| {
        let mut talk = door.open();
        talk.greet(&[]);
        takes(&mut talk, "one");
        talk.envelope(&["two@hamburger.edu"]);
        talk.data();
        talk.close();
        let mut talk = door.open();
        talk.greet(&[]);
        takes(&mut talk, "three");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--json", "--mbox", "-"]);
    let run = run.input(mbox(&["one", "two", "three"])).run();
    server.finish();
    run.exits(79);
    assert_eq!(
        verdicts(&run),
        numbered(&["accepted", "uncertain", "accepted"])
    );
}

#[test]
fn every_message_is_checked_before_the_first_is_sent() {
    let good = mail("bob@hamburger.edu", "x");
    let last = [
        (
            "no recipient",
            "From: alice@crepes.fr\n\nx\n".to_owned(),
            64,
        ),
        ("to: ", mail("<bob@@hamburger.edu>", "x"), 65),
        ("is empty", String::new(), 65),
    ];
    for (words, bad, exit) in last {
        let server = Server::untouched();
        let run = Ehlo::to(&server);
        let files = [run.file("good", &good), run.file("bad", bad)];
        let run = run.arg_each("--message", files).run();
        server.finish();
        run.exits(exit)
            .complains(1)
            .says(&["bad", words, "nothing was sent"]);
    }
    for (text, exit, words) in [
        ("Subject: x\n\ny\n", 65, "it is not an mbox"),
        ("", 66, "has no message"),
        (
            &format!("{FROM_LINE}To: b@x.org\n\nFrom me\n"),
            65,
            "line 4 begins with \"From \"",
        ),
    ] {
        let server = Server::untouched();
        let run = Ehlo::to(&server).args(["--mbox", "-"]).input(text).run();
        server.finish();
        run.exits(exit).complains(1).says(&[words]);
    }
}

#[test]
fn options_that_contradict_several_messages_are_refused() {
    for (options, words) in [
        (&["--mbox", "x", "-s", "hi"][..], ["--mbox", "--subject"]),
        (&["--maildir", "x", "-b", "hi"], ["--maildir", "--body"]),
        (&["--mbox", "x", "-E"], ["--mbox", "--only-if-input"]),
        (&["--mbox", "x", "--print"], ["--print", "--mbox"]),
        (
            &["--mbox", "-", "--message", "-"],
            ["standard input", "only one"],
        ),
        (
            &["--reuse", "-b", "hi", "b@x.org"],
            ["required arguments", "--repeat"],
        ),
        (&["--maildir", "x"], ["x is not a Maildir", "cur"]),
    ] {
        let run = Ehlo::new().args(options).args(["-r", "127.0.0.1:9"]).run();
        assert!(matches!(run.exit, Some(64 | 66)), "{run:#?}");
        run.complains(1).says(&words);
    }
}

#[test]
fn repetitions_share_a_connection_if_asked() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        for _ in 0..3 {
            talk.envelope(&["bob@hamburger.edu"]);
            talk.data();
            talk.say("250 taken");
        }
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--repeat", "3", "--reuse", "--json"]);
    let run = run.text_to_bob().run();
    server.finish();
    run.exits(0);
    assert_eq!(verdicts(&run), numbered(&["accepted"; 3]));
}

#[test]
fn queued_messages_share_a_connection_and_deferred_ones_stay() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        takes(talk, "one");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("250 sender ok");
        talk.expect("RCPT TO:<two@hamburger.edu>");
        talk.say("450 later");
        talk.expect("RSET");
        talk.say("250 ok");
        takes(talk, "three");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--json", "--queue", "--queue-dir", "q", "--mbox", "-"]);
    let run = run.input(mbox(&["one", "two", "three"])).run();
    server.finish();
    run.exits(0);
    assert_eq!(run.events("queued").len(), 3);
    assert_eq!(
        verdicts(&run),
        numbered(&["accepted", "queued", "accepted"])
    );
}

#[test]
fn hundreds_of_messages_of_an_mbox_arrive_once() {
    let sink = Receiver::start(&["--json", "--fault", "mail=421 4.7.0 enough@57"]);
    let users: Vec<String> = (0..250).map(|n| format!("user{n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let run = Ehlo::new().args(["-q", "-r", &sink.relay(), "--mbox", "-"]);
    run.input(mbox(&users)).run().exits(0).complains(0);
    let messages = sink.stop().events("message");
    assert_eq!(messages.len(), users.len());
}

/// The message that follows its envelope in the same group.
fn takes_at_once(talk: &mut Talk, user: &str) {
    talk.expect_group(&[
        "MAIL FROM:<alice@crepes.fr>",
        &format!("RCPT TO:<{user}@hamburger.edu>"),
    ]);
    let size = talk.line();
    let size = size.trim_end().strip_prefix("BDAT ").unwrap();
    let size: usize = size.strip_suffix(" LAST").unwrap().parse().unwrap();
    let text = String::from_utf8(talk.octets(size)).unwrap();
    assert!(text.ends_with(&format!("{user}\r\n")), "{text}");
}

#[test]
fn eager_messages_follow_their_envelopes_and_are_uncertain_if_the_server_hangs_up() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING", "CHUNKING"]);
        takes_at_once(talk, "one");
        talk.say("250 ok\n250 ok\n250 taken");
        // The reply to BDAT says that there is no recipient.
        takes_at_once(talk, "two");
        talk.say("250 ok\n550 5.1.1 nobody\n503 no recipient");
        talk.expect("RSET");
        takes_at_once(talk, "three");
        talk.say("250 reset\n250 ok\n450 4.2.1 later\n503 no recipient");
        talk.quit();
    });
    let run = Ehlo::to(&server);
    run.file("box", mbox(&["one", "two", "three"]));
    let options = ["--mbox", "box", "--json", "--pipelining", "eager"];
    let run = run.args(options).run();
    server.finish();
    run.exits(79);
    assert_eq!(
        verdicts(&run),
        numbered(&["accepted", "refused", "deferred"])
    );
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING", "CHUNKING"]);
        takes_at_once(talk, "one");
        talk.close();
    });
    let run = Ehlo::to(&server);
    run.file("box", mbox(&["one"]));
    let run = run.args(options).run();
    server.finish();
    run.all_are("uncertain");
}
