//! What stands on the command line: refused before a connection is made, or harmless.

use crate::message::Message;
use crate::program::{Ehlo, Run};
use crate::server::Server;

/// Runs with these arguments behind the usual ones; nobody may be connected to.
#[track_caller]
fn refused(arguments: &[&str]) -> Run {
    let server = Server::untouched();
    let run = Ehlo::by_way_of(&server).args(arguments).run();
    server.finish();
    assert_eq!(run.stdout, "", "{run:#?}");
    run.complains(1);
    run
}

/// Delivers to bob with these arguments.
#[track_caller]
fn delivered(arguments: &[&str]) -> Message {
    let server = Server::start(|talk| talk.take());
    let run = Ehlo::to(&server)
        .args(["-q"])
        .args(arguments)
        .text_to_bob()
        .run();
    let message = server.finish();
    run.exits(0).is_silent();
    message
}

/// What nobody may get into a line of SMTP.
const INJECTIONS: [&str; 9] = [
    "eve@y.org\r\nRCPT TO:<mallory@y.org>",
    "eve@y.org\nDATA",
    "eve\r@y.org",
    "eve@y.org> X=<",
    "eve@y.org>\tX=<y",
    "e\u{1}ve@y.org",
    "eve\u{b}@y.org",
    "eve\u{85}@y.org",
    "eve\u{2028}@y.org",
];

#[test]
fn an_address_that_would_be_more_than_an_address_is_refused_and_the_option_named() {
    for option in [
        "--to",
        "--cc",
        "--bcc",
        "--reply-to",
        "--from",
        "--envelope-from",
    ] {
        for address in INJECTIONS {
            let run = refused(&["-b", "hi", "bob@hamburger.edu", option, address]);
            run.exits(65).says(&[option]);
        }
    }
}

#[test]
fn a_recipient_that_would_be_more_than_an_address_is_refused() {
    for address in INJECTIONS {
        refused(&["-b", "hi", address])
            .exits(65)
            .says(&["recipient"]);
    }
}

#[test]
fn an_address_in_a_header_field_that_would_be_more_is_refused() {
    for field in ["From", "To", "Cc", "Bcc", "Sender"] {
        let value = format!("{field}: eve@y.org> X=<");
        let run = refused(&["-b", "hi", "-H", &value, "bob@hamburger.edu"]);
        run.exits(65).says(&[field]);
    }
}

#[test]
fn a_helo_name_that_would_be_more_than_a_name_is_refused() {
    for name in [
        "a.b\r\nMAIL FROM:<x>",
        "a.b\nQUIT",
        "a b",
        "",
        "a_b.example",
        "[1.2.3.4] x",
        "a.b\u{b}",
        "bücher",
    ] {
        let run = Ehlo::new()
            .args(["-r", "127.0.0.1:9", "--helo", name])
            .text_to_bob()
            .run();
        run.exits(64).complains(1).says(&["--helo"]);
    }
}

#[test]
fn a_host_that_is_none_is_refused() {
    for host in [
        "a\r\nb", "a b", "a/b", "", "a:0", "a:65536", "a:nosuch", "[::1",
    ] {
        for option in ["--relay", "--dns"] {
            let run = Ehlo::new().args([option, host]).text_to_bob().run();
            run.exits(64).complains(1).says(&[option]);
        }
    }
}

/// What begins a new line somewhere.
const BREAKS: [&str; 8] = [
    "a\r\nX-Evil: yes",
    "a\nX-Evil: yes",
    "a\rX-Evil: yes",
    "a\r\n\r\nX-Evil: yes",
    "a\u{b}X-Evil: yes",
    "a\u{c}X-Evil: yes",
    "a\u{85}X-Evil: yes",
    "a\u{2028}X-Evil: yes",
];

#[test]
fn a_line_break_in_a_header_value_is_refused_and_the_option_named() {
    // RFC 5322 §2.2
    for value in BREAKS {
        let field = format!("X-Good: {value}");
        for (option, value) in [("--subject", value), ("--header", &field)] {
            let run = refused(&["-b", "hi", option, value, "bob@hamburger.edu"]);
            run.exits(64).says(&[option]);
        }
    }
}

#[test]
fn a_header_name_that_is_none_is_refused() {
    for field in ["X Y: z", ": z", "X-Y", "X\r\nY: z", "X-\u{e9}: z", ""] {
        let run = refused(&["-b", "hi", "-H", field, "bob@hamburger.edu"]);
        run.exits(64).says(&["--header"]);
    }
}

#[test]
fn a_line_break_in_a_display_name_is_refused_or_encoded() {
    for value in BREAKS {
        for name in [
            format!("{value} <eve@y.org>"),
            format!("\"{value}\" <eve@y.org>"),
        ] {
            for option in ["--reply-to", "--cc", "--from"] {
                let run = refused(&["-b", "hi", "bob@hamburger.edu", option, &name]);
                run.exits(65).says(&[option]);
            }
        }
    }
}

#[test]
fn a_line_break_in_a_name_or_type_of_an_attachment_is_refused() {
    for value in BREAKS {
        for key in ["name", "type"] {
            let attach = format!("/dev/null;{key}={value}");
            let run = refused(&["-b", "hi", "--attach", &attach, "bob@hamburger.edu"]);
            assert!(matches!(run.exit, Some(64 | 65)), "{run:#?}");
            run.says(&["attach"]);
        }
    }
}

#[test]
fn a_file_whose_own_name_has_line_breaks_makes_no_header_field() {
    for value in BREAKS {
        let server = Server::start(|talk| talk.take());
        let ehlo = Ehlo::to(&server).args(["-q", "-a", value]);
        ehlo.file(value, "content");
        let run = ehlo.text_to_bob().run();
        let text = server.finish().text();
        run.exits(0).is_silent();
        assert!(!text.contains("\r\nX-Evil"), "{text}");
        let parsed = mail_parser::MessageParser::default().parse(&text).unwrap();
        assert_eq!(parsed.attachment_count(), 1, "{text}");
        assert_eq!(parsed.attachment(0).unwrap().contents(), b"content");
    }
}

#[test]
fn a_file_name_that_steers_the_terminal_is_shown_escaped() {
    for name in [
        "no\x1b[2Jfile",
        "no\u{202e}gpj.exe",
        "no\r\nehlo: all is well",
    ] {
        for option in ["--attach", "--message"] {
            let run = refused(&[option, name, "bob@hamburger.edu"]);
            run.exits(66).says(&["cannot read"]);
        }
    }
}

#[test]
fn an_address_is_never_an_option() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.expect("MAIL FROM:<-X/tmp/x@y.org>");
        talk.say("250 ok");
        talk.expect("RCPT TO:<-oQ/tmp@y.org>");
        talk.say("250 ok");
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::by_way_of(&server)
        .args(["-q", "-b", "hi"])
        .args(["-f", "-X/tmp/x@y.org", "--", "-oQ/tmp@y.org"])
        .run();
    server.finish();
    run.exits(0).is_silent();
}

#[test]
fn behind_two_hyphens_everything_is_a_recipient() {
    for address in ["-oQ/tmp", "sink", "demo", "--help", "-"] {
        refused(&["-b", "hi", "--", address])
            .exits(65)
            .says(&[address]);
    }
}

#[test]
fn a_recipient_that_begins_with_a_hyphen_wants_two_hyphens_before_it() {
    refused(&["-b", "hi", "-oQ/tmp@y.org"]).exits(64);
}

#[test]
fn an_unknown_option_is_a_wrong_command_line() {
    refused(&["--no-such-option", "bob@hamburger.edu"])
        .exits(64)
        .says(&["--no-such-option"]);
    refused(&["--subjcet", "x", "bob@hamburger.edu"])
        .exits(64)
        .says(&["--subject"]);
}

#[test]
fn wrong_values_name_their_option() {
    for (option, value) in [
        ("--timeout", "soon"),
        ("--timeout", "0"),
        ("--port", "0"),
        ("--port", "65536"),
        ("--pipelining", "maybe"),
        ("--transcript", "fancy"),
    ] {
        refused(&["-b", "hi", option, value, "bob@hamburger.edu"])
            .exits(64)
            .says(&[option]);
    }
}

#[test]
fn a_time_without_a_unit_is_refused_with_the_units() {
    for arguments in [
        &["--timeout", "6", "bob@hamburger.edu"][..],
        &["run", "--dedupe", "6", "--", "true"],
        &["run", "--timeout", "6", "--", "true"],
        &["sink", "--time-limit", "6"],
        &["queue", "status", "--warn-age", "6"],
    ] {
        let run = Ehlo::new().args(arguments).run();
        run.exits(64)
            .complains(1)
            .says(&["unit is missing; write 6s, 6m, 6h or 6d"]);
    }
}

#[test]
fn a_number_outside_of_its_range_is_refused_in_words() {
    for (arguments, range) in [
        (
            &["--repeat", "0", "bob@hamburger.edu"][..],
            ", 1 or greater",
        ),
        (&["sink", "--count", "0"], ", 1 or greater"),
        (&["sink", "--max-size", "x"], ", 1 or greater"),
        (&["run", "--every", "0", "--", "true"], ", 1 or greater"),
        (
            &["unit", "--lines", "10001", "x.service"],
            " from 0 to 10000",
        ),
    ] {
        let run = Ehlo::new().args(arguments).run();
        let words = format!("expected a whole number{range}");
        run.exits(64).complains(1).says(&[&words]);
    }
}

#[test]
fn nobody_to_send_to_is_a_wrong_command_line() {
    refused(&["-b", "hi"]).exits(64).says(&["recipient"]);
}

#[test]
fn an_address_that_is_none_is_wrong_data() {
    for address in [
        "bob",
        "bob@",
        "@hamburger.edu",
        "a@b@c",
        "a b@c.d",
        "<>",
        "bob@-x.org",
    ] {
        refused(&["-b", "hi", address])
            .exits(65)
            .says(&["recipient"]);
    }
}

#[test]
fn one_wrong_address_among_good_ones_sends_to_nobody() {
    refused(&["-b", "hi", "bob@hamburger.edu", "eve@"])
        .exits(65)
        .says(&["eve@"]);
}

#[test]
fn names_and_subjects_of_all_scripts_arrive() {
    let message = delivered(&["-s", "Grüße, 用户 \u{1f600}", "--cc", ""]);
    let wire = message.text();
    assert!(wire.is_ascii(), "{wire}");
    let parsed = mail_parser::MessageParser::default().parse(&wire).unwrap();
    assert_eq!(parsed.subject(), Some("Grüße, 用户 \u{1f600}"));
}

#[test]
fn a_subject_of_any_length_keeps_its_lines_short() {
    for subject in ["word ".repeat(400), "x".repeat(3000), "ü".repeat(2000)] {
        let message = delivered(&["-s", subject.trim_end()]);
        let wire = message.text();
        let parsed = mail_parser::MessageParser::default().parse(&wire).unwrap();
        assert_eq!(parsed.subject(), Some(subject.trim_end()));
    }
}
