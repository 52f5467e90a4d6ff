//! A queue of a test's own.

use crate::program::{Ehlo, Run};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

/// A queue, and a configuration that says where it is.
pub struct Queue {
    pub home: TempDir,
}

impl Queue {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With these lines in the table of the queue.
    pub fn with(settings: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let queue = Self { home };
        let config = format!("[queue]\ndir = \"{}\"\n{settings}\n", queue.dir());
        fs::write(queue.config(), config).unwrap();
        fs::set_permissions(queue.config(), fs::Permissions::from_mode(0o600)).unwrap();
        queue
    }

    pub fn dir(&self) -> String {
        self.home.path().join("queue").display().to_string()
    }

    pub fn config(&self) -> String {
        self.home.path().join("config.toml").display().to_string()
    }

    /// The program with these arguments, as it finds this queue.
    pub fn ehlo(&self, arguments: &[&str]) -> Ehlo {
        let ehlo = Ehlo::new().env("EHLO_CONFIG", self.config());
        ehlo.args(arguments)
    }

    #[track_caller]
    pub fn verb(&self, arguments: &[&str]) -> Run {
        self.ehlo(&["queue"]).args(arguments).run()
    }

    /// Puts a message to bob, by way of this port, into the queue, and says under which name.
    #[track_caller]
    pub fn keep(&self, port: u16) -> String {
        self.keep_with(port, &[])
    }

    #[track_caller]
    pub fn keep_with(&self, port: u16, options: &[&str]) -> String {
        let relay = format!("127.0.0.1:{port}");
        let before = self.ids();
        self.ehlo(&["--queue-only", "--helo", "me.example", "-r", &relay])
            .args(["-f", "alice@crepes.fr"])
            .args(options)
            .text_to_bob()
            .run()
            .exits(0);
        let mut ids = self.ids();
        ids.retain(|id| !before.contains(id));
        assert_eq!(ids.len(), 1);
        ids.remove(0)
    }

    /// The same, and does not ask for its name.
    #[track_caller]
    pub fn put(&self, port: u16, options: &[&str]) {
        let relay = format!("127.0.0.1:{port}");
        self.ehlo(&["--queue-only", "--helo", "me.example", "-r", &relay])
            .args(["-f", "alice@crepes.fr"])
            .args(options)
            .text_to_bob()
            .run()
            .exits(0);
    }

    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        let run = self.verb(&["list", "--json"]);
        run.exits(0);
        let lines = run.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let items = self.items();
        let ids = items.iter().map(|item| item["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }

    /// The state of the only item.
    #[track_caller]
    pub fn state(&self) -> String {
        let items = self.items();
        assert_eq!(items.len(), 1, "{items:#?}");
        items[0]["state"].as_str().unwrap().to_owned()
    }
}

/// A port where nobody listens.
pub fn closed() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
