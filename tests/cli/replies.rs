//! Replies that are no replies, and replies that look odd but are; text that would steer a
//! terminal, a log or a program.

use crate::program::{Ehlo, Run};
use crate::server::{Server, Stage};

/// Sends to bob, where the server says this at this stage, and nothing more.
fn answered_with(stage: Stage, words: &'static [u8]) -> Run {
    let server = Server::start(move |talk| {
        talk.go_to(stage);
        talk.send(words);
        talk.part();
    });
    let run = Ehlo::to(&server).args(["--json"]).text_to_bob().run();
    server.finish();
    run
}

#[test]
fn what_has_no_code_or_a_wrong_one_is_a_broken_protocol_at_every_stage() {
    for stage in Stage::DECIDING {
        for words in [
            &b"150 wait\r\n"[..],
            b"650 what\r\n",
            b"000 nothing\r\n",
            b"2500 ok\r\n",
            b"25\r\n",
            b"25 ok\r\n",
            b"-250 ok\r\n",
            b" 250 ok\r\n",
            b"250ok\r\n",
            b"\x00\x00\x00 ok\r\n",
            b"ok\r\n",
            b"\r\n",
            b"2\x0050 ok\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
        ] {
            let run = answered_with(stage, words);
            run.exits(76).complains(1).says(&["violated the protocol"]);
            let verdict = if stage == Stage::Dot {
                "uncertain"
            } else {
                "deferred"
            };
            run.all_are(verdict);
        }
    }
}

#[test]
fn a_reply_with_two_codes_is_never_success() {
    // RFC 5321 §4.2.1
    for stage in Stage::DECIDING {
        for words in [
            &b"250-ok\r\n550 no\r\n"[..],
            b"250-ok\r\n251 ok\r\n",
            b"550-no\r\n250 ok\r\n",
            b"220-hi\r\n250 ok\r\n",
        ] {
            let run = answered_with(stage, words);
            run.exits(76).complains(1).says(&["two codes"]);
            assert_ne!(run.verdicts()[0], "accepted");
        }
    }
}

#[test]
fn a_continuation_line_without_code_is_a_broken_protocol() {
    let run = answered_with(Stage::Mail, b"250-ok\r\nmore\r\n250 ok\r\n");
    run.exits(76).complains(1).says(&["\"more\"", "MAIL FROM"]);
}

#[test]
fn success_or_354_where_neither_fits_is_a_broken_protocol() {
    // RFC 5321 §3.3: 2yz to DATA is no leave to send; 3yz is an answer to DATA alone.
    for (stage, words) in [
        (Stage::Banner, &b"354 go on\r\n"[..]),
        (Stage::Ehlo, b"334 go on\r\n"),
        (Stage::Mail, b"354 go on\r\n"),
        (Stage::Rcpt, b"354 go on\r\n"),
        (Stage::Data, b"250 ok\r\n"),
        (Stage::Dot, b"354 go on\r\n"),
    ] {
        let run = answered_with(stage, words);
        run.exits(76).complains(1).says(&["violated the protocol"]);
        assert_ne!(run.verdicts()[0], "accepted", "{stage:?}");
    }
}

#[test]
fn lines_that_end_in_a_bare_lf_are_understood() {
    let server = Server::start(|talk| {
        talk.send(b"220 mx.example\n");
        talk.expect("EHLO me.example");
        talk.send(b"250-mx.example\n250 HELP\n");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.send(b"250 ok\n");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.send(b"250 ok\n");
        talk.expect("DATA");
        talk.send(b"354 go on\n");
        talk.message();
        talk.send(b"250 taken\n");
        talk.expect("QUIT");
        talk.send(b"221 bye\n");
    });
    let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn codes_without_text_are_understood() {
    // RFC 5321 §4.3.2
    for tail in ["", " ", "-\r\n250", "-\r\n250 "] {
        let server = Server::start(move |talk| {
            let reply = |code: u16| format!("{code}{}\r\n", tail.replace("250", &code.to_string()));
            talk.send(reply(220).as_bytes());
            talk.expect("EHLO me.example");
            talk.send(reply(250).as_bytes());
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.send(reply(250).as_bytes());
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            talk.send(reply(250).as_bytes());
            talk.expect("DATA");
            talk.send(reply(354).as_bytes());
            talk.message();
            talk.send(reply(250).as_bytes());
            talk.expect("QUIT");
            talk.send(reply(221).as_bytes());
        });
        let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
        server.finish();
        run.exits(0).is_silent();
    }
}

#[test]
fn an_unknown_code_counts_by_its_first_digit() {
    for (words, exit, verdict) in [
        (&b"499 who knows\r\n"[..], 75, "deferred"),
        (b"432 who knows\r\n", 75, "deferred"),
        (b"599 who knows\r\n", 69, "refused"),
        (b"571 who knows\r\n", 69, "refused"),
    ] {
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Dot] {
            let run = answered_with(stage, words);
            run.exits(exit).complains(1).says(&["who knows"]);
            run.all_are(verdict);
        }
    }
    let server = Server::start(|talk| {
        talk.say("229 mx.example");
        talk.expect("EHLO me.example");
        talk.say("299 hello");
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("298 fine");
        talk.expect("RCPT TO:<bob@hamburger.edu>");
        talk.say("297 fine");
        talk.data();
        talk.say("296 fine");
        talk.expect("QUIT");
        talk.say("295 bye");
    });
    let run = Ehlo::to(&server).args(["--json"]).text_to_bob().run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
}

#[test]
fn a_byte_of_a_reply_in_each_packet_changes_nothing() {
    let server = Server::start(|talk| {
        let mut drip = |bytes: &[u8]| bytes.iter().for_each(|byte| talk.send(&[*byte]));
        drip(b"220-mx.example\r\n220 ESMTP\r\n");
        talk.offer(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["-q"]).text_to_bob().run();
    server.finish();
    run.exits(0).is_silent();
}

/// What a server may put into its text to steer what shows it, or to forge further lines.
const EVIL: [&[u8]; 6] = [
    b"550 no\x1b]0;owned\x07\x1b[2J\r\n",
    b"550 no\rBcc: eve@evil.example\rehlo: all is well\r\n",
    b"550 no\0nul\x08\x08\x7f\r\n",
    b"550-no\r\n550-From: root\r\n550 Subject: x\r\n",
    b"550 no \xe2\x80\xae\xe2\x80\xa8\xc2\x9b2J\xef\xbb\xbf\r\n",
    b"550 no \xff\xfe\x80 \xc0\xaf\r\n",
];

#[test]
fn nothing_that_a_server_says_reaches_a_terminal_or_a_log_raw() {
    for words in EVIL {
        for arguments in [&["--json"][..], &["--transcript", "stevens", "-v"], &["-q"]] {
            let server = Server::start(move |talk| {
                talk.go_to(Stage::Rcpt);
                talk.say("250 ok");
                talk.expect("DATA");
                talk.send(words);
                talk.quit();
            });
            let run = Ehlo::to(&server).args(arguments).text_to_bob().run();
            server.finish();
            run.exits(69).complains(1).has_nothing_raw();
        }
    }
}

#[test]
fn what_was_raw_is_shown_escaped() {
    let run = answered_with(Stage::Mail, b"550 no\x1b[2J\xe4\rBcc: x\r\n");
    run.exits(69).says(&["no\\x1b[2J\\xe4\\x0dBcc: x"]);
    let reply = run.result()["recipients"][0]["reply"].to_string();
    assert!(reply.contains("\\\\x1b[2J"), "{reply}");
}

#[test]
fn nothing_of_a_reply_that_is_none_reaches_a_terminal_raw_either() {
    for words in [
        &b"\x1b[2Jhi\r\n"[..],
        b"25\x1b \xe4\r\n",
        b"250-\x1b[2J\r\n\x9b\r\n",
    ] {
        let run = answered_with(Stage::Ehlo, words);
        run.exits(76).complains(1).has_nothing_raw();
    }
}
