//! TLS as old and odd as OpenSSL can be: what is taken, and what is said of what cannot be.

use crate::exchanger::Exchanger;
use crate::run::{Ran, ehlo};
use crate::s_server::{Own, SServer, is_there};
use std::path::Path;

/// Lets every algorithm in that OpenSSL still has.
const LOW: &str = "DEFAULT:@SECLEVEL=0";

const BOTH: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// A small message goes there with any certificate, encrypted like this.
#[track_caller]
fn is_taken(own: &Own, options: &[&str], encryption: &str) {
    let server = SServer::start(own, options);
    let ran = server.send(&["-k"]);
    ran.ends_with(0)
        .shows(&format!("*** {encryption}, certificate of 127.0.0.1"))
        .shows("bob@example.test... Sent (taken)");
    was_heard(&server);
}

#[track_caller]
fn was_heard(server: &SServer) {
    let heard = server.heard();
    for line in [
        "EHLO client.test",
        "RCPT TO:<bob@example.test>",
        "text",
        ".",
    ] {
        assert!(heard.iter().any(|other| other == line), "{heard:?}");
    }
}

/// Nothing goes there, and it is said why.
#[track_caller]
fn is_refused(own: &Own, options: &[&str], arguments: &[&str], words: &[&str]) -> Ran {
    let server = SServer::start(own, options);
    let ran = server.send(arguments);
    ran.ends_with(77).hides("... Sent (");
    for word in words {
        ran.complains(word);
    }
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(server.heard(), [""; 0]);
    ran
}

fn rsa() -> Own {
    Own::make("rsa:2048", &[])
}

fn ecdsa(curve: &str) -> Own {
    let options = ["-pkeyopt", &format!("ec_paramgen_curve:{curve}")];
    Own::make("ec", &options)
}

#[test]
fn every_good_suite_of_tls_1_2_is_spoken() {
    if !is_there() {
        return;
    }
    let (rsa, ecdsa) = (rsa(), ecdsa("P-256"));
    for (own, suite, name) in [
        (
            &rsa,
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            &rsa,
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            &rsa,
            "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (
            &ecdsa,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            &ecdsa,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
        (
            &ecdsa,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
    ] {
        is_taken(
            own,
            &["-tls1_2", "-cipher", suite],
            &format!("TLSv1.2 TLS_{name}"),
        );
    }
}

#[test]
fn every_suite_of_tls_1_3_is_spoken() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for suite in [
        "AES_128_GCM_SHA256",
        "AES_256_GCM_SHA384",
        "CHACHA20_POLY1305_SHA256",
    ] {
        let options = ["-tls1_3", "-ciphersuites", &format!("TLS_{suite}")];
        is_taken(&own, &options, &format!("TLSv1.3 TLS13_{suite}"));
    }
}

#[test]
fn every_common_group_will_do() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for group in ["X25519", "P-256", "P-384"] {
        for version in BOTH {
            let server = SServer::start(&own, &[version, "-groups", group]);
            server
                .send(&["-k", "-v"])
                .ends_with(0)
                .shows("*** key exchange ");
            was_heard(&server);
        }
    }
}

#[test]
fn certificates_of_most_kinds_will_do_where_any_does() {
    if !is_there() {
        return;
    }
    for (kind, own, versions) in [
        ("RSA of 1024 bits", Own::make("rsa:1024", &[]), &BOTH[..]),
        ("RSA of 4096 bits", Own::make("rsa:4096", &[]), &BOTH),
        ("SHA-1", Own::make("rsa:2048", &["-sha1"]), &BOTH),
        ("version 1", Own::make_version_1(), &BOTH),
        ("P-384", ecdsa("P-384"), &BOTH),
        ("Ed25519", Own::make("ed25519", &[]), &BOTH),
        // TLS 1.2 wants the curve among the groups, and rustls sorts Ed448 with nothing.
        ("P-521", ecdsa("P-521"), &BOTH[1..]),
        ("Ed448", Own::make("ed448", &[]), &BOTH[1..]),
    ] {
        for version in versions {
            let server = SServer::start(&own, &[version, "-cipher", LOW]);
            let ran = server.send(&["-k"]);
            assert_eq!(ran.code, 0, "{kind} {version}: {}", ran.stderr);
            was_heard(&server);
        }
    }
}

#[test]
fn keys_that_nothing_can_be_done_with_are_explained() {
    if !is_there() {
        return;
    }
    for (own, versions) in [
        (Own::make("rsa-pss", &[]), &BOTH[..]),
        (ecdsa("P-521"), &BOTH[..1]),
    ] {
        for version in versions {
            let words = ["signature algorithm in common with ehlo"];
            is_refused(&own, &[version, "-cipher", LOW], &["-k"], &words);
        }
    }
}

#[test]
fn a_pin_is_enough_for_a_certificate_of_its_own() {
    if !is_there() {
        return;
    }
    for (kind, own) in [
        ("SHA-1", Own::make("rsa:2048", &["-sha1"])),
        ("Ed25519", Own::make("ed25519", &[])),
        ("P-384", ecdsa("P-384")),
    ] {
        for version in BOTH {
            let server = SServer::start(&own, &[version, "-cipher", LOW]);
            let ran = server.send(&["--pin", &own.pin()]);
            assert_eq!(ran.code, 0, "{kind} {version}: {}", ran.stderr);
            ran.shows("certificate of 127.0.0.1 as pinned\n");
            was_heard(&server);
        }
    }
}

#[test]
fn a_self_signed_certificate_in_the_file_of_cas_is_trusted() {
    if !is_there() {
        return;
    }
    for own in [
        rsa(),
        ecdsa("P-256"),
        ecdsa("P-384"),
        Own::make("ed25519", &[]),
        // Who signed it plays no part.
        Own::make("rsa:2048", &["-sha1"]),
    ] {
        for version in BOTH {
            let server = SServer::start(&own, &[version]);
            server
                .send(&["--ca-file", &own.certificate()])
                .ends_with(0)
                .shows("certificate of 127.0.0.1 verified\n");
            was_heard(&server);
        }
    }
}

#[test]
fn what_is_wrong_with_an_odd_certificate_is_said() {
    if !is_there() {
        return;
    }
    for (own, word) in [
        (Own::make("rsa:1024", &[]), "1024"),
        (Own::make_version_1(), "version 1"),
    ] {
        let options = ["-cipher", LOW];
        let trust = ["--ca-file", &own.certificate()];
        is_refused(&own, &options, &trust, &["the certificate of ", word]);
        is_refused(&own, &options, &["--pin", &own.pin()], &[word]);
    }
}

#[test]
fn a_server_of_old_versions_only_is_named_as_such() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for version in ["-tls1", "-tls1_1"] {
        let options = [version, "-cipher", LOW];
        is_refused(&own, &options, &["-k"], &["TLS 1.1 or older"]);
    }
}

#[test]
fn a_server_of_other_suites_only_is_told_what_there_is() {
    if !is_there() {
        return;
    }
    let (rsa, ecdsa) = (rsa(), ecdsa("P-256"));
    for (own, suite) in [
        (&rsa, "AES128-GCM-SHA256:@SECLEVEL=0"),
        (&rsa, "AES256-SHA:@SECLEVEL=0"),
        (&rsa, "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"),
        (&rsa, "ECDHE-RSA-AES256-SHA384:@SECLEVEL=0"),
        (&rsa, "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"),
        (&ecdsa, "ECDHE-ECDSA-AES128-CCM"),
        (&rsa, "AECDH-AES256-SHA:@SECLEVEL=0"),
    ] {
        let options = ["-tls1_2", "-cipher", suite];
        let words = ["no cipher suite", "CBC", "DHE", "ECDHE"];
        is_refused(own, &options, &["-k"], &words);
    }
}

#[test]
fn a_server_of_another_group_only_is_told_what_there_is() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for group in ["P-521", "X448", "ffdhe2048"] {
        let options = ["-tls1_3", "-groups", group];
        is_refused(&own, &options, &["-k"], &["key exchange", "P-256"]);
    }
    let options = ["-tls1_2", "-groups", "P-521"];
    is_refused(&own, &options, &["-k"], &["key exchange", "P-256"]);
}

#[test]
fn tls_1_3_is_missing_where_it_is_asked_for() {
    if !is_there() {
        return;
    }
    let own = rsa();
    let how = ["-k", "--tls-min", "1.3"];
    is_refused(&own, &["-tls1_2"], &how, &["TLS 1.3", "--tls-min"]);
    let low = ["-tls1_1", "-cipher", LOW];
    is_refused(&own, &low, &how, &["TLS 1.3", "--tls-min"]);
}

#[test]
fn a_certificate_of_ours_that_is_demanded_is_shown() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for client in [
        rsa(),
        ecdsa("P-256"),
        ecdsa("P-384"),
        Own::make("ed25519", &[]),
    ] {
        client.guard();
        for version in BOTH {
            let server = SServer::start(&own, &[version, "-Verify", "1"]);
            let identity = ["--cert", &client.certificate(), "--key", &client.key()];
            server.send(&[&["-k"], &identity[..]].concat()).ends_with(0);
            was_heard(&server);
        }
    }
}

#[test]
fn a_certificate_of_ours_that_is_missed_in_tls_1_3_is_named_as_the_reason() {
    if is_there() {
        let options = ["-tls1_3", "-Verify", "1"];
        let words = ["client certificate", "--cert"];
        is_refused(&rsa(), &options, &["-k"], &words);
    }
}

#[test]
fn a_certificate_of_ours_that_is_missed_in_tls_1_2_is_named_as_the_reason() {
    if is_there() {
        let options = ["-tls1_2", "-Verify", "1"];
        let words = ["client certificate", "--cert"];
        is_refused(&rsa(), &options, &["-k"], &words);
    }
}

#[test]
fn a_certificate_of_ours_that_is_not_believed_is_named_as_the_reason() {
    if !is_there() {
        return;
    }
    let (own, client) = (rsa(), rsa());
    client.guard();
    for version in BOTH {
        let options = [version, "-Verify", "1", "-verify_return_error"];
        let identity = [
            "-k",
            "--cert",
            &client.certificate(),
            "--key",
            &client.key(),
        ];
        is_refused(&own, &options, &identity, &["client certificate", "--cert"]);
    }
}

#[test]
fn nothing_is_sent_to_a_server_that_misses_a_certificate_of_ours() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for version in BOTH {
        let server = SServer::start(&own, &[version, "-Verify", "1"]);
        let ran = server.send(&["-k"]);
        assert!([75, 77].contains(&ran.code), "{}", ran.text());
        ran.hides(">>> MAIL")
            .complains("<bob@example.test> did not");
        assert_eq!(server.heard(), [""; 0]);
    }
}

#[test]
fn small_records_and_many_tickets_do_no_harm() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for options in [
        &["-max_send_frag", "512"][..],
        &["-tls1_3", "-num_tickets", "20"],
        &["-tls1_3", "-record_padding", "1000"],
        &["-tls1_2", "-no_ticket"],
        &["-tls1_3", "-no_ticket"],
        &["-legacy_renegotiation", "-tls1_2"],
        &["-no_etm", "-no_resumption_on_reneg"],
    ] {
        let server = SServer::start(&own, options);
        server.send(&["-k"]).ends_with(0);
        was_heard(&server);
    }
}

#[test]
fn an_exchanger_with_odd_tls_gets_it_encrypted() {
    if !is_there() {
        return;
    }
    let rsa = rsa();
    for (own, options) in [
        (&rsa, &["-tls1_2"][..]),
        (&rsa, &["-tls1_3"]),
        (&rsa, &["-tls1_2", "-cipher", LOW, "-sigalgs", "RSA+SHA1"]),
        (&Own::make("rsa:1024", &["-sha1"]), &["-cipher", LOW]),
        (&Own::make_version_1(), &[]),
        (&ecdsa("P-521"), &[]),
    ] {
        let server = SServer::start_silent(own, options);
        let exchanger = Exchanger::start(&server);
        exchanger
            .send(&[])
            .ends_with(0)
            .shows("certificate of mx.test not checked\n")
            .shows("bob@example.test... Sent (taken)");
        was_heard(&server);
        assert_eq!(exchanger.in_clear(), ["EHLO client.test", "STARTTLS"]);
    }
}

#[test]
fn an_exchanger_with_tls_that_is_too_old_gets_it_in_clear_and_it_is_said_why() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for (options, why) in [
        (&["-tls1_1", "-cipher", LOW][..], "TLS 1.1 or older"),
        (&["-tls1_2", "-cipher", "AES256-SHA"], "no cipher suite"),
        (&["-tls1_3", "-groups", "P-521"], "key exchange"),
    ] {
        let server = SServer::start_silent(&own, options);
        let exchanger = Exchanger::start(&server);
        exchanger
            .send(&[])
            .ends_with(0)
            .shows(why)
            .shows("bob@example.test... Sent (taken in clear)");
        assert_eq!(server.heard(), [""; 0]);
        let heard = exchanger.in_clear();
        assert!(heard.iter().any(|line| line == "text"), "{heard:?}");
    }
}

#[test]
fn an_exchanger_with_tls_that_is_too_old_gets_nothing_where_tls_is_demanded() {
    if !is_there() {
        return;
    }
    let own = rsa();
    let server = SServer::start_silent(&own, &["-tls1_1", "-cipher", LOW]);
    let exchanger = Exchanger::start(&server);
    exchanger
        .send(&["--tls", "starttls", "-k"])
        .ends_with(77)
        .hides(">>> MAIL")
        .complains("TLS 1.1 or older");
    assert_eq!(exchanger.in_clear(), ["EHLO client.test", "STARTTLS"]);
}

#[test]
fn an_exchanger_that_wants_a_certificate_of_ours_in_the_handshake_gets_it_in_clear() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for version in BOTH {
        let server = SServer::start_silent(&own, &[version, "-Verify", "1"]);
        let exchanger = Exchanger::start(&server);
        exchanger
            .send(&[])
            .ends_with(0)
            .shows("bob@example.test... Sent (taken in clear)");
        assert_eq!(server.heard(), [""; 0]);
    }
}

#[test]
fn a_probe_says_why_there_is_no_tls() {
    if !is_there() {
        return;
    }
    let own = rsa();
    for (options, why) in [
        (&["-tls1_1", "-cipher", LOW][..], "TLS 1.1 or older"),
        (&["-tls1_2", "-cipher", "AES256-SHA"], "no cipher suite"),
    ] {
        let server = SServer::start(&own, options);
        let place = server.relay();
        let ran = ehlo(Path::new("/"), &["probe", &place, "--tls", "implicit"]);
        ran.ends_with(77).complains(why);
        assert_eq!(server.heard(), [""; 0]);
    }
}

#[test]
fn a_probe_shows_a_certificate_whatever_it_is() {
    if !is_there() {
        return;
    }
    for own in [
        Own::make("rsa:1024", &["-sha1"]),
        Own::make_version_1(),
        Own::make("ed25519", &[]),
        ecdsa("P-521"),
    ] {
        let server = SServer::start(&own, &["-cipher", LOW]);
        let place = server.relay();
        let ran = ehlo(
            Path::new("/"),
            &["probe", &place, "--tls", "implicit", "--json"],
        );
        ran.ends_with(0).shows("TLSv1.3");
        assert_eq!(server.heard()[0].split(' ').next(), Some("EHLO"));
    }
}
