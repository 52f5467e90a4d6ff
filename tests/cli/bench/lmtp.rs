//! A reply for each recipient: `--lmtp` (RFC 2033) and `--prdr`.

use super::{play_to, refuses};
use crate::program::{Ehlo, Run};
use crate::server::{PATIENCE, Server, Talk};
use crate::spool::Queue;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use serde_json::Value;
use std::os::unix::net::UnixListener;
use std::thread;

const THREE: [&str; 3] = ["bob@a.example", "ann@a.example", "eve@a.example"];

/// Up to the replies to the message, for those of the three whom the server takes.
fn begin(talk: &mut Talk, taken: [bool; 3]) {
    talk.say("220 lmtp.example LMTP");
    talk.expect("LHLO me.example");
    talk.say("250-lmtp.example\n250-PIPELINING\n250 CHUNKING");
    talk.expect("MAIL FROM:<alice@crepes.fr>");
    talk.send(b"250 ok\r\n");
    for (recipient, is_taken) in THREE.into_iter().zip(taken) {
        talk.expect(&format!("RCPT TO:<{recipient}>"));
        talk.send(if is_taken {
            b"250 ok\r\n"
        } else {
            b"550 5.1.1 nobody\r\n"
        });
    }
    talk.data();
}

fn by_lmtp(script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    play_to(&THREE, &["--lmtp"], script)
}

#[test]
fn each_recipient_has_a_fate_of_its_own() {
    let run = by_lmtp(|talk| {
        begin(talk, [true, false, true]);
        talk.send(b"250 2.0.0 bob has it\r\n452 4.2.2 eve's box is full\r\n");
        talk.quit();
    });
    run.exits(79).complains(2);
    assert_eq!(run.verdicts(), ["accepted", "refused", "deferred"]);
    let result = run.result();
    assert_eq!(result["recipients"][0]["reply"], "bob has it");
    assert_eq!(result["recipients"][1]["stage"], "rcpt");
    assert_eq!(result["recipients"][2]["stage"], "dot");
}

#[test]
fn those_whose_reply_came_are_settled_when_the_connection_is_lost() {
    let run = by_lmtp(|talk| {
        begin(talk, [true; 3]);
        talk.send(b"250 2.0.0 bob has it\r\n550 5.2.1 ann is gone\r\n");
        talk.close();
    });
    run.exits(79).complains(2);
    assert_eq!(run.verdicts(), ["accepted", "refused", "uncertain"]);
}

#[test]
fn no_message_is_sent_for_nobody() {
    let run = by_lmtp(|talk| {
        talk.say("220 lmtp.example LMTP");
        talk.expect("LHLO me.example");
        talk.say("250-lmtp.example\n250 PIPELINING");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        for recipient in THREE {
            talk.expect(&format!("RCPT TO:<{recipient}>"));
        }
        talk.say("250 ok\n550 no\n550 no\n550 no");
        talk.quit();
    });
    run.exits(69).all_are("refused");
}

#[test]
fn lhlo_has_no_helo_behind_it() {
    let run = by_lmtp(|talk| {
        talk.say("220 mx.example ESMTP");
        talk.expect("LHLO me.example");
        talk.say("500 what?");
        talk.quit();
    });
    run.exits(69).all_are("refused").says(&["in reply to LHLO"]);
}

#[test]
fn a_unix_socket_takes_lmtp() {
    let ehlo = Ehlo::new();
    let path = ehlo.path("lmtp");
    let listener = UnixListener::bind(&path).unwrap();
    set_socket_timeout(&listener, Timeout::Recv, Some(PATIENCE)).unwrap();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("nobody connected");
        let mut talk = Talk::over(stream);
        begin(&mut talk, [true, true, true]);
        talk.send(b"250 one\r\n250 two\r\n250 three\r\n");
        talk.quit();
        talk.end();
    });
    let run = ehlo
        .args([
            "--helo",
            "me.example",
            "-f",
            "alice@crepes.fr",
            "--lmtp",
            "-r",
        ])
        .args([path])
        .args(["--json", "-b", "hi"])
        .args(THREE)
        .run();
    server.join().unwrap();
    run.exits(0).all_are("accepted");
}

#[test]
fn lmtp_has_its_port_and_no_mail_exchangers() {
    // Nobody listens there; it is the port that counts.
    let run = Ehlo::new()
        .args([
            "--lmtp",
            "-r",
            "127.0.0.9",
            "--timeout",
            "2s",
            "--json",
            "-f",
            "a@b.example",
        ])
        .text_to_bob()
        .run();
    assert_eq!(run.events("connect")[0]["port"], 24, "{run:#?}");
    let run = Ehlo::new()
        .args(["--lmtp", "-f", "a@b.example"])
        .text_to_bob();
    run.run().exits(64).says(&["--lmtp", "--relay"]);
}

/// The verdicts in the books of the only item, once it was tried and that has ended so.
fn kept(exit: i32, script: impl FnOnce(&mut Talk) + Send + 'static) -> Vec<String> {
    let queue = Queue::new();
    let server = Server::start(script);
    let relay = format!("127.0.0.1:{}", server.port);
    queue
        .ehlo(&["--queue", "--lmtp", "--helo", "me.example", "-r", &relay])
        .args(["-f", "alice@crepes.fr", "-b", "hi"])
        .args(THREE)
        .run()
        .exits(exit);
    server.finish();
    let items = queue.items();
    assert_eq!(items.len(), 1, "{items:#?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = items[0]["recipients"].as_array().unwrap().iter();
    all.map(|one| text(&one["verdict"])).collect()
}

#[test]
fn the_queue_keeps_only_those_who_may_get_it_later() {
    let verdicts = kept(0, |talk| {
        begin(talk, [true; 3]);
        talk.send(b"250 bob has it\r\n452 4.2.2 full\r\n250 eve has it\r\n");
        talk.quit();
    });
    assert_eq!(verdicts, ["accepted", "deferred", "accepted"]);
}

#[test]
fn the_queue_knows_who_may_have_it_when_the_connection_is_lost_between_replies() {
    let verdicts = kept(79, |talk| {
        begin(talk, [true; 3]);
        talk.send(b"250 bob has it\r\n");
        talk.close();
    });
    assert_eq!(verdicts, ["accepted", "uncertain", "uncertain"]);
}

#[test]
fn a_server_that_speaks_no_lmtp_is_no_reason_to_give_up() {
    let verdicts = kept(0, |talk| {
        talk.say("220 mx.example ESMTP");
        talk.expect("LHLO me.example");
        talk.say("500 what?");
        talk.quit();
    });
    assert_eq!(verdicts, ["deferred"; 3]);
}

#[test]
fn prdr_lets_one_be_refused_and_the_others_get_it() {
    let run = play_to(&THREE, &["--prdr"], |talk| {
        talk.greet(&["PRDR"]);
        talk.expect("MAIL FROM:<alice@crepes.fr> PRDR");
        talk.say("250 ok");
        for recipient in THREE {
            talk.expect(&format!("RCPT TO:<{recipient}>"));
            talk.say("250 ok");
        }
        talk.data();
        talk.send(b"353 each for itself\r\n250 bob\r\n550 5.7.1 ann wants no such thing\r\n");
        talk.send(b"250 eve\r\n250 2.0.0 taken\r\n");
        talk.quit();
    });
    run.exits(79).complains(1);
    assert_eq!(run.verdicts(), ["accepted", "refused", "accepted"]);
    assert_eq!(run.result()["recipients"][2]["reply"], "taken");
}

#[test]
fn the_last_word_of_prdr_counts_for_all_whom_it_did_not_refuse() {
    for (end, verdict, exit) in [
        (&b"452 4.3.1 no room\r\n"[..], "deferred", 75),
        (b"", "uncertain", 79),
    ] {
        let run = play_to(&THREE[..2], &["--prdr"], move |talk| {
            talk.greet(&["PRDR"]);
            talk.expect("MAIL FROM:<alice@crepes.fr> PRDR");
            talk.say("250 ok");
            for recipient in &THREE[..2] {
                talk.expect(&format!("RCPT TO:<{recipient}>"));
                talk.say("250 ok");
            }
            talk.data();
            talk.send(b"353 each for itself\r\n250 bob\r\n550 no\r\n");
            if end.is_empty() {
                return talk.close();
            }
            talk.send(end);
            talk.quit();
        });
        run.exits(exit).complains(2);
        assert_eq!(run.verdicts(), [verdict, "refused"]);
    }
}

#[test]
fn prdr_that_is_not_offered_is_missed_or_left_out() {
    let run = play_to(&THREE[..1], &["--prdr"], |talk| {
        talk.greet(&[]);
        talk.quit();
    });
    run.exits(77)
        .all_are("refused")
        .says(&["does not offer PRDR", "--prdr"]);
    let run = play_to(&["bob@hamburger.edu"], &["--prdr=?"], |talk| {
        talk.take();
    });
    run.exits(0).all_are("accepted");
    refuses(&["--prdr=maybe"], &["--prdr"]);
}
