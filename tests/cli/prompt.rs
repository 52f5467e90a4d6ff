//! The question for the password at a terminal.

use crate::authority::{Authority, BOTH};
use crate::encrypted::Way;
use crate::sasl::PASSWORD;
use crate::server::{Server, Talk};
use crate::terminal;
use serde_json::Value;

/// What happened when this was typed as the answer; `None` where there is no python3 that can make a terminal.
fn at_terminal<T>(server: &Server<T>, ca: &Authority, keys: &str) -> Option<Value> {
    let relay = format!("127.0.0.1:{}", server.port);
    terminal::at_terminal(": ", keys, |ehlo| {
        ehlo.args(["--helo", "me.example", "-r", &relay])
            .args(["-f", "alice@crepes.fr"])
            .args(["--tls", "implicit", "-u", "alice", "--json"])
            .trusting(&ca.pem())
            .text_to_bob()
    })
}

const QUESTION: &str = "password for alice at 127.0.0.1: \r\n";

/// What is typed as the password, up to this reply and what follows it.
fn asked_for_password(
    keys: &str,
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Option<Value> {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::with_door(move |door| {
        // Where the test is skipped, nobody comes.
        let mut talk = door.open();
        Way::Implicit.open(&mut talk, &config);
        talk.offer_auth("PLAIN");
        let right = format!("\0alice\0{PASSWORD}");
        assert_eq!(talk.begun("PLAIN"), right.as_bytes());
        script(&mut talk);
        talk.end();
    });
    let told = at_terminal(&server, &ca, keys);
    if told.is_some() {
        server.finish();
    } else {
        std::mem::forget(server);
    }
    told
}

#[test]
fn what_is_typed_is_sent_and_not_shown() {
    let keys = format!("wrong\u{15}{PASSWORD}\n");
    let told = asked_for_password(&keys, |talk| {
        talk.say("235 welcome");
        talk.take_mail();
    });
    let Some(told) = told else { return };
    let seen = told["seen"].as_str().unwrap();
    assert_eq!(told["exit"], 0, "{seen}");
    assert_eq!(
        (&told["asked"], &told["after"]),
        (&false.into(), &true.into())
    );
    assert!(seen.starts_with(QUESTION), "{seen}");
    assert!(seen.contains(r#""verdict":"accepted""#), "{seen}");
    assert!(
        !seen.contains(PASSWORD) && !seen.contains("wrong"),
        "{seen}"
    );
}

#[test]
fn a_password_that_was_mistyped_is_not_shown_either() {
    let told = asked_for_password(&format!("{PASSWORD}\n"), |talk| {
        talk.say(&format!("535 5.7.8 not {PASSWORD}"));
        talk.quit();
    });
    let Some(told) = told else { return };
    let seen = told["seen"].as_str().unwrap();
    assert_eq!(told["exit"], 77, "{seen}");
    assert_eq!(told["after"], true);
    assert!(seen.contains(r#""verdict":"refused""#), "{seen}");
    assert!(!seen.contains(PASSWORD), "{seen}");
}

#[test]
fn ctrl_c_ends_it_and_typing_is_shown_again() {
    for keys in ["\u{3}", "hunt\u{3}", "hunt\u{1c}"] {
        let server = Server::untouched();
        let told = at_terminal(&server, &Authority::new(), keys);
        server.finish();
        let Some(told) = told else { return };
        assert_eq!(told["exit"], -2, "as SIGINT ends others");
        assert_eq!(told["seen"], QUESTION);
        assert_eq!(
            (&told["asked"], &told["after"]),
            (&false.into(), &true.into())
        );
    }
}

#[test]
fn whoever_ends_it_finds_the_terminal_as_it_was() {
    // No key at all is SIGTERM.
    let server = Server::untouched();
    let told = at_terminal(&server, &Authority::new(), "");
    server.finish();
    let Some(told) = told else { return };
    assert_eq!(told["exit"], -15, "as SIGTERM ends others");
    assert_eq!(
        (&told["asked"], &told["after"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn nothing_typed_is_no_password() {
    for keys in ["\n", "\u{4}", "oops\u{15}\n"] {
        let server = Server::untouched();
        let told = at_terminal(&server, &Authority::new(), keys);
        server.finish();
        let Some(told) = told else { return };
        assert_eq!((&told["exit"], &told["after"]), (&77.into(), &true.into()));
        let seen = told["seen"].as_str().unwrap();
        let rest = seen.strip_prefix(QUESTION).unwrap();
        assert!(rest.starts_with("ehlo: no password was entered"), "{seen}");
        assert_eq!(rest.matches("\r\n").count(), 1, "{seen}");
    }
}
