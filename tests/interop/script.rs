//! `ehlo script`: the scripts that come along, against real servers and our own receiver.

use crate::ca::Ca;
use crate::exim;
use crate::postfix::Postfix;
use crate::run::{Ran, ehlo};

/// The scripts that every server here should pass.
const ALL: [&str; 6] = [
    "conformance",
    "extensions",
    "pipelining",
    "starttls",
    "smuggling",
    "relay",
];

/// A stranger's view: this host is not trusted.
const STRICT: &str = "mynetworks = 192.0.2.1/32
smtpd_recipient_restrictions = reject_unauth_destination
";

/// Against those who take an LF for a line end.
const NORMALIZE: &str = "smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
";

/// Runs scripts against a server.
fn run(scripts: &[&str], server: &str, more: &[&str]) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let way = ["--server", server, "--helo", "client.test"];
    ehlo(
        directory.path(),
        &[&["script"], scripts, &way, more].concat(),
    )
}

const OF_POSTFIX: [&str; 4] = ["-D", "to=bob@example.test", "-D", "domain=example.test"];

#[test]
fn postfix_with_tls_passes_all_that_come_along() {
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::make(directory.path());
    let server = ca.sign("server", &["mx.example.test"]);
    let tls = format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {}\n",
        server.both
    );
    let configuration = [STRICT, NORMALIZE, &tls].concat();
    let Some(postfix) = Postfix::start_with(&configuration) else {
        return;
    };
    let ran = run(&ALL, &postfix.relay(), &OF_POSTFIX);
    ran.ends_with(0).shows("*** 95 tests: 95 passed\n");
    assert_eq!(ran.stderr, "");
}

#[test]
fn postfix_that_takes_a_bare_newline_can_be_smuggled_to() {
    let Some(postfix) = Postfix::start_with("smtpd_forbid_bare_newline = no\n") else {
        return;
    };
    let ran = run(&["smuggling"], &postfix.relay(), &OF_POSTFIX);
    ran.ends_with(1)
        .complains("the server said \"250 2.1.0 Ok\" (end of data: \\n.\\n)")
        .complains("(end of data: \\n.\\r\\n)")
        .complains("(end of data: \\r\\n.\\n)")
        .shows("*** 15 tests: 9 passed, 6 failed\n");
}

#[test]
fn postfix_relays_for_whom_it_trusts() {
    let Some(postfix) = Postfix::start_with("default_transport = smtp\n") else {
        return;
    };
    run(&["relay"], &postfix.relay(), &OF_POSTFIX)
        .ends_with(1)
        .complains("but the server said \"250 2.1.5 Ok\" (from <> to <nobody@example.org>)");
}

#[test]
fn exim_passes_all_that_come_along() {
    let Some(exim) = exim::Exim::start() else {
        return;
    };
    // It takes its time for what it refuses: the tests that wait for it are left to Postfix.
    let ran = run(
        &["conformance", "extensions", "starttls", "relay"],
        &exim.relay(),
        &[],
    );
    ran.ends_with(0);
    assert_eq!(ran.stderr, "");
}
