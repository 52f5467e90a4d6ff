//! TLS with a real Postfix, as it is set up and as it is narrowed.

use crate::authority::Authority;
use crate::ca::Ca;
use crate::reader::sha256;
use crate::run::{Ran, Start, ehlo};
use crate::submission::{SMALL, Service, Submission, submission};
use std::path::Path;

/// The message is there, and it came in this way.
#[track_caller]
fn arrives(servers: &Submission, mailbox: &str, way: &str) -> String {
    let came = servers.receive(mailbox);
    assert!(came.ends_with("\n\ntext\n"), "{came}");
    assert!(came.contains(way), "no {way:?} in {came}");
    came
}

/// Not even the sender was named.
#[track_caller]
fn is_refused_here(servers: &Submission, ran: &Ran, mailbox: &str, words: &[&str]) {
    ran.ends_with(77).hides(">>> MAIL");
    for word in words {
        ran.complains(word);
    }
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(servers.postfix.is_empty(mailbox));
}

const TRUSTING_NOBODY: Start = Start {
    stdin: None,
    stdin_file: None,
    variables: &[],
};

#[test]
fn starttls_is_used_where_it_is_offered() {
    let Some(servers) = submission() else { return };
    for mode in ["auto", "starttls"] {
        let mailbox = servers.mailbox();
        servers
            .send(Service::Smtp, &mailbox, &["--tls", mode])
            .ends_with(0)
            .shows("*** TLSv1.3 TLS13_AES_256_GCM_SHA384, certificate of 127.0.0.1 verified\n");
        arrives(servers, &mailbox, "with ESMTPS id");
    }
}

#[test]
fn an_unknown_ca_is_named_with_what_to_do() {
    let Some(servers) = submission() else { return };
    for (service, mode) in [
        (Service::Smtp, "auto"),
        (Service::Smtp, "starttls"),
        (Service::Implicit, "implicit"),
    ] {
        let mailbox = servers.mailbox();
        let ran = servers.send_trusting(service, &mailbox, &["--tls", mode], &TRUSTING_NOBODY);
        // A host without any CA says that.
        let why = if ran.stderr.contains("no CA is trusted") {
            "no CA is trusted"
        } else {
            "is signed by an unknown CA (CN=ehlo's test CA)"
        };
        let words = [why, "the certificate of [127.0.0.1]:", "--ca-file", "-k"];
        is_refused_here(servers, &ran, &mailbox, &words);
    }
}

#[test]
fn another_ca_of_the_same_name_is_not_it() {
    let Some(servers) = submission() else { return };
    let directory = tempfile::tempdir().unwrap();
    let other = Ca::make(directory.path()).file();
    let mailbox = servers.mailbox();
    let trust = ["--ca-file", &other];
    let ran = servers.send_trusting(Service::Smtp, &mailbox, &trust, &TRUSTING_NOBODY);
    let words = ["sign", "--ca-file", "-k"];
    is_refused_here(servers, &ran, &mailbox, &words);
}

#[test]
fn any_certificate_will_do_where_that_is_said() {
    let Some(servers) = submission() else { return };
    for (service, mode) in [(Service::Smtp, "auto"), (Service::Implicit, "implicit")] {
        let mailbox = servers.mailbox();
        let how = ["-k", "--tls", mode];
        servers
            .send_trusting(service, &mailbox, &how, &TRUSTING_NOBODY)
            .ends_with(0)
            .hides("verified");
        arrives(servers, &mailbox, "with ESMTPS id");
    }
}

#[test]
fn the_name_of_the_certificate_counts() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let right = ["--tls-name", "mx.example.test"];
    servers
        .send(Service::Smtp, &mailbox, &right)
        .ends_with(0)
        .shows("certificate of mx.example.test verified\n");
    arrives(servers, &mailbox, "with ESMTPS id");
    for name in ["example.test", "other.mx.example.test", "127.0.0.2"] {
        let mailbox = servers.mailbox();
        let ran = servers.send(Service::Smtp, &mailbox, &["--tls-name", name]);
        let why = format!("is for mx.example.test, 127.0.0.1, not for {name}");
        is_refused_here(servers, &ran, &mailbox, &[&why]);
    }
}

#[test]
fn a_server_without_starttls_gets_the_message_in_clear_unless_tls_is_demanded() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    servers
        .send_trusting(Service::Clear, &mailbox, &[], &TRUSTING_NOBODY)
        .ends_with(0)
        .hides("*** TLS");
    arrives(servers, &mailbox, "with ESMTP id");
    for demand in [["--tls", "starttls"], ["--tls-min", "1.2"]] {
        let mailbox = servers.mailbox();
        let ran = servers.send_trusting(Service::Clear, &mailbox, &demand, &TRUSTING_NOBODY);
        is_refused_here(servers, &ran, &mailbox, &["STARTTLS"]);
    }
}

#[test]
fn tls_is_not_begun_where_it_is_off() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    servers
        .send_trusting(Service::Smtp, &mailbox, &["--tls", "off"], &TRUSTING_NOBODY)
        .ends_with(0)
        .hides(">>> STARTTLS");
    arrives(servers, &mailbox, "with ESMTP id");
}

#[test]
fn a_server_that_insists_on_tls_refuses_what_comes_in_clear() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    servers
        .send_trusting(
            Service::Tls13,
            &mailbox,
            &["--tls", "off"],
            &TRUSTING_NOBODY,
        )
        .ends_with(69)
        .complains("530 5.7.0 Must issue a STARTTLS command first");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn implicit_tls_at_a_port_that_speaks_in_clear_is_explained() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let ran = servers.send(Service::Smtp, &mailbox, &["--tls", "implicit"]);
    let words = ["does not use TLS on this port", "--tls starttls"];
    is_refused_here(servers, &ran, &mailbox, &words);
}

#[test]
fn words_in_clear_at_a_port_of_implicit_tls_are_not_waited_for_longer_than_said() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let how = ["--tls", "starttls", "--timeout", "700ms"];
    servers
        .send(Service::Implicit, &mailbox, &how)
        .ends_with(75)
        .complains("no answer within");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn the_version_that_the_server_wants_is_spoken() {
    let Some(servers) = submission() else { return };
    for (service, version, cipher) in [
        (
            Service::Tls12,
            "TLSv1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
        (Service::Tls13, "TLSv1.3", "TLS13_AES_256_GCM_SHA384"),
    ] {
        let mailbox = servers.mailbox();
        servers
            .send(service, &mailbox, &["--tls-min", "1.2"])
            .ends_with(0)
            .shows(&format!("*** {version} {cipher}, certificate of 127.0.0.1"));
        arrives(servers, &mailbox, &format!("(using {version} with cipher "));
    }
}

#[test]
fn a_version_that_is_too_old_is_refused() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let ran = servers.send(Service::Tls12, &mailbox, &["--tls-min", "1.3"]);
    is_refused_here(servers, &ran, &mailbox, &["TLS 1.3", "--tls-min"]);
    let mailbox = servers.mailbox();
    servers
        .send(Service::Tls13, &mailbox, &["--tls-min", "1.3"])
        .ends_with(0);
    arrives(servers, &mailbox, "(using TLSv1.3 with cipher ");
}

#[test]
fn the_certificate_of_a_client_is_shown_to_those_who_ask() {
    let Some(servers) = submission() else { return };
    let client = servers.client("client");
    let identity = ["--cert", &client.certificate, "--key", &client.key];
    for service in [
        Service::AsksCertificate,
        Service::WantsCertificate,
        Service::Smtp,
    ] {
        let mailbox = servers.mailbox();
        servers.send(service, &mailbox, &identity).ends_with(0);
        let is_asked = service != Service::Smtp;
        let seen = if is_asked {
            "(Client CN \"client.test\", Issuer \"ehlo's test CA\" (verified OK))"
        } else {
            "(No client certificate requested)"
        };
        arrives(servers, &mailbox, seen);
    }
}

#[test]
fn without_a_certificate_of_our_own_some_take_the_message_and_some_do_not() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    servers
        .send(Service::AsksCertificate, &mailbox, &[])
        .ends_with(0);
    arrives(servers, &mailbox, "(Client did not present a certificate)");
    let mailbox = servers.mailbox();
    // Postfix says it for now, and behind the handshake.
    servers
        .send(Service::WantsCertificate, &mailbox, &[])
        .ends_with(75)
        .hides(">>> MAIL")
        .complains("421 4.7.1 mx.example.test Error: No client certificate presented");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn the_right_pin_of_a_certificate_or_a_key_is_enough() {
    let Some(servers) = submission() else { return };
    for sum in [
        sha256(&servers.server.der),
        sha256(&servers.server.key_info),
        sha256(&servers.server.key_info).to_uppercase(),
    ] {
        for (service, mode) in [(Service::Smtp, "auto"), (Service::Implicit, "implicit")] {
            let mailbox = servers.mailbox();
            let pin = format!("sha256:{sum}");
            let other = format!("sha256:{}", "0".repeat(64));
            let how = ["--tls", mode, "--pin", &other, "--pin", &pin];
            servers
                .send_trusting(service, &mailbox, &how, &TRUSTING_NOBODY)
                .ends_with(0)
                .shows("certificate of 127.0.0.1 as pinned\n");
            arrives(servers, &mailbox, "with ESMTPS id");
        }
    }
}

#[test]
fn with_a_wrong_pin_the_right_one_is_told_and_nothing_sent() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let pin = format!("sha256:{}", sha256(b"another"));
    let ran = servers.send(Service::Smtp, &mailbox, &["--pin", &pin]);
    let key = sha256(&servers.server.key_info);
    is_refused_here(servers, &ran, &mailbox, &["--pin", &key]);
}

#[test]
fn a_pin_demands_tls() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    let pin = format!("sha256:{}", sha256(&servers.server.key_info));
    let how = ["--pin", &pin];
    let ran = servers.send_trusting(Service::Clear, &mailbox, &how, &TRUSTING_NOBODY);
    is_refused_here(servers, &ran, &mailbox, &["STARTTLS"]);
}

#[test]
fn certificates_that_are_saved_can_be_trusted_next_time() {
    let Some(servers) = submission() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.pem");
    let saved = path.to_str().unwrap();
    let mailbox = servers.mailbox();
    let how = ["--save-certs", saved];
    servers
        .send_trusting(Service::Smtp, &mailbox, &how, &TRUSTING_NOBODY)
        .ends_with(77);
    let pem = std::fs::read_to_string(&path).unwrap();
    let theirs = std::fs::read_to_string(&servers.server.certificate).unwrap();
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Its CA's follows.
    assert!(lines(&pem).concat().starts_with(&lines(&theirs).concat()));
    assert!(servers.postfix.is_empty(&mailbox));
    let trust = ["--ca-file", saved];
    servers
        .send_trusting(Service::Smtp, &mailbox, &trust, &TRUSTING_NOBODY)
        .ends_with(0);
    arrives(servers, &mailbox, "with ESMTPS id");
}

#[test]
fn a_hundred_recipients_get_it_through_tls() {
    let Some(servers) = submission() else { return };
    let mailboxes: Vec<String> = (0..100).map(|_| servers.mailbox()).collect();
    let to: Vec<String> = mailboxes
        .iter()
        .map(|mailbox| format!("{mailbox}@example.test"))
        .collect();
    let mut bcc = vec!["--tls", "implicit"];
    for address in &to {
        bcc.extend(["--bcc", address]);
    }
    let last = servers.mailbox();
    let ran = servers.send(Service::Implicit, &last, &bcc);
    ran.ends_with(0);
    assert_eq!(ran.text().matches("... Sent (").count(), 101);
    for mailbox in mailboxes.iter().chain([&last]) {
        let came = arrives(servers, mailbox, "with ESMTPS id");
        assert!(!came.to_lowercase().contains("\nbcc"), "{came}");
    }
}

/// Sends to a mailbox at mx.example.test, which the DNS says is here.
fn by_mx(servers: &Submission, service: Service, mailbox: &str, arguments: &[&str]) -> Ran {
    let dns = Authority::serve(&[
        "example.test MX 10 mx.example.test",
        "mx.example.test A 127.0.0.1",
    ]);
    let (dns, port) = (dns.address.to_string(), servers.port(service).to_string());
    // The authority lives until the end of the run.
    let to = format!("{mailbox}@example.test");
    let fixed = ["--dns", &dns, "-p", &port, "--helo", "client.test"];
    ehlo(
        Path::new("/"),
        &[&fixed[..], &SMALL, arguments, &[&to]].concat(),
    )
}

#[test]
fn an_exchanger_gets_it_encrypted_whatever_its_certificate_is() {
    let Some(servers) = submission() else { return };
    for service in [Service::Smtp, Service::Tls12, Service::Tls13] {
        let mailbox = servers.mailbox();
        by_mx(servers, service, &mailbox, &[])
            .ends_with(0)
            .shows("certificate of mx.example.test not checked\n");
        arrives(servers, &mailbox, "with ESMTPS id");
    }
}

#[test]
fn an_exchanger_without_tls_gets_it_in_clear_unless_tls_is_demanded() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    by_mx(servers, Service::Clear, &mailbox, &[]).ends_with(0);
    arrives(servers, &mailbox, "with ESMTP id");
    let mailbox = servers.mailbox();
    let ca = servers.ca.file();
    let demand = ["--tls", "starttls", "--ca-file", &ca];
    let ran = by_mx(servers, Service::Clear, &mailbox, &demand);
    ran.hides(">>> MAIL").complains("STARTTLS");
    assert_eq!(ran.code, 77, "{}", ran.text());
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn where_tls_is_demanded_an_exchanger_is_verified_by_its_name() {
    let Some(servers) = submission() else { return };
    let ca = servers.ca.file();
    let mailbox = servers.mailbox();
    let demand = ["--tls", "starttls", "--ca-file", &ca];
    by_mx(servers, Service::Smtp, &mailbox, &demand)
        .ends_with(0)
        .shows("certificate of mx.example.test verified\n");
    arrives(servers, &mailbox, "with ESMTPS id");
    let mailbox = servers.mailbox();
    let demand = ["--tls", "starttls"];
    by_mx(servers, Service::Smtp, &mailbox, &demand)
        .ends_with(77)
        .hides(">>> MAIL")
        .complains("--ca-file");
    assert!(servers.postfix.is_empty(&mailbox));
}

#[test]
fn an_exchanger_that_wants_a_certificate_of_ours_gets_nothing_in_clear() {
    let Some(servers) = submission() else { return };
    let mailbox = servers.mailbox();
    by_mx(servers, Service::WantsCertificate, &mailbox, &[])
        .ends_with(75)
        .hides(">>> MAIL")
        .complains("No client certificate presented");
    assert!(servers.postfix.is_empty(&mailbox));
}
