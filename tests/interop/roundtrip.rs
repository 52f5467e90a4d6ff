//! `ehlo roundtrip` through Postfix to Dovecot, read by IMAP and POP3.

use crate::mailbox_server::MailboxServer;
use crate::postfix::Postfix;
use crate::run::Ran;

/// Postfix that delivers to this Dovecot.
fn postfix(server: &MailboxServer) -> Option<Postfix> {
    let port = server.lmtp_port();
    let configuration = format!("virtual_transport = lmtp:inet:127.0.0.1:{port}\n");
    let services = "lmtp unix - - n - - lmtp\n";
    Postfix::start_in(tempfile::tempdir().unwrap(), &configuration, services)
}

fn round_trip(server: &MailboxServer, relay: &str, scheme: &str, options: &[&str]) -> Ran {
    let read = server.url(scheme);
    let fixed = [
        "roundtrip",
        "-r",
        relay,
        "-f",
        "alice@crepes.fr",
        "--read",
        &read,
        "bob@example.test",
    ];
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
