//! Options with which a session deviates from the usual one, to test servers.

use crate::authority::{Authority, BOTH, ONLY_13};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::sasl::{PASSWORD, logging_in};
use crate::server::{Server, Talk};

const PLAIN: &[&str] = &["--tls", "off"];

#[test]
fn helo_is_sent_at_once() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example ESMTP");
        talk.expect("HELO me.example");
        talk.say("250 mx.example");
        talk.take_mail();
    });
    let run = Ehlo::to(&server).args(["--no-ehlo"]).text_to_bob().run();
    server.finish();
    run.exits(0);
}

#[test]
fn extensions_may_be_forced_after_helo() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example ESMTP");
        talk.expect("HELO me.example");
        talk.say("250 mx.example");
        talk.group_and_message();
        talk.say("250 taken\n221 bye");
    });
    let run = Ehlo::to(&server)
        .args(["--no-ehlo", "--force", "pipelining"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0);
    let run = Ehlo::new()
        .args(["--no-ehlo", "--lmtp", "-r", "mx", "-b", "x", "bob@x.org"])
        .run();
    run.exits(64).says(&["--no-ehlo", "--lmtp"]);
}

fn ends_with(option: &str, stage: &str, script: fn(&mut Talk)) -> Run {
    let server = Server::start(script);
    let run = Ehlo::to(&server)
        .args([option, stage, "--proxy-protocol", "v1 unknown"])
        .args(["--xclient", "NAME=a.example", "--xclient", "ADDR=192.0.2.1"])
        .text_to_bob()
        .run();
    server.finish();
    run
}

fn until_xclient(talk: &mut Talk) {
    talk.expect("PROXY UNKNOWN");
    talk.greet(&["XCLIENT NAME ADDR"]);
    talk.expect("XCLIENT NAME=a.example");
    talk.say("220 go on");
    talk.offer(&["XCLIENT NAME ADDR"]);
    talk.expect("XCLIENT ADDR=192.0.2.1");
}

#[test]
fn session_ends_after_the_last_xclient() {
    let run = ends_with("--quit-after", "xclient", |talk| {
        until_xclient(talk);
        talk.say("220 go on");
        talk.quit();
    });
    run.exits(0);
    let run = ends_with("--drop-after", "xclient", |talk| {
        until_xclient(talk);
        talk.say("220 go on");
        assert_eq!(talk.rest(), b"");
    });
    run.exits(0);
    let run = ends_with("--drop-after-send", "xclient", |talk| {
        until_xclient(talk);
        assert_eq!(talk.rest(), b"");
    });
    run.exits(0);
    let run = ends_with("--quit-after", "auth", |talk| {
        until_xclient(talk);
        talk.say("220 go on");
        talk.offer(&["XCLIENT NAME ADDR"]);
        talk.quit();
    });
    run.exits(0);
}

#[test]
fn session_ends_before_or_after_the_proxy_header() {
    let run = ends_with("--quit-after", "proxy", |talk| {
        talk.expect("PROXY UNKNOWN");
        talk.expect("QUIT");
        talk.close();
    });
    run.exits(0);
    for option in ["--drop-after", "--drop-after-send"] {
        let run = ends_with(option, "proxy", |talk| {
            assert_eq!(talk.rest(), b"PROXY UNKNOWN\r\n");
        });
        run.exits(0);
    }
    let run = ends_with("--drop-after", "connect", |talk| {
        assert_eq!(talk.rest(), b"");
    });
    run.exits(0);
}

#[test]
fn login_may_be_left_out_if_the_server_offers_none() {
    for (mechanisms, keywords) in [
        ("?", &[][..]),
        ("?", &["AUTH GSSAPI"]),
        ("LOGIN?", &["AUTH PLAIN"]),
        ("?PLAIN,LOGIN", &["AUTH GSSAPI"]),
    ] {
        let run = logging_in(PASSWORD, &["--auth", mechanisms], |talk| {
            talk.take_on(keywords);
        });
        run.exits(0).says(&[]);
        assert!(
            run.stdout.contains("continuing without a login"),
            "{run:#?}"
        );
    }
    let run = logging_in(PASSWORD, &["--auth", "PLAIN?"], |talk| {
        talk.offer_auth("PLAIN");
        assert_eq!(
            talk.begun("PLAIN"),
            format!("\0alice\0{PASSWORD}").as_bytes()
        );
        talk.say("235 welcome");
        talk.take_mail();
    });
    run.exits(0);
}

#[test]
fn login_that_is_offered_must_succeed() {
    let run = logging_in(PASSWORD, &["--auth", "?"], |talk| {
        talk.offer_auth("PLAIN");
        talk.begun("PLAIN");
        talk.say("535 no");
        talk.quit();
    });
    run.exits(77);
    // Offered without TLS, the password is not sent, and the message neither.
    let server = Server::start(|talk| {
        talk.greet(&["AUTH PLAIN"]);
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["-u", "alice", "--auth", "?"])
        .env("EHLO_PASSWORD", PASSWORD)
        .text_to_bob()
        .run();
    server.finish();
    run.exits(77).says(&["--allow-cleartext-password"]);
}

#[test]
fn wrong_mechanisms_are_refused_with_and_without_a_question_mark() {
    for list in ["NTLM?", "PLAIN,?X", "??"] {
        let run = Ehlo::new()
            .args([
                "-r",
                "mx",
                "-u",
                "alice",
                "--auth",
                list,
                "-b",
                "x",
                "bob@x.org",
            ])
            .run();
        run.exits(64).complains(1).says(&["--auth"]);
    }
}

#[test]
fn login_of_a_script_or_a_mailbox_is_not_optional() {
    for command in [
        &["script", "-r", "127.0.0.1:1", "-"][..],
        &["fetch", "imaps://127.0.0.1:1/"],
    ] {
        let run = Ehlo::new()
            .args(command)
            .args(["-u", "alice", "--auth", "?"])
            .input("")
            .run();
        run.exits(64)
            .complains(1)
            .says(&["question mark in --auth"]);
    }
}

#[test]
fn authorization_identity_is_sent_by_mechanisms_that_have_one() {
    let run = logging_in(PASSWORD, &["--authzid", "team"], |talk| {
        talk.offer_auth("CRAM-MD5 LOGIN PLAIN");
        assert_eq!(
            talk.begun("PLAIN"),
            format!("team\0alice\0{PASSWORD}").as_bytes()
        );
        talk.say("235 welcome");
        talk.take_mail();
    });
    run.exits(0);
    let run = logging_in(PASSWORD, &["--authzid", "team"], |talk| {
        talk.offer_auth("CRAM-MD5 LOGIN");
        talk.quit();
    });
    run.exits(77);
    for options in [
        &["--authzid", "team"][..],
        &["-u", "a", "--auth", "LOGIN", "--authzid", "team"],
    ] {
        let run = Ehlo::new()
            .args(["-r", "mx", "-b", "x", "bob@x.org"])
            .args(options)
            .run();
        run.exits(64).complains(1).says(&["--authzid"]);
    }
}

#[test]
fn authorization_identity_replaces_the_user_of_a_token() {
    let options = ["--authzid", "a,b=c", "--oauth-token-command", "echo ya29"];
    let run = logging_in(PASSWORD, &options, |talk| {
        talk.offer_auth("OAUTHBEARER");
        let response = talk.begun("OAUTHBEARER");
        assert!(response.starts_with(b"n,a=a=2Cb=3Dc,\x01"), "{response:?}");
        talk.say("235 welcome");
        talk.take_mail();
    });
    run.exits(0);
}

#[test]
fn version_of_tls_is_limited() {
    for way in Way::BOTH {
        let ca = Authority::new();
        let config = ca.issue(&["127.0.0.1"]).config(BOTH);
        let server = Server::start(move |talk| {
            way.open(talk, &config);
            talk.take_on(&[]);
        });
        let run = Ehlo::secured_to(&server, way)
            .args(["--tls-max", "1.2"])
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0);
        assert_eq!(run.events("tls")[0]["version"], "TLSv1.2");
        let config = ca.issue(&["127.0.0.1"]).config(ONLY_13);
        let server = Server::start(move |talk| {
            way.fail(talk, &config);
        });
        let run = Ehlo::secured_to(&server, way)
            .args(["--tls-max", "1.2"])
            .trusting(&ca.pem())
            .text_to_bob()
            .run();
        server.finish();
        assert_ne!(run.exit, Some(0), "{run:#?}");
        run.says(&["--tls-max"]);
    }
    for options in [
        &["--tls-min", "1.3", "--tls-max", "1.2"][..],
        &["--tls-max", "1.3", "--tls", "off"],
        &["--sni", "mx", "--tls", "off"],
        &["--sni", "192.0.2.1"],
    ] {
        let run = Ehlo::new()
            .args(["-r", "mx", "-b", "x", "bob@x.org"])
            .args(options)
            .run();
        run.exits(64).complains(1).says(&[options[0]]);
    }
}

#[test]
fn name_in_the_handshake_is_not_the_one_that_is_verified() {
    for (option, sent) in [
        (&[][..], Some("mx.hamburger.edu")),
        (&["--sni", "other.example"], Some("other.example")),
        (&["--sni", "none"], None),
    ] {
        for (certified, is_good) in [("mx.hamburger.edu", true), ("other.example", false)] {
            let ca = Authority::new();
            let config = ca.issue(&[certified]).config(BOTH);
            let server = Server::start(move |talk| {
                if !is_good {
                    Way::Implicit.fail(talk, &config);
                    return;
                }
                Way::Implicit.open(talk, &config);
                let tls = talk.tls.as_ref().unwrap();
                assert_eq!(tls.server_name(), sent);
                talk.take_on(&[]);
            });
            let run = Ehlo::secured_to_host(&server, Way::Implicit, "mx.hamburger.edu")
                .args(option)
                .trusting(&ca.pem())
                .text_to_bob()
                .run();
            server.finish();
            run.exits(if is_good { 0 } else { 77 });
        }
    }
}

/// Not a message: bare line ends, octets, no header, a dot, and no line end.
const OCTETS: &[u8] = b".\n.\r\n.b\r.\xff\0 no header";

#[test]
fn raw_message_is_sent_as_it_is() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.expect("DATA");
        talk.say("354 go on");
        // A dot after CRLF is doubled; a bare LF begins no line.
        talk.expect_octets(b"..\n.\r\n..b\r.\xff\0 no header\r\n.\r\n");
        talk.say("250 taken");
        talk.quit();
    });
    let ehlo = Ehlo::to(&server);
    ehlo.file("octets", OCTETS);
    let path = ehlo.path("octets");
    let run = ehlo
        .args(["--message-raw", path.to_str().unwrap(), "bob@hamburger.edu"])
        .run();
    server.finish();
    run.exits(0);
}

#[test]
fn raw_message_may_come_from_standard_input_and_in_a_chunk() {
    let server = Server::start(|talk| {
        talk.greet(&["CHUNKING"]);
        talk.envelope(&["bob@hamburger.edu"]);
        talk.expect(&format!("BDAT {} LAST", OCTETS.len()));
        talk.expect_octets(OCTETS);
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server)
        .args(["--message-raw", "-", "bob@hamburger.edu"])
        .input(OCTETS)
        .run();
    server.finish();
    run.exits(0);
}

#[test]
fn raw_message_is_printed_as_it_is() {
    let run = Ehlo::new()
        .args(["--print", "--message-raw", "-", "bob@hamburger.edu"])
        .input("a\nb")
        .run();
    run.exits(0);
    assert_eq!(run.stdout, "a\nb");
}

#[test]
fn raw_message_is_not_combined_with_what_changes_or_keeps_it() {
    for options in [
        &["-s", "subject"][..],
        &["-H", "X-A: b"],
        &["--message", "x"],
        &["--queue"],
        &["--dkim-key", "x"],
        &["--require-tls=no"],
    ] {
        let run = Ehlo::new()
            .args(["-r", "mx", "--message-raw", "-", "bob@hamburger.edu"])
            .args(options)
            .input("x")
            .run();
        run.exits(64).complains(1).says(&["--message-raw"]);
    }
    let run = Ehlo::new()
        .args(["-r", "mx", "--message-raw", "-"])
        .input("To: bob@hamburger.edu\n\n")
        .run();
    run.exits(64).complains(1).says(&["no recipient"]);
}

#[test]
fn session_is_shown_from_its_first_error_on() {
    for is_refused in [false, true] {
        let server = Server::start(move |talk| {
            talk.greet(&[]);
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            talk.say("250 sender ok");
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            if is_refused {
                talk.say("550-no such\n550 user");
                talk.quit();
                return;
            }
            talk.say("250 ok");
            talk.data();
            talk.say("250 taken");
            talk.quit();
        });
        let run = Ehlo::to(&server)
            .args(["--quiet-until-error"])
            .args(PLAIN)
            .text_to_bob()
            .run();
        server.finish();
        if is_refused {
            run.exits(69);
            let lines: Vec<&str> = run.stdout.lines().collect();
            assert_eq!(
                lines[..3],
                ["550-no such", "550 user", ">>> QUIT"],
                "{run:#?}"
            );
        } else {
            run.exits(0).is_silent();
        }
    }
    let run = Ehlo::new()
        .args(["--quiet-until-error", "--transcript", "none", "-r", "mx"])
        .text_to_bob()
        .run();
    run.exits(64).complains(1).says(&["--quiet-until-error"]);
}

#[test]
fn recipient_without_a_domain_is_sent_as_it_is() {
    let server = Server::start(|talk| {
        talk.greet(&[]);
        talk.envelope(&["bob"]);
        talk.data();
        talk.say("250 taken");
        talk.quit();
    });
    let run = Ehlo::to(&server).args(["--raw", "-b", "hi", "bob"]).run();
    server.finish();
    run.exits(0);
}
