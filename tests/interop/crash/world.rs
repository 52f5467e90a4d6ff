//! A queue, a server, and runs of the program.

use super::RECIPIENTS;
use super::receiver::Receiver;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// So many runs must do.
const RUNS: usize = 6;

/// Where all of it happens.
pub struct World {
    home: TempDir,
    receiver: Receiver,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; `None` where it was killed.
    pub code: Option<i32>,
    /// What it said.
    pub said: String,
    /// Whether it has said that the message is safe.
    pub was_safe: bool,
}

/// How often a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likely {
    /// Once, or more often if that was said.
    Once,
    /// Not at all, or once.
    AtMostOnce,
}

impl World {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let world = Self {
            receiver: Receiver::start(),
            home,
        };
        // Crashes come one behind the other here.
        let config = "[queue]\nretry = [\"1s\"]\nhost-down = \"1s\"\n";
        fs::write(world.path("config.toml"), config).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn ehlo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command
            .args(arguments)
            .arg("--queue-dir")
            .arg(self.path("queue"));
        command.arg("--config").arg(self.path("config.toml"));
        command
    }

    fn message(&self, how: &str) -> Command {
        let relay = format!("127.0.0.1:{}", self.receiver.port);
        let mut arguments = vec![
            how,
            "--relay",
            &relay,
            "--tls",
            "off",
            "--helo",
            "crepes.fr",
        ];
        arguments.extend([
            "--from",
            "alice@crepes.fr",
            "-s",
            "Ketchup",
            "-b",
            "Do you like it?",
        ]);
        arguments.extend(RECIPIENTS);
        self.ehlo(&arguments)
    }

    /// Puts a message into the queue, and no more.
    pub fn enqueue(&self) -> Command {
        self.message("--queue-only")
    }

    /// Sends a message by way of the queue.
    pub fn send(&self) -> Command {
        self.message("--queue")
    }

    /// Hands a message for the first recipient to sendmail.
    pub fn sendmail(&self, options: &[&str]) -> Command {
        let config = format!(
            "default = \"relay\"\n[queue]\ndir = \"{}\"\n[profile.relay]\n\
             relay = \"127.0.0.1:{}\"\ntls = \"off\"\nhelo = \"crepes.fr\"\n",
            self.path("queue").display(),
            self.receiver.port
        );
        fs::write(self.path("sendmail.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command
            .arg("sendmail")
            .arg("-C")
            .arg(self.path("sendmail.toml"));
        command
            .args(options)
            .args(["-f", "alice@crepes.fr", RECIPIENTS[0]]);
        command
    }

    /// Serves the client of the submission socket that is connected to the standard input.
    pub fn serve(&self) -> Command {
        let config = format!(
            "default = \"relay\"\n[queue]\nretry = [\"1s\"]\nhost-down = \"1s\"\n[profile.relay]\n\
             relay = \"127.0.0.1:{}\"\ntls = \"off\"\nhelo = \"crepes.fr\"\n",
            self.receiver.port
        );
        fs::write(self.path("host.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command
            .args(["queue", "serve", "--connection", "--queue-dir"])
            .arg(self.path("queue"))
            .arg("--config")
            .arg(self.path("host.toml"));
        command
    }

    /// Passes a message for the first recipient to the submission socket.
    pub fn client(&self) -> Command {
        let config = format!(
            "[submit]\nsocket = \"{}\"\n[queue]\ndir = \"{}\"\nretry = [\"1s\"]\nhost-down = \"1s\"\n",
            self.path("submit.sock").display(),
            self.path("own").display()
        );
        fs::write(self.path("client.toml"), config).unwrap();
        let mut command = Command::new("/usr/bin/env");
        command
            .arg(format!(
                "EHLO_CONFIG={}",
                self.path("client.toml").display()
            ))
            .arg(env!("CARGO_BIN_EXE_ehlo"))
            .args(["--queue", "--from", "alice@crepes.fr", "-s", "Ketchup"])
            .args(["-b", "Do you like it?", RECIPIENTS[0]]);
        command
    }

    /// Runs the queue of the client.
    pub fn run_own(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ehlo"));
        command
            .args(["queue", "run", "--now", "--queue-dir"])
            .arg(self.path("own"));
        command
    }

    /// Runs a job that fails, whose report goes to the first recipient by way of the queue.
    pub fn job(&self) -> Command {
        let relay = format!("127.0.0.1:{}", self.receiver.port);
        let ehlo = self.ehlo(&["run", "--relay", &relay, "--tls", "off"]);
        // The job's state and a dead letter are kept in the home directory.
        let mut command = Command::new("/usr/bin/env");
        command
            .arg(format!("HOME={}", self.path("").display()))
            .arg(ehlo.get_program())
            .args(ehlo.get_args())
            .args(["--helo", "crepes.fr", "--from", "alice@crepes.fr"])
            .args(["--to", RECIPIENTS[0], "--", "/bin/sh", "-c"])
            .arg("echo it fails; exit 3");
        command
    }

    /// Runs the queue.
    pub fn run(&self) -> Command {
        self.ehlo(&["queue", "run", "--now"])
    }

    /// A message is in the queue.
    pub fn put(&self) {
        let ran = ended(self.enqueue());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// A run of which strace changes a step.
    pub fn strace(change: &str, command: &Command) -> Ran {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", change]);
        Self::under(strace, command)
    }

    /// A command in the hands of another.
    pub fn under(mut other: Command, command: &Command) -> Ran {
        other.arg(command.get_program()).args(command.get_args());
        ended(other)
    }

    /// Runs the queue until nothing is in it, and gives what was said.
    pub fn run_until_empty(&self, step: &impl Debug) -> String {
        let mut said = String::new();
        for _ in 0..RUNS {
            let ran = ended(self.run());
            assert!(matches!(ran.code, Some(0)), "{step:?}: {ran:?}");
            said.push_str(&ran.said);
            if self.names("items").is_empty() {
                return said;
            }
        }
        panic!(
            "{step:?}: {:?} stay in the queue: {said}",
            self.names("items")
        );
    }

    /// How often the message has arrived there.
    pub fn arrived(&self, recipient: &str) -> usize {
        self.receiver.count(recipient)
    }

    /// The names in a directory of another queue.
    pub fn names_of(&self, queue: &str, directory: &str) -> Vec<String> {
        names_in(&self.path(queue).join(directory))
    }

    /// The names in a directory of the queue.
    pub fn names(&self, directory: &str) -> Vec<String> {
        names_in(&self.path("queue").join(directory))
    }

    pub fn assert_that_nothing_is_left(&self, step: &impl Debug) {
        for directory in ["tmp", "items", "dead"] {
            let names = self.names(directory);
            assert!(names.is_empty(), "{step:?}: {names:?} in {directory}");
        }
    }

    /// A message arrives as often as is likely; more often only if that was said.
    pub fn assert_arrival(&self, step: &impl Debug, recipient: &str, likely: Likely, said: &str) {
        let count = self.receiver.count(recipient);
        let was_said = said.contains("may arrive twice");
        let is_right = match (count, likely) {
            (0, Likely::Once) => false,
            (0 | 1, _) => true,
            _ => was_said,
        };
        assert!(
            is_right,
            "{step:?}: {recipient} got it {count} times; it was said: {said}"
        );
    }
}

/// The names in a directory, if there is one.
pub fn names_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

/// Runs it with nothing of this environment.
pub fn ended(mut command: Command) -> Ran {
    let output = command
        .env_clear()
        .env("TZ", "UTC")
        .env("HOME", Path::new("/nonexistent"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Ran {
        // strace ends as the program did, by the same signal where there was one.
        code: output.status.code().filter(|&code| code != 137),
        was_safe: said.contains("queued as") || output.status.success(),
        said,
    }
}
