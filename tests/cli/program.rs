//! The program, run in a clean environment and never for longer than it may.

use crate::executable::write_script;
use crate::server::Server;
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// When a run is killed.
const LIMIT: Duration = Duration::from_secs(120);

/// The most memory that a run may take, in KiB.
pub const MEMORY_KIB: u64 = 32 * 1024;

/// A run to be.
pub struct Ehlo {
    command: Command,
    input: Option<Vec<u8>>,
    home: TempDir,
}

impl Ehlo {
    /// The program without arguments.
    pub fn new() -> Self {
        Self::through(env!("CARGO_BIN_EXE_ehlo"))
    }

    /// Another program, which runs ours: a shell, for what only a shell can do.
    pub fn through(program: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("EHLO_STATE_DIR", home.path().join("state"))
            .env("EHLO_SUBMIT_SOCKET", "")
            .env("EHLO_CACHE_DIR", home.path().join("cache"))
            .env("TMPDIR", home.path())
            .env("TZ", "UTC")
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            input: None,
            home,
        }
    }

    /// From alice to whom the arguments will say, through this server.
    pub fn to<T>(server: &Server<T>) -> Self {
        Self::by_way_of(server).args(["-f", "alice@crepes.fr"])
    }

    /// Through this server, from whom the arguments will say.
    pub fn by_way_of<T>(server: &Server<T>) -> Self {
        let relay = format!("127.0.0.1:{}", server.port);
        Self::new().args(["--helo", "me.example", "-r", &relay])
    }

    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// An option with each of these values.
    pub fn arg_each<S: AsRef<OsStr>>(
        mut self,
        option: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        for value in values {
            self.command.arg(option).arg(value);
        }
        self
    }

    /// A short text to bob.
    pub fn text_to_bob(self) -> Self {
        self.args(["-b", "hi", "bob@hamburger.edu"])
    }

    /// What comes on stdin, through a pipe.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// A variable that the program sees.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// No variable at all.
    pub fn without_environment(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// A file in the directory that the program runs in.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// An executable script in the directory that the program runs in.
    pub fn script(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_script(&path, text);
        path
    }

    /// The same, for nobody else to read.
    pub fn private(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name, content);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A path in the directory that the program runs in.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs it to its end, or kills it.
    #[track_caller]
    pub fn run(self) -> Run {
        self.run_in_home().0
    }

    /// The same, with the directory that it ran in.
    pub fn run_in_home(mut self) -> (Run, TempDir) {
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let start = Instant::now();
        let mut child = self.command.spawn().unwrap();
        // The parent's copies of the other ends of pipes go with the command.
        self.command = Command::new("");
        if let Some(input) = self.input.take() {
            let mut stdin = child.stdin.take().unwrap();
            thread::spawn(move || stdin.write_all(&input));
        }
        let stdout = gather(child.stdout.take());
        let stderr = gather(child.stderr.take());
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_kib.max(resident_peak(&child));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > LIMIT {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the program did not end in {LIMIT:?}: {:?}", text(&stderr));
            }
            thread::sleep(Duration::from_millis(2));
        };
        let run = Run {
            exit: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
            took: start.elapsed(),
            peak_kib,
        };
        (run, self.home)
    }
}

/// Reads a pipe to its end.
fn gather(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut all);
        }
        sender.send(all)
    });
    receiver
}

/// Everything that the program writes must be UTF-8.
#[track_caller]
fn text(pipe: &Receiver<Vec<u8>>) -> String {
    match pipe.recv_timeout(Duration::from_secs(5)) {
        Ok(bytes) => String::from_utf8(bytes).expect("the output is no UTF-8"),
        Err(RecvTimeoutError::Timeout) => panic!("somebody else holds the output open"),
        Err(RecvTimeoutError::Disconnected) => String::new(),
    }
}

/// The most memory that the process has had resident so far, in KiB, without the pages of files: those of the program
/// grow with each capability. 0: it still has the memory of the test, because the kernel lets a parent go on shortly
/// before the child changes to the memory of its program.
fn resident_peak(child: &Child) -> u64 {
    let process = format!("/proc/{}", child.id());
    let program = fs::read_link(format!("{process}/exe")).ok();
    if program == fs::read_link("/proc/self/exe").ok() {
        return 0;
    }
    let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
    let figure = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.map_or(0, |number| number.parse::<u64>().unwrap())
    };
    figure("VmHWM:").saturating_sub(figure("RssFile:"))
}

/// A run that has been.
#[derive(Debug)]
pub struct Run {
    /// `None` when a signal ended it.
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// The most memory that was resident without pages of files, as far as it was seen.
    pub peak_kib: u64,
}

impl Run {
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.exit, Some(code), "{self:#?}");
        self
    }

    /// stderr is so many lines, and each begins with our name.
    #[track_caller]
    pub fn complains(&self, lines: usize) -> &Self {
        let count = self.stderr.lines().count();
        assert_eq!(count, lines, "lines on stderr: {self:#?}");
        let is_ours = |line: &str| line.starts_with("ehlo: ");
        assert!(self.stderr.lines().all(is_ours), "{self:#?}");
        self.has_nothing_raw()
    }

    /// stderr says all of these.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:#?}");
        }
        self
    }

    /// Nobody is told anything.
    #[track_caller]
    pub fn is_silent(&self) -> &Self {
        assert_eq!((self.stdout.as_str(), self.stderr.as_str()), ("", ""));
        self
    }

    /// Nothing in the output can steer a terminal.
    #[track_caller]
    pub fn has_nothing_raw(&self) -> &Self {
        let steers = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2028}".contains(c));
        assert!(!self.stdout.contains(steers), "{self:#?}");
        assert!(!self.stderr.contains(steers), "{self:#?}");
        self
    }

    /// The last event of `--json`.
    #[track_caller]
    pub fn result(&self) -> Value {
        let last = self.stdout.lines().last().expect("no JSON at all");
        let result: Value = serde_json::from_str(last).expect("no JSON in the last line");
        self.events("result");
        assert_eq!(result["event"], "result", "{self:#?}");
        assert_eq!(result["exit"], self.exit.unwrap(), "{self:#?}");
        result
    }

    /// All events of `--json` with this name. Every line must be as the manual says.
    #[track_caller]
    pub fn events(&self, name: &str) -> Vec<Value> {
        let all = self.stdout.lines().map(|line| {
            let event = serde_json::from_str(line).expect("a line that is no JSON");
            crate::schema::check(&event);
            event
        });
        all.filter(|event: &Value| event["event"] == name).collect()
    }

    /// stdout says all of these.
    #[track_caller]
    pub fn shows(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.stdout.contains(word), "{word:?} is not in {self:#?}");
        }
        self
    }

    /// The verdicts of `--json`, in the order of the recipients.
    #[track_caller]
    pub fn verdicts(&self) -> Vec<String> {
        let result = self.result();
        let recipients = result["recipients"].as_array().unwrap();
        let verdict = |recipient: &Value| recipient["verdict"].as_str().unwrap().to_owned();
        recipients.iter().map(verdict).collect()
    }

    /// All recipients have this verdict, which must have been asked for with `--json`.
    #[track_caller]
    pub fn all_are(&self, verdict: &str) -> &Self {
        let verdicts = self.verdicts();
        assert!(verdicts.iter().all(|v| v == verdict), "{self:#?}");
        self
    }
}
