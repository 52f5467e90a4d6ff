//! An attacker between `ehlo fetch` and the server, before TLS: the attacks on STARTTLS of IMAP and STLS of POP3 that are
//! known from "Why TLS is better without STARTTLS" (USENIX Security 2021) and its test cases. None of them makes the
//! client send a command in clear, use data from before TLS, or connect elsewhere.

use crate::mailbox::{PASSWORD, fetch_secured};
use crate::program::Run;
use crate::server::{Server, Talk};

const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready";

#[track_caller]
fn ends(run: &Run, code: i32, words: &str) {
    run.exits(code).complains(1).has_nothing_raw();
    assert!(run.stderr.contains(words), "{words}: {run:#?}");
    assert!(!run.stderr.contains(PASSWORD), "{run:#?}");
    assert_eq!(run.stdout, "", "{run:#?}");
}

/// The rest of an IMAP session with TLS: nothing from before it is known any more.
fn continues(talk: &mut Talk) {
    talk.expect("a2 CAPABILITY");
    talk.say("* CAPABILITY IMAP4rev1\na2 OK done");
    talk.expect(&format!("a3 LOGIN \"alice\" \"{PASSWORD}\""));
    talk.say("a3 OK [CAPABILITY IMAP4rev1] welcome");
    talk.select("a4", "EXAMINE", 0);
    talk.log_out("a5");
}

/// The rest of a POP3 session with TLS.
fn continues_pop3(talk: &mut Talk) {
    talk.expect("CAPA");
    talk.say("+OK\nUSER\n.");
    talk.expect("USER alice");
    talk.say("+OK");
    talk.expect(&format!("PASS {PASSWORD}"));
    talk.say("+OK");
    talk.expect("LIST");
    talk.say("+OK\n.");
    talk.expect("QUIT");
    talk.say("+OK");
}

#[test]
fn a_greeting_that_prevents_starttls_ends_the_session() {
    for (greeting, code, words) in [
        (
            "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome",
            77,
            "PREAUTH",
        ),
        (
            "* PREAUTH [REFERRAL imap://alice@127.0.0.1:9/] elsewhere",
            77,
            "PREAUTH",
        ),
        (
            "* BYE [REFERRAL imap://alice@127.0.0.1:9/] elsewhere",
            75,
            "REFERRAL",
        ),
        (
            "* BYE [ALERT] \u{1b}]0;call 555-1234\u{7}",
            75,
            "ended the session: \\u{1b}]0;call",
        ),
        ("* NO [ALERT] use imap.evil.example", 76, "IMAP greeting"),
        ("* CAPABILITY IMAP4rev1", 76, "IMAP greeting"),
        ("a1 OK hello", 76, "IMAP greeting"),
    ] {
        let run = fetch_secured("imap", &["--tls", "starttls"], move |talk, _| {
            let said = talk.last_words(format!("{greeting}\r\n").as_bytes());
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        ends(&run, code, words);
    }
    for (greeting, words) in [
        ("-ERR [SYS/PERM] use pop.evil.example", "pop.evil.example"),
        ("+ hello", "POP3 greeting"),
        ("* OK hello", "sent"),
    ] {
        let run = fetch_secured("pop3", &[], move |talk, _| {
            let said = talk.last_words(format!("{greeting}\r\n").as_bytes());
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        assert!(run.stderr.contains(words), "{run:#?}");
        run.complains(1);
    }
}

/// A reply that is not a success never leads to a session in clear.
#[test]
fn a_refused_starttls_ends_the_session() {
    for (reply, code, words) in [
        ("a1 NO [ALERT] log in without TLS", 77, "refused STARTTLS"),
        ("a1 BAD unknown command", 77, "refused STARTTLS"),
        (
            "a1 NO [REFERRAL imap://127.0.0.1:9/] there",
            77,
            "refused STARTTLS",
        ),
        ("* BYE [ALERT] closed\r\na1 NO no", 75, "closed"),
        ("a0 OK go ahead", 76, "the tag a0 instead of a1"),
        ("* OK go ahead", 75, "closed"),
        ("+ go ahead", 76, "asked for more data"),
        ("* PREAUTH go ahead", 76, "PREAUTH after its greeting"),
    ] {
        let run = fetch_secured("imap", &[], move |talk, _| {
            talk.say(GREETING);
            talk.expect("a1 STARTTLS");
            let said = talk.last_words(format!("{reply}\r\n").as_bytes());
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        ends(&run, code, words);
    }
    for (reply, code, words) in [
        ("-ERR no TLS today", 77, "refused STLS"),
        ("+ go ahead", 76, "sent"),
        ("* OK go ahead", 76, "sent"),
    ] {
        let run = fetch_secured("pop3", &[], move |talk, _| {
            talk.say("+OK <1896.697170952@dbc.mtview.ca.us>");
            talk.expect("CAPA");
            talk.say("+OK\nSTLS\nUSER\n.");
            talk.expect("STLS");
            let said = talk.last_words(format!("{reply}\r\n").as_bytes());
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        ends(&run, code, words);
    }
}

/// Replies that were sent before their commands: those of commands in clear are taken, what is left ends the session.
#[test]
fn replies_before_their_commands_do_not_reach_into_tls() {
    let run = fetch_secured("imap", &[], |talk, config| {
        talk.say(&format!("{GREETING}\na1 OK go ahead"));
        talk.expect("a1 STARTTLS");
        talk.secure(config);
        continues(talk);
    });
    run.exits(0).complains(0);
    let run = fetch_secured("pop3", &[], |talk, config| {
        talk.say("+OK ready\n+OK\nSTLS\n.\n+OK go ahead");
        talk.expect("CAPA");
        talk.expect("STLS");
        talk.secure(config);
        continues_pop3(talk);
    });
    run.exits(0).complains(0);
    let login = "* CAPABILITY IMAP4rev1\na2 OK done\na3 OK logged in\n* 1 EXISTS\na4 OK done";
    let run = fetch_secured("imap", &[], move |talk, _| {
        talk.say(&format!("{GREETING}\na1 OK go ahead\n{login}"));
        talk.expect("a1 STARTTLS");
        let said = talk.rest();
        assert!(said.is_empty(), "said: {}", said.escape_ascii());
    });
    ends(&run, 76, "in plaintext after its reply to STARTTLS");
    let run = fetch_secured("pop3", &[], |talk, _| {
        talk.say("+OK ready\n+OK\nSTLS\n.\n+OK go ahead\n+OK\nUSER\n.\n+OK\n+OK\n+OK\n1 120\n.");
        talk.expect("CAPA");
        talk.expect("STLS");
        let said = talk.rest();
        assert!(said.is_empty(), "said: {}", said.escape_ascii());
    });
    ends(&run, 76, "in plaintext after its reply to STLS");
}

/// Untagged data of a mailbox that no command has asked for yet, and texts for the user.
#[test]
fn data_from_before_tls_is_not_used() {
    for injected in [
        "* CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS AUTH=CRAM-MD5",
        "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=LOGIN] hello",
        "* ENABLED UTF8=ACCEPT",
        "* 99 EXISTS\n* OK [UIDNEXT 1] x\n* OK [UIDVALIDITY 1] x",
        "* LIST () \"/\" INBOX\n* STATUS INBOX (MESSAGES 9)\n* SEARCH 1 2 3",
        "* 1 FETCH (UID 7 FLAGS () RFC822.SIZE 4 BODY[] {4}\na\nb)",
        "* 1 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT)] \"Subject: injected\")",
        "* OK [ALERT] your password has expired: http://evil.example",
        "* NO [ALERT] \u{1b}[31mcall 555-1234",
        "* OK [REFERRAL imap://127.0.0.1:9/] x\n* NAMESPACE NIL NIL NIL",
    ] {
        let run = fetch_secured("imap", &[], move |talk, config| {
            talk.say(&format!("{GREETING}\n{injected}"));
            talk.expect("a1 STARTTLS");
            talk.say(&format!("{injected}\na1 OK go ahead"));
            talk.secure(config);
            continues(talk);
        });
        run.exits(0).complains(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    }
}

/// Greets the client and offers TLS.
fn offer_tls(talk: &mut Talk, scheme: &str) {
    if scheme == "imap" {
        talk.say(GREETING);
    } else {
        talk.say("+OK ready");
        talk.expect("CAPA");
        talk.say("+OK\nSTLS\nUSER\n.");
    }
}

/// After the reply to the command, the connection either becomes TLS or ends.
#[test]
fn a_failed_handshake_does_not_lead_back_to_clear() {
    for (scheme, command) in [("imap", "a1 STARTTLS"), ("pop3", "STLS")] {
        let run = fetch_secured(scheme, &[], move |talk, _| {
            offer_tls(talk, scheme);
            talk.expect(command);
            talk.say(if scheme == "imap" {
                "a1 OK go ahead"
            } else {
                "+OK"
            });
            // The handshake begins with a record of its type.
            talk.expect_octets(b"\x16\x03");
            talk.send(b"* OK no TLS here\r\n+OK no TLS here\r\n");
            let said = talk.rest();
            let is_in_clear = said
                .windows(5)
                .any(|part| part == b"LOGIN" || part == b"USER ");
            assert!(!is_in_clear, "said: {}", said.escape_ascii());
        });
        run.complains(1);
        assert!([75, 76, 77].contains(&run.exit.unwrap()), "{run:#?}");
        assert!(!run.stderr.contains(PASSWORD), "{run:#?}");
    }
}

/// Within TLS, an offer to begin it again is not taken up.
#[test]
fn tls_begins_once() {
    let run = fetch_secured("imap", &["--tls", "starttls"], |talk, config| {
        talk.say(GREETING);
        talk.expect("a1 STARTTLS");
        talk.say("a1 OK go ahead");
        talk.secure(config);
        talk.expect("a2 CAPABILITY");
        talk.say("* CAPABILITY IMAP4rev1 STARTTLS\na2 OK done");
        talk.expect(&format!("a3 LOGIN \"alice\" \"{PASSWORD}\""));
        talk.say("a3 OK [CAPABILITY IMAP4rev1 STARTTLS] welcome");
        talk.select("a4", "EXAMINE", 0);
        talk.log_out("a5");
    });
    run.exits(0).complains(0);
    let run = fetch_secured("pop3", &[], |talk, config| {
        offer_tls(talk, "pop3");
        talk.expect("STLS");
        talk.say("+OK");
        talk.secure(config);
        talk.expect("CAPA");
        talk.say("+OK\nSTLS\nUSER\n.");
        talk.expect("USER alice");
        talk.say("-ERR [AUTH] unknown");
    });
    ends(&run, 77, "unknown");
}

/// A literal could swallow the reply, and the beginning of the session in TLS with it.
#[test]
fn a_literal_in_clear_does_not_swallow_the_handshake() {
    for (literal, code, words) in [
        (
            "* 1 FETCH (UID 7 BODY[] {16}\r\na1 OK go ahead\r\n)\r\n",
            75,
            "closed",
        ),
        ("* LIST () \"/\" {500}\r\na1 OK go ahead\r\n", 75, "closed"),
        (
            "a1 OK {16}\r\na1 OK go ahead\r\n",
            76,
            "in plaintext after its reply",
        ),
        ("a1 OK [CAPABILITY {9}\r\nIMAP4rev1] x\r\n", 76, ""),
    ] {
        let run = fetch_secured("imap", &[], move |talk, _| {
            talk.say(GREETING);
            talk.expect("a1 STARTTLS");
            let said = talk.last_words(literal.as_bytes());
            assert!(said.is_empty(), "said: {}", said.escape_ascii());
        });
        ends(&run, code, words);
    }
}

/// The reply to STARTTLS, repeated within TLS, is not the reply to the next command.
#[test]
fn a_reply_from_before_tls_is_refused_within_it() {
    let run = fetch_secured("imap", &[], |talk, config| {
        talk.say(GREETING);
        talk.expect("a1 STARTTLS");
        talk.say("a1 OK go ahead");
        talk.early = b"* CAPABILITY IMAP4rev1\r\na1 OK go ahead\r\n".to_vec();
        talk.secure(config);
        let said = String::from_utf8(talk.rest()).unwrap();
        assert!(!said.contains("LOGIN"), "said: {said}");
    });
    ends(&run, 76, "the tag a1 instead of a2");
}

/// After the end of TLS, nothing that follows in clear is a reply.
#[test]
fn a_session_does_not_go_on_in_clear_after_the_end_of_tls() {
    for (scheme, command, reply, next, lie) in [
        (
            "imap",
            "a1 STARTTLS",
            "a1 OK go ahead",
            "a2 CAPABILITY",
            "* CAPABILITY IMAP4rev1\r\na2 OK done\r\n",
        ),
        ("pop3", "STLS", "+OK", "CAPA", "+OK\r\nUSER\r\n.\r\n"),
    ] {
        let run = fetch_secured(scheme, &[], move |talk, config| {
            offer_tls(talk, scheme);
            talk.expect(command);
            talk.say(reply);
            talk.secure(config);
            talk.expect(next);
            talk.say_close_notify();
            talk.send_below(lie.as_bytes());
            let said = String::from_utf8_lossy(&talk.rest()).into_owned();
            assert!(!said.contains("alice"), "said: {said}");
        });
        ends(&run, 75, "closed");
    }
}

/// A server that never ends the login, which is asked for data again and again.
#[test]
fn a_login_without_end_is_given_up() {
    let run = fetch_secured("imap", &[], |talk, config| {
        talk.say(GREETING);
        talk.expect("a1 STARTTLS");
        talk.say("a1 OK go ahead");
        talk.secure(config);
        talk.expect("a2 CAPABILITY");
        talk.say("* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED\na2 OK done");
        talk.expect("a3 AUTHENTICATE PLAIN");
        talk.send(b"+ \r\n");
        let password = talk.line();
        talk.send(&b"+ \r\n".repeat(100));
        let said = String::from_utf8(talk.rest()).unwrap();
        assert!(!said.contains(&password), "said: {said}");
        assert!(said.lines().count() <= 1, "said: {said}");
    });
    ends(&run, 77, "a challenge after the exchange was complete");
}

/// A round trip sends nothing if its mailbox is attacked.
#[test]
fn a_round_trip_ends_before_the_message_is_sent() {
    let relay = Server::untouched();
    let to = format!("127.0.0.1:{}", relay.port);
    let mailbox = Server::start(|talk| {
        talk.say(GREETING);
        talk.expect("a1 STARTTLS");
        talk.send(b"a1 OK go ahead\r\n* OK injected\r\n");
        let said = talk.rest();
        assert!(said.is_empty(), "said: {}", said.escape_ascii());
    });
    let read = format!("imap://alice@127.0.0.1:{}", mailbox.port);
    let run = crate::program::Ehlo::new()
        .args([
            "roundtrip",
            "-r",
            &to,
            "-f",
            "alice@crepes.fr",
            "--read",
            &read,
            "bob@hamburger.edu",
        ])
        .env("EHLO_PASSWORD", PASSWORD)
        .run();
    mailbox.finish();
    relay.finish();
    ends(&run, 76, "in plaintext after its reply to STARTTLS");
}
