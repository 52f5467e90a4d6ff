//! Servers that say too much, or too slowly: bounded memory, and an end.

use crate::program::{Ehlo, MEMORY_KIB, Run};
use crate::server::{Server, Stage};
use std::time::Duration;

#[track_caller]
fn stays_small(run: &Run) {
    // A run of less than a few milliseconds may have been too short to be looked at.
    assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
}

/// Sends to bob, where the server floods us at this stage; gives the run and the size of the flood.
fn flooded(stage: Stage, start: &'static [u8], flood: Vec<u8>) -> (Run, usize) {
    let server = Server::start(move |talk| {
        talk.go_to(stage);
        talk.send(start);
        talk.flood(&flood)
    });
    let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
    (run, server.finish())
}

#[test]
fn a_line_without_end_is_given_up_at_every_stage() {
    for stage in Stage::DECIDING {
        let (run, sent) = flooded(stage, b"250 ", vec![b'x'; 64 * 1024]);
        assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
        run.exits(76).complains(1);
        stays_small(&run);
    }
}

#[test]
fn a_reply_without_end_is_given_up_at_every_stage() {
    for stage in Stage::DECIDING {
        for line in ["250-\r\n", "250-a line of some length, and then again\r\n"] {
            let (run, sent) = flooded(stage, b"", line.repeat(1000).into_bytes());
            assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
            run.exits(76).complains(1);
            stays_small(&run);
        }
    }
}

#[test]
fn keywords_without_end_are_given_up() {
    let line = format!("250-X{}\r\n", "Y".repeat(500));
    let (run, _) = flooded(
        Stage::Ehlo,
        b"250-mx.example\r\n",
        line.repeat(100).into_bytes(),
    );
    run.exits(76).complains(1).says(&["EHLO"]);
    stays_small(&run);
}

#[test]
fn a_flood_of_lines_without_code_is_given_up_at_the_first() {
    let (run, _) = flooded(Stage::Banner, b"", b"hello\r\n".repeat(1000));
    run.exits(76).complains(1);
    stays_small(&run);
}

#[test]
fn a_flood_in_reply_to_quit_delays_nothing_and_spoils_nothing() {
    for (start, flood) in [
        (&b""[..], &b"250-and another thing\r\n"[..]),
        (b"221 ", b"xxxxxxxxxxxxxxxx"),
    ] {
        let (run, _) = flooded(Stage::Quit, start, flood.repeat(1000));
        run.exits(0).is_silent();
        stays_small(&run);
    }
}

#[test]
fn a_reply_of_a_thousand_lines_is_legal() {
    let server = Server::start(|talk| {
        let line = |n: u32| format!("220{}welcome, line {n}", if n == 999 { ' ' } else { '-' });
        let greeting: Vec<String> = (0..1000).map(line).collect();
        talk.say(&greeting.join("\n"));
        let keywords: Vec<String> = (0..999).map(|n| format!("X-KEY-{n} a b c")).collect();
        let mut keywords: Vec<&str> = keywords.iter().map(String::as_str).collect();
        keywords.push("SIZE 100000");
        talk.offer(&keywords);
        assert!(talk.line().contains(" SIZE="), "the last keyword was lost");
        talk.say(&"250-well\n".repeat(999));
        talk.say("250 ok");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--json"]).text_to_bob().run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
}

#[test]
fn a_thousand_lines_of_full_length_are_legal() {
    // RFC 5321 §4.5.3.1: 512 octets a line.
    let server = Server::start(|talk| {
        talk.go_to(Stage::Dot);
        let line = |n: u32| format!("250{}{}", if n == 999 { ' ' } else { '-' }, "x".repeat(506));
        let reply: Vec<String> = (0..1000).map(line).collect();
        talk.say(&reply.join("\n"));
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
    stays_small(&run);
}

#[test]
fn two_hundred_keywords_are_legal() {
    let server = Server::start(|talk| {
        let keywords: Vec<String> = (0..200).map(|n| format!("XKEY{n}")).collect();
        let mut keywords: Vec<&str> = keywords.iter().map(String::as_str).collect();
        keywords.insert(150, "pipelining");
        talk.greet(&keywords);
        talk.group_and_message();
        talk.say("250 taken\n221 bye");
    });
    let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn a_byte_now_and_then_does_not_keep_us() {
    // The deadline is for the reply, not for the next byte.
    for stage in Stage::DECIDING {
        let server = Server::start(move |talk| {
            talk.go_to(stage);
            let endless = std::iter::repeat(*b"250-ok\r\n").flatten();
            talk.drip(endless, Duration::from_millis(30));
        });
        let run = Ehlo::to(&server)
            .args(["--json", "--timeout", "300ms"])
            .text_to_bob()
            .run();
        server.finish();
        assert!(run.took < Duration::from_secs(3), "{stage:?}: {run:#?}");
        let (exit, verdict) = match stage {
            Stage::Dot => (79, "uncertain"),
            _ => (75, "deferred"),
        };
        run.exits(exit).complains(1).all_are(verdict);
        run.says(&["no answer within 0.3 seconds"]);
    }
}

#[test]
fn a_byte_now_and_then_in_reply_to_quit_does_not_keep_us() {
    let server = Server::start(|talk| {
        talk.go_to(Stage::Quit);
        talk.drip(std::iter::repeat(b'2'), Duration::from_millis(30));
    });
    let run = Ehlo::to(&server)
        .args(["--json", "--timeout", "300ms"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
    assert!(run.took < Duration::from_secs(3), "{run:#?}");
}
