//! Inside TLS, the rules of the wire hold as they do in clear: connections that are cut, early
//! replies, floods and drips, and what only TLS makes possible.

use crate::authority::{Authority, BOTH, ONLY_12, ONLY_13};
use crate::encrypted::{Forger, Way};
use crate::program::{Ehlo, MEMORY_KIB, Run};
use crate::server::{Server, Stage, Talk};
use rustls::SupportedProtocolVersion;
use std::io::Write;
use std::thread;
use std::time::Duration;

type Versions = &'static [&'static SupportedProtocolVersion];

/// Sends to bob over implicit TLS, where the server does this from EHLO on.
fn inside(
    versions: Versions,
    options: &[&str],
    script: impl FnOnce(&mut Talk) + Send + 'static,
) -> Run {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(versions);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        script(talk);
    });
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .args(options)
        .text_to_bob()
        .run();
    server.finish();
    run
}

/// How a connection ends.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Without a word of TLS's.
    Fin,
    /// By the rules.
    CloseNotify,
    /// With RST.
    Reset,
    /// With a fatal alert.
    Alert,
}

impl Cut {
    const ALL: [Self; 4] = [Self::Fin, Self::CloseNotify, Self::Reset, Self::Alert];

    fn end(self, talk: &mut Talk) {
        match self {
            Self::Reset => return talk.reset(),
            Self::Fin => {}
            Self::CloseNotify => talk.say_close_notify(),
            Self::Alert => {
                let alert = talk.forger().record(Forger::ALERT, &[2, 80]);
                talk.send_below(&alert);
            }
        }
        talk.close_one_way();
    }
}

#[test]
fn a_connection_cut_before_the_reply_to_the_dot_leaves_doubt() {
    for versions in [ONLY_12, ONLY_13] {
        for cut in Cut::ALL {
            let run = inside(versions, &[], move |talk| {
                talk.go_on_to(Stage::Dot, Stage::Ehlo);
                cut.end(talk);
            });
            println!("{cut:?}");
            run.exits(79).complains(1).all_are("uncertain");
            run.says(&["may have received the message"]);
        }
    }
}

#[test]
fn a_connection_cut_within_the_reply_to_the_dot_leaves_doubt() {
    for cut in Cut::ALL {
        for part in [
            "2",
            "250",
            "250 ",
            "250 taken",
            "250 taken\r",
            "250-taken\r\n",
            "250-taken\r\n250 ",
        ] {
            let run = inside(BOTH, &[], move |talk| {
                talk.go_on_to(Stage::Dot, Stage::Ehlo);
                talk.send(part.as_bytes());
                thread::sleep(Duration::from_millis(5));
                cut.end(talk);
            });
            println!("{cut:?}, {part:?}");
            run.exits(79).complains(1).all_are("uncertain");
        }
    }
}

#[test]
fn half_a_record_of_the_reply_to_the_dot_is_no_reply() {
    let run = inside(BOTH, &[], |talk| {
        talk.go_on_to(Stage::Dot, Stage::Ehlo);
        let record = talk.sealed(b"250 taken\r\n");
        talk.send_below(&record[..record.len() - 1]);
        talk.close_one_way();
    });
    run.exits(79).all_are("uncertain");
}

#[test]
fn a_record_that_was_tampered_with_is_no_reply() {
    for versions in [ONLY_12, ONLY_13] {
        let run = inside(versions, &[], |talk| {
            talk.go_on_to(Stage::Dot, Stage::Ehlo);
            let mut record = talk.sealed(b"250 taken\r\n");
            *record.last_mut().unwrap() ^= 1;
            talk.tls = None;
            talk.send_below(&record);
            talk.rest();
        });
        run.exits(79).complains(1).all_are("uncertain");
    }
}

#[test]
fn a_reply_in_clear_to_the_dot_is_no_reply() {
    for versions in [ONLY_12, ONLY_13] {
        let run = inside(versions, &[], |talk| {
            talk.go_on_to(Stage::Dot, Stage::Ehlo);
            talk.tls = None;
            talk.send_below(b"250 taken\r\n");
            talk.rest();
        });
        run.exits(79).complains(1).all_are("uncertain");
    }
}

#[test]
fn a_connection_cut_after_the_reply_to_the_dot_is_a_delivery() {
    for versions in [ONLY_12, ONLY_13] {
        for cut in Cut::ALL {
            for at in [Stage::Dot, Stage::Quit] {
                let run = inside(versions, &[], move |talk| {
                    talk.go_on_to(at, Stage::Ehlo);
                    if at == Stage::Dot {
                        talk.send(b"250 taken\r\n");
                        // With RST, what was not read yet is gone.
                        talk.expect("QUIT");
                    }
                    cut.end(talk);
                });
                println!("{cut:?}, {at:?}");
                run.exits(0).complains(0).all_are("accepted");
            }
        }
    }
}

#[test]
fn a_last_reply_and_the_end_in_one_packet_are_a_delivery() {
    for goodbye in [true, false] {
        let run = inside(BOTH, &[], move |talk| {
            talk.go_on_to(Stage::Dot, Stage::Ehlo);
            let mut last = talk.sealed(b"250 taken\r\n");
            if goodbye {
                talk.tls.as_mut().unwrap().send_close_notify();
                last.extend(talk.sealed(b""));
            }
            talk.tls = None;
            talk.last_words(&last);
        });
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn a_refusal_in_the_middle_of_the_message_is_heard_inside_tls() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.go_on_to(Stage::Data, Stage::Ehlo);
        talk.say("354 go on");
        talk.swallow(10_000);
        talk.send(b"552 5.3.4 too much\r\n");
        talk.close();
    });
    let ehlo = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .args(["-a", "big"]);
    ehlo.file("big", vec![0; 24 * 1024 * 1024]);
    let run = ehlo.text_to_bob().run();
    server.finish();
    run.exits(69).complains(1).says(&["552 5.3.4 too much"]);
    run.all_are("refused");
}

#[test]
fn a_connection_cut_earlier_is_for_now() {
    for cut in Cut::ALL {
        for stage in [Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data] {
            let run = inside(BOTH, &[], move |talk| {
                talk.go_on_to(stage, Stage::Ehlo);
                cut.end(talk);
            });
            println!("{cut:?}, {stage:?}");
            run.exits(75).complains(1).all_are("deferred");
        }
    }
}

#[test]
fn half_a_line_and_a_cut_is_no_reply_at_any_stage() {
    for stage in [Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data] {
        let run = inside(BOTH, &[], move |talk| {
            talk.go_on_to(stage, Stage::Ehlo);
            let half: &[u8] = if stage == Stage::Data {
                b"354 go"
            } else {
                b"250 o"
            };
            talk.send(half);
            Cut::Fin.end(talk);
        });
        run.exits(75).complains(1).all_are("deferred");
    }
}

#[track_caller]
fn is_desynchronised(run: &Run) {
    run.exits(76).complains(1).says(&["violated the protocol"]);
    assert_ne!(run.verdicts(), ["accepted"]);
}

#[test]
fn early_replies_in_tls_end_the_session() {
    for (stage, words, verdict) in [
        (Stage::Ehlo, "250 mx.example\r\n250 ok\r\n", "deferred"),
        (Stage::Mail, "250 ok\r\n250 ok\r\n", "deferred"),
        (Stage::Rcpt, "250 ok\r\n354 go on\r\n", "deferred"),
        (Stage::Data, "354 go on\r\n250 taken\r\n", "deferred"),
        (Stage::Data, "354 go on\r\n2", "deferred"),
        (Stage::Dot, "250 taken\r\n250 taken\r\n", "uncertain"),
    ] {
        // In one record, and in two.
        for split in [false, true] {
            let run = inside(BOTH, &[], move |talk| {
                talk.go_on_to(stage, Stage::Ehlo);
                let (one, other) = words.split_at(words.find('\n').unwrap() + 1);
                let records = if split {
                    [talk.sealed(one.as_bytes()), talk.sealed(other.as_bytes())].concat()
                } else {
                    talk.sealed(words.as_bytes())
                };
                talk.send_below(&records);
                let said = talk.rest();
                assert!(!said.ends_with(b"\r\n.\r\n"), "a message was sent");
            });
            println!("{stage:?}, {words:?}, {split}");
            is_desynchronised(&run);
            run.all_are(verdict);
        }
    }
}

#[test]
fn bytes_before_the_greeting_in_tls_are_strays() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        talk.secure(&config);
        talk.send(b"220 mx.example\r\n220 mx.example\r\n");
        assert!(talk.rest().is_empty(), "something was said");
    });
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn what_comes_in_tls_before_ehlo_behind_starttls_is_a_stray() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(ONLY_12);
    let server = Server::start(move |talk| {
        Way::Starttls.before(talk);
        talk.early = b"250 mx.example\r\n".to_vec();
        let _ = talk.shake_hands(&config);
        let said = talk.rest();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains("MAIL"), "{said}");
    });
    let run = Ehlo::secured_to(&server, Way::Starttls)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    is_desynchronised(&run);
}

#[test]
fn records_may_be_of_any_size_and_come_in_any_pieces() {
    for versions in [ONLY_12, ONLY_13] {
        let run = inside(versions, &[], |talk| {
            talk.expect("EHLO me.example");
            // Each byte in its own record, and all of them in one packet.
            let mut records = Vec::new();
            for byte in b"250-mx.example\r\n250 8BITMIME\r\n" {
                records.extend(talk.sealed(&[*byte]));
            }
            talk.send_below(&records);
            talk.expect("MAIL FROM:<alice@crepes.fr>");
            // Each byte of a record in its own packet.
            for byte in talk.sealed(b"250 ok\r\n") {
                talk.send_below(&[byte]);
                thread::sleep(Duration::from_millis(1));
            }
            talk.expect("RCPT TO:<bob@hamburger.edu>");
            let long = format!("250-{}\r\n", "x".repeat(500)).repeat(60) + "250 ok\r\n";
            talk.send(long.as_bytes());
            talk.data();
            talk.say("250 taken");
            talk.quit();
        });
        run.exits(0).complains(0).all_are("accepted");
    }
}

#[test]
fn a_drip_in_tls_ends_at_the_deadline() {
    for stage in [Stage::Ehlo, Stage::Mail, Stage::Data, Stage::Dot] {
        let run = inside(BOTH, &["--timeout", "1s"], move |talk| {
            talk.go_on_to(stage, Stage::Ehlo);
            let line = b"250-".iter().copied().chain(std::iter::repeat(b'x'));
            talk.drip(line, Duration::from_millis(100));
        });
        println!("{stage:?}");
        let code = if stage == Stage::Dot { 79 } else { 75 };
        run.exits(code).complains(1);
        assert!(run.took < Duration::from_secs(4), "{run:#?}");
    }
}

#[test]
fn a_record_that_never_ends_is_given_up_at_the_deadline() {
    let run = inside(BOTH, &["--timeout", "1s"], |talk| {
        talk.expect("EHLO me.example");
        let mut all = vec![23, 3, 3, 0x40, 0];
        all.extend(vec![0; 16_000]);
        talk.tls = None;
        talk.drip(all.into_iter(), Duration::from_millis(20));
    });
    run.exits(75).complains(1);
    assert!(run.took < Duration::from_secs(4), "{run:#?}");
}

#[test]
fn silence_in_tls_ends_at_the_deadline() {
    for stage in [Stage::Ehlo, Stage::Mail, Stage::Rcpt, Stage::Data] {
        let run = inside(BOTH, &["--timeout", "1s"], move |talk| {
            talk.go_on_to(stage, Stage::Ehlo);
            talk.hang();
        });
        run.exits(75).complains(1);
        assert!(run.took < Duration::from_secs(4), "{run:#?}");
    }
}

#[test]
fn floods_in_tls_have_an_end() {
    for (flood, code) in [
        (vec![b'x'; 64 * 1024], 76),
        (b"250-\r\n".repeat(2000), 76),
        (b"250-X a b c\r\n".repeat(2000), 76),
    ] {
        let run = inside(BOTH, &[], move |talk| {
            talk.expect("EHLO me.example");
            talk.send(b"250-mx.example\r\n250-");
            let sent = talk.flood(&flood);
            assert!(sent < 64 * 1024 * 1024, "{sent} bytes were taken");
        });
        run.exits(code).complains(1);
        assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
    }
}

#[test]
fn records_of_nothing_have_an_end() {
    for versions in [ONLY_12, ONLY_13] {
        for stage in [Stage::Ehlo, Stage::Dot] {
            let run = inside(versions, &["--timeout", "1s"], move |talk| {
                talk.go_on_to(stage, Stage::Ehlo);
                let mut forger = talk.forger();
                talk.flood_with(&mut forger, Forger::DATA, b"");
            });
            println!("{stage:?}");
            assert_ne!(run.verdicts(), ["accepted"]);
            assert!(run.took < Duration::from_secs(4), "{run:#?}");
            assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
        }
    }
}

#[test]
fn the_look_at_what_has_come_before_we_speak_is_over_in_time() {
    for (stage, reply) in [(Stage::Ehlo, "250 ok\r\n"), (Stage::Data, "354 go on\r\n")] {
        let run = inside(ONLY_13, &["--timeout", "2s"], move |talk| {
            talk.go_on_to(stage, Stage::Ehlo);
            let mut forger = talk.forger();
            let mut all = forger.record(Forger::DATA, reply.as_bytes());
            for _ in 0..10_000 {
                all.extend(forger.record(Forger::DATA, b""));
            }
            let _ = talk.stream().write_all(&all);
            talk.flood_with(&mut forger, Forger::DATA, b"");
        });
        println!("{stage:?}: {:?}, {}", run.took, run.stderr);
        assert_ne!(run.verdicts(), ["accepted"]);
        assert!(run.took < Duration::from_secs(6), "{run:#?}");
    }
}

#[test]
fn session_tickets_without_end_have_an_end() {
    // Each takes the client more work than it takes us, so that there is always one more.
    // A ticket: lifetime, age_add, nonce, ticket, extensions (RFC 8446 §4.6.1).
    let mut ticket = vec![4, 0, 0, 0, 0, 0, 0, 60, 1, 2, 3, 4, 1, 0, 0, 32];
    ticket.extend([7; 32]);
    ticket.extend([0, 0]);
    ticket[3] = u8::try_from(ticket.len() - 4).unwrap();
    for reply in ["", "250 ok\r\n"] {
        let ticket = ticket.repeat(300);
        let run = inside(ONLY_13, &["--timeout", "2s"], move |talk| {
            talk.expect("EHLO me.example");
            let mut forger = talk.forger();
            let mut all = Vec::new();
            if !reply.is_empty() {
                all.extend(forger.record(Forger::DATA, reply.as_bytes()));
            }
            all.extend(forger.record(Forger::HANDSHAKE, &ticket));
            let _ = talk.stream().write_all(&all);
            talk.flood_with(&mut forger, Forger::HANDSHAKE, &ticket);
        });
        println!("{reply:?}: {:?}, {}", run.took, run.stderr);
        assert_ne!(run.verdicts(), ["accepted"]);
        assert!(run.took < Duration::from_secs(6), "{run:#?}");
        assert!(run.peak_kib < MEMORY_KIB, "{} KiB", run.peak_kib);
    }
}

#[test]
fn requests_to_renegotiate_are_not_followed() {
    // RFC 5246 §7.4.1.1, in clear text: HelloRequest.
    let run = inside(ONLY_12, &["--timeout", "1s"], |talk| {
        talk.expect("EHLO me.example");
        let mut forger = talk.forger();
        talk.flood_with(&mut forger, Forger::HANDSHAKE, &[0, 0, 0, 0]);
    });
    run.complains(1).all_are("deferred");
    assert!(run.took < Duration::from_secs(4), "{run:#?}");
}

#[test]
fn one_request_to_renegotiate_changes_nothing() {
    let run = inside(ONLY_12, &["--timeout", "2s"], |talk| {
        talk.expect("EHLO me.example");
        let mut forger = talk.forger();
        let mut records = forger.record(Forger::HANDSHAKE, &[0, 0, 0, 0]);
        records.extend(forger.record(Forger::DATA, b"250 mx.example\r\n"));
        talk.send_below(&records);
        // What the client says cannot be read any more, but that it says something can be seen.
        talk.swallow(1);
        talk.inbox.clear();
        talk.close_one_way();
    });
    run.exits(75).complains(1).all_are("deferred");
    let sent = run.events("sent");
    let stages: Vec<_> = sent.iter().map(|sent| sent["stage"].clone()).collect();
    assert_eq!(stages, ["ehlo", "mail"], "{run:#?}");
}

#[test]
fn key_updates_without_end_have_an_end() {
    let run = inside(ONLY_13, &["--timeout", "1s"], |talk| {
        talk.expect("EHLO me.example");
        let mut forger = talk.forger();
        // update_requested; the second is under the old key already, and so it is no record at all.
        talk.flood_with(&mut forger, Forger::HANDSHAKE, &[24, 0, 0, 1, 1]);
    });
    run.complains(1).all_are("deferred");
    assert!(run.took < Duration::from_secs(4), "{run:#?}");
}
