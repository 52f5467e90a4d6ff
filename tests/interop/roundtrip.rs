//! `ehlo roundtrip` through Postfix to Dovecot, read by IMAP and POP3.

use crate::mailbox_server::MailboxServer;
use crate::postfix::Postfix;
use crate::run::Ran;
use serde_json::Value;
use std::fs;

/// Postfix that delivers to this Dovecot.
fn postfix(server: &MailboxServer) -> Option<Postfix> {
    postfix_with(server, "")
}

/// The same with these lines in main.cf.
fn postfix_with(server: &MailboxServer, lines: &str) -> Option<Postfix> {
    let port = server.lmtp_port();
    let configuration = format!("virtual_transport = lmtp:inet:127.0.0.1:{port}\n{lines}");
    let services = "lmtp unix - - n - - lmtp\n";
    Postfix::start_in(tempfile::tempdir().unwrap(), &configuration, services)
}

fn round_trip(server: &MailboxServer, relay: &str, scheme: &str, options: &[&str]) -> Ran {
    round_trip_to(
        "bob@example.test",
        server,
        relay,
        &[options, &["--read", &server.url(scheme)]].concat(),
    )
}

fn round_trip_to(to: &str, server: &MailboxServer, relay: &str, options: &[&str]) -> Ran {
    let fixed = ["roundtrip", "-r", relay, "-f", "alice@crepes.fr", to];
    server.run(&[&fixed[..], options].concat())
}

#[test]
fn a_message_travels_through_postfix_to_dovecot() {
    let Some(server) = MailboxServer::start("plain scram-sha-256") else {
        return;
    };
    let Some(postfix) = postfix(&server) else {
        return;
    };
    for scheme in ["imap", "imaps", "pop3", "pop3s"] {
        let ran = round_trip(
            &server,
            &postfix.relay(),
            scheme,
            &["--expect", "inbox,unchanged"],
        );
        ran.ends_with(0)
            .shows("accepted    after ")
            .shows("arrived     after ")
            .shows("by mx.example.test with ESMTP")
            .shows("body        unchanged, attachment unchanged\n")
            .shows("deleted\n");
        let left = server.fetch(scheme, "", &[]);
        left.ends_with(0);
        assert_eq!(left.text(), "", "{scheme}");
    }
}

#[test]
fn a_monitor_gets_its_line_and_the_message_may_be_kept() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    let Some(postfix) = postfix(&server) else {
        return;
    };
    let monitor = ["--warning", "10m", "--critical", "20m", "--keep"];
    let ran = round_trip(&server, &postfix.relay(), "imaps", &monitor);
    ran.ends_with(0)
        .shows("ROUNDTRIP OK - arrived in INBOX after ");
    server
        .fetch("imaps", "", &[])
        .ends_with(0)
        .shows("ehlo roundtrip ");
    let ran = round_trip(&server, &postfix.relay(), "imaps", &["--critical", "1ms"]);
    ran.ends_with(2).shows("ROUNDTRIP CRITICAL - ");
}

/// A server on the way that changes the subject, removes a field and adds results, and a mailbox for spam.
#[test]
fn spam_results_and_changes_are_reported() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    let checks = server.path().join("checks");
    let rules = "/^Subject: (.*)/ REPLACE Subject: [SPAM] $1\n/^X-Auto-Response-Suppress:/ IGNORE\n\
                 /^Date:/ PREPEND Authentication-Results: mx.example.test; spf=pass smtp.mailfrom=crepes.fr; dkim=none\n";
    fs::write(&checks, rules).unwrap();
    let lines = format!(
        "recipient_delimiter = +\nheader_checks = regexp:{}\n",
        checks.display()
    );
    let Some(postfix) = postfix_with(&server, &lines) else {
        return;
    };
    let read = server.url("imaps");
    let expect = [
        "--read",
        &read,
        "--expect",
        "inbox,spf,dkim,dmarc,unchanged,within:10m",
        "--json",
    ];
    let ran = round_trip_to("bob+Junk@example.test", &server, &postfix.relay(), &expect);
    ran.ends_with(77);
    let report: Value = serde_json::from_str(&ran.text()).unwrap();
    let arrived = &report["arrived"];
    assert_eq!(
        (&arrived["folder"], &arrived["junk"]),
        (&Value::from("Junk"), &Value::from(true))
    );
    assert_eq!(arrived["body"]["same"], true);
    assert_eq!(
        arrived["body"]["sent_sha256"],
        arrived["body"]["received_sha256"]
    );
    assert_eq!(arrived["attachment_same"], true);
    assert_eq!(arrived["fields"]["changed"][0]["name"], "Subject");
    assert_eq!(arrived["fields"]["removed"][0], "X-Auto-Response-Suppress");
    assert_eq!(arrived["results"]["server"], "mx.example.test");
    assert_eq!(arrived["results"]["methods"][0]["result"], "pass");
    assert_eq!(arrived["deleted"], true);
    let hops = arrived["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 2, "{report}");
    assert_eq!(
        (&hops[0]["with"], &hops[1]["with"]),
        (&Value::from("ESMTP"), &Value::from("LMTP"))
    );
    assert_eq!(hops[0]["id"], report["accepted"]["queue_id"]);
    let failures = report["failures"].to_string();
    for words in [
        "mailbox for spam, Junk",
        "dkim is none",
        "no result for dmarc",
        "it was changed: Subject, X-Auto",
    ] {
        assert!(failures.contains(words), "{words}: {failures}");
    }
    assert!(!failures.contains("spf"), "{failures}");
    let ran = round_trip_to(
        "bob+Junk@example.test",
        &server,
        &postfix.relay(),
        &["--read", &read, "--nagios"],
    );
    ran.ends_with(1)
        .shows("ROUNDTRIP WARNING - arrived in Junk (spam) after ");
    let left = server.fetch("imaps", "/Junk", &[]);
    assert_eq!(left.text(), "");
}

#[test]
fn a_message_that_is_not_delivered_in_time_is_reported() {
    let Some(server) = MailboxServer::start("plain") else {
        return;
    };
    let Some(postfix) = postfix_with(&server, "defer_transports = lmtp\n") else {
        return;
    };
    for scheme in ["imaps", "pop3s"] {
        let ran = round_trip(&server, &postfix.relay(), scheme, &["--within", "2s"]);
        ran.ends_with(75)
            .shows("accepted    after ")
            .complains("is not in the mailbox");
        let ran = round_trip(
            &server,
            &postfix.relay(),
            scheme,
            &["--within", "2s", "--nagios"],
        );
        ran.ends_with(2).shows("ROUNDTRIP CRITICAL - ");
    }
    let ran = round_trip_to(
        "nobody@elsewhere.test",
        &server,
        &postfix.relay(),
        &["--read", &server.url("imaps")],
    );
    ran.ends_with(69);
}
