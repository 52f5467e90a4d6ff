//! STARTTLS in the hands of an attacker: bytes behind the reply (CVE-2011-0411, CVE-2021-22947),
//! and STARTTLS stripped, refused or broken.

use crate::authority::{Authority, BOTH};
use crate::dns;
use crate::program::{Ehlo, Run};
use crate::server::{Door, Server, Talk};
use std::thread;
use std::time::Duration;

/// Long enough for a packet of its own.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Who sends: what is asked of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// A relay, and no option.
    Relay,
    /// A relay and `--tls starttls`.
    Required,
    /// A relay, `--tls starttls` and a password.
    Login,
    /// A relay, no option for TLS, and a password.
    CasualLogin,
    /// An MX, and no option.
    Opportunistic,
    /// An MX and `--tls starttls`.
    RequiredMx,
}

impl Sender {
    const DEMANDING: [Self; 4] = [Self::Relay, Self::Required, Self::Login, Self::RequiredMx];
    const ALL: [Self; 6] = [
        Self::Relay,
        Self::Required,
        Self::Login,
        Self::CasualLogin,
        Self::Opportunistic,
        Self::RequiredMx,
    ];

    /// Tries all that want TLS side by side: they wait much, and work little.
    fn all_demanding(test: impl Fn(Self) + Sync) {
        thread::scope(|scope| {
            for sender in Self::DEMANDING {
                let test = &test;
                scope.spawn(move || test(sender));
            }
        });
    }

    /// Sends to bob, who is at this server.
    fn send<T>(self, server: &Server<T>, options: &[&str]) -> Run {
        let (run, _dns) = self.run(server, options);
        run
    }

    fn run<T>(self, server: &Server<T>, options: &[&str]) -> (Run, dns::Authority) {
        let dns = dns::Authority::serve(&[
            "hamburger.edu MX 10 mx.hamburger.edu",
            "mx.hamburger.edu A 127.0.0.1",
        ]);
        let (there, port) = (dns.address.to_string(), server.port.to_string());
        let ehlo = match self {
            Self::Opportunistic | Self::RequiredMx => Ehlo::new()
                .args(["--helo", "me.example", "-f", "alice@crepes.fr"])
                .args(["--dns", &there, "-p", &port]),
            _ => Ehlo::to(server),
        };
        let ehlo = match self {
            Self::Relay | Self::Opportunistic | Self::CasualLogin => ehlo,
            _ => ehlo.args(["--tls", "starttls"]),
        };
        let ehlo = match self {
            Self::Login | Self::CasualLogin => {
                ehlo.args(["-u", "alice"]).env("EHLO_PASSWORD", "hunter2")
            }
            _ => ehlo,
        };
        (ehlo.args(options).text_to_bob().run(), dns)
    }
}

/// As far as the server's reply to STARTTLS, which it owes.
#[track_caller]
fn go_to_starttls(talk: &mut Talk) {
    talk.greet(&["PIPELINING", "AUTH PLAIN", "STARTTLS"]);
    talk.expect("STARTTLS");
}

/// Nothing is said any more, or QUIT; certainly no AUTH and no MAIL, in clear or otherwise.
#[track_caller]
fn ends_without_a_word(talk: &mut Talk) {
    let said = talk.answer_all(b"250 ok\r\n");
    assert!(
        said.is_empty() || said == b"QUIT\r\n",
        "said in clear: {}",
        said.escape_ascii()
    );
}

/// No message was sent. The verdict agrees with the exit status: after 77, trying again does not help.
#[track_caller]
fn came_to_nothing(run: &Run, code: i32) {
    let verdict = if code == 77 { "refused" } else { "deferred" };
    run.exits(code).complains(1).all_are(verdict);
    assert!(run.events("data").is_empty(), "{run:#?}");
    let said = run.events("sent");
    let stages = said.iter().map(|sent| sent["stage"].as_str().unwrap());
    for stage in stages {
        assert!(
            !["auth", "mail", "rcpt", "data"].contains(&stage),
            "{run:#?}"
        );
    }
}

#[test]
fn bytes_in_clear_behind_the_reply_to_starttls_end_the_session() {
    let rows: [(&str, &[u8]); 10] = [
        ("a reply to EHLO", b"250-mx.example\r\n250 AUTH PLAIN\r\n"),
        (
            "a session",
            b"250 mx.example\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n221 bye\r\n",
        ),
        ("another 220", b"220 go ahead\r\n"),
        ("a refusal", b"554 no\r\n"),
        ("one byte", b"2"),
        ("a line end", b"\r\n"),
        ("a space", b" "),
        ("a NUL", b"\0"),
        ("the begin of a record", b"\x16\x03\x03"),
        ("an alert", b"\x15\x03\x03\x00\x02\x02\x28"),
    ];
    for sender in Sender::ALL {
        for (row, bytes) in rows {
            let server = Server::start(move |talk| {
                go_to_starttls(talk);
                talk.send(&[b"220 go ahead\r\n", bytes].concat());
                let said = talk.rest();
                assert!(said.is_empty(), "said: {}", said.escape_ascii());
            });
            let run = sender.send(&server, &["--json"]);
            println!("{sender:?}, {row}");
            server.finish();
            came_to_nothing(&run, 76);
            run.says(&["violated the protocol", "in plaintext"]);
            assert!(run.events("tls").is_empty(), "{run:#?}");
        }
    }
}

#[test]
fn a_421_behind_the_reply_to_starttls_is_not_believed_either() {
    for sender in Sender::ALL {
        let server = Server::start(move |talk| {
            go_to_starttls(talk);
            talk.send(b"220 go ahead\r\n421 too busy\r\n");
            ends_without_a_word(talk);
        });
        let run = sender.send(&server, &["--json"]);
        server.finish();
        came_to_nothing(&run, 76);
    }
}

#[test]
fn bytes_in_clear_a_moment_later_end_the_session_before_anything_is_said() {
    // By now, it is the handshake that they are the wrong answer to.
    for bytes in [
        &b"250-mx.example\r\n250 AUTH PLAIN\r\n"[..],
        b"250 mx.example\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n221 bye\r\n",
        b"\r\n",
    ] {
        for sender in Sender::DEMANDING {
            let server = Server::start(move |talk| {
                go_to_starttls(talk);
                talk.say("220 go ahead");
                thread::sleep(A_MOMENT);
                talk.send(bytes);
                is_nothing_but_a_hello(&talk.close_one_way());
            });
            let run = sender.send(&server, &["--json"]);
            server.finish();
            println!("{sender:?}, {}", bytes.escape_ascii());
            let code = run.exit.unwrap();
            assert!([76, 77].contains(&code), "{run:#?}");
            came_to_nothing(&run, code);
        }
    }
}

/// A `ClientHello`, perhaps an alert, and no SMTP.
#[track_caller]
fn is_nothing_but_a_hello(said: &[u8]) {
    let mut rest = said;
    while let [kind @ (21 | 22), 3, _, high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert!(*kind == 22 || length == 2, "an alert of {length} bytes");
        rest = &more[length..];
    }
    assert!(rest.is_empty(), "no handshake: {}", rest.escape_ascii());
}

#[test]
fn starttls_that_is_not_offered_is_missed_where_it_is_asked_for() {
    // STARTTLS is stripped.
    for sender in [
        Sender::Required,
        Sender::Login,
        Sender::RequiredMx,
        Sender::CasualLogin,
    ] {
        for keywords in [
            &["AUTH PLAIN"][..],
            &["XSTARTTLS", "AUTH PLAIN"],
            &["START-TLS", "AUTH PLAIN"],
        ] {
            let server = Server::start(move |talk| {
                talk.greet(keywords);
                ends_without_a_word(talk);
            });
            let run = sender.send(&server, &["--json"]);
            server.finish();
            came_to_nothing(&run, 77);
        }
    }
}

#[test]
fn an_old_server_without_ehlo_has_no_starttls() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example");
        talk.expect("EHLO me.example");
        talk.say("502 what");
        talk.expect("HELO me.example");
        talk.say("250 hello");
        ends_without_a_word(talk);
    });
    let run = Sender::Required.send(&server, &["--json"]);
    server.finish();
    came_to_nothing(&run, 77);
}

#[test]
fn a_relay_without_starttls_gets_the_mail_in_clear_where_nothing_was_asked_for() {
    for sender in [Sender::Relay, Sender::Opportunistic] {
        let server = Server::start(Talk::take);
        let run = sender.send(&server, &["-v"]);
        assert_eq!(server.finish().body(), "hi\r\n");
        run.exits(0)
            .complains(0)
            .shows(&["STARTTLS is not offered"]);
    }
}

/// What happens instead of "220 go ahead", and what a sender that wants TLS makes of it.
const BAD_REPLIES: [(&str, &[u8], i32); 15] = [
    ("454", b"454 4.7.0 TLS not available\r\n", 75),
    ("450", b"450 try again\r\n", 75),
    ("502", b"502 5.5.1 no\r\n", 77),
    ("501", b"501 syntax\r\n", 77),
    ("530", b"530 must not\r\n", 77),
    ("354", b"354 go on\r\n", 76),
    ("334", b"334 \r\n", 76),
    ("250", b"250 ok\r\n", 76),
    ("200", b"200 ok\r\n", 76),
    ("garbage", b"ok, let us begin\r\n", 76),
    ("two codes", b"220-go\r\n250 ahead\r\n", 76),
    ("a wrong code", b"2200 go\r\n", 76),
    ("TLS at once", b"\x16\x03\x03\x00\x02\x00\x00\r\n", 76),
    ("an empty line", b"\r\n", 76),
    ("a long line", &[b'2'; 70_000], 76),
];

#[test]
fn a_bad_reply_to_starttls_ends_it_where_tls_is_asked_for() {
    for sender in Sender::DEMANDING {
        for (row, reply, code) in BAD_REPLIES {
            let server = Server::start(move |talk| {
                go_to_starttls(talk);
                talk.send(reply);
                ends_without_a_word(talk);
            });
            let run = sender.send(&server, &["--json"]);
            println!("{sender:?}, {row}");
            server.finish();
            came_to_nothing(&run, code);
        }
    }
}

#[test]
fn a_421_to_starttls_is_for_now() {
    for sender in Sender::DEMANDING {
        let server = Server::start(move |talk| {
            go_to_starttls(talk);
            talk.say("421 4.3.2 too busy");
            talk.part();
        });
        let run = sender.send(&server, &["--json"]);
        server.finish();
        came_to_nothing(&run, 75);
        run.says(&["421 4.3.2 too busy"]);
    }
}

#[test]
fn silence_or_a_lost_connection_at_starttls_ends_it_where_tls_is_asked_for() {
    Sender::all_demanding(|sender| {
        for row in [
            "close",
            "reset",
            "silence",
            "half a reply",
            "half a reply, close",
        ] {
            let server = Server::start(move |talk| {
                go_to_starttls(talk);
                match row {
                    "close" => assert!(talk.close_one_way().is_empty()),
                    "reset" => talk.reset(),
                    "silence" => talk.hang(),
                    "half a reply" => {
                        talk.send(b"220 go ah");
                        talk.hang();
                    }
                    _ => assert!(talk.last_words(b"220 go ah").is_empty()),
                }
            });
            let run = sender.send(&server, &["--json", "--timeout", "1s"]);
            println!("{sender:?}, {row}");
            server.finish();
            came_to_nothing(&run, 75);
            assert!(run.took < Duration::from_secs(4), "{run:#?}");
        }
    });
}

/// What happens instead of a `ServerHello`, and what a sender that wants TLS makes of it.
const BAD_HANDSHAKES: [(&str, i32); 10] = [
    ("plaintext", 77),
    ("an alert", 77),
    ("an internal error", 75),
    ("an old version", 77),
    ("a record that is none", 77),
    ("a huge record", 77),
    ("close", 75),
    ("reset", 75),
    ("silence", 75),
    ("half a hello, silence", 75),
];

/// The server's part of a bad handshake.
fn mishandle(talk: &mut Talk, row: &str) {
    talk.swallow(5);
    match row {
        "plaintext" => talk.send(b"250 mx.example\r\n"),
        "an alert" => talk.send(b"\x15\x03\x03\x00\x02\x02\x28"),
        "an internal error" => talk.send(b"\x15\x03\x03\x00\x02\x02\x50"),
        "an old version" => talk.send(b"\x15\x03\x01\x00\x02\x02\x46"),
        "a record that is none" => talk.send(b"\x16\x03\x03\x00\x04\x63\x00\x00\x00"),
        "a huge record" => talk.send(b"\x16\x03\x03\xff\xff\x02"),
        "close" => {
            talk.close_one_way();
            return;
        }
        "reset" => {
            talk.reset();
            return;
        }
        "half a hello, silence" => talk.send(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
        _ => {}
    }
    // Whatever is left of the hello and the alert: no SMTP.
    let said = talk.rest();
    let text = String::from_utf8_lossy(&said);
    assert!(!text.contains("MAIL") && !text.contains("AUTH") && !text.contains("EHLO"));
}

#[test]
fn a_bad_handshake_ends_it_where_tls_is_asked_for() {
    Sender::all_demanding(|sender| {
        for (row, code) in BAD_HANDSHAKES {
            let server = Server::start(move |talk| {
                go_to_starttls(talk);
                talk.say("220 go ahead");
                mishandle(talk, row);
            });
            let run = sender.send(&server, &["--json", "--timeout", "1s"]);
            println!("{sender:?}, {row}");
            server.finish();
            came_to_nothing(&run, code);
            assert!(run.took < Duration::from_secs(4), "{run:#?}");
        }
    });
}

#[test]
fn a_bad_handshake_of_implicit_tls_ends_it() {
    for (row, code) in BAD_HANDSHAKES {
        let server = Server::start(move |talk| mishandle(talk, row));
        let run = Ehlo::to(&server)
            .args(["--json", "--tls", "implicit", "--timeout", "1s"])
            .text_to_bob()
            .run();
        println!("{row}");
        server.finish();
        came_to_nothing(&run, code);
    }
}

#[test]
fn a_server_that_greets_in_clear_where_tls_is_due_is_told_apart() {
    let server = Server::start(|talk| {
        talk.send(b"220 mx.example ESMTP\r\n");
        is_nothing_but_a_hello(&talk.rest());
    });
    let run = Ehlo::to(&server)
        .args(["--json", "--tls", "implicit"])
        .text_to_bob()
        .run();
    server.finish();
    came_to_nothing(&run, 77);
    run.says(&["does not use TLS", "--tls starttls"]);
}

#[test]
fn a_busy_server_that_replies_in_clear_where_tls_is_due_can_be_tried_again() {
    for reply in ["421 mx.example busy\r\n", "454-4.7.0 try\r\n454 later\r\n"] {
        let server = Server::start(move |talk| {
            talk.send(reply.as_bytes());
            is_nothing_but_a_hello(&talk.rest());
        });
        let run = Ehlo::to(&server)
            .args(["--json", "--tls", "implicit"])
            .text_to_bob()
            .run();
        server.finish();
        came_to_nothing(&run, 75);
        run.says(&[reply.lines().next().unwrap(), "in plaintext", "try again"]);
    }
}

#[test]
fn a_handshake_byte_by_byte_works_and_one_that_is_too_slow_does_not() {
    let ca = Authority::new();
    for (pace, good) in [(Duration::ZERO, true), (Duration::from_millis(50), false)] {
        let config = ca.issue(&["127.0.0.1"]).config(BOTH);
        let server = Server::start(move |talk| {
            go_to_starttls(talk);
            talk.say("220 go ahead");
            talk.pace = Some(pace);
            let shaken = talk.shake_hands(&config);
            talk.pace = None;
            match shaken {
                Ok(()) if good => drop(talk.take_on(&[])),
                Err(None) if !good => drop(talk.rest()),
                other => panic!("{other:?}"),
            }
        });
        let ehlo = Ehlo::to(&server).args(["--json", "--tls", "starttls", "--timeout", "1s"]);
        let run = ehlo.trusting(&ca.pem()).text_to_bob().run();
        server.finish();
        if good {
            run.exits(0).all_are("accepted");
        } else {
            came_to_nothing(&run, 75);
            assert!(run.took < Duration::from_secs(4), "{run:#?}");
        }
    }
}

/// The opportunistic sender's second try, at the same host, in clear.
#[track_caller]
fn take_in_clear(door: &Door) {
    let mut talk = door.open();
    assert_eq!(talk.take().body(), "hi\r\n");
    talk.end();
}

#[test]
fn an_mx_that_refuses_starttls_gets_the_mail_in_clear_and_it_is_said() {
    // RFC 7435
    for (row, reply, _) in BAD_REPLIES.iter().filter(|row| row.2 == 77) {
        let server = Server::start(move |talk| {
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.send(reply);
            assert_eq!(talk.take_mail().body(), "hi\r\n");
        });
        let run = Sender::Opportunistic.send(&server, &[]);
        println!("{row}");
        server.finish();
        run.exits(0)
            .complains(0)
            .shows(&["\n*** STARTTLS was refused", "in plaintext\n"]);
        assert_eq!(run.stdout.matches("... Sent (").count(), 1);
    }
}

#[test]
fn an_mx_that_breaks_off_starttls_is_tried_again_in_clear_and_it_is_said() {
    for (row, reply, _) in BAD_REPLIES.iter().filter(|row| row.2 == 76) {
        let server = Server::with_door(move |door| {
            let mut talk = door.open();
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.send(reply);
            ends_without_a_word(&mut talk);
            take_in_clear(door);
        });
        let run = Sender::Opportunistic.send(&server, &[]);
        println!("{row}");
        server.finish();
        run.exits(0).complains(0).shows(&[
            "\n*** no encryption with mx.hamburger.edu",
            "in plaintext\n",
        ]);
        assert_eq!(run.stdout.matches("... Sent (").count(), 1);
    }
}

#[test]
fn an_mx_whose_handshake_fails_is_tried_again_in_clear_and_it_is_said() {
    for (row, _) in BAD_HANDSHAKES {
        let server = Server::with_door(move |door| {
            let mut talk = door.open();
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.say("220 go ahead");
            mishandle(&mut talk, row);
            drop(talk);
            take_in_clear(door);
        });
        let run = Sender::Opportunistic.send(&server, &["--timeout", "1s"]);
        println!("{row}");
        server.finish();
        run.exits(0).complains(0).shows(&[
            "\n*** no encryption with mx.hamburger.edu",
            "in plaintext\n",
        ]);
        assert_eq!(run.stdout.matches("... Sent (").count(), 1);
    }
}

#[test]
fn an_mx_lost_at_starttls_is_tried_again_in_clear() {
    for row in ["close", "reset", "silence"] {
        let server = Server::with_door(move |door| {
            let mut talk = door.open();
            talk.greet(&["STARTTLS"]);
            talk.expect("STARTTLS");
            match row {
                "close" => assert!(talk.close_one_way().is_empty()),
                "reset" => talk.reset(),
                _ => talk.hang(),
            }
            drop(talk);
            take_in_clear(door);
        });
        let run = Sender::Opportunistic.send(&server, &["--timeout", "1s"]);
        println!("{row}");
        server.finish();
        run.exits(0)
            .complains(0)
            .shows(&["\n*** no encryption with mx.hamburger.edu"]);
    }
}

#[test]
fn an_mx_may_have_any_certificate_and_it_is_said_that_it_was_not_checked() {
    let papers = crate::authority::Papers::self_signed(&["else.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let config = papers.config(BOTH);
    let server = Server::start(move |talk| {
        talk.greet(&["STARTTLS"]);
        talk.expect("STARTTLS");
        talk.say("220 go ahead");
        talk.secure(&config);
        talk.take_on(&[])
    });
    let run = Sender::Opportunistic.send(&server, &[]);
    assert_eq!(server.finish().body(), "hi\r\n");
    run.exits(0)
        .complains(0)
        .shows(&["certificate of mx.hamburger.edu not checked\n"]);
}

#[test]
fn an_mx_that_speaks_tls_gets_no_second_connection_when_it_refuses_the_mail() {
    let config = Authority::new().issue(&["mx.hamburger.edu"]).config(BOTH);
    let server = Server::start(move |talk| {
        talk.greet(&["STARTTLS"]);
        talk.expect("STARTTLS");
        talk.say("220 go ahead");
        talk.secure(&config);
        talk.offer(&[]);
        talk.expect("MAIL FROM:<alice@crepes.fr>");
        talk.say("550 no");
        talk.quit();
    });
    let run = Sender::Opportunistic.send(&server, &["--json"]);
    server.finish();
    run.exits(69).all_are("refused");
}

#[test]
fn starttls_is_said_once_although_it_is_offered_again() {
    // RFC 3207 §4.2
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        go_to_starttls(talk);
        talk.say("220 go ahead");
        talk.secure(&config);
        talk.take_on(&["STARTTLS"]);
    });
    let run = Ehlo::to(&server).trusting(&ca.pem()).text_to_bob().run();
    server.finish();
    run.exits(0);
}

#[test]
fn a_server_that_knows_no_ehlo_in_tls_gets_helo_in_tls() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        go_to_starttls(talk);
        talk.say("220 go ahead");
        talk.secure(&config);
        talk.expect("EHLO me.example");
        talk.say("502 what");
        talk.expect("HELO me.example");
        talk.say("250 hello");
        talk.take_mail();
    });
    let ehlo = Ehlo::to(&server).args(["--tls", "starttls"]);
    let run = ehlo.trusting(&ca.pem()).text_to_bob().run();
    server.finish();
    run.exits(0);
}
