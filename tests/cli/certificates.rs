//! Certificates that will not do: each fails before AUTH and MAIL, in words that say why, and is
//! taken with `-k`, which is said as well.

use crate::authority::{AS_IS, Authority, BOTH, ONLY_12, ONLY_13, Papers};
use crate::encrypted::Way;
use crate::program::Ehlo;
use crate::server::Server;
use rcgen::{ExtendedKeyUsagePurpose, IsCa, date_time_ymd};

const LOOPBACK: &[&str] = &["127.0.0.1"];

/// A certificate that will not do.
struct Row {
    name: &'static str,
    papers: Papers,
    /// What must be said of it; one of these.
    words: &'static [&'static str],
}

fn row(name: &'static str, papers: Papers, words: &'static [&'static str]) -> Row {
    Row {
        name,
        papers,
        words,
    }
}

/// All of them, with the CA that is trusted.
fn rows() -> (Authority, Vec<Row>) {
    let ca = Authority::new();
    let not_a_ca = ca.intermediate(|params| params.is_ca = IsCa::ExplicitNoCa);
    let expired = ca.intermediate(|params| params.not_after = date_time_ymd(2021, 1, 1));
    let early = ca.intermediate(|params| params.not_before = date_time_ymd(2080, 1, 1));
    let for_mail = ca.intermediate(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    });
    let other = Authority::named("Somebody Else");
    let namesake = Authority::new();
    let rows = vec![
        row(
            "expired",
            ca.issue_odd(LOOPBACK, |params| {
                params.not_after = date_time_ymd(2021, 2, 3);
            }),
            &["has expired (2021-02-03 00:00:00 UTC)"],
        ),
        row(
            "not yet valid",
            ca.issue_odd(LOOPBACK, |params| {
                params.not_before = date_time_ymd(2080, 2, 3);
            }),
            &["is not valid before 2080-02-03 00:00:00 UTC"],
        ),
        row(
            "wrong name",
            ca.issue(&["mx.example.org", "192.0.2.7"]),
            &["is for mx.example.org, 192.0.2.7, not for 127.0.0.1"],
        ),
        row(
            "self-signed",
            Papers::self_signed(LOOPBACK, AS_IS),
            &["is self-signed"],
        ),
        row(
            "self-signed CA",
            Papers::self_signed(LOOPBACK, |params| {
                params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }),
            &["is self-signed"],
        ),
        row(
            "unknown CA",
            other.issue(LOOPBACK),
            &["is signed by an unknown CA (CN=Somebody Else)"],
        ),
        row(
            "another CA of that name",
            namesake.issue(LOOPBACK),
            &["has an invalid signature", "unknown CA"],
        ),
        row("issuer that is no CA", not_a_ca.issue(LOOPBACK), &["CA"]),
        row(
            "for clients only",
            ca.issue_odd(LOOPBACK, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
            &["is not intended for a TLS server (key usage)"],
        ),
        row(
            "CA for something else",
            for_mail.issue(LOOPBACK),
            &["key usage"],
        ),
        row(
            "expired intermediate",
            expired.issue(LOOPBACK),
            &["a chain with an expired certificate"],
        ),
        row(
            "early intermediate",
            early.issue(LOOPBACK),
            &["a chain with a certificate that is not yet valid"],
        ),
        row(
            "broken signature",
            ca.issue(LOOPBACK).with_broken_signature(),
            &["signature"],
        ),
        row(
            "common name only",
            ca.issue_odd(&[], |params| {
                let name = rcgen::DnType::CommonName;
                params.distinguished_name.push(name, "127.0.0.1");
            }),
            &["is for no host name, not for 127.0.0.1"],
        ),
        row(
            "another one's key",
            ca.issue(LOOPBACK).with_foreign_key(),
            &["signature of the handshake"],
        ),
    ];
    (ca, rows)
}

#[test]
fn a_certificate_that_will_not_do_ends_it_before_a_word_is_said() {
    let (ca, rows) = rows();
    for row in &rows {
        for way in Way::BOTH {
            for versions in [ONLY_12, ONLY_13] {
                let config = row.papers.config(versions);
                let server = Server::start(move |talk| {
                    way.fail(talk, &config);
                });
                let run = Ehlo::secured_to(&server, way)
                    .trusting(&ca.pem())
                    .args(["-u", "alice"])
                    .env("EHLO_PASSWORD", "hunter2")
                    .text_to_bob()
                    .run();
                server.finish();
                println!("{}, {way:?}: {}", row.name, run.stderr);
                run.exits(77).complains(1).all_are("refused").says(&[
                    "the certificate of [127.0.0.1]:",
                    "-k",
                    "--ca-file",
                    "bob@hamburger.edu",
                ]);
                let is_said = row.words.iter().any(|words| run.stderr.contains(words));
                assert!(is_said, "{:?} not in {}", row.words, run.stderr);
                assert_eq!(run.result()["recipients"][0]["stage"], "tls");
                for tls in run.events("tls") {
                    // What was seen of it, but no encryption.
                    assert_eq!(tls["verified"], false);
                    assert!(tls["version"].is_null(), "{tls}");
                }
            }
        }
    }
}

#[test]
fn with_k_any_certificate_will_do_and_it_is_said_that_it_was_not_checked() {
    let (_, rows) = rows();
    for row in &rows {
        for way in Way::BOTH {
            let config = row.papers.config(BOTH);
            let server = Server::start(move |talk| {
                way.open(talk, &config);
                talk.take_on(&[])
            });
            let run = Ehlo::to(&server)
                .args(["--tls", way.option(), "-k"])
                .text_to_bob()
                .run();
            println!("{}, {way:?}", row.name);
            assert_eq!(server.finish().body(), "hi\r\n");
            run.exits(0)
                .complains(0)
                .shows(&["certificate of 127.0.0.1 not checked\n"]);
            assert!(!run.stdout.contains("verified"), "{run:#?}");
        }
    }
}

#[test]
fn with_k_json_says_that_nothing_is_verified() {
    let papers = Papers::self_signed(&["else.example"], AS_IS);
    let config = papers.config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.take_on(&[]);
    });
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .args(["-k"])
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0);
    let tls = &run.events("tls")[0];
    assert_eq!(
        (&tls["verified"], &tls["judgement"]),
        (&false.into(), &"not checked".into())
    );
}

#[test]
fn a_self_signed_certificate_in_the_ca_file_is_trusted_for_its_name_and_time() {
    let ca_too: crate::authority::Change = |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    for (name, papers, wrong) in [
        ("good", Papers::self_signed(LOOPBACK, AS_IS), None),
        (
            "good, and a CA",
            Papers::self_signed(LOOPBACK, ca_too),
            None,
        ),
        (
            "expired",
            Papers::self_signed(LOOPBACK, |params| {
                params.not_after = date_time_ymd(2021, 1, 1);
            }),
            Some("has expired"),
        ),
        (
            "expired, and a CA",
            Papers::self_signed(LOOPBACK, |params| {
                params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
                params.not_after = date_time_ymd(2021, 1, 1);
            }),
            Some("has expired"),
        ),
        (
            "wrong name",
            Papers::self_signed(&["else.example"], AS_IS),
            Some("is for else.example"),
        ),
        (
            "wrong name, and a CA",
            Papers::self_signed(&["else.example"], ca_too),
            Some("is for else.example"),
        ),
    ] {
        let config = papers.config(BOTH);
        let server = Server::start(move |talk| match wrong {
            None => {
                Way::Starttls.open(talk, &config);
                talk.take_on(&[]);
            }
            Some(_) => {
                Way::Starttls.fail(talk, &config);
            }
        });
        let run = Ehlo::secured_to(&server, Way::Starttls)
            .trusting(&papers.pem())
            .text_to_bob()
            .run();
        server.finish();
        println!("{name}: {}", run.stderr);
        match wrong {
            None => {
                run.exits(0).all_are("accepted");
                assert_eq!(run.events("tls")[0]["verified"], true);
            }
            Some(words) => {
                run.exits(77).all_are("refused").says(&[words]);
            }
        }
    }
}

#[test]
fn a_self_signed_certificate_in_the_ca_file_is_worth_nothing_without_its_key() {
    for versions in [ONLY_12, ONLY_13] {
        let papers = Papers::self_signed(LOOPBACK, AS_IS);
        let pem = papers.pem();
        let config = papers.with_foreign_key().config(versions);
        let server = Server::start(move |talk| {
            Way::Implicit.fail(talk, &config);
        });
        let run = Ehlo::secured_to(&server, Way::Implicit)
            .trusting(&pem)
            .text_to_bob()
            .run();
        server.finish();
        run.exits(77).all_are("refused").says(&["signature"]);
    }
}

#[test]
fn one_ca_of_several_in_the_file_is_enough() {
    let ca = Authority::new();
    let config = ca.issue(LOOPBACK).config(BOTH);
    let server = Server::start(move |talk| {
        Way::Implicit.open(talk, &config);
        talk.take_on(&[]);
    });
    let others = [
        Authority::named("One").pem(),
        ca.pem(),
        Authority::named("Two").pem(),
    ];
    let run = Ehlo::secured_to(&server, Way::Implicit)
        .trusting(&others.concat())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).all_are("accepted");
}

#[test]
fn the_next_host_is_asked_where_the_first_has_a_bad_certificate() {
    let ca = Authority::new();
    let good = ca.issue(&["second.hamburger.edu"]).config(BOTH);
    let bad = Papers::self_signed(&["first.hamburger.edu"], AS_IS).config(BOTH);
    let server = Server::with_door(move |door| {
        let mut first = door.open();
        Way::Starttls.fail(&mut first, &bad);
        first.end();
        let mut second = door.open();
        Way::Starttls.open(&mut second, &good);
        second.take_on(&[]);
        second.end();
    });
    let dns = crate::dns::Authority::serve(&[
        "hamburger.edu MX 10 first.hamburger.edu",
        "hamburger.edu MX 20 second.hamburger.edu",
        "first.hamburger.edu A 127.0.0.1",
        "second.hamburger.edu A 127.0.0.1",
    ]);
    let run = Ehlo::new()
        .args(["--helo", "me.example", "-f", "alice@crepes.fr", "--json"])
        .args(["--dns", &dns.address.to_string()])
        .args(["-p", &server.port.to_string(), "--tls", "starttls"])
        .trusting(&ca.pem())
        .text_to_bob()
        .run();
    server.finish();
    run.exits(0).complains(0).all_are("accepted");
}
