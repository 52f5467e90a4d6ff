//! AUTH (RFC 4954) against servers that are honest, that are not, and that are not who they should be

use crate::authority::{Authority, BOTH, ONLY_12, ONLY_13};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::sasl::{PASSWORD, Scram, encode, logging_in, logging_in_with};
use crate::server::{Server, Talk};
use base64::prelude::{BASE64_STANDARD, Engine};
use ring::digest::{SHA256, digest};
use std::time::Duration;

/// The login failed, nobody got anything, and the message was not begun.
#[track_caller]
fn came_to_nothing(run: &Run, code: i32) -> &Run {
    run.exits(code).complains(1).has_nothing_raw();
    assert!(!run.stdout.contains(">>> MAIL"), "{run:#?}");
    run
}

#[test]
fn a_server_that_does_not_offer_auth_in_tls_gets_nothing() {
    for way in Way::BOTH {
        for keywords in [&[][..], &["AUTH"], &["XAUTH PLAIN"], &["AUTH NTLM GSSAPI"]] {
            let ca = Authority::new();
            let config = ca.issue(&["127.0.0.1"]).config(BOTH);
            let server = Server::start(move |talk| {
                if way == Way::Starttls {
                    // What is offered in clear only is not there.
                    talk.greet(&["AUTH PLAIN LOGIN", "STARTTLS"]);
                    talk.expect("STARTTLS");
                    talk.say("220 go ahead");
                    talk.secure(&config);
                } else {
                    way.open(talk, &config);
                }
                talk.offer(keywords);
                talk.quit();
            });
            let run = Ehlo::to(&server)
                .args(["--tls", way.option(), "-u", "alice"])
                .env("EHLO_PASSWORD", PASSWORD)
                .trusting(&ca.pem())
                .text_to_bob()
                .run();
            server.finish();
            came_to_nothing(&run, 77).says(&["AUTH", "bob@hamburger.edu"]);
        }
    }
}

#[test]
fn a_password_and_tls_off_contradict_each_other() {
    let server = Server::untouched();
    let run = Ehlo::to(&server)
        .args(["--tls", "off", "-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .text_to_bob()
        .run();
    server.finish();
    run.exits(64)
        .complains(1)
        .says(&["--tls off", "--allow-cleartext-password"]);
}

#[test]
fn a_password_goes_in_clear_only_when_that_is_asked_for() {
    for allowed in [false, true] {
        let server = Server::start(move |talk| {
            talk.greet(&["AUTH PLAIN"]);
            if allowed {
                assert_eq!(
                    talk.begun("PLAIN"),
                    format!("\0alice\0{PASSWORD}").as_bytes()
                );
                talk.say("235 welcome");
                talk.take_mail();
            } else {
                talk.quit();
            }
        });
        let run = Ehlo::to(&server)
            .args(["-u", "alice"])
            .args(allowed.then_some("--allow-cleartext-password"))
            .env("EHLO_PASSWORD", PASSWORD)
            .text_to_bob()
            .run();
        server.finish();
        if allowed {
            run.exits(0)
                .shows(&["\n>>> AUTH PLAIN ********\n235 welcome\n"]);
        } else {
            came_to_nothing(&run, 77).says(&["--allow-cleartext-password"]);
        }
    }
}

/// Passwords that are not easy.
const PASSWORDS: [&str; 5] = [
    PASSWORD,
    "p",
    " two  words\t\"quoted\" \\back\\ 'single' ",
    "pässwörd-ζ-密码-🔑",
    "0123456789 0123456789 0123456789 0123456789 0123456789 \"'\\ äöü 0123456789 0123456789 0123456789",
];

#[test]
fn plain_says_the_password_as_it_is() {
    for password in PASSWORDS {
        let run = logging_in(password, &[], move |talk| {
            talk.offer_auth("PLAIN");
            assert_eq!(
                talk.begun("PLAIN"),
                format!("\0alice\0{password}").as_bytes()
            );
            talk.say("235 2.7.0 welcome");
            talk.take_mail();
        });
        run.exits(0)
            .complains(0)
            .shows(&["\n>>> AUTH PLAIN ********\n"]);
    }
}

#[test]
fn login_says_user_and_password_one_by_one() {
    for password in PASSWORDS {
        let run = logging_in(password, &[], move |talk| {
            talk.offer_auth("LOGIN");
            talk.expect("AUTH LOGIN");
            talk.ask("Username:");
            assert_eq!(talk.decoded(), b"alice");
            talk.ask("Password:");
            assert_eq!(talk.decoded(), password.as_bytes());
            talk.say("235 2.7.0 welcome");
            talk.take_mail();
        });
        run.exits(0).complains(0).shows(&["\n>>> AUTH LOGIN\n"]);
    }
}

#[test]
fn cram_md5_answers_the_challenge() {
    // RFC 2195 §2
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.offer_auth("CRAM-MD5");
        talk.expect("AUTH CRAM-MD5");
        talk.ask("<1896.697170952@postoffice.reston.mci.net>");
        assert_eq!(talk.decoded(), b"tim b913a602c7eda7a495b4e6e7334d3890");
        talk.say("235 2.7.0 welcome");
        talk.take_mail();
    });
    let run = Ehlo::to(&server)
        .args(["--tls", "implicit", "-u", "tim"])
        .env("EHLO_PASSWORD", "tanstaaftanstaaf")
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn scram_proves_both_sides() {
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        for password in [PASSWORD, "p", "pässwörd-ζ", "two words, a=comma"] {
            let run = logging_in(password, &[], move |talk| {
                talk.offer_auth(mechanism);
                let mut scram = Scram::of(mechanism);
                scram.play(talk, mechanism, password);
                assert_eq!(scram.user(), "alice");
                // RFC 5802 §6: we could bind, but the server does not offer it.
                assert_eq!(scram.flag(), "y");
                talk.take_mail();
            });
            run.exits(0).complains(0);
        }
    }
}

#[test]
fn scram_plus_is_bound_to_the_connection() {
    // RFC 9266
    for mechanism in ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"] {
        let source = |ehlo: Ehlo| ehlo.env("EHLO_PASSWORD", PASSWORD);
        let run = logging_in_with(ONLY_13, &[], source, move |talk| {
            talk.offer_auth(&format!("PLAIN {mechanism}"));
            let mut scram = Scram::of(mechanism);
            scram.binding = Some(("tls-exporter", talk.exporter()));
            scram.play(talk, mechanism, PASSWORD);
            talk.take_mail();
        });
        run.exits(0).complains(0);
    }
}

/// Alice at a server with this version of TLS, whose certificate's hash the script knows.
fn with_end_point(
    version: &'static [&'static rustls::SupportedProtocolVersion],
    script: impl FnOnce(&mut Talk, Vec<u8>) + Send + 'static,
) -> Run {
    let ca = Authority::new();
    let papers = ca.issue(&["127.0.0.1"]);
    let end_point = digest(&SHA256, &papers.chain[0]).as_ref().to_vec();
    let config = papers.config(version);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        script(talk, end_point);
    });
    let run = Ehlo::to(&server)
        .args(["--tls", "implicit", "-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run
}

#[test]
fn scram_plus_is_bound_to_the_certificate_where_tls_is_old() {
    // RFC 5929 §4
    let run = with_end_point(ONLY_12, |talk, end_point| {
        talk.offer_auth("SCRAM-SHA-256-PLUS SCRAM-SHA-256");
        let mut scram = Scram::of("SCRAM-SHA-256-PLUS");
        scram.binding = Some(("tls-server-end-point", end_point));
        scram.play(talk, "SCRAM-SHA-256-PLUS", PASSWORD);
        talk.take_mail();
    });
    run.exits(0).complains(0);
}

#[test]
fn a_server_that_knows_only_the_other_binding_gets_that() {
    for cancelled in [false, true] {
        let run = with_end_point(ONLY_13, move |talk, end_point| {
            talk.offer_auth("SCRAM-SHA-256-PLUS PLAIN");
            talk.begun("SCRAM-SHA-256-PLUS");
            if cancelled {
                talk.ask("e=unsupported-channel-binding-type");
                talk.expect_cancel();
            } else {
                talk.say("504 5.5.4 no such binding");
            }
            let mut scram = Scram::of("SCRAM-SHA-256-PLUS");
            scram.binding = Some(("tls-server-end-point", end_point));
            scram.play(talk, "SCRAM-SHA-256-PLUS", PASSWORD);
            talk.take_mail();
        });
        println!("{cancelled}");
        run.exits(0).complains(0);
    }
}

#[test]
fn who_takes_the_bound_mechanism_away_does_not_get_the_password() {
    // RFC 5802 §5.1
    for code in [
        "504 5.5.4 no",
        "534 5.7.9 no",
        "538 5.7.11 no",
        "500 what",
        "535 5.7.8 no",
    ] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("SCRAM-SHA-256-PLUS PLAIN LOGIN");
            loop {
                let line = talk.line();
                if line == "QUIT" {
                    talk.say("221 bye");
                    break;
                }
                assert!(line.starts_with("AUTH SCRAM-SHA-256-PLUS "), "{line}");
                talk.say(code);
            }
        });
        println!("{code}");
        came_to_nothing(&run, 77);
    }
}

#[test]
fn a_man_in_the_middle_with_another_connection_is_found_out() {
    let run = logging_in(PASSWORD, &["--auth", "SCRAM-SHA-256-PLUS"], |talk| {
        talk.offer_auth("SCRAM-SHA-256-PLUS");
        let client = talk.begun("SCRAM-SHA-256-PLUS");
        let mut scram = Scram::of("SCRAM-SHA-256-PLUS");
        talk.ask(scram.first(&client));
        let bound = talk.decoded();
        let bound = String::from_utf8(bound).unwrap();
        let data = bound.strip_prefix("c=").unwrap().split_once(',').unwrap().0;
        let data = BASE64_STANDARD.decode(data).unwrap();
        assert!(data.ends_with(&talk.exporter()), "bound to something else");
        talk.say("535 5.7.8 bound to another connection");
        talk.quit();
    });
    came_to_nothing(&run, 77);
}

/// An OAuth token in the place of a password.
const TOKEN: &str = "ya29.a0Af-hunter2_Token~x+y/z==";

fn with_token(options: &[&str], script: impl FnOnce(&mut Talk) + Send + 'static) -> Run {
    let source = |ehlo: Ehlo| {
        let path = ehlo.private("token", TOKEN);
        ehlo.args(["--oauth-token-command", &format!("cat {}", path.display())])
    };
    logging_in_with(BOTH, options, source, script)
}

#[test]
fn a_token_goes_by_oauthbearer_or_xoauth2() {
    for (mechanism, start) in [
        ("OAUTHBEARER", "n,a=alice,\u{1}"),
        ("XOAUTH2", "user=alice\u{1}"),
    ] {
        let run = with_token(&[], move |talk| {
            talk.offer_auth(&format!("PLAIN LOGIN {mechanism}"));
            let said = String::from_utf8(talk.begun(mechanism)).unwrap();
            assert!(said.starts_with(start), "{said:?}");
            assert!(
                said.ends_with(&format!("auth=Bearer {TOKEN}\u{1}\u{1}")),
                "{said:?}"
            );
            talk.say("235 2.7.0 welcome");
            talk.take_mail();
        });
        run.exits(0).complains(0);
    }
}

#[test]
fn a_token_that_is_refused_is_refused_in_the_servers_words() {
    for (mechanism, answer) in [("OAUTHBEARER", &b"\x01"[..]), ("XOAUTH2", b"")] {
        let run = with_token(&[], move |talk| {
            talk.offer_auth(mechanism);
            talk.begun(mechanism);
            talk.ask(r#"{"status":"invalid_token","schemes":"bearer"}"#);
            assert_eq!(talk.decoded(), answer);
            talk.say("535 5.7.8 expired");
            talk.quit();
        });
        came_to_nothing(&run, 77).says(&["535 5.7.8 expired"]);
        run.shows(&["invalid_token"]);
    }
}

#[test]
fn a_235_after_the_refusal_of_a_token_is_no_welcome() {
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        let run = with_token(&[], move |talk| {
            talk.offer_auth(mechanism);
            talk.begun(mechanism);
            talk.ask(r#"{"status":"invalid_token"}"#);
            talk.line();
            talk.say("235 welcome");
            talk.part();
        });
        came_to_nothing(&run, 77);
    }
}

#[test]
fn a_token_is_never_a_password() {
    let run = with_token(&[], |talk| {
        talk.offer_auth("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256");
        talk.quit();
    });
    came_to_nothing(&run, 77).says(&["PLAIN"]);
}

#[test]
fn external_leaves_it_to_the_certificate() {
    let ca = Authority::new();
    let ours = ca.issue(&["me.example"]);
    for (options, right) in [
        (&["--auth", "EXTERNAL"][..], ""),
        (&["--auth", "EXTERNAL", "-u", "alice"], "alice"),
    ] {
        let config = ca.issue(&["127.0.0.1"]).asking(BOTH, &ca, true);
        let server = Server::start(move |talk| {
            Way::Implicit.open(talk, &config);
            talk.offer_auth("PLAIN EXTERNAL");
            assert_eq!(talk.begun("EXTERNAL"), right.as_bytes());
            talk.say("235 2.7.0 welcome");
            talk.take_mail();
        });
        let run = Ehlo::to(&server)
            .args(["--tls", "implicit"])
            .args(options)
            .trusting(&ca.pem())
            .showing(&ours)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(0).complains(0);
    }
}

#[test]
fn the_strongest_that_is_offered_and_allowed_is_taken() {
    for (offered, options, taken) in [
        (
            "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256",
            &[][..],
            "SCRAM-SHA-256 ",
        ),
        ("LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", &[], "SCRAM-SHA-1 "),
        ("SCRAM-SHA-256 SCRAM-SHA-1-PLUS", &[], "SCRAM-SHA-1-PLUS "),
        ("LOGIN PLAIN CRAM-MD5 XOAUTH2 NTLM", &[], "CRAM-MD5"),
        ("LOGIN PLAIN", &[], "PLAIN "),
        ("login plain", &[], "PLAIN "),
        ("LOGIN", &[], "LOGIN"),
        ("LOGIN PLAIN SCRAM-SHA-256", &["--auth", "LOGIN"], "LOGIN"),
        (
            "LOGIN PLAIN SCRAM-SHA-256",
            &["--auth", "login,plain"],
            "PLAIN ",
        ),
        (
            "LOGIN PLAIN SCRAM-SHA-256",
            &["--auth", "CRAM-MD5,PLAIN"],
            "PLAIN ",
        ),
    ] {
        let run = logging_in(PASSWORD, options, move |talk| {
            talk.offer_auth(offered);
            let line = talk.line();
            assert!(
                line.starts_with(&format!("AUTH {taken}")),
                "{offered}: {line}"
            );
            talk.say("535 no");
            talk.quit();
        });
        came_to_nothing(&run, 77);
    }
}

#[test]
fn mechanisms_are_read_from_all_auth_lines_in_old_spellings_too() {
    for keywords in [
        &["auth=LOGIN"][..],
        &["AUTH NTLM", "Auth= LOGIN", "SIZE 1000"],
        &["AUTH =LOGIN", "AUTH GSSAPI"],
    ] {
        let run = logging_in(PASSWORD, &[], |talk| {
            talk.offer(keywords);
            talk.expect("AUTH LOGIN");
            talk.say("535 no");
            talk.quit();
        });
        came_to_nothing(&run, 77);
    }
}

#[test]
fn auth_narrowed_to_what_is_not_offered_ends_it() {
    let run = logging_in(PASSWORD, &["--auth", "SCRAM-SHA-256"], |talk| {
        talk.offer_auth("PLAIN LOGIN");
        talk.quit();
    });
    came_to_nothing(&run, 77).says(&["PLAIN LOGIN", "--auth"]);
}

#[test]
fn a_mechanism_that_is_refused_leaves_the_next() {
    for code in ["504 5.5.4 no", "534 5.7.9 no", "538 5.7.11 no"] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("SCRAM-SHA-256 CRAM-MD5 PLAIN");
            talk.begun("SCRAM-SHA-256");
            talk.say(code);
            talk.expect("AUTH CRAM-MD5");
            talk.say(code);
            talk.begun("PLAIN");
            talk.say("235 welcome");
            talk.take_mail();
        });
        println!("{code}");
        run.exits(0).complains(0);
    }
}

#[test]
fn a_password_that_is_refused_is_not_tried_in_another_way() {
    for (code, exit) in [
        ("535 5.7.8 wrong", 77),
        ("530 5.7.0 must", 77),
        ("550 5.7.1 you are not welcome", 77),
        ("432 4.7.12 change it", 75),
        ("454 4.7.0 for now", 75),
        ("421 4.3.2 for now", 75),
        ("599 odd", 77),
    ] {
        for after in [false, true] {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth("CRAM-MD5 PLAIN LOGIN");
                talk.expect("AUTH CRAM-MD5");
                if after {
                    talk.ask("<x@y>");
                    talk.decoded();
                }
                talk.say(code);
                talk.part();
            });
            println!("{code}, {after}");
            came_to_nothing(&run, exit).says(&[code]);
        }
    }
}

#[test]
fn refusal_of_a_login_that_is_not_expected_says_what_to_do() {
    let run = logging_in(PASSWORD, &["--json"], |talk| {
        talk.offer_auth("PLAIN LOGIN");
        talk.begun("PLAIN");
        talk.say("503 5.5.1 already authenticated");
        talk.quit();
    });
    came_to_nothing(&run, 77).says(&[
        "does not expect authentication: 503 5.5.1 already authenticated",
        "omit --user",
    ]);
    run.all_are("refused");
}

#[test]
fn nothing_but_235_is_success() {
    for (reply, exit) in [
        ("250 ok", 76),
        ("200 ok", 76),
        ("220 ok", 76),
        ("234 ok", 76),
        ("335 ok", 76),
        ("354 go on", 76),
        ("235-welcome\n250 home", 76),
        ("2350 welcome", 76),
        ("welcome", 76),
    ] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("PLAIN");
            talk.begun("PLAIN");
            talk.say(reply);
            talk.rest();
        });
        println!("{reply:?}");
        came_to_nothing(&run, exit);
    }
}

#[test]
fn a_235_of_several_lines_is_a_welcome() {
    let run = logging_in(PASSWORD, &[], |talk| {
        talk.offer_auth("PLAIN");
        talk.begun("PLAIN");
        talk.say("235-2.7.0 welcome\n235 2.7.0 home");
        talk.take_mail();
    });
    run.exits(0);
}

#[test]
fn a_235_and_more_in_one_packet_is_one_reply_too_many() {
    for reply in [
        "235 welcome\r\n250 ok\r\n",
        "334 \r\n235 welcome\r\n",
        "235 welcome\r\n2",
    ] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("PLAIN");
            talk.begun("PLAIN");
            talk.send(reply.as_bytes());
            let said = talk.rest();
            assert!(said.is_empty(), "said {}", said.escape_ascii());
        });
        println!("{reply:?}");
        came_to_nothing(&run, 76);
    }
}

#[test]
fn a_server_that_asks_for_ever_is_left() {
    for mechanism in [
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256-PLUS",
    ] {
        for reply in [
            "334 ",
            "334 VXNlcm5hbWU6",
            "334 =",
            "334 cj0=",
            "334",
            "334-\r\n334 ",
        ] {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth(mechanism);
                let mut count = 0;
                loop {
                    let line = talk.line();
                    if line == "QUIT" {
                        talk.say("221 bye");
                        break;
                    }
                    count += 1;
                    assert!(count < 20, "still answering: {line}");
                    assert!(!line.starts_with("MAIL"), "{line}");
                    talk.say(&reply.replace("\r\n", "\n"));
                }
            });
            println!("{mechanism}, {reply:?}");
            came_to_nothing(&run, 77);
        }
    }
}

#[test]
fn undecodable_challenge_is_cancelled_where_the_mechanism_needs_it() {
    // RFC 4954 §4
    for challenge in [
        "!!!!",
        "VXNlcm5hbWU6=",
        "VXN lcm5hbWU6",
        "VXNl\tcm5",
        "Username:",
        "\u{e4}",
        "====",
    ] {
        for answer in [
            "501 cancelled",
            "535 cancelled",
            "250 ok",
            "235 welcome",
            "334 ",
        ] {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth("CRAM-MD5");
                talk.expect("AUTH CRAM-MD5");
                talk.say(&format!("334 {challenge}"));
                talk.expect("*");
                talk.say(answer);
                talk.part();
            });
            println!("{challenge:?}, {answer}");
            came_to_nothing(&run, 77).says(&["base64"]);
        }
    }
}

#[test]
fn login_answers_prompts_that_are_not_base64() {
    for (user, password) in [
        ("334 Username:", "334 Password:"),
        ("334 username", "334 "),
        ("334", "334 !!!!"),
        ("334 \u{e4}", "334 VXNlcm5hbWU6="),
        ("334-Please give\n334 your name", "334 ===="),
    ] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("LOGIN");
            talk.expect("AUTH LOGIN");
            talk.say(user);
            assert_eq!(talk.decoded(), b"alice");
            talk.say(password);
            assert_eq!(talk.decoded(), PASSWORD.as_bytes());
            talk.say("235 2.7.0 welcome");
            talk.take_mail();
        });
        println!("{user}, {password}");
        run.exits(0).complains(0);
    }
}

#[test]
fn a_challenge_may_be_long_but_not_endless() {
    for (length, good) in [(9000, true), (10_000, false), (40_000, false)] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("CRAM-MD5");
            talk.expect("AUTH CRAM-MD5");
            talk.ask(vec![b'x'; length]);
            if good {
                talk.decoded();
                talk.say("235 welcome");
                talk.take_mail();
            } else {
                talk.expect_cancel();
                talk.quit();
            }
        });
        println!("{length}");
        if good {
            run.exits(0);
        } else {
            came_to_nothing(&run, 77).says(&["too long"]);
        }
    }
}

/// What a dishonest server of SCRAM says first, out of what an honest one would say and the client's
/// nonce.
type First = fn(&str, &str) -> String;

#[test]
fn scram_servers_that_say_nonsense_first_are_cancelled() {
    // RFC 5802 §5.1
    let rows: [(&str, First); 22] = [
        ("nonce not extended", |first, _| first.replace("7srvr7", "")),
        ("nonce of its own", |first, nonce| {
            first.replace(nonce, "somethingelse")
        }),
        ("nonce without its begin", |first, nonce| {
            first.replace(nonce, &nonce[1..])
        }),
        ("no nonce", |first, _| {
            first.split_once(',').unwrap().1.to_owned()
        }),
        ("one iteration", |first, _| first.replace("i=4096", "i=1")),
        ("a few iterations", |first, _| {
            first.replace("i=4096", "i=4095")
        }),
        ("no iteration", |first, _| first.replace("i=4096", "i=0")),
        ("a billion iterations", |first, _| {
            first.replace("i=4096", "i=1000000000")
        }),
        ("2^32 iterations and some", |first, _| {
            first.replace("i=4096", "i=4294971392")
        }),
        ("a number without end", |first, _| {
            first.replace("4096", &"9".repeat(500))
        }),
        ("a negative number", |first, _| {
            first.replace("i=4096", "i=-4096")
        }),
        ("no number", |first, _| first.replace("i=4096", "i=x")),
        ("no i", |first, _| first.replace(",i=4096", "")),
        ("two i", |first, _| {
            first.replace(",i=4096", ",i=1000000000,i=4096")
        }),
        ("two i, the good one first", |first, _| {
            first.replace(",s=", ",i=4096,s=") + "000000"
        }),
        ("half of it", |first, _| {
            first.split_once(",s").unwrap().0.to_owned() + ","
        }),
        ("up to the salt", |first, _| {
            first.split_once("=YSBs").unwrap().0.to_owned()
        }),
        ("up to the count", |first, _| {
            first.split_once("i=").unwrap().0.to_owned()
        }),
        ("up to the number", |first, _| {
            first.split_once("=4096").unwrap().0.to_owned()
        }),
        ("one byte", |_, _| "r".to_owned()),
        ("bad salt", |first, _| {
            first.replace("YSBsaXR0bGUgc2FsdA==", "!!!!")
        }),
        ("nothing", |_, _| String::new()),
    ];
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
        for (row, twist) in rows {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth(mechanism);
                let client = talk.begun(mechanism);
                let mut scram = Scram::of(mechanism);
                let first = scram.first(&client);
                talk.ask(twist(&first, scram.nonce()));
                talk.expect_cancel();
                talk.quit();
            });
            println!("{mechanism}, {row}: {}", run.stderr);
            came_to_nothing(&run, 77);
            assert!(run.took < Duration::from_secs(3), "{run:#?}");
        }
    }
}

#[test]
fn scram_errors_of_the_server_are_told() {
    for error in [
        "e=other-error",
        "e=invalid-proof",
        "e=unknown-user",
        "m=ext,r=x",
    ] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth("SCRAM-SHA-256");
            talk.begun("SCRAM-SHA-256");
            talk.ask(error);
            talk.expect_cancel();
            talk.quit();
        });
        came_to_nothing(&run, 77);
        if let Some(error) = error.strip_prefix("e=") {
            run.says(&[error]);
        }
    }
}

/// What it says at last, instead of the right signature; `None` is a 235 without any.
type Last = fn(&str) -> Option<String>;

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    // The last message, and what comes instead of it.
    let rows: [(&str, Last); 9] = [
        ("another signature", |_| {
            Some(format!("v={}", encode([7; 32])))
        }),
        ("a short signature", |last| Some(last[..20].to_owned())),
        ("an empty signature", |_| Some("v=".to_owned())),
        ("no base64", |_| Some("v=!!!!".to_owned())),
        ("no signature", |_| Some("x=y".to_owned())),
        ("nothing", |_| Some(String::new())),
        ("one byte", |_| Some("v".to_owned())),
        ("a comma", |last| Some(format!(",{last}"))),
        ("235 at once", |_| None),
    ];
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        for (row, twist) in rows {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth(mechanism);
                let client = talk.begun(mechanism);
                let mut scram = Scram::of(mechanism);
                talk.ask(scram.first(&client));
                let client = talk.decoded();
                let last = scram.last(&client, PASSWORD);
                match twist(&last) {
                    Some(last) => {
                        talk.ask(last);
                        talk.expect("*");
                        // It insists.
                        talk.say("235 welcome");
                    }
                    None => talk.say("235 welcome"),
                }
                talk.part();
            });
            println!("{mechanism}, {row}: {}", run.stderr);
            came_to_nothing(&run, 77);
        }
    }
}

#[test]
fn a_235_instead_of_the_first_challenge_is_not_believed_of_scram() {
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
        let run = logging_in(PASSWORD, &[], move |talk| {
            talk.offer_auth(mechanism);
            talk.begun(mechanism);
            talk.say("235 welcome");
            talk.part();
        });
        came_to_nothing(&run, 77);
    }
}

#[test]
fn a_user_name_is_spelled_as_scram_wants_it() {
    let ca = Authority::new();
    let config = ca.issue(&["127.0.0.1"]).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.offer_auth("SCRAM-SHA-256");
        let mut scram = Scram::of("SCRAM-SHA-256");
        scram.play(talk, "SCRAM-SHA-256", PASSWORD);
        assert_eq!(scram.user(), "a=2Cb=3Dc");
        talk.take_mail();
    });
    let run = Ehlo::to(&server)
        .args(["--tls", "implicit", "-u", "a,b=c"])
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0);
}

#[test]
fn a_response_too_long_for_a_command_goes_by_itself() {
    // RFC 4954 §4
    let password: &'static str = "x".repeat(600).leak();
    for length in [300, 350, 360, 362, 363, 364, 365, 366, 370, 400, 600] {
        let password = &password[..length];
        let run = logging_in(password, &[], move |talk| {
            talk.offer_auth("PLAIN");
            let right = format!("\0alice\0{password}");
            let line = talk.line();
            assert!(line.len() <= 510, "{} octets", line.len());
            if let Some(response) = line.strip_prefix("AUTH PLAIN ") {
                assert_eq!(response, encode(&right));
            } else {
                assert!("AUTH PLAIN ".len() + encode(&right).len() > 510);
                assert_eq!(line, "AUTH PLAIN");
                talk.say("334 ");
                assert_eq!(talk.decoded(), right.as_bytes());
            }
            talk.say("235 welcome");
            talk.take_mail();
        });
        println!("{length}");
        run.exits(0).complains(0);
        assert!(!run.stdout.contains("xxxx") && !run.stdout.contains(&encode("xxxxxx")));
    }
}

#[test]
fn a_connection_lost_in_auth_is_for_now() {
    for after in [0, 1, 2] {
        for reset in [false, true] {
            let run = logging_in(PASSWORD, &[], move |talk| {
                talk.offer_auth("LOGIN");
                talk.expect("AUTH LOGIN");
                for prompt in ["Username:", "Password:"].iter().take(after) {
                    talk.ask(prompt);
                    talk.decoded();
                }
                if reset {
                    talk.reset();
                } else {
                    assert!(talk.close_one_way().is_empty());
                }
            });
            println!("{after}, {reset}");
            came_to_nothing(&run, 75);
        }
    }
}

#[test]
fn silence_in_auth_ends_at_the_deadline() {
    let run = logging_in(PASSWORD, &["--timeout", "1s"], |talk| {
        talk.offer_auth("LOGIN");
        talk.expect("AUTH LOGIN");
        talk.send(b"334 VXNl");
        talk.hang();
    });
    came_to_nothing(&run, 75);
    assert!(run.took < Duration::from_secs(4), "{run:#?}");
}

#[test]
fn nobody_is_asked_twice_and_nothing_is_pipelined_with_auth() {
    let run = logging_in(PASSWORD, &[], |talk| {
        talk.offer(&["PIPELINING", "AUTH PLAIN"]);
        talk.begun("PLAIN");
        // Nothing is said before it is known.
        talk.say("235 welcome");
        talk.expect_group(&[
            "MAIL FROM:<alice@crepes.fr>",
            "RCPT TO:<bob@hamburger.edu>",
            "DATA",
        ]);
        talk.say("530 5.7.0 log in first\n503 no\n503 no");
        talk.quit();
    });
    run.exits(69);
}

#[test]
fn what_cannot_be_in_a_user_name_is_refused_before_connecting() {
    for user in ["a\r\nb", "a\nb", "a\rb"] {
        let server = Server::untouched();
        let run = Ehlo::to(&server)
            .args(["--tls", "implicit", "-u", user])
            .env("EHLO_PASSWORD", PASSWORD)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(64).says(&["--user"]);
    }
}
