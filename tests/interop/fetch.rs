//! `ehlo fetch` with Dovecot, by IMAP and POP3.

use crate::mailbox_server::MailboxServer;
use std::fs;

const SCHEMES: [&str; 4] = ["imap", "imaps", "pop3", "pop3s"];

#[test]
fn messages_are_listed_saved_and_deleted_by_every_protocol() {
    let Some(server) = MailboxServer::start("plain login scram-sha-256") else {
        return;
    };
    for scheme in SCHEMES {
        server.deliver("bob", &format!("Grüße {scheme}"), &[]);
        server.deliver("bob", "another", &[]);
        let listed = server.fetch(scheme, "", &["--search", "subject=grüße", "--json"]);
        listed.ends_with(0).shows(&format!("Grüße {scheme}"));
        assert_eq!(listed.text().lines().count(), 1, "{}", listed.text());
        let file = server.path().join(format!("{scheme}.eml"));
        let save = ["--search", "subject=grüße", "-o", file.to_str().unwrap()];
        server.fetch(scheme, "", &save).ends_with(0);
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("Return-Path: <alice@crepes.fr>\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\nhello\r\n"), "{text}");
        server
            .fetch(scheme, "", &["--all", "--delete"])
            .ends_with(0);
        let listed = server.fetch(scheme, "", &[]);
        listed.ends_with(0);
        assert_eq!(listed.text(), "");
    }
}

#[test]
fn every_mechanism_logs_in() {
    for mechanisms in [
        "plain",
        "login",
        "scram-sha-1",
        "scram-sha-256",
        "cram-md5",
        "plain login",
    ] {
        let Some(server) = MailboxServer::start(mechanisms) else {
            return;
        };
        for scheme in SCHEMES {
            server.fetch(scheme, "", &["--verbose"]).ends_with(0);
        }
    }
}

#[test]
fn reading_does_not_mark_a_message_as_seen() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    server.deliver("bob", "one", &[]);
    server
        .fetch("imaps", "", &["1", "--raw"])
        .ends_with(0)
        .shows("\r\nhello\r\n");
    server
        .fetch("imaps", "", &["1", "--print"])
        .ends_with(0)
        .shows("From:     alice@crepes.fr\n")
        .shows("Subject:  one\n\nhello\n");
    server
        .fetch("imaps", "", &["1", "--header"])
        .ends_with(0)
        .hides("hello");
    server
        .fetch("imaps", "", &["--search", "unseen", "--json"])
        .ends_with(0)
        .shows("\"uid\":1");
    server.fetch("imaps", "", &["1", "--seen"]).ends_with(0);
    let unseen = server.fetch("imaps", "", &["--search", "unseen"]);
    unseen.ends_with(0);
    assert_eq!(unseen.text(), "");
}

#[test]
fn mailboxes_have_their_names_and_uses() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    server.deliver("bob+Junk", "spam", &[]);
    let folders = server.fetch("imap", "", &["--folders"]);
    folders
        .ends_with(0)
        .shows("      1        1  Junk  \\Junk\n")
        .shows("Entwürfe");
    server
        .fetch("imap", "/Junk", &[])
        .ends_with(0)
        .shows("spam");
    server.fetch("imap", "/Entw%C3%BCrfe", &[]).ends_with(0);
    server
        .fetch("imap", "/Nowhere", &[])
        .ends_with(69)
        .complains("refused EXAMINE");
}

#[test]
fn a_large_message_is_saved_in_constant_memory() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    let big = server.path().join("big");
    let octets: Vec<u8> = (0..=250).cycle().take(30_000_000).collect();
    fs::write(&big, octets).unwrap();
    server.deliver("bob", "big", &["-a", big.to_str().unwrap()]);
    for scheme in ["imaps", "pop3s"] {
        let maildir = server.path().join(scheme);
        let save = ["--all", "--maildir", maildir.to_str().unwrap()];
        let ran = server.fetch(scheme, "", &save);
        ran.ends_with(0);
        assert!(ran.peak_kib < 16 * 1024, "{} KiB", ran.peak_kib);
        let saved = fs::read_dir(maildir.join("new"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        assert!(saved.metadata().unwrap().len() > 40_000_000);
        let small = server.fetch(scheme, "", &["--all", "--raw", "--max-size", "1M"]);
        small.ends_with(65).complains("more than --max-size");
    }
}

#[test]
fn a_wrong_password_and_an_unknown_certificate_are_refused() {
    let Some(server) = MailboxServer::start("plain scram-sha-256") else {
        return;
    };
    for scheme in SCHEMES {
        let url = server.url(scheme);
        let untrusted = crate::run::ehlo_with(
            server.path(),
            &["fetch", &url],
            &crate::run::Start {
                variables: &[("EHLO_PASSWORD", "x")],
                ..crate::run::Start::default()
            },
        );
        untrusted.ends_with(77).complains("certificate");
        let ca = server.path().join("ca.pem");
        let wrong = crate::run::ehlo_with(
            server.path(),
            &["fetch", &url, "--ca-file", ca.to_str().unwrap()],
            &crate::run::Start {
                variables: &[("EHLO_PASSWORD", "wrong")],
                ..crate::run::Start::default()
            },
        );
        wrong.ends_with(77).complains("login");
    }
}
