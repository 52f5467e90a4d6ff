//! What may be wrong with a certificate, and what is right although it looks odd.

use crate::ca::Ca;
use crate::s_server::{Own, SServer, is_there};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};
use tempfile::TempDir;

/// The CA, as long as its directory is there.
fn ca() -> (TempDir, Ca) {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::make(directory.path());
    (directory, ca)
}

/// What becomes of a message to a server with a certificate for these names that is changed like this;
/// `name` is the one that is asked for.
struct Case<'c> {
    names: &'c [&'c str],
    change: fn(&mut CertificateParams),
    name: &'c str,
}

/// Sends to a server that has both this certificate and the chain behind it.
fn send(ca: &Ca, case: &Case, chain: &[&str]) -> (SServer, crate::run::Ran) {
    let signed = ca.sign_changed("server", case.names, case.change);
    let own = Own::by_ca(&signed);
    let server = SServer::start(&own, chain);
    let ran = server.send(&["--ca-file", &ca.file(), "--tls-name", case.name]);
    (server, ran)
}

#[track_caller]
fn is_good(case: &Case) {
    let (_directory, ca) = ca();
    let (server, ran) = send(&ca, case, &[]);
    ran.ends_with(0)
        .shows(&format!("certificate of {} verified\n", case.name));
    assert!(server.heard().iter().any(|line| line == "text"));
}

#[track_caller]
fn is_bad(case: &Case, why: &str) {
    let (_directory, ca) = ca();
    let (server, ran) = send(&ca, case, &[]);
    ran.ends_with(77)
        .complains("ehlo: the certificate of [127.0.0.1]:")
        .complains(why)
        .complains("; <bob@example.test> did not receive the message")
        .complains("--ca-file")
        .complains("-k (--insecure)");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(server.heard(), [""; 0]);
}

fn as_it_is(_: &mut CertificateParams) {}

const MX: &[&str] = &["mx.test"];

#[test]
fn one_that_has_expired_or_is_not_valid_yet_is_named_with_the_date() {
    if !is_there() {
        return;
    }
    let change: fn(&mut CertificateParams) = |params| params.not_after = date_time_ymd(2020, 2, 29);
    let (names, name) = (MX, "mx.test");
    is_bad(
        &Case {
            names,
            change,
            name,
        },
        "has expired (2020-02-29",
    );
    let change = |params: &mut CertificateParams| params.not_before = date_time_ymd(2100, 3, 1);
    is_bad(
        &Case {
            names,
            change,
            name,
        },
        "is not valid before 2100-03-01",
    );
}

#[test]
fn one_for_another_name_is_named_with_its_names() {
    if !is_there() {
        return;
    }
    let change = as_it_is;
    for (names, name, why) in [
        (MX, "mail.test", "is for mx.test, not for mail.test"),
        (
            &["a.test", "*.b.test"],
            "b.test",
            "is for a.test, *.b.test, not for b.test",
        ),
        (
            &["*.b.test"],
            "x.y.b.test",
            "is for *.b.test, not for x.y.b.test",
        ),
        (MX, "127.0.0.1", "is for mx.test, not for 127.0.0.1"),
        (
            &["127.0.0.2"],
            "127.0.0.1",
            "is for 127.0.0.2, not for 127.0.0.1",
        ),
    ] {
        is_bad(
            &Case {
                names,
                change,
                name,
            },
            why,
        );
    }
}

#[test]
fn one_that_has_a_name_only_in_its_subject_is_for_nobody() {
    if !is_there() {
        return;
    }
    let change = |params: &mut CertificateParams| params.subject_alt_names.clear();
    let (names, name) = (MX, "mx.test");
    let why = "is for no host name, not for mx.test";
    is_bad(
        &Case {
            names,
            change,
            name,
        },
        why,
    );
}

#[test]
fn one_for_clients_is_not_for_a_server() {
    if !is_there() {
        return;
    }
    let change = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let (names, name) = (MX, "mx.test");
    let why = "is not intended for a TLS server (key usage)";
    is_bad(
        &Case {
            names,
            change,
            name,
        },
        why,
    );
}

#[test]
fn names_may_be_wild_in_other_letters_or_one_of_many() {
    if !is_there() {
        return;
    }
    let change = as_it_is;
    let many: Vec<String> = (0..90).map(|number| format!("host{number}.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (names, name) in [
        (&["*.b.test"][..], "mx.b.test"),
        (&["MX.Test"], "mx.test"),
        (MX, "MX.TEST"),
        (&many, "host89.test"),
        (&["xn--bcher-kva.test"], "xn--bcher-kva.test"),
        (&["127.0.0.1"], "127.0.0.1"),
        (&["::1", "mx.test"], "mx.test"),
    ] {
        is_good(&Case {
            names,
            change,
            name,
        });
    }
}

#[test]
fn one_without_any_usage_and_one_with_several_are_for_servers_too() {
    if !is_there() {
        return;
    }
    let (names, name) = (MX, "mx.test");
    let change: fn(&mut CertificateParams) = |params| params.extended_key_usages.clear();
    is_good(&Case {
        names,
        change,
        name,
    });
    let change = |params: &mut CertificateParams| {
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
    };
    is_good(&Case {
        names,
        change,
        name,
    });
}

#[test]
fn a_chain_is_followed_if_the_server_shows_it() {
    if !is_there() {
        return;
    }
    let (directory, root) = ca();
    let below = root.below(&directory.path().join("below"), "the CA in between");
    let signed = below.sign("server", MX);
    let own = Own::by_ca(&signed);
    let trust = ["--ca-file", &root.file(), "--tls-name", "mx.test"];

    let server = SServer::start(&own, &["-cert_chain", &below.file()]);
    server
        .send(&trust)
        .ends_with(0)
        .shows("certificate of mx.test verified\n");
    assert!(server.heard().iter().any(|line| line == "text"));

    let server = SServer::start(&own, &[]);
    server
        .send(&trust)
        .ends_with(77)
        .complains("is signed by an unknown CA (CN=the CA in between)");
    assert_eq!(server.heard(), [""; 0]);

    // Whoever trusts the one in between needs no root.
    let server = SServer::start(&own, &[]);
    let trust = ["--ca-file", &below.file(), "--tls-name", "mx.test"];
    server.send(&trust).ends_with(0);
    assert!(server.heard().iter().any(|line| line == "text"));
}
