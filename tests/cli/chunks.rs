//! BDAT (RFC 3030): what a server may say to chunks, and when.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Talk};

/// A chunk, where chunks are pipelined.
const CHUNK: usize = 16 * 1024 * 1024;

/// Two chunks and most of a third, once it is base64: more than a connection holds on its way.
const ATTACHED: usize = 35_000_000;

/// The conversation up to the first of three chunks.
fn begin(talk: &mut Talk) {
    talk.greet(&["PIPELINING", "CHUNKING"]);
    talk.expect_group(&["MAIL FROM:<alice@crepes.fr>", "RCPT TO:<bob@hamburger.edu>"]);
    talk.say("250 ok\n250 ok");
    talk.expect(&format!("BDAT {CHUNK}"));
    talk.swallow(CHUNK);
}

fn send<T>(server: &Server<T>) -> Run {
    let ehlo = Ehlo::to(server);
    ehlo.file("big", vec![7; ATTACHED]);
    ehlo.args(["--json", "-a", "big", "--timeout", "5s"])
        .text_to_bob()
        .run()
}

fn last(talk: &mut Talk) -> usize {
    let line = talk.line();
    let size = line
        .strip_prefix("BDAT ")
        .and_then(|rest| rest.strip_suffix(" LAST"));
    size.unwrap_or_else(|| panic!("{line} is not the last chunk"))
        .parse()
        .unwrap()
}

#[test]
fn a_large_message_arrives_in_chunks() {
    let server = Server::start(|talk| {
        begin(talk);
        talk.send(b"250 one\r\n");
        talk.expect(&format!("BDAT {CHUNK}"));
        talk.swallow(CHUNK);
        talk.send(b"250 two\r\n");
        let size = last(talk);
        talk.swallow(size);
        talk.send(b"250 all\r\n");
        talk.quit();
    });
    let run = send(&server);
    server.finish();
    run.exits(0).all_are("accepted");
}

#[test]
fn replies_to_chunks_that_were_not_sent_are_no_acceptance() {
    let server = Server::start(|talk| {
        begin(talk);
        talk.send(b"250 one\r\n250 two\r\n250 three\r\n");
        talk.rest();
    });
    let run = send(&server);
    server.finish();
    run.exits(76).complains(1).all_are("deferred");
    run.says(&["violated the protocol"]);
}

#[test]
fn a_reply_to_the_last_chunk_before_its_end_is_a_lie() {
    let server = Server::start(|talk| {
        begin(talk);
        talk.expect(&format!("BDAT {CHUNK}"));
        talk.swallow(CHUNK);
        talk.send(b"250 one\r\n250 two\r\n");
        last(talk);
        talk.send(b"250 all\r\n");
        talk.rest();
    });
    let run = send(&server);
    server.finish();
    run.exits(76).complains(1).all_are("deferred");
}

#[test]
fn a_chunk_that_is_refused_after_one_that_was_taken_is_the_answer() {
    let server = Server::start(|talk| {
        begin(talk);
        talk.send(b"250 one\r\n");
        talk.expect(&format!("BDAT {CHUNK}"));
        talk.swallow(CHUNK / 2);
        talk.send(b"452 4.3.1 disk full\r\n");
        talk.rest();
    });
    let run = send(&server);
    server.finish();
    run.exits(75).complains(1).all_are("deferred");
    run.says(&["452 4.3.1 disk full"]);
}

#[test]
fn gathered_replies_to_refused_chunks_leave_the_transaction_before_them_accepted() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING", "CHUNKING"]);
        for batch in [0..100, 100..101] {
            let count = batch.len();
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            for n in batch {
                talk.expect(&format!("RCPT TO:<u{n}@x.org>"));
            }
            talk.say(&"250 ok\n".repeat(count + 1));
            for _ in 0..2 {
                talk.expect(&format!("BDAT {CHUNK}"));
                talk.swallow(CHUNK);
            }
            if count == 100 {
                let size = last(talk);
                talk.swallow(size);
                talk.say("250 one\n250 two\n250 taken");
            }
        }
        talk.send(b"552 5.3.4 too large\r\n503 5.5.1 no transaction\r\n");
        talk.rest();
    });
    let ehlo = Ehlo::to(&server);
    ehlo.file("big", vec![7; ATTACHED]);
    let recipients: Vec<String> = (0..101).map(|n| format!("u{n}@x.org")).collect();
    let run = ehlo
        .args(["--json", "-b", "hi", "-a", "big", "--timeout", "5s"])
        .args(recipients)
        .run();
    server.finish();
    run.exits(79).complains(1).says(&["552 5.3.4 too large"]);
    let verdicts = run.verdicts();
    assert!(verdicts[..100].iter().all(|verdict| verdict == "accepted"));
    assert_eq!(verdicts[100], "refused");
}

#[test]
fn a_lost_reply_to_the_last_chunk_leaves_the_message_uncertain() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING", "CHUNKING"]);
        talk.expect_group(&["MAIL FROM:<alice@crepes.fr>", "RCPT TO:<bob@hamburger.edu>"]);
        talk.say("250 ok\n250 ok");
        let size = last(talk);
        talk.swallow(size);
        talk.rest();
    });
    let run = Ehlo::to(&server)
        .args(["--json", "--timeout", "300ms"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(79).complains(1).all_are("uncertain");
    run.says(&["twice"]);
}

#[test]
fn a_421_in_a_later_transaction_leaves_the_first_accepted() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        for n in 0..100 {
            talk.expect(&format!("RCPT TO:<u{n}@x.org>"));
        }
        talk.expect("DATA");
        talk.say(&format!("{}354 go", "250 ok\n".repeat(101)));
        talk.message();
        talk.say("250 taken");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.expect("RCPT TO:<u100@x.org>");
        talk.expect("DATA");
        talk.say("250 ok\n250 ok\n354 go");
        talk.message();
        talk.expect("QUIT");
        talk.say("421 going down\n221 bye");
    });
    let recipients: Vec<String> = (0..101).map(|n| format!("u{n}@x.org")).collect();
    let run = Ehlo::to(&server)
        .args(["--json", "-b", "hi"])
        .args(recipients)
        .run();
    server.finish();
    run.exits(79).complains(1);
    let verdicts = run.verdicts();
    assert!(verdicts[..100].iter().all(|verdict| verdict == "accepted"));
    assert_eq!(verdicts[100], "deferred");
}
