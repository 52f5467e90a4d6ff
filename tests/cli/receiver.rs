//! `ehlo sink` itself, running, for tests of it.

use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running sink; it ends with this value.
pub struct Receiver {
    child: Child,
    home: TempDir,
    stderr: BufReader<std::process::ChildStderr>,
    /// What it says on stderr, as far as it was read.
    said: String,
    port: u16,
}

/// A sink that has ended.
pub struct Ended {
    /// `None` when a signal ended it.
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Receiver {
    /// Starts it on a free port, in a directory of its own, which relative names are looked for in.
    pub fn start(arguments: &[&str]) -> Self {
        Self::with_files(&[], arguments)
    }

    /// The same, with private files of this content.
    pub fn with_files(files: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::at(tempfile::tempdir().unwrap(), files, arguments)
    }

    /// The same, in this directory.
    pub fn at(home: TempDir, files: &[(&str, &str)], arguments: &[&str]) -> Self {
        for (name, content) in files {
            private(&home.path().join(name), content);
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
            .args(["sink", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(File::create(home.path().join("stdout")).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut receiver = Self {
            child,
            home,
            stderr,
            said: String::new(),
            port: 0,
        };
        receiver.stderr.read_line(&mut receiver.said).unwrap();
        let port = receiver.said.trim().rsplit_once("127.0.0.1:");
        let port = port.and_then(|(_, port)| port.parse().ok());
        receiver.port = port.unwrap_or_else(|| panic!("it said {:?}", receiver.said));
        receiver
    }

    /// Its address and port.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of the page and the API.
    pub fn http_port(&mut self) -> u16 {
        loop {
            let mut line = String::new();
            let count = self.stderr.read_line(&mut line).unwrap();
            assert!(count > 0, "no page: {}", self.said);
            self.said.push_str(&line);
            let port = line.split_once("http://127.0.0.1:");
            let port = port.and_then(|(_, port)| port.trim_end_matches("/\n").parse().ok());
            if let Some(port) = port {
                return port;
            }
        }
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Says all of it at once, then nothing more; what comes until the sink closes.
    pub fn say(&self, text: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Waits for its end, which must be near.
    pub fn finish(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "the sink does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        let mut stderr = std::mem::take(&mut self.said);
        self.stderr.read_to_string(&mut stderr).unwrap();
        Ended {
            exit: status.code(),
            stdout: fs::read_to_string(self.path("stdout")).unwrap(),
            stderr,
        }
    }

    /// Ends it with SIGTERM.
    pub fn stop(self) -> Ended {
        let id = i32::try_from(self.child.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.finish()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The events of this name.
    #[track_caller]
    pub fn events(&self, name: &str) -> Vec<Value> {
        let lines = self.stdout.lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(line).expect("no JSON"));
        events.filter(|event| event["event"] == name).collect()
    }
}

/// A file for nobody else to read.
fn private(path: &std::path::Path, content: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(content.as_bytes()).unwrap();
}
