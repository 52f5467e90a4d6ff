//! `--transcript swaks` beside the tool itself: the same conversation must look the same.

use crate::ca::Ca;
use crate::parts;
use crate::postfix::Postfix;
use crate::receiver::Receiver;
use crate::run::{Start, ehlo, ehlo_with};
use rcgen::DnType;
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

/// The same session with a server, held by both tools: the options of the server, of swaks and of ehlo.
type Session = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// A transcript without the parts that differ from run to run or must differ: the size of the message,
/// which swaks ends with an empty line, parameters of MAIL, and secrets.
fn comparable(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.ends_with("> .") && lines.last().is_some_and(|last| last.ends_with("> ")) {
            lines.pop();
        }
        let marks = ["> MAIL FROM:<alice@sender.test>", "> AUTH PLAIN ", "ok, "];
        let end = marks
            .iter()
            .find_map(|mark| line.find(mark).map(|at| at + mark.len()));
        let is_secret = lines
            .last()
            .is_some_and(|last| last.starts_with("<-  334 "));
        lines.push(match end {
            Some(end) => &line[..end],
            None if is_secret => " -> SECRET",
            None => line,
        });
    }
    lines.join("\n")
}

/// The transcripts of swaks and of ehlo for a session with this server.
fn of_both(directory: &Path, (theirs, ours): (&[&str], &[&str]), to: &str) -> [String; 2] {
    fs::write(directory.join("message"), MESSAGE).unwrap();
    let swaks = Command::new("sh")
        .args([
            "-c",
            "exec \"$@\" 2>&1",
            "sh",
            SWAKS,
            "--helo",
            "client.test",
        ])
        .args(["--from", "alice@sender.test", "--to", to])
        .args(["--data", "@message"])
        .args(theirs)
        .current_dir(directory)
        .output()
        .unwrap();
    let how = [
        "--pipelining",
        "off",
        "--chunking",
        "off",
        "--timeout",
        "5s",
    ];
    let who = ["--transcript", "swaks", "--helo", "client.test"];
    let what = ["-f", "alice@sender.test", "--message", "message"];
    let to: Vec<&str> = to.split(',').collect();
    let start = Start {
        variables: &[("EHLO_PASSWORD", "secret")],
        ..Start::default()
    };
    let all = [&how[..], &who, &what, ours, &to].concat();
    let ours = ehlo_with(directory, &all, &start);
    [&swaks.stdout, &ours.stdout].map(|text| comparable(&String::from_utf8_lossy(text)))
}

/// Sessions over TCP in clear with `ehlo sink`.
const SESSIONS: [Session; 26] = [
    (&[], &[], &[]),
    // The first recipient of each tool.
    (
        &[
            "--fault",
            "rcpt=550 5.1.1 no@1",
            "--fault",
            "rcpt=550 5.1.1 no@3",
        ],
        &[],
        &[],
    ),
    (&["--fault", "banner=554 no"], &[], &[]),
    (&["--fault", "banner=close"], &[], &[]),
    (&["--fault", "ehlo=502 no"], &[], &[]),
    (&["--fault", "mail=451 later"], &[], &[]),
    (&["--fault", "mail=close"], &[], &[]),
    (&["--fault", "rcpt=450 later"], &[], &[]),
    (&["--fault", "data=451 later"], &[], &[]),
    (&["--fault", "dot=554 no"], &[], &[]),
    (&["--fault", "dot=close"], &[], &[]),
    (&["--fault", "quit=close"], &[], &[]),
    (&["--fault", "quit=500 what"], &[], &[]),
    (
        &[],
        &["--quit-after", "connect"],
        &["--quit-after", "banner"],
    ),
    (&[], &["--quit-after", "helo"], &["--quit-after", "ehlo"]),
    (&[], &["--quit-after", "rcpt"], &["--quit-after", "rcpt"]),
    (
        &[],
        &["--drop-after", "connect"],
        &["--drop-after", "banner"],
    ),
    (&[], &["--drop-after", "helo"], &["--drop-after", "ehlo"]),
    (&[], &["--drop-after", "mail"], &["--drop-after", "mail"]),
    (&[], &["--drop-after", "data"], &["--drop-after", "data"]),
    (&[], &["--drop-after", "dot"], &["--drop-after", "dot"]),
    (
        &[],
        &["--drop-after-send", "mail"],
        &["--drop-after-send", "mail"],
    ),
    (
        &[],
        &["--drop-after-send", "dot"],
        &["--drop-after-send", "dot"],
    ),
    (&["--offer", "PRDR"], &["--prdr"], &["--prdr"]),
    (&["--lmtp"], &["--protocol", "LMTP"], &["--lmtp"]),
    (
        &["--offer", "XCLIENT"],
        &["--xclient", "NAME=x ADDR=192.0.2.1"],
        &["--xclient", "NAME=x ADDR=192.0.2.1"],
    ),
];

/// Two recipients, so that one of them may be refused.
const BOTH: &str = "bob@example.test,ann@example.test";

#[test]
fn sessions_with_a_test_server_look_alike() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (sink, theirs, ours) in SESSIONS {
        let server = Receiver::start(sink);
        let place = server.relay();
        let theirs = [&["--server", &place], theirs].concat();
        let ours = [&["--tls", "off", "-r", &place], ours].concat();
        let [theirs, ours] = of_both(directory.path(), (&theirs, &ours), BOTH);
        assert!(theirs.contains("=== Trying 127.0.0.1:"), "{theirs}");
        assert_eq!(ours, theirs, "{sink:?}");
    }
}

#[test]
fn logins_look_alike_but_for_their_secrets() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let server = Receiver::start(&["--auth", "any", "--auth-in-clear"]);
        let place = server.relay();
        let who = [
            "--auth-user",
            "alice",
            "--auth-password",
            "secret",
            "--auth-hide-password",
        ];
        let theirs = [&["--server", &place, "--auth", mechanism], &who[..]].concat();
        let who = ["-u", "alice", "--allow-cleartext-password"];
        let ours = [&["-r", &place, "--auth", mechanism], &who[..]].concat();
        let [theirs, ours] = of_both(directory.path(), (&theirs, &ours), "bob@example.test");
        // A challenge of CRAM-MD5 is another each time.
        let [theirs, ours] = [theirs, ours].map(|text| {
            let lines = text.lines();
            let lines = lines.filter(|line| mechanism != "CRAM-MD5" || !line.contains(" 334 "));
            lines.collect::<Vec<_>>().join("\n")
        });
        assert!(theirs.contains("235 "), "{theirs}");
        assert_eq!(ours, theirs, "{mechanism}");
    }
}

#[test]
fn name_of_a_certificate_looks_alike() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let ca = Ca::make(directory.path());
    let server = ca.sign_changed("server", &["mx.example.test"], |params| {
        let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        let name = &mut params.distinguished_name;
        name.push(DnType::OrganizationName, "J\u{fc}rgen & Co");
        name.push(email, "postmaster@example.test");
        name.push(DnType::CustomDnType(vec![2, 5, 4, 4]), "Doe");
    });
    for (mode, option) in [("starttls", "--tls"), ("implicit", "--tls-on-connect")] {
        let receiver = Receiver::start(&[
            "--tls",
            mode,
            "--cert",
            &server.certificate,
            "--key",
            &server.key,
        ]);
        let place = receiver.relay();
        let theirs = ["--server", &place, option];
        let ours = ["-r", &place, "--tls", mode, "-k"];
        let [theirs, ours] = of_both(directory.path(), (&theirs, &ours), "bob@example.test");
        assert!(theirs.contains("/emailAddress=postmaster@"), "{theirs}");
        assert_eq!(ours, theirs, "{mode}");
    }
}

#[test]
fn commands_and_unix_sockets_look_alike() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let whole = "printf '220 x\\r\\n'; while read -r word rest; do case $word in
        DATA*) printf '354 go\\r\\n'
               while read -r line && [ \"$line\" != \"$(printf '.\\r')\" ]; do :; done
               printf '250 ok\\r\\n' ;;
        QUIT*) printf '221 bye\\r\\n'; exit 3 ;;
        *) printf '250 ok\\r\\n' ;;
        esac; done";
    for script in [whole, "printf '220 x\\r\\n'; read x; exit 0"] {
        fs::write(directory.path().join("server"), script).unwrap();
        let way = ["--pipe", "sh server"];
        let [theirs, ours] = of_both(directory.path(), (&way, &way), "bob@example.test");
        assert!(theirs.contains("hild process"), "{theirs}");
        assert_eq!(ours, theirs);
    }
    for fault in [&[][..], &["--fault", "mail=close"]] {
        let socket = directory.path().join("socket");
        let socket = socket.to_str().unwrap();
        let listen = format!("unix:{socket}");
        let server = Receiver::start(&[&["--listen", &listen], fault].concat());
        let (theirs, ours) = (["--socket", socket], ["-r", socket]);
        let [theirs, ours] = of_both(directory.path(), (&theirs, &ours), "bob@example.test");
        assert!(theirs.contains("=== Connected to /"), "{theirs}");
        assert_eq!(ours, theirs, "{fault:?}");
        drop(server);
    }
}
