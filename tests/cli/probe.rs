//! `ehlo probe`: what is told of a server, what is expected of it, and what is never said to it. Every
//! script ends with QUIT or with the connection, so that a MAIL would fail the test.

use crate::authority::{Authority, BOTH, ONLY_12, Papers, hex};
use crate::encrypted::Way;
use crate::program::{Ehlo, Run};
use crate::sasl::{PASSWORD, encode};
use crate::server::{Server, Stage, Talk};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

const LOOPBACK: &[&str] = &["127.0.0.1"];

/// Looks at what is at this place.
fn probe(place: &str) -> Ehlo {
    Ehlo::new().args(["probe", place, "--helo", "me.example"])
}

/// The same with a server of ours.
fn look_at<T>(server: &Server<T>) -> Ehlo {
    probe(&format!("127.0.0.1:{}", server.port))
}

/// A server that offers these in clear, and hears QUIT.
fn offering(keywords: &'static [&'static str]) -> Server<()> {
    Server::start(move |talk| {
        talk.greet(keywords);
        talk.quit();
    })
}

/// A server that offers these inside TLS, and hears QUIT there.
fn secured(way: Way, papers: &Papers, keywords: &'static [&'static str]) -> Server<()> {
    let config = papers.config(BOTH);
    Server::start(move |talk| {
        way.open(talk, &config);
        talk.offer(keywords);
        talk.quit();
    })
}

/// The object of `--json`, which is all there is.
#[track_caller]
fn object(run: &Run) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let told: Value = serde_json::from_str(&run.stdout).expect("no JSON");
    assert_eq!(told["exit"], run.exit.unwrap(), "{run:#?}");
    told
}

/// The report without the times, and the names of the steps.
#[track_caller]
fn report(run: &Run) -> (String, Vec<String>) {
    let is_times = |line: &&str| line.starts_with("times ");
    let times = run.stdout.lines().find(is_times).expect("no times");
    let steps = times.trim_start_matches("times").split(',').map(|step| {
        let words: Vec<&str> = step.split_whitespace().collect();
        let [name, number, "ms"] = words[..] else {
            panic!("{times}");
        };
        assert!(number.parse::<f64>().is_ok(), "{times}");
        name.to_owned()
    });
    let rest: Vec<&str> = run.stdout.lines().filter(|line| !is_times(line)).collect();
    (rest.join("\n"), steps.collect())
}

/// Neither the password nor what PLAIN makes of it is anywhere.
#[track_caller]
fn keeps_password(run: &Run) {
    for trace in [PASSWORD.to_owned(), encode(format!("\0alice\0{PASSWORD}"))] {
        assert!(!run.stdout.contains(&trace), "{run:#?}");
        assert!(!run.stderr.contains(&trace), "{run:#?}");
    }
}

#[test]
fn a_server_in_clear_is_told_line_by_line() {
    let server = offering(&["PIPELINING", "SIZE 10240000", "AUTH PLAIN LOGIN"]);
    let port = server.port;
    let run = look_at(&server).run();
    server.finish();
    run.exits(0).complains(0);
    let (text, steps) = report(&run);
    let right = format!(
        "server      [127.0.0.1]:{port}\n\
         greeting    mx.example ESMTP\n\
         plaintext   PIPELINING, SIZE 10240000, AUTH PLAIN LOGIN\n\
         AUTH        PLAIN LOGIN (plaintext)\n\
         SIZE        10240000 (10.2 MB)\n\
         warning     AUTH PLAIN LOGIN is offered without TLS (RFC 4954 section 4)"
    );
    assert_eq!(text, right);
    assert_eq!(steps, ["connect", "banner", "ehlo", "quit"]);
}

#[test]
fn a_server_that_is_not_reached_has_no_times() {
    let port = crate::spool::closed();
    let run = Ehlo::new()
        .args(["probe", &format!("127.0.0.1:{port}")])
        .run();
    run.exits(75);
    assert!(!run.stdout.contains("times"), "{run:#?}");
}

#[test]
fn a_server_in_clear_is_one_object() {
    let server = offering(&["PIPELINING", "SIZE 10240000", "AUTH PLAIN LOGIN"]);
    let port = server.port;
    let run = look_at(&server).args(["--json"]).run();
    server.finish();
    run.exits(0).complains(0);
    let told = object(&run);
    assert_eq!(
        (&told["ip"], &told["port"]),
        (&"127.0.0.1".into(), &port.into())
    );
    assert_eq!(told["banner"], json!(["mx.example ESMTP"]));
    let offered = json!(["PIPELINING", "SIZE 10240000", "AUTH PLAIN LOGIN"]);
    assert_eq!(told["in_clear"], offered);
    assert_eq!(told["auth"], json!(["PLAIN", "LOGIN"]));
    assert_eq!(told["size"], 10_240_000);
    for nothing in ["tls", "in_tls", "login", "failure"] {
        assert_eq!(told[nothing], Value::Null, "{nothing}");
    }
    assert_eq!(told["expected"], json!([]));
}

#[test]
fn what_size_and_auth_are_without_a_value() {
    for (keywords, lines) in [
        (&["SIZE"][..], "AUTH        none\nSIZE        no limit"),
        (
            &["SIZE 0", "AUTH=LOGIN"],
            "AUTH        LOGIN (plaintext)\nSIZE        no limit",
        ),
        (&["X"], "AUTH        none\nSIZE        not offered"),
    ] {
        let server = offering(keywords);
        let run = look_at(&server).run();
        server.finish();
        run.exits(0).complains(0).shows(&[lines]);
    }
}

#[test]
fn mechanisms_are_gathered_from_all_auth_lines() {
    let keywords = &[
        "AUTH PLAIN",
        "SIZE 1000",
        "auth=LOGIN",
        "AUTH CRAM-MD5 PLAIN",
    ];
    let server = offering(keywords);
    let run = look_at(&server)
        .args(["--expect", "auth=login,auth=cram-md5"])
        .run();
    server.finish();
    run.exits(0)
        .complains(0)
        .shows(&["AUTH        PLAIN LOGIN CRAM-MD5 (plaintext)\n"]);

    let server = offering(keywords);
    let run = look_at(&server).args(["--json"]).run();
    server.finish();
    assert_eq!(object(&run)["auth"], json!(["PLAIN", "LOGIN", "CRAM-MD5"]));
}

#[test]
fn a_certificate_is_judged_and_not_enforced() {
    let (ca, stranger) = (Authority::new(), Authority::named("Somebody Else"));
    let expired: crate::authority::Change =
        |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    for way in Way::BOTH {
        for (papers, judgement) in [
            (ca.issue(LOOPBACK), "verified"),
            (
                stranger.issue(LOOPBACK),
                "not trusted: it is signed by an unknown CA (CN=Somebody Else)",
            ),
            (ca.issue(&["x.example"]), "not trusted: it is for x.example"),
            (
                ca.issue_odd(LOOPBACK, expired),
                "not trusted: it has expired (2021-01-01 00:00:00 UTC)",
            ),
        ] {
            let server = secured(way, &papers, &["SIZE 1000", "AUTH PLAIN"]);
            let run = look_at(&server)
                .args(["--tls", way.option()])
                .trusting(&ca.pem())
                .run();
            server.finish();
            run.exits(0).complains(0).shows(&[
                "\nTLS         TLSv1.3 TLS_AES_256_GCM_SHA384 X25519",
                &format!("\ncertificate of 127.0.0.1: {judgement}"),
                &format!("\nsha256      {}\n", hex(&papers.sum())),
                &format!("\nkey sha256  {}\n", hex(&papers.key_sum())),
                "\nover TLS    SIZE 1000, AUTH PLAIN\n",
                "\nAUTH        PLAIN (TLS only)\n",
            ]);
            let (_, steps) = report(&run);
            let right = match way {
                Way::Starttls => &[
                    "connect", "banner", "ehlo", "starttls", "tls", "ehlo", "quit",
                ][..],
                Way::Implicit => &["connect", "tls", "banner", "ehlo", "quit"],
            };
            assert_eq!(steps, right);
        }
    }
}

#[test]
fn a_certificate_in_json_has_its_chain_and_its_days() {
    let ca = Authority::new();
    let stranger = Authority::named("Somebody Else");
    let papers = stranger.issue(LOOPBACK);
    let server = secured(Way::Starttls, &papers, &["AUTH PLAIN"]);
    let run = look_at(&server).args(["--json"]).trusting(&ca.pem()).run();
    server.finish();
    run.exits(0).complains(0);
    let told = object(&run);
    assert_eq!(told["in_clear"], json!(["STARTTLS"]));
    assert_eq!(told["in_tls"], json!(["AUTH PLAIN"]));
    let tls = &told["tls"];
    assert_eq!(
        (&tls["version"], &tls["verified"]),
        (&"TLSv1.3".into(), &false.into())
    );
    assert!(
        tls["judgement"].as_str().unwrap().contains("unknown CA"),
        "{tls}"
    );
    assert!(tls["days_left"].as_i64().unwrap() > 1000, "{tls}");
    assert_eq!(tls["chain"][0]["sha256"], hex(&papers.sum()));
}

#[test]
fn tls_off_does_not_ask_for_starttls() {
    let server = offering(&["STARTTLS"]);
    let run = look_at(&server).args(["--tls", "off"]).run();
    server.finish();
    run.exits(0).complains(0).shows(&["plaintext   STARTTLS\n"]);
    assert!(!run.stdout.contains("TLSv1"), "{run:#?}");
}

#[test]
fn starttls_that_is_not_offered_or_refused_is_told_where_it_is_wanted() {
    let server = offering(&["SIZE"]);
    let run = look_at(&server).args(["--tls", "starttls"]).run();
    server.finish();
    run.exits(77)
        .complains(1)
        .says(&["does not offer STARTTLS"]);

    let server = Server::start(|talk| {
        talk.greet(&["STARTTLS"]);
        talk.expect("STARTTLS");
        talk.say("454 4.7.0 no key");
        talk.quit();
    });
    let run = look_at(&server).args(["--json"]).run();
    server.finish();
    run.exits(75)
        .complains(1)
        .says(&["refused STARTTLS: 454 4.7.0 no key"]);
    assert_eq!(object(&run)["in_clear"], json!(["STARTTLS"]));
}

#[test]
fn what_is_expected_and_there_is_0() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let keywords = &[
        "PIPELINING",
        "SIZE 10485760",
        "AUTH PLAIN LOGIN",
        "8BITMIME",
    ];
    let list = "starttls,Pipelining,auth=login,size>=10Mi,cert-days>=14,verified,tls>=1.3,tls,8bitmime,auth";
    for format in [None, Some("--json")] {
        let server = secured(Way::Starttls, &papers, keywords);
        let run = look_at(&server)
            .args(["--expect", list])
            .args(format)
            .trusting(&ca.pem())
            .run();
        server.finish();
        run.exits(0).complains(0);
        if format.is_some() {
            let told = object(&run);
            let all = told["expected"].as_array().unwrap();
            let names: Vec<&str> = all
                .iter()
                .map(|one| one["expected"].as_str().unwrap())
                .collect();
            assert_eq!(names.join(","), list);
            assert!(all.iter().all(|one| one["met"] == true), "{told}");
        } else {
            run.shows(&[
                "expected    starttls: yes\n",
                "auth=login: yes (PLAIN LOGIN)\n",
            ]);
            assert_eq!(run.stdout.matches(": yes").count(), 10, "{run:#?}");
        }
    }
}

#[test]
fn what_is_expected_and_not_there_is_77_and_a_line_each() {
    let ca = Authority::new();
    let papers = Authority::named("Somebody Else").issue(LOOPBACK);
    let config = papers.config(ONLY_12);
    let server = Server::start(move |talk| {
        Way::Starttls.open(talk, &config);
        talk.offer(&["SIZE 9999999", "AUTH PLAIN LOGIN"]);
        talk.quit();
    });
    let port = server.port;
    let list = "size>=10M,size,auth=CRAM-MD5,smtputf8,verified,tls>=1.3,tls>=1.2,cert-days>=99999";
    let run = look_at(&server)
        .args(["--expect", list])
        .trusting(&ca.pem())
        .run();
    server.finish();
    run.exits(77).complains(6);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let start = format!("ehlo: [127.0.0.1]:{port}: expectation not met: ");
    for (line, end) in lines.iter().zip([
        "size>=10M (9999999)",
        "auth=CRAM-MD5 (PLAIN LOGIN)",
        "smtputf8 (not offered)",
        "verified (not trusted: it is signed by an unknown CA (CN=Somebody Else))",
        "tls>=1.3 (TLSv1.2)",
    ]) {
        assert_eq!(*line, format!("{start}{end}"));
    }
    assert!(lines[5].ends_with(" days left)"), "{}", lines[5]);
    run.shows(&[
        "            size: yes (9999999)\n",
        "smtputf8: NO (not offered)\n",
    ]);
}

#[test]
fn without_tls_nothing_of_it_is_there() {
    let server = offering(&["SIZE"]);
    let run = look_at(&server)
        .args([
            "--json",
            "--expect",
            "starttls,tls,verified,cert-days>=1",
            "--expect",
            "size>=1G",
        ])
        .run();
    server.finish();
    run.exits(77).complains(4);
    let met = |one: &Value| one["met"] == true;
    let told = object(&run);
    let met: Vec<bool> = told["expected"]
        .as_array()
        .unwrap()
        .iter()
        .map(met)
        .collect();
    assert_eq!(met, [false, false, false, false, true]);
}

#[test]
fn what_went_wrong_counts_more_than_what_was_expected() {
    let server = Server::start(|talk| {
        talk.greet(&["PIPELINING"]);
        talk.close();
    });
    let run = look_at(&server)
        .args(["--json", "--expect", "pipelining"])
        .run();
    server.finish();
    // QUIT was what was left; that it had no answer spoils nothing.
    run.exits(0).complains(0);

    let server = Server::start(Talk::close);
    let run = look_at(&server)
        .args(["--json", "--expect", "pipelining"])
        .run();
    server.finish();
    run.exits(75).says(&["before its greeting"]);
    assert_eq!(object(&run)["expected"][0]["met"], false);
}

#[test]
fn what_cannot_be_expected_is_64_and_nobody_is_asked() {
    for list in [
        "",
        ",",
        "starttls,",
        "foo bar",
        "size=10",
        "size>10",
        "size>=",
        "size>=ten",
        "size>=10X",
        "size>=99999999999999999999",
        "cert-days=3",
        "cert-days>=x",
        "tls=1.3",
        "tls>=1.1",
        "verified=yes",
        "pipelining>=2",
        "!auth",
        "-x",
        "auth\r\nQUIT",
        "\u{1b}[2J",
    ] {
        let server = Server::untouched();
        let run = look_at(&server).args([format!("--expect={list}")]).run();
        server.finish();
        println!("{list:?}");
        run.exits(64).complains(1).says(&["--expect"]);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn where_nobody_listens_it_is_75_with_the_place() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let run = probe(&place).run();
    run.exits(75)
        .complains(1)
        .says(&["cannot connect to [127.0.0.1]:", "Connection refused"]);

    let run = probe(&place).args(["--json"]).run();
    run.exits(75).complains(1);
    let told = object(&run);
    assert!(
        told["failure"]
            .as_str()
            .unwrap()
            .contains("Connection refused"),
        "{told}"
    );
    for nothing in ["in_clear", "in_tls", "tls"] {
        assert_eq!(told[nothing], Value::Null, "{nothing}");
    }
}

#[test]
fn a_refusal_at_the_greeting_or_at_ehlo_is_quoted() {
    for (stage, reply, code, words) in [
        (
            Stage::Banner,
            "554 5.7.1 no service",
            69,
            "permanently refused the session: 554 5.7.1 no service",
        ),
        (
            Stage::Banner,
            "421 4.3.2 full",
            75,
            "is temporarily unavailable: 421 4.3.2 full",
        ),
        (
            Stage::Ehlo,
            "550 5.7.1 who are you",
            69,
            "permanently refused the session: 550 5.7.1 who are you",
        ),
        (
            Stage::Ehlo,
            "421 4.3.2 closing",
            75,
            "is temporarily unavailable: 421 4.3.2 closing",
        ),
    ] {
        let server = Server::start(move |talk| {
            talk.go_to(stage);
            talk.say(reply);
            if reply.starts_with("550") {
                // RFC 5321 §3.2: the old greeting may still do.
                talk.expect("HELO me.example");
                talk.say(reply);
            }
            talk.part();
        });
        let run = look_at(&server).args(["--json"]).run();
        server.finish();
        run.exits(code).complains(1).says(&[words]);
        assert!(object(&run)["failure"].as_str().unwrap().contains(words));
    }
}

#[test]
fn a_server_of_old_is_greeted_with_helo() {
    let server = Server::start(|talk| {
        talk.say("220 mx.example");
        talk.expect("EHLO me.example");
        talk.say("500 Command unrecognized");
        talk.expect("HELO me.example");
        talk.say("250 mx.example");
        talk.quit();
    });
    let run = look_at(&server).args(["--expect", "pipelining"]).run();
    server.finish();
    run.exits(77)
        .complains(1)
        .says(&["pipelining (not offered)"]);
}

#[test]
fn servers_that_break_off_or_talk_nonsense_come_to_an_end() {
    let row = |code: i32, words: &'static str, server: Server<()>| {
        let run = look_at(&server).run();
        server.finish();
        run.exits(code).complains(1).says(&[words]);
    };
    row(75, "before its greeting", Server::start(Talk::close));
    for words in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\r\n",
        b"* OK IMAP\r\n",
    ] {
        row(
            76,
            "violated the protocol",
            Server::start(move |talk| {
                talk.send(words);
                talk.part();
            }),
        );
    }
    row(
        75,
        "lost connection",
        Server::start(|talk| {
            talk.say("220 mx.example");
            talk.expect("EHLO me.example");
            talk.send(b"250-mx.example\r\n250-PIPE");
            talk.close();
        }),
    );
    row(
        75,
        "TLS",
        Server::start(|talk| {
            Way::Starttls.before(talk);
            talk.close();
        }),
    );
}

#[test]
fn floods_are_given_up_with_little_memory() {
    for (stage, start, flood) in [
        (Stage::Banner, &b"220 "[..], &b"xxxxxxxxxxxxxxxx"[..]),
        (Stage::Banner, b"", b"220-and another thing\r\n"),
        (
            Stage::Ehlo,
            b"250-mx.example\r\n",
            b"250-XYZ and another thing\r\n",
        ),
        (Stage::Ehlo, b"250-", b"xxxxxxxxxxxxxxxx"),
    ] {
        let server = Server::start(move |talk| {
            talk.go_to(stage);
            talk.send(start);
            talk.flood(&flood.repeat(4000))
        });
        let run = look_at(&server).run();
        assert!(server.finish() < 64 << 20);
        run.exits(76).complains(1);
        assert!(run.peak_kib < 32 * 1024, "{} KiB", run.peak_kib);
        assert!(run.stdout.len() < 4096, "{} octets", run.stdout.len());
    }
}

#[test]
fn a_server_that_says_nothing_is_waited_for_as_long_as_was_said() {
    for tls in ["auto", "implicit"] {
        let server = Server::start(|talk| {
            let said = talk.rest();
            assert!(
                said.is_empty() || said[0] == 22,
                "neither silence nor a handshake"
            );
        });
        let run = look_at(&server)
            .args(["--timeout", "300ms", "--tls", tls])
            .run();
        server.finish();
        run.exits(75)
            .complains(1)
            .says(&["no answer within 0.3 seconds"]);
        assert!(run.took.as_secs() < 5, "{:?}", run.took);
    }
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let words = "\u{1b}]0;owned\u{7}\u{202e}\u{9b}2J";
    for format in [None, Some("-v"), Some("--json")] {
        let server = Server::start(move |talk| {
            talk.say(&format!("220 mx.example {words}"));
            talk.offer(&[
                &format!("X-{words}"),
                &format!("AUTH {words}"),
                &format!("SIZE {words}"),
            ]);
            talk.quit();
        });
        let run = look_at(&server)
            .args(format)
            .args(["--expect", "auth=x"])
            .run();
        server.finish();
        run.exits(77).complains(1).has_nothing_raw();
    }
}

#[test]
fn verbose_shows_the_conversation_above_the_report() {
    let server = offering(&["SIZE"]);
    let run = look_at(&server).args(["-v"]).run();
    server.finish();
    run.exits(0).complains(0).shows(&[
        "\n220 mx.example ESMTP\n>>> EHLO me.example\n250-mx.example\n250 SIZE\n>>> QUIT\n221 bye\n\nserver ",
    ]);
    assert!(!run.stdout.contains("MAIL"));
}

#[test]
fn a_unix_socket_is_looked_at_too() {
    let ehlo = Ehlo::new();
    let path = ehlo.path("x.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let mut talk = Talk::over(listener.accept().unwrap().0);
        talk.greet(&["SIZE"]);
        talk.quit();
        talk.end();
    });
    let path = path.to_str().unwrap();
    let run = ehlo
        .args(["probe", path, "--helo", "me.example", "--json"])
        .run();
    server.join().unwrap();
    run.exits(0).complains(0);
    let told = object(&run);
    assert_eq!((&told["host"], &told["port"]), (&path.into(), &Value::Null));
}

/// Alice looks at a server behind implicit TLS, and logs in.
fn logging_in(papers: &Papers, ca: &Authority, format: Option<&str>, reply: &'static str) -> Run {
    let config = papers.config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.offer_auth("PLAIN");
        assert_eq!(
            talk.begun("PLAIN"),
            format!("\0alice\0{PASSWORD}").as_bytes()
        );
        talk.say(reply);
        talk.quit();
    });
    let run = look_at(&server)
        .args(["--tls", "implicit", "-u", "alice"])
        .args(format)
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&ca.pem())
        .run();
    server.finish();
    keeps_password(&run);
    run
}

#[test]
fn a_login_is_tried_at_the_right_server_and_sends_no_mail() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    for format in [None, Some("-v"), Some("--json")] {
        let run = logging_in(&papers, &ca, format, "235 2.7.0 welcome");
        run.exits(0).complains(0);
        match format {
            Some("--json") => assert_eq!(object(&run)["login"], "235 2.7.0 welcome"),
            Some(_) => drop(run.shows(&[
                ">>> AUTH PLAIN ********\n",
                "login       235 2.7.0 welcome\n",
            ])),
            None => drop(run.shows(&["\nlogin       235 2.7.0 welcome\n"])),
        }
    }
}

#[test]
fn a_login_that_fails_is_77_and_the_password_is_not_quoted() {
    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let reply = "535 5.7.8 not hunter2-Gr8! and not AGFsaWNlAGh1bnRlcjItR3I4IQ==";
    for format in [None, Some("-v"), Some("--json")] {
        let run = logging_in(&papers, &ca, format, reply);
        run.exits(77)
            .complains(1)
            .says(&["rejected the login: 535 5.7.8"]);
    }
    let run = logging_in(&papers, &ca, None, "454 4.7.0 the directory is down");
    run.exits(75)
        .complains(1)
        .says(&["454 4.7.0 the directory is down"]);
}

#[test]
fn a_password_does_not_go_to_a_server_that_is_not_the_right_one() {
    let ca = Authority::new();
    for way in Way::BOTH {
        for papers in [
            Authority::named("Somebody Else").issue(LOOPBACK),
            ca.issue(&["x.example"]),
        ] {
            let config = papers.config(BOTH);
            let server = Server::start(move |talk| {
                way.fail(talk, &config);
            });
            let run = look_at(&server)
                .args(["--tls", way.option(), "-u", "alice"])
                .env("EHLO_PASSWORD", PASSWORD)
                .trusting(&ca.pem())
                .run();
            server.finish();
            run.exits(77)
                .complains(1)
                .says(&["the certificate of [127.0.0.1]:"]);
            // What is wrong with it is told all the same.
            run.shows(&[
                "certificate of 127.0.0.1: not trusted: ",
                &hex(&papers.sum()),
            ]);
            keeps_password(&run);
        }
    }
}

#[test]
fn a_password_does_not_go_in_clear_nor_where_auth_is_not_offered() {
    let server = offering(&["AUTH PLAIN"]);
    let run = look_at(&server)
        .args(["-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .run();
    server.finish();
    run.exits(77)
        .complains(1)
        .says(&["--allow-cleartext-password"]);
    keeps_password(&run);

    let ca = Authority::new();
    let papers = ca.issue(LOOPBACK);
    let server = secured(Way::Implicit, &papers, &["SIZE"]);
    let run = look_at(&server)
        .args(["--tls", "implicit", "-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .trusting(&ca.pem())
        .run();
    server.finish();
    run.exits(77).complains(1).says(&["does not offer AUTH"]);
    keeps_password(&run);
}

#[test]
fn one_server_is_wanted_and_nothing_of_a_message() {
    for arguments in [
        &["probe"][..],
        &["probe", "127.0.0.1:9", "another.example", "-u", "alice"],
        &["probe", "127.0.0.1:9", "-b", "hi"],
        &["probe", "127.0.0.1:9", "-f", "alice@crepes.fr"],
        &["probe", "127.0.0.1:9", "--json", "-v"],
        &["probe", "127.0.0.1:0"],
        &["probe", "a\r\nb"],
    ] {
        let run = Ehlo::new().args(arguments).run();
        println!("{arguments:?}");
        run.exits(64).complains(1);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn json_names_the_place_where_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let run = probe(&format!("127.0.0.1:{port}")).args(["--json"]).run();
    run.exits(75).complains(1);
    let told = object(&run);
    assert_eq!(
        (&told["ip"], &told["port"]),
        (&"127.0.0.1".into(), &port.into())
    );
}

#[test]
fn what_could_not_be_asked_is_not_known() {
    let server = Server::start(Talk::close);
    let run = look_at(&server).args(["--expect", "pipelining"]).run();
    server.finish();
    run.exits(75).complains(1).says(&["before its greeting"]);
    assert!(!run.stdout.contains("not offered"), "{run:#?}");
}

#[test]
fn the_conversation_of_a_probe_is_for_nobody() {
    let server = offering(&["SIZE"]);
    let run = look_at(&server).args(["-v"]).run();
    server.finish();
    run.exits(0).complains(0);
    assert!(run.stdout.starts_with("Connecting to "), "{run:#?}");
}

#[test]
fn auth_is_not_known_where_tls_came_to_nothing() {
    let config = Papers::self_signed(LOOPBACK, |_| ()).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Starttls.fail(talk, &config);
    });
    let run = look_at(&server)
        .args(["-u", "alice"])
        .env("EHLO_PASSWORD", PASSWORD)
        .run();
    server.finish();
    run.exits(77).complains(1);
    assert!(!run.stdout.contains("AUTH        none"), "{run:#?}");
}

#[test]
fn a_profile_says_how_to_look_at_a_server() {
    let server = offering(&["SIZE"]);
    let ehlo = Ehlo::new();
    let text = format!(
        "default = \"a\"\n[profile.a]\nrelay = \"127.0.0.1:{}\"\nhelo = \"me.example\"\n",
        server.port
    );
    std::fs::create_dir_all(ehlo.path(".config/ehlo")).unwrap();
    ehlo.private(".config/ehlo/config.toml", text);
    let run = ehlo.args(["probe", "--profile", "a"]).run();
    server.finish();
    run.exits(0).complains(0);
}

#[test]
fn several_servers_are_reported_in_their_order() {
    let servers: Vec<Server<()>> = (0..4).map(|_| offering(&["SIZE 1000"])).collect();
    let places: Vec<String> = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port))
        .collect();
    let run = Ehlo::new()
        .args(["probe", "--helo", "me.example", "--json"])
        .args(&places)
        .run();
    run.exits(0).complains(0);
    let told = run.stdout.lines().map(|line| {
        let told: Value = serde_json::from_str(line).unwrap();
        format!("{}:{}", told["ip"].as_str().unwrap(), told["port"])
    });
    assert_eq!(told.collect::<Vec<_>>(), places);
    for server in servers {
        server.finish();
    }
}

#[test]
fn a_series_has_minimum_median_and_maximum() {
    let server = Server::with_door(|door| {
        for _ in 0..3 {
            let mut talk = door.open();
            talk.greet(&["SIZE 1000"]);
            talk.quit();
        }
    });
    let run = look_at(&server).args(["--count", "3", "--json"]).run();
    server.finish();
    run.exits(0).complains(0);
    let told = object(&run);
    assert_eq!((&told["count"], &told["failed"]), (&3.into(), &0.into()));
    for step in told["steps"].as_array().unwrap() {
        let ms = |name: &str| step[name].as_f64().unwrap();
        assert!(
            ms("min_ms") <= ms("ms") && ms("ms") <= ms("max_ms"),
            "{step}"
        );
    }
}

#[test]
fn a_monitor_gets_one_line_with_figures() {
    let server = offering(&["SIZE 1000"]);
    let run = look_at(&server).args(["--nagios", "--warning", "1h"]).run();
    let port = server.port;
    server.finish();
    run.exits(0).complains(0);
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let (words, figures) = run.stdout.trim_end().split_once(" | ").unwrap();
    assert!(
        words.starts_with(&format!("SMTP OK: [127.0.0.1]:{port} answered in 0.")),
        "{words}"
    );
    let labels: Vec<&str> = figures
        .split(' ')
        .map(|one| one.split('=').next().unwrap())
        .collect();
    assert_eq!(labels, ["time", "connect", "banner", "ehlo", "quit"]);
    assert!(
        figures.starts_with("time=0.") && figures.contains("s;3600.000;;0 "),
        "{figures}"
    );

    let server = offering(&["SIZE 1000"]);
    let run = look_at(&server)
        .args(["--nagios", "--expect", "starttls"])
        .run();
    server.finish();
    run.exits(2)
        .shows(&["expectation not met: starttls (not offered) | "]);
}

#[test]
fn a_monitor_warns_before_a_certificate_expires() {
    let ca = Authority::new();
    let soon: crate::authority::Change = |params| {
        let days = std::time::Duration::from_secs(5 * 24 * 60 * 60);
        params.not_after = (std::time::SystemTime::now() + days).into();
    };
    let past: crate::authority::Change =
        |params| params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    for (change, exit, words) in [(soon, 1, "SMTP WARNING: "), (past, 2, "SMTP CRITICAL: ")] {
        let server = secured(
            Way::Starttls,
            &ca.issue_odd(LOOPBACK, change),
            &["SIZE 1000"],
        );
        let run = look_at(&server)
            .args(["--nagios"])
            .trusting(&ca.pem())
            .run();
        server.finish();
        run.exits(exit).shows(&[words, " cert_days="]);
    }
}

#[test]
fn lines_are_compared_with_regular_expressions() {
    for (pattern, exit) in [
        ("tls:1.2,banner~^MX[.]", 77),
        ("banner~^MX[.]example", 0),
        ("ehlo~^size [0-9]{4,5}$", 0),
    ] {
        let server = offering(&["SIZE 1000"]);
        let run = look_at(&server).args(["--expect", pattern]).run();
        server.finish();
        run.exits(exit);
    }
}

#[test]
fn differences_with_and_without_tls_are_a_finding() {
    let ca = Authority::new();
    let server = secured(
        Way::Starttls,
        &ca.issue(LOOPBACK),
        &["SIZE 1000", "AUTH PLAIN"],
    );
    let run = look_at(&server).args(["--json"]).trusting(&ca.pem()).run();
    server.finish();
    let told = object(&run);
    assert_eq!(told["only_in_tls"], json!(["SIZE 1000", "AUTH PLAIN"]));
    assert_eq!(told["only_in_clear"], json!([]));
    assert_eq!(told["findings"][0]["id"], "ehlo.difference");
    assert_eq!(told["tls"]["cipher"], "TLS_AES_256_GCM_SHA384");
    assert_eq!(told["tls"]["cipher_openssl"], "TLS_AES_256_GCM_SHA384");
}
