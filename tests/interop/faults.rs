//! Every way in which smtp-sink can fail, at every command: the verdict and the exit status.

use crate::run::Ran;
use crate::smtp_sink::SmtpSink;

const MAIL: [&str; 7] = [
    "-f",
    "alice@sender.test",
    "-s",
    "hi",
    "-b",
    "text",
    "bob@example.test",
];

/// Sends a small message to an smtp-sink with one fault at one command, and expects this status and
/// verdict.
#[track_caller]
fn at(fault: &str, command: &str, code: i32, verdict: &str) {
    let Some(sink) = SmtpSink::start(&[fault, command]) else {
        return;
    };
    for pipelining in ["auto", "off"] {
        let how = ["--pipelining", pipelining];
        let ran = sink.send(&[&how, &MAIL[..]].concat());
        ran.ends_with(code)
            .shows(&format!("bob@example.test... {verdict} ("));
        let complaints = ran.stderr.lines().count();
        assert_eq!(complaints, usize::from(code != 0), "{}", ran.stderr);
        assert!(code == 0 || ran.stderr.contains("<bob@example.test>"));
    }
}

#[test]
fn a_refusal_for_good_is_one_at_every_command_that_can_refuse() {
    for command in ["CONNECT", "EHLO,HELO", "MAIL", "RCPT", "DATA", "."] {
        at("-f", command, 69, "Refused");
    }
}

#[test]
fn a_server_that_knows_no_ehlo_is_greeted_with_helo() {
    at("-f", "EHLO", 0, "Sent");
}

#[test]
fn a_refusal_for_now_is_one_at_every_command_that_can_refuse() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        at("-r", command, 75, "Deferred");
    }
}

#[test]
fn a_connection_that_is_dropped_before_the_end_of_data_is_for_now() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        at("-q", command, 75, "Deferred");
    }
}

#[test]
fn a_connection_that_is_dropped_after_the_end_of_data_leaves_it_uncertain() {
    at("-q", ".", 79, "Uncertain");
}

#[test]
fn a_goodbye_is_for_now_at_every_command() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        at("-Q", command, 75, "Deferred");
    }
}

#[test]
fn no_fault_at_quit_takes_back_the_acceptance() {
    for fault in ["-f", "-r", "-q", "-Q"] {
        let Some(sink) = SmtpSink::start(&[fault, "QUIT"]) else {
            return;
        };
        for pipelining in ["auto", "off"] {
            // After a refusal of QUIT, what may follow it is waited for, but not for long.
            let how = ["--timeout", "1s", "--pipelining", pipelining];
            sink.send(&[&how, &MAIL[..]].concat())
                .ends_with(0)
                .shows("bob@example.test... Sent (");
        }
    }
}

/// Sends ten megabytes to an smtp-sink that says 550 so many seconds after its 354, and reads no more.
fn broken_off_after(seconds: &str) -> Option<Ran> {
    let directory = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(directory.path().join("big")).unwrap();
    file.set_len(8_000_000).unwrap();
    let sink = SmtpSink::start(&["-A", seconds])?;
    let ran = sink.send_from(directory.path(), &[&["-a", "big"], &MAIL[..]].concat());
    ran.hides("bob@example.test... Sent (");
    Some(ran)
}

#[test]
fn a_server_that_breaks_the_message_off_with_550_has_refused_it() {
    if let Some(ran) = broken_off_after("1") {
        ran.ends_with(69).shows("bob@example.test... Refused (550");
    }
}

#[test]
fn a_550_right_behind_354_is_a_refusal_or_out_of_turn_but_no_hang_and_no_acceptance() {
    // Which of both it is depends on whether it comes before the message has begun.
    if let Some(ran) = broken_off_after("0") {
        assert!([69, 76].contains(&ran.code), "{}", ran.text());
    }
}

#[test]
fn a_reply_that_does_not_come_in_time_is_for_now() {
    for command in ["MAIL", "RCPT", "DATA"] {
        let Some(sink) = SmtpSink::start(&["-p", "-W", &format!("{command}:5")]) else {
            return;
        };
        let ran = sink.send(&[&["--timeout", "300ms"], &MAIL[..]].concat());
        ran.ends_with(75).shows("bob@example.test... Deferred (");
        assert!(ran.stderr.contains("no answer within"), "{}", ran.stderr);
    }
}

#[test]
fn a_reply_to_the_end_of_data_that_does_not_come_in_time_leaves_it_uncertain() {
    // -p, because smtp-sink answers what is pipelined behind a delayed command before it.
    let Some(sink) = SmtpSink::start(&["-p", "-W", ".:5"]) else {
        return;
    };
    let ran = sink.send(&[&["--timeout", "300ms"], &MAIL[..]].concat());
    ran.ends_with(79).shows("bob@example.test... Uncertain (");
    assert!(ran.stderr.contains("twice"), "{}", ran.stderr);
}

#[test]
fn a_farewell_in_place_of_the_reply_to_the_end_of_data_is_no_acceptance() {
    // With PIPELINING, smtp-sink answers QUIT with 221 and leaves, and never answers the end of data.
    let Some(sink) = SmtpSink::start(&["-W", ".:5"]) else {
        return;
    };
    let ran = sink.send(&[&["--timeout", "300ms"], &MAIL[..]].concat());
    ran.hides("bob@example.test... Sent (");
    assert!([76, 79].contains(&ran.code), "{}", ran.text());
}

#[test]
fn a_slow_server_within_the_limit_is_waited_for() {
    let Some(sink) = SmtpSink::start(&["-p", "-W", "RCPT:1"]) else {
        return;
    };
    sink.send(&[&["--timeout", "5s"], &MAIL[..]].concat())
        .ends_with(0);
}

#[test]
fn servers_of_every_age_take_ascii() {
    for options in [&["-e"][..], &["-P"], &["-p"], &["-8"], &["-E"], &[]] {
        let Some(sink) = SmtpSink::start(options) else {
            return;
        };
        sink.send(&MAIL)
            .ends_with(0)
            .shows("bob@example.test... Sent (");
    }
}

#[test]
fn eight_bits_are_encoded_for_a_server_of_seven() {
    let directory = tempfile::tempdir().unwrap();
    let message = "From: a@sender.test\nTo: bob@example.test\n\nGrüße\n";
    std::fs::write(directory.path().join("ready.eml"), message).unwrap();
    let Some(sink) = SmtpSink::start(&["-8"]) else {
        return;
    };
    let ran = sink.send_from(directory.path(), &["--message", "ready.eml"]);
    ran.ends_with(0).shows("Sent (").hides("BODY=8BITMIME");
}
