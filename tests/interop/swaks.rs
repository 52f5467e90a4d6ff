//! `--transcript swaks` beside the tool itself: the same conversation must look the same.

use crate::ca::Ca;
use crate::parts;
use crate::postfix::Postfix;
use crate::run::ehlo;
use std::fs;
use std::path::Path;
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";

const MESSAGE: &str = "Subject: hi\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nFrom: alice@sender.test\n\
                       To: bob@example.test\nMessage-ID: <1@sender.test>\n\n.text\n";

/// The same conversation as swaks shows it and as we do, but for what differs from run to run.
fn both(postfix: &Postfix, directory: &Path, to: &str, tls: bool) -> [String; 2] {
    fs::write(directory.join("message"), MESSAGE).unwrap();
    let relay = postfix.relay();
    let swaks = Command::new(SWAKS)
        .args(["--server", &relay, "--helo", "client.test"])
        .args(["--from", "alice@sender.test", "--to", to])
        .args(["--data", "@message"])
        .args(tls.then_some("--tls"))
        .current_dir(directory)
        .output()
        .unwrap();
    let how = [
        "--transcript",
        "swaks",
        "--pipelining",
        "off",
        "--chunking",
        "off",
    ];
    let who = [
        "--helo",
        "client.test",
        "-f",
        "alice@sender.test",
        "-r",
        &relay,
    ];
    let what = [
        "--tls",
        if tls { "starttls" } else { "off" },
        "-k",
        "--message",
        "message",
        to,
    ];
    let what: Vec<&str> = what
        .into_iter()
        .filter(|word| tls || *word != "-k")
        .collect();
    let ours = ehlo(directory, &[&how[..], &who, &what].concat());
    [&swaks.stdout, &ours.stdout].map(|text| alike(&String::from_utf8_lossy(text)))
}

/// Without the name of the message, and without what swaks leaves out or adds: parameters of MAIL, and
/// an empty line at the end.
fn alike(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let ends = line.ends_with("> .") && lines.last().is_some_and(|last| last.ends_with("> "));
        if ends {
            lines.pop();
        }
        let cut = [" SIZE=", "queued as "]
            .iter()
            .find_map(|words| line.find(words));
        let is_mail = line.contains("MAIL FROM") || line.contains("queued as");
        let line = &line[..cut.filter(|_| is_mail).unwrap_or(line.len())];
        lines.push(line.to_owned());
    }
    lines.join("\n")
}

#[test]
fn the_transcript_is_that_of_the_tool() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::make(directory.path());
    let server = ca.sign("server", &["mx.example.test", "127.0.0.1"]);
    let configuration = format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {}\n",
        server.both
    );
    let Some(postfix) = Postfix::start_with(&configuration) else {
        return;
    };
    for tls in [false, true] {
        for to in ["bob@example.test", "nobody@example.test"] {
            let [theirs, ours] = both(&postfix, directory.path(), to, tls);
            assert!(
                theirs.contains("=== Connection closed with remote host."),
                "{theirs}"
            );
            assert_eq!(ours, theirs, "{to}, TLS: {tls}");
        }
    }
}
