//! The submission socket: `ehlo queue serve`, and the commands that use the socket instead of a queue of their own.

use crate::program::{Ehlo, Run};
use crate::relay::{Do, Relay};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Time limit for a reply, and for the queue.
const PATIENCE: Duration = Duration::from_secs(10);

/// A host with a queue, and the process that serves its socket.
struct Host {
    home: TempDir,
    server: Option<Child>,
}

impl Host {
    fn new(relay: &Relay, more: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let config = format!(
            "default = \"out\"\n[profile.out]\nrelay = \"127.0.0.1:{}\"\ntls = \"off\"\n\
             [sendmail]\naliases = \"/dev/null\"\npostmaster = \"ops@crepes.fr\"\n{more}",
            relay.port
        );
        fs::write(home.path().join("host.toml"), config).unwrap();
        Self { home, server: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn serve(&mut self) {
        self.serve_by(Command::new(env!("CARGO_BIN_EXE_ehlo")));
    }

    /// As nohup does.
    fn serve_without_hangup(&mut self) {
        let mut shell = Command::new("/bin/sh");
        let program = env!("CARGO_BIN_EXE_ehlo");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", program]);
        self.serve_by(shell);
    }

    fn serve_by(&mut self, mut command: Command) {
        let mut server = command
            .args(["queue", "serve", "--socket"])
            .arg(self.path("submit.sock"))
            .arg("--queue-dir")
            .arg(self.path("queue"))
            .arg("--config")
            .arg(self.path("host.toml"))
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let stderr = server.stderr.as_mut().unwrap();
        BufReader::new(stderr).read_line(&mut said).unwrap();
        assert!(said.contains("accepting mail on"), "{said}");
        self.server = Some(server);
    }

    fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().unwrap();
        let id = i32::try_from(server.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Sends SIGTERM, and waits until no connection is accepted.
    fn stop(&mut self) -> Child {
        self.signal(Signal::TERM);
        let server = self.server.take().unwrap();
        let start = Instant::now();
        while UnixStream::connect(self.path("submit.sock")).is_ok() {
            assert!(start.elapsed() < PATIENCE, "it still listens");
            std::thread::yield_now();
        }
        server
    }

    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// A client whose own queue is in its directory.
    fn client(&self, words: &[&str]) -> Ehlo {
        let client = Ehlo::new();
        let config = format!(
            "[submit]\nsocket = \"{}\"\n[queue]\ndir = \"{}\"\n[sendmail]\naliases = \"/dev/null\"\n",
            self.path("submit.sock").display(),
            self.path("own").display()
        );
        let config = client.file("client.toml", config);
        client
            .env("EHLO_CONFIG", config)
            .env("EHLO_SUBMIT_SOCKET", self.path("submit.sock"))
            .args(words)
    }

    fn sendmail(&self, words: &[&str]) -> Run {
        let words = [&["sendmail", "-i"], words].concat();
        self.client(&words).input("Subject: hi\n\nhello\n").run()
    }

    fn names(&self, directory: &str) -> Vec<String> {
        names(&self.path(directory))
    }

    /// Number of items in a queue.
    fn items(&self, queue: &str) -> usize {
        let names = self.names(&format!("{queue}/items"));
        names.iter().filter(|name| !name.contains('.')).count()
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path("submit.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Runs the queue until it is empty: a run that the server has started may hold it.
    fn run_queue(&self) {
        let start = Instant::now();
        while self.items("queue") > 0 {
            let queue = self.path("queue");
            let run = Ehlo::new().args(["queue", "run", "--now", "--queue-dir"]);
            run.args([queue]).run().exits(0);
            assert!(start.elapsed() < PATIENCE, "the queue is not empty");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn usual() -> Relay {
    Relay::start(|_| Do::Usual)
}

#[test]
fn message_of_sendmail_is_in_the_queue_of_the_host_when_it_ends() {
    // The relay never answers, so that the message stays in the queue.
    let relay = Relay::start(|_| Do::Hang);
    let mut host = Host::new(&relay, "");
    host.serve();
    let mode = fs::metadata(host.path("submit.sock"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o666);
    host.sendmail(&["-f", "alice@crepes.fr", "bob@hamburger.edu"])
        .exits(0)
        .is_silent();
    assert_eq!(host.items("queue"), 1);
    assert!(!host.path("own").exists());
    assert!(host.names("queue/tmp").is_empty());
}

#[test]
fn local_recipients_are_resolved_by_the_host() {
    let relay = usual();
    let mut host = Host::new(&relay, "[rewrite]\n\"root\" = \"admin@crepes.fr\"\n");
    host.serve();
    host.sendmail(&["-f", "alice@crepes.fr", "root", "nobody-here"])
        .exits(0);
    host.run_queue();
    let taken = relay.taken();
    let to: Vec<&String> = taken.iter().flat_map(|taken| &taken.to).collect();
    assert!(
        to.iter().any(|to| to.contains("<admin@crepes.fr>")),
        "{to:?}"
    );
    assert!(to.iter().any(|to| to.contains("<ops@crepes.fr>")), "{to:?}");
}

#[test]
fn other_commands_use_the_socket_too() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    let to = [
        "-f",
        "alice@crepes.fr",
        "-s",
        "x",
        "-b",
        "x",
        "bob@hamburger.edu",
    ];
    let sent = host.client(&[&["--queue"], &to[..]].concat()).run();
    sent.exits(0).shows(&["queued as"]);
    host.client(&[
        "--queue-only",
        "-q",
        "-f",
        "alice@crepes.fr",
        "-b",
        "x",
        "bob@hamburger.edu",
    ])
    .run()
    .exits(0);
    host.client(&["notify", "--to", "bob@hamburger.edu", "text"])
        .run()
        .exits(0)
        .is_silent();
    let job = [
        "run",
        "--to",
        "bob@hamburger.edu",
        "--",
        "sh",
        "-c",
        "echo no; exit 3",
    ];
    host.client(&job).run().exits(3);
    host.client(&["sendmail", "-bs"])
        .input("EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n")
        .run()
        .exits(0)
        .shows(&["250 2.0.0 ok"]);
    host.run_queue();
    assert_eq!(relay.taken().len(), 5);
    assert!(!host.path("own").exists());
}

#[test]
fn message_with_a_route_or_queue_of_its_own_does_not_pass_the_socket() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    let route = format!("127.0.0.1:{}", relay.port);
    let words = [
        "--queue",
        "-q",
        "-r",
        &route,
        "--tls",
        "off",
        "-b",
        "x",
        "bob@hamburger.edu",
    ];
    host.client(&words)
        .args(["-f", "alice@crepes.fr"])
        .run()
        .exits(0);
    assert_eq!(relay.taken().len(), 1);
    assert!(host.path("own").exists());
    assert!(host.names("queue/items").is_empty());
}

#[test]
fn without_the_server_the_message_waits_in_the_own_queue_for_the_socket() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    host.kill();
    for _ in 0..2 {
        host.sendmail(&["-f", "alice@crepes.fr", "root"])
            .exits(0)
            .is_silent();
    }
    assert_eq!(host.items("own"), 2);
    host.serve();
    let own = host.path("own");
    host.client(&[
        "queue",
        "run",
        "--now",
        "--queue-dir",
        own.to_str().unwrap(),
    ])
    .run()
    .exits(0);
    assert!(host.names("own/items").is_empty());
    host.run_queue();
    assert_eq!(relay.taken().len(), 2);
}

#[test]
fn without_the_server_and_a_queue_the_failure_is_temporary_and_nothing_is_sent() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    host.kill();
    fs::write(host.path("own"), "not a directory").unwrap();
    host.sendmail(&["-f", "alice@crepes.fr", "bob@hamburger.edu"])
        .exits(75)
        .says(&["neither queued nor sent"]);
    assert!(relay.taken().is_empty());
}

#[test]
fn refusal_of_the_host_is_reported_to_the_caller() {
    let relay = usual();
    let mut host = Host::new(&relay, "[submit]\nsize = 100\n");
    host.serve();
    host.sendmail(&["-f", "alice@crepes.fr", "bob@hamburger.edu"])
        .exits(69)
        .says(&["submit.sock"]);
    assert!(host.names("queue/items").is_empty());
    assert!(host.names("own/items").is_empty());
}

#[test]
fn half_a_message_leaves_nothing() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    let begin = b"EHLO x\r\nMAIL FROM:<alice@crepes.fr>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n";
    for rest in [&b""[..], b"Subject: half\r\n\r\nha", b"all of it\r\n.\r"] {
        let mut client = host.connect();
        client.write_all(&[&begin[..], rest].concat()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        assert!(!said.contains("queued as"), "{said}");
    }
    for directory in ["queue/items", "queue/tmp"] {
        assert!(host.names(directory).is_empty(), "{directory}");
    }
    // Only the counters of the limits.
    let is_counter = |name: &String| name.chars().all(|c| c.is_ascii_digit() || c == '.');
    assert!(host.names("queue/submit").iter().all(is_counter));
}

#[test]
fn requests_for_reports_reach_the_relay() {
    let relay = Relay::start(|moment| match moment.line {
        line if line.starts_with("EHLO") => Do::Say("250-relay\r\n250 DSN"),
        _ => Do::Usual,
    });
    let mut host = Host::new(&relay, "");
    host.serve();
    let words = [
        "-N",
        "success,delay",
        "-R",
        "hdrs",
        "-V",
        "a+b=c",
        "-f",
        "alice@crepes.fr",
    ];
    host.sendmail(&[&words[..], &["bob@hamburger.edu"]].concat())
        .exits(0);
    host.run_queue();
    let taken = &relay.taken()[0];
    assert!(taken.from.contains("RET=HDRS"), "{taken:?}");
    assert!(taken.from.contains("ENVID=a+2Bb+3Dc"), "{taken:?}");
    assert!(taken.to[0].contains("NOTIFY=SUCCESS,DELAY"), "{taken:?}");
}

#[test]
fn connection_of_systemd_must_be_a_unix_socket() {
    let queue = tempfile::tempdir().unwrap();
    let queue = queue.path().join("queue");
    let words = [
        "queue",
        "serve",
        "--connection",
        "--queue-dir",
        queue.to_str().unwrap(),
    ];
    Ehlo::new()
        .args(words)
        .run()
        .exits(64)
        .complains(1)
        .says(&["not a unix socket"]);
}

#[test]
fn units_of_the_host_name_the_program_the_queue_and_the_user() {
    let run = Ehlo::new()
        .args(["queue", "systemd", "--submit", "--user", "mailer"])
        .run();
    run.exits(0).shows(&[
        "ListenStream=/run/ehlo/submit.sock\n",
        "queue serve --connection --queue-dir /var/spool/ehlo\n",
        "queue run --queue-dir /var/spool/ehlo\n",
        "queue run --all-users --behind\n",
        "User=mailer\n",
        "u mailer - ",
        "d /var/spool/ehlo 0700 mailer mailer -\n",
    ]);
    Ehlo::new()
        .args(["queue", "systemd", "--submit", "--user", "a b"])
        .run()
        .exits(64)
        .complains(1);
}

#[test]
fn settings_of_the_socket_are_checked() {
    for (text, why) in [
        ("[submit]\nmessages = 0\n", "expected a whole number"),
        ("[submit]\nbytes = \"x\"\n", "expected a number of bytes"),
        (
            "[submit]\nsocket = \"relative\"\n",
            "expected an absolute path",
        ),
        ("[submit]\nsockets = \"/x\"\n", "did you mean"),
        ("[senders]\nbob = \"no address\"\n", "bob"),
        ("[senders]\nbob = [\"*@x\", \"a b\"]\n", "bob"),
        ("[senders]\nbob = [[\"a@x\"]]\n", "bob"),
    ] {
        let client = Ehlo::new();
        let config = client.file("c.toml", text);
        let run = client
            .args(["config", "check", "--config"])
            .args([config])
            .run();
        run.exits(78);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let relay = Relay::start(|_| Do::Usual);
    let mut host = Host::new(&relay, "");
    host.serve_without_hangup();
    host.signal(Signal::HUP);
    host.sendmail(&["bob@hamburger.edu"]).exits(0);
    let mut server = host.stop();
    assert!(server.wait().unwrap().success());
}

#[test]
fn at_sigterm_the_message_that_has_begun_is_received_and_the_socket_removed() {
    let relay = Relay::start(|_| Do::Hang);
    let mut host = Host::new(&relay, "");
    host.serve();
    let mut idle = BufReader::new(host.connect());
    let mut busy = BufReader::new(host.connect());
    let mut line = String::new();
    for client in [&mut idle, &mut busy] {
        client.read_line(&mut line).unwrap();
        client.get_mut().write_all(b"HELO me\r\n").unwrap();
        client.read_line(&mut line).unwrap();
    }
    let me = rustix::process::getuid().as_raw();
    let begun = "MAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\nSubject: hi\r\n";
    for part in begun.split_inclusive("\r\n") {
        busy.get_mut().write_all(part.as_bytes()).unwrap();
        if !part.starts_with("Subject") {
            line.clear();
            busy.read_line(&mut line).unwrap();
            assert!(line.starts_with(['2', '3']), "user {me}: {line}");
        }
    }
    let mut server = host.stop();
    let _ = idle.get_mut().write_all(b"MAIL FROM:<>\r\n");
    line.clear();
    idle.read_line(&mut line).unwrap();
    assert!(line.starts_with("421 4.3.2 "), "{line}");
    busy.get_mut().write_all(b"\r\nhello\r\n.\r\n").unwrap();
    line.clear();
    busy.read_line(&mut line).unwrap();
    assert!(line.starts_with("250 2.0.0 ok: queued as "), "{line}");
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(!host.path("submit.sock").exists());
    assert_eq!(host.items("queue"), 1);
}

#[test]
fn a_changed_configuration_applies_to_the_next_message() {
    let relay = usual();
    let mut host = Host::new(&relay, "");
    host.serve();
    let path = host.path("host.toml");
    let before = fs::read_to_string(&path).unwrap();
    let mut stream = BufReader::new(host.connect());
    let mut say = |command: &str| {
        stream.get_mut().write_all(command.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_line(&mut reply).unwrap();
        reply
    };
    assert!(say("").starts_with("220 "));
    assert!(say("HELO here\r\n").starts_with("250 "));
    // Files of the same length.
    for postmaster in ["ops@crepes.fr", "eve@crepes.fr"] {
        fs::write(&path, before.replace("ops@crepes.fr", postmaster)).unwrap();
        assert!(say("MAIL FROM:<>\r\n").starts_with("250 "));
        assert!(say("RCPT TO:<carol>\r\n").starts_with("250 "));
        assert!(say("DATA\r\n").starts_with("354 "));
        assert!(say("Subject: hi\r\n\r\n.\r\n").starts_with("250 "));
    }
    fs::write(
        &path,
        before.replace("[sendmail]", "[sendmail]\nnonsense = 1"),
    )
    .unwrap();
    assert!(say("MAIL FROM:<>\r\n").starts_with("250 "));
    assert!(say("RCPT TO:<carol>\r\n").starts_with("451 4.3.0 "));
    fs::write(&path, before.replace("postmaster = \"ops@crepes.fr\"", "")).unwrap();
    assert!(say("RCPT TO:<carol>\r\n").starts_with("550 5.1.1 "));
    assert!(say("QUIT\r\n").starts_with("221 "));
    host.run_queue();
    let mut to: Vec<String> = relay
        .taken()
        .into_iter()
        .flat_map(|taken| taken.to)
        .collect();
    to.sort();
    assert_eq!(to.len(), 2, "{to:?}");
    assert!(to[0].contains("<eve@crepes.fr>"), "{to:?}");
    assert!(to[1].contains("<ops@crepes.fr>"), "{to:?}");
}
