//! Replies that nobody asked for: whatever is unread when we are about to speak means that the
//! replies do not belong to what they seem to belong to.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Stage, Talk};
use std::thread;
use std::time::Duration;

/// Long enough for a packet of its own.
const A_MOMENT: Duration = Duration::from_millis(20);

fn send(server: &Server<()>) -> Run {
    Ehlo::to(server).args(["--json"]).text_to_bob().run()
}

/// The server violated the protocol: 76, whatever it said, and a line that names where.
#[track_caller]
fn is_desynchronised(run: &Run) {
    run.exits(76)
        .complains(1)
        .says(&["violated the protocol", "bob@hamburger.edu", "[127.0.0.1]"]);
    let verdict = &run.verdicts()[0];
    assert!(verdict == "deferred" || verdict == "uncertain", "{run:#?}");
}

#[test]
fn an_early_250_in_the_packet_of_354_is_no_delivery() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        talk.send(b"354 go on\r\n250 taken\r\n");
        assert!(talk.rest().is_empty(), "the message was sent all the same");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
    run.all_are("deferred");
}

#[test]
fn an_early_250_in_the_packet_of_354_counts_for_nothing_in_a_group_either() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "DATA",
        ]);
        talk.send(b"250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n");
        assert!(talk.rest().is_empty(), "the message was sent all the same");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

/// The server says 250 before it has seen the final dot, and 554 when it has.
fn early_250_then_554(talk: &mut Talk, last_words: &[u8]) {
    talk.send(b"354 go on\r\n");
    thread::sleep(A_MOMENT);
    talk.send(b"250 taken\r\n");
    talk.message();
    talk.send(last_words);
    talk.rest();
}

#[test]
fn an_early_250_shortly_after_354_is_unmasked_by_the_554_behind_the_dot() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        early_250_then_554(talk, b"554 5.7.1 spam\r\n");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
    run.all_are("uncertain");
}

#[test]
fn an_early_250_shortly_after_354_is_unmasked_when_quit_went_with_the_dot() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "DATA",
        ]);
        talk.send(b"250 ok\r\n250 ok\r\n");
        early_250_then_554(talk, b"554 5.7.1 spam\r\n221 bye\r\n");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn an_early_250_is_unmasked_although_the_554_waits_for_quit() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        talk.say("250 taken");
        talk.expect("QUIT");
        talk.send(b"554 5.7.1 spam\r\n");
        thread::sleep(A_MOMENT);
        talk.send(b"221 bye\r\n");
        talk.rest();
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn an_early_250_while_a_large_message_is_sent_stops_it_before_the_final_dot() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Data);
        talk.say("354 go on");
        talk.swallow(1000);
        talk.send(b"250 taken\r\n");
        let rest = talk.rest();
        assert!(!rest.ends_with(b"\r\n.\r\n"), "the final dot was sent");
    });
    let ehlo = Ehlo::to(&server).args(["--json", "-a", "big"]);
    ehlo.file("big", vec![b'x'; 16 * 1024 * 1024]);
    let run = ehlo.text_to_bob().run();
    server.finish();
    is_desynchronised(&run);
    run.all_are("deferred");
}

#[test]
fn a_doubled_greeting_ends_the_session_before_a_word_is_said() {
    let server = Server::start(|talk| {
        talk.send(b"220 mx.example\r\n220 mx.example\r\n");
        assert!(talk.rest().is_empty(), "something was said");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn a_second_greeting_that_comes_a_moment_later_never_makes_a_delivery() {
    let server = Server::start(|talk| {
        talk.send(b"220 mx.example\r\n");
        thread::sleep(A_MOMENT);
        talk.send(b"220 mx.example\r\n");
        // From here on every reply is one too early.
        let said = talk.answer_all(b"250 ok\r\n");
        assert!(!said.ends_with(b"\r\n.\r\n"), "a message was sent");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn half_a_line_before_ehlo_is_a_stray_too() {
    let server = Server::start(|talk| {
        talk.send(b"220 mx.example\r\n250");
        assert!(talk.rest().is_empty(), "something was said");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn a_250_before_the_greeting_is_a_stray() {
    let server = Server::start(|talk| {
        talk.send(b"250 ok\r\n220 mx.example\r\n");
        assert!(talk.rest().is_empty(), "something was said");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn one_reply_too_many_at_any_stage_ends_the_session() {
    for stage in [Stage::Ehlo, Stage::Mail, Stage::Rcpt] {
        let server = Server::start(move |talk| {
            talk.go_to(stage);
            talk.send(b"250 ok\r\n250 ok\r\n");
            assert!(talk.rest().is_empty(), "something was said after {stage:?}");
        });
        let run = send(&server);
        server.finish();
        is_desynchronised(&run);
        run.all_are("deferred");
    }
}

#[test]
fn two_replies_to_the_final_dot_leave_the_message_in_doubt() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        talk.send(b"250 taken\r\n250 taken\r\n");
        talk.rest();
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
    run.all_are("uncertain").says(&["twice"]);
}

#[test]
fn the_replies_to_a_group_may_come_in_one_packet_but_not_one_too_many() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "DATA",
        ]);
        talk.send(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n");
        assert!(!talk.rest().ends_with(b"\r\n.\r\n"), "a message was sent");
    });
    let run = send(&server);
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn an_unasked_421_is_a_goodbye_and_temporary() {
    // RFC 5321 §3.8
    for stage in [Stage::Banner, Stage::Ehlo, Stage::Mail, Stage::Rcpt] {
        let server = Server::start(move |talk| {
            talk.go_to(stage);
            let code = if stage == Stage::Banner { 220 } else { 250 };
            talk.send(format!("{code} ok\r\n421 4.3.2 shutting down\r\n").as_bytes());
            talk.part();
        });
        let run = send(&server);
        server.finish();
        run.exits(75)
            .complains(1)
            .says(&["421 4.3.2 shutting down"])
            .all_are("deferred");
    }
}
