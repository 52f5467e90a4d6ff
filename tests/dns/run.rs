//! One run of the program, as a script would start it.

use crate::authority::Authority;
use crate::exchangers::Exchangers;
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// After this time, a run counts as hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit status.
    pub code: i32,
    /// The transcript.
    pub stdout: String,
    /// What failed.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Fails with all that was said unless the run ended with this status.
    #[track_caller]
    pub fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Fails unless the transcript says this.
    #[track_caller]
    pub fn shows(&self, words: &str) -> &Self {
        assert!(self.stdout.contains(words), "no {words:?} in {self:#?}");
        self
    }

    /// Fails if the transcript says this.
    #[track_caller]
    pub fn hides(&self, words: &str) -> &Self {
        assert!(!self.stdout.contains(words), "{words:?} in {self:#?}");
        self
    }

    /// Fails unless stderr says this.
    #[track_caller]
    pub fn complains(&self, words: &str) -> &Self {
        assert!(self.stderr.contains(words), "no {words:?} in {self:#?}");
        self
    }

    /// The addresses that were tried, in their order.
    pub fn tried(&self) -> Vec<String> {
        let lines = self.stdout.lines();
        lines
            .filter_map(|line| line.strip_prefix("Trying "))
            .filter_map(|line| line.split("... ").next()?.parse::<SocketAddr>().ok())
            .map(|address| address.ip().to_string())
            .collect()
    }
}

/// Sends a small message by way of this DNS and these exchangers.
pub fn send(dns: &Authority, exchangers: &Exchangers, arguments: &[&str]) -> Ran {
    send_by(dns.address, exchangers, arguments)
}

/// The same with a resolver of any kind.
pub fn send_by(dns: SocketAddr, exchangers: &Exchangers, arguments: &[&str]) -> Ran {
    let (dns, port) = (dns.to_string(), exchangers.port.to_string());
    let mut all = vec!["--dns", &dns, "-p", &port, "--helo", "client.test"];
    all.extend(["-f", "alice@sender.test", "-s", "hi", "-b", "text"]);
    all.extend(arguments);
    ehlo(&all)
}

/// Runs the program with nothing of this environment.
pub fn ehlo(arguments: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let (out, err) = (home.path().join("out"), home.path().join("err"));
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ehlo"))
        .args(arguments)
        .env_clear()
        .env("TZ", "UTC")
        .env("HOME", home.path())
        .env("EHLO_CACHE_DIR", home.path().join("cache"))
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            let out = std::fs::read_to_string(&out).unwrap();
            panic!("ehlo {arguments:?} hangs; it said:\n{out}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: std::fs::read_to_string(out).unwrap(),
        stderr: std::fs::read_to_string(err).unwrap(),
        took: began.elapsed(),
    }
}
