//! `ehlo script`: the scripts that come along, against real servers and our own receiver.

use crate::ca::Ca;
use crate::exim;
use crate::postfix::Postfix;
use crate::run::{Ran, ehlo};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

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
        .complains("the server sent \"250 2.1.0 Ok\" (end of data: \\n.\\n)")
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
        .complains("but the server sent \"250 2.1.5 Ok\" (from <> to <nobody@example.net>)");
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

/// Our own receiver, which ends with this value.
struct Sink {
    child: Child,
    place: String,
}

impl Sink {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args(["sink", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim_end().rsplit(':').next().unwrap();
        Self {
            child,
            place: format!("127.0.0.1:{port}"),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn our_own_receiver_passes_all_but_relay_which_it_does_for_everybody() {
    let sink = Sink::start();
    let ran = run(&ALL[..5], &sink.place, &[]);
    ran.ends_with(0);
    assert_eq!(ran.stderr, "");
    run(&["relay"], &sink.place, &[]).ends_with(1);
}
