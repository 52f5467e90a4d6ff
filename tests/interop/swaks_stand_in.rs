//! `ehlo swaks` beside the tool itself: the same options, the same session, the same message, the same exit status. And
//! swaks's own tests, where `EHLO_SWAKS_TESTS` names a checkout of its repository.

use crate::parts;
use crate::receiver::Receiver;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";

/// Two recipients, so that one of them may be refused.
const TO: &str = "bob@example.test,ann@example.test";

/// Options of the server, and of both tools.
type Session = (&'static [&'static str], &'static [&'static str]);

const SESSIONS: [Session; 42] = [
    (&[], &[]),
    (&["--fault", "rcpt=550 5.1.1 no@1"], &[]),
    (&["--fault", "rcpt=450 later"], &[]),
    (&["--fault", "banner=554 no"], &[]),
    (&["--fault", "banner=close"], &[]),
    (&["--fault", "ehlo=502 no"], &[]),
    (&["--fault", "mail=451 later"], &[]),
    (&["--fault", "mail=close"], &[]),
    (&["--fault", "data=451 later"], &[]),
    (&["--fault", "dot=554 no"], &[]),
    (&["--fault", "dot=close"], &[]),
    (&["--fault", "quit=close"], &[]),
    (&["--fault", "quit=500 what"], &[]),
    (&["--fault", "rcpt=550 no@1"], &["--pipeline"]),
    (&["--fault", "mail=550 no"], &["--pipeline"]),
    (&[], &["--pipeline", "--quit-after", "rcpt"]),
    (&[], &["--quit-after", "CONNECT"]),
    (&[], &["--quit", "first-helo"]),
    (&[], &["-q", "from"]),
    (&[], &["--drop-after", "banner"]),
    (&[], &["-da", "data"]),
    (&[], &["--drop-after", "dot"]),
    (&[], &["--drop-after-send", "mail"]),
    (&[], &["-das", "dot"]),
    (&["--offer", "PRDR"], &["--prdr"]),
    (&[], &["--prdr"]),
    (&["--lmtp"], &["--protocol", "LMTP"]),
    (&[], &["--protocol", "smtp"]),
    (
        &["--offer", "XCLIENT"],
        &["--xclient", "NAME=x ADDR=192.0.2.1"],
    ),
    (
        &["--offer", "XCLIENT"],
        &["--xclient-name", "a b", "--xclient-no-verify"],
    ),
    (&[], &["--xclient-name", "x"]),
    (&[], &["--tls"]),
    (&[], &["-tlso", "--silent", "2"]),
    (&[], &["--auth", "LOGIN", "-au", "alice", "-ap", "secret"]),
    (&[], &["--silent"]),
    (&["--fault", "data=451 later"], &["--silent"]),
    (&[], &["-n"]),
    // -nth of the version in Debian 12 keeps the marks of other lines.
    (&[], &["-nsh", "-nrh"]),
    (&[], &["-hs", "-nrh"]),
    (&[], &["--hide-informational", "-nsh"]),
    (
        &[],
        &["--body", "a\\n.\\n..b\\n%TO_ADDRESS% %FROM_ADDRESS%"],
    ),
    (
        &[],
        &[
            "--header",
            "Subject: x",
            "--add-header",
            "X-A: b",
            "--body",
            "c",
        ],
    ),
];

/// What a tool has shown, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Shown {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command, directory: &Path, words: &[&str]) -> Shown {
    let output = command
        .args(["--helo", "client.test", "--from", "alice@sender.test"])
        .args(["--to", TO, "--timeout", "20s"])
        .args(words)
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| alike(&String::from_utf8_lossy(bytes));
    Shown {
        status: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Without dates, the message identifier, the version, and the identifier that the server gives.
fn alike(text: &str) -> String {
    let changing = [
        "Date: ",
        "Subject: test ",
        "Message-Id: ",
        "X-Mailer: swaks v",
        "ok, ",
    ];
    let lines = text.lines().map(|line| {
        let found = changing
            .iter()
            .find_map(|mark| Some(line.find(mark)? + mark.len()));
        let kept = &line[..found.unwrap_or(line.len())];
        kept.replace(" unexpectedly", "")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn stand_in() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
    command.arg("swaks");
    command
}

#[test]
fn sessions_are_those_of_the_tool() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (sink, words) in SESSIONS {
        let [theirs, ours] = [Command::new(SWAKS), stand_in()].map(|mut command| {
            let server = Receiver::start(sink);
            let place = server.relay();
            let words = [&["--server", &place], words].concat();
            let mut shown = run(&mut command, directory.path(), &words);
            for text in [&mut shown.stdout, &mut shown.stderr] {
                *text = text.replace(&place, "SERVER");
            }
            shown
        });
        assert_eq!(ours, theirs, "{sink:?} {words:?}");
    }
}

#[test]
fn logins_are_those_of_the_tool() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, password) in [("PLAIN", "secret"), ("LOGIN", "secret"), ("LOGIN", "wrong")] {
        for option in ["--auth-hide-password", "-apt"] {
            let words = [
                "--auth", name, "-au", "alice", "-ap", password, "-ahp", option,
            ];
            let [theirs, ours] = [Command::new(SWAKS), stand_in()].map(|mut command| {
                let users = [("users", "alice:secret\n")];
                let server = Receiver::with_files(&users, &["--auth", "users", "--auth-in-clear"]);
                let place = server.relay();
                let words = [&["--server", &place], &words[..]].concat();
                let mut shown = run(&mut command, directory.path(), &words);
                shown.stdout = shown.stdout.replace(&place, "SERVER");
                shown
            });
            assert_eq!(ours, theirs, "{words:?}");
        }
    }
}

/// The session within TLS; the lines about TLS are those of a later version.
#[test]
fn sessions_within_tls_are_those_of_the_tool() {
    if !parts::has(SWAKS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (mode, option) in [("starttls", "--tls"), ("implicit", "-tlsc")] {
        let [theirs, ours] = [Command::new(SWAKS), stand_in()].map(|mut command| {
            let server = Receiver::start(&["--tls", mode]);
            let place = server.relay();
            let mut shown = run(
                &mut command,
                directory.path(),
                &["--server", &place, option],
            );
            let lines = shown.stdout.lines();
            let lines =
                lines.filter(|line| !line.starts_with("=== ") || line.contains("TLS started"));
            shown.stdout = lines.collect::<Vec<_>>().join("\n");
            shown
        });
        assert!(theirs.stdout.contains(" ~> QUIT"), "{theirs:?}");
        assert_eq!(ours, theirs, "{mode}");
    }
}

/// The least number of swaks's tests that pass, and of those that hold a conversation. swaks itself passes up to 2,576 of
/// 2,592, depending on the perl modules of the host.
const LEAST: (usize, usize) = (2300, 220);

/// A host name that occurs nowhere in the output, because the tests replace it, and a hosts file with both loopback
/// addresses of localhost.
struct Isolation {
    hosts: PathBuf,
    is_possible: bool,
}

impl Isolation {
    const NAMESPACES: [&str; 3] = ["--map-root-user", "--uts", "--mount"];

    fn of_this_host(directory: &Path) -> Self {
        let hosts = directory.join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost\n::1 localhost\n").unwrap();
        let tried = Command::new("unshare")
            .args(Self::NAMESPACES)
            .args([
                "sh",
                "-c",
                "hostname swaks-tests && mount --bind \"$0\" /etc/hosts",
            ])
            .arg(&hosts)
            .output();
        let is_possible = tried.is_ok_and(|output| output.status.success());
        if !is_possible {
            eprintln!("without namespaces, tests may fail because of the name of this host");
        }
        Self { hosts, is_possible }
    }

    /// A command that runs its arguments.
    fn command(&self) -> Command {
        if !self.is_possible {
            return Command::new("env");
        }
        let mut command = Command::new("unshare");
        command
            .args(Self::NAMESPACES)
            .args(["sh", "-c"])
            .arg("hostname swaks-tests && mount --bind \"$0\" /etc/hosts && exec \"$@\"")
            .arg(&self.hosts);
        command
    }
}

#[test]
fn its_own_tests_pass() {
    let Some(checkout) = std::env::var_os("EHLO_SWAKS_TESTS") else {
        eprintln!("skipped: EHLO_SWAKS_TESTS does not name a checkout of swaks");
        return;
    };
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&checkout)
        .arg(copy.path().join("swaks"))
        .status();
    assert!(copied.unwrap().success());
    let regressions = copy.path().join("swaks/testing/regressions");
    let program = copy.path().join("bin/swaks");
    fs::create_dir(copy.path().join("bin")).unwrap();
    // A link would be resolved to the name of its target.
    if fs::hard_link(env!("CARGO_BIN_EXE_ehlo"), &program).is_err() {
        fs::copy(env!("CARGO_BIN_EXE_ehlo"), &program).unwrap();
    }
    // The server of a test may begin to listen after the program, which starts faster than swaks. The pause that the tests
    // have for FreeBSD avoids that.
    let runner = regressions.join("bin/run-tests.pl");
    let text = fs::read_to_string(&runner).unwrap();
    fs::write(&runner, text.replace("$runningOs eq 'freebsd'", "1")).unwrap();
    let isolation = Isolation::of_this_host(copy.path());
    let mut results = Vec::new();
    for entry in fs::read_dir(&regressions).unwrap() {
        let name = entry.unwrap().file_name();
        let name = name.to_str().unwrap();
        if !name.starts_with('_') {
            continue;
        }
        let output = isolation
            .command()
            .args(["perl", "bin/run-tests.pl", "--headless", name])
            .current_dir(&regressions)
            .env("SWAKS_TEST_SWAKS", &program)
            .env("SWAKS_TEST_SERVER", "../server/smtp-server.pl")
            .env("PERL5LIB", "lib/netrc-local")
            .env("EHLO_SWAKS_SECRETS", "shown")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        results.extend(text.lines().map(str::to_owned));
    }
    let passed: Vec<&String> = results
        .iter()
        .filter(|line| line.ends_with(": PASS"))
        .collect();
    let is_session = |line: &&&String| line.starts_with("_exec-transactions/");
    let sessions = passed.iter().filter(is_session).count();
    let failed: Vec<&String> = results
        .iter()
        .filter(|line| line.contains(": FAIL"))
        .collect();
    eprintln!(
        "{} of {} pass, {sessions} sessions; {failed:#?}",
        passed.len(),
        results.len()
    );
    assert!(
        passed.len() >= LEAST.0 && sessions >= LEAST.1,
        "{} {sessions}",
        passed.len()
    );
}
