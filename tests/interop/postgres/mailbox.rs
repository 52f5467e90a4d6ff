//! A server on a unix socket that remembers what it has accepted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use tempfile::TempDir;

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The first Subject in it: in a delivery report without one of its own number, that of the message.
    pub number: Option<usize>,
    /// True if it is announced as a possible duplicate.
    pub is_marked: bool,
    pub is_report: bool,
    pub octets: usize,
}

#[derive(Default)]
struct State {
    arrived: Vec<Arrived>,
    /// Sessions that have ended within the message.
    aborted: usize,
    /// The sessions that have begun.
    sessions: usize,
    /// Replies to DATA that are held back.
    held: usize,
    holds_data: bool,
    /// In percent.
    loses: u32,
}

/// The server, which goes on until the test ends.
pub struct Mailbox {
    directory: TempDir,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Mailbox {
    /// `loses`: the percentage of messages whose reply is lost, half of them with the message.
    pub fn start(loses: u32) -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(directory.path().join("smtp")).unwrap();
        let state = State {
            loses,
            ..State::default()
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || Session { stream, shared }.run());
            }
        });
        Self { directory, state }
    }

    /// The value of --relay.
    pub fn relay(&self) -> String {
        let path: PathBuf = self.directory.path().join("smtp");
        format!("unix:{}", path.display())
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.state.0.lock().unwrap().arrived.clone()
    }

    fn wait(&self, is_enough: impl Fn(&State) -> bool) {
        let state = self.state.0.lock().unwrap();
        drop(
            self.state
                .1
                .wait_while(state, |state| !is_enough(state))
                .unwrap(),
        );
    }

    /// Waits until this many messages have arrived.
    pub fn wait_for(&self, count: usize) {
        self.wait(|state| state.arrived.len() >= count);
    }

    /// Waits for this many more messages, at most for this time.
    pub fn wait_some(&self, count: usize, limit: std::time::Duration) {
        let state = self.state.0.lock().unwrap();
        let most = state.arrived.len() + count;
        let waited = self
            .state
            .1
            .wait_timeout_while(state, limit, |state| state.arrived.len() < most);
        drop(waited.unwrap());
    }

    /// Holds back the next reply to DATA.
    pub fn hold_data(&self) {
        self.state.0.lock().unwrap().holds_data = true;
    }

    /// Waits until a reply is held back.
    pub fn wait_until_held(&self) {
        self.wait(|state| state.held > 0);
    }

    /// Sends the replies that are held back.
    pub fn release(&self) {
        self.state.0.lock().unwrap().held = 0;
        self.state.1.notify_all();
    }

    /// Waits until a session has ended within the message.
    pub fn wait_until_aborted(&self) {
        self.wait(|state| state.aborted > 0);
    }
}

struct Session {
    stream: UnixStream,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Session {
    fn say(&self, reply: &str) -> Option<()> {
        (&self.stream)
            .write_all(format!("{reply}\r\n").as_bytes())
            .ok()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.shared.0.lock().unwrap());
        self.shared.1.notify_all();
        changed
    }

    fn run(&self) -> Option<()> {
        let mut lines = BufReader::new(&self.stream).split(b'\n');
        self.change(|state| state.sessions += 1);
        self.say("220 hamburger.edu")?;
        loop {
            let line = lines.next()?.ok()?;
            match line.get(..4)? {
                b"EHLO" => self.say("250-hamburger.edu\r\n250 SIZE")?,
                b"DATA" => {
                    self.hold();
                    self.say("354 go")?;
                    let Some(arrived) = read(&mut lines) else {
                        self.change(|state| state.aborted += 1);
                        return None;
                    };
                    let chance = fastrand::u32(..200);
                    let loses = self.change(|state| {
                        let loses = state.loses;
                        if chance >= loses {
                            state.arrived.push(arrived);
                        }
                        loses
                    });
                    if chance < 2 * loses {
                        return None;
                    }
                    self.say("250 2.0.0 accepted")?;
                }
                b"QUIT" => return self.say("221 bye"),
                _ => self.say("250 ok")?,
            }
        }
    }

    fn hold(&self) {
        let is_held = self.change(|state| {
            let is_held = std::mem::take(&mut state.holds_data);
            state.held += usize::from(is_held);
            is_held
        });
        if is_held {
            let state = self.shared.0.lock().unwrap();
            drop(
                self.shared
                    .1
                    .wait_while(state, |state| state.held > 0)
                    .unwrap(),
            );
        }
    }
}

/// Reads a message to its end; `None`: it ends before.
fn read(lines: &mut impl Iterator<Item = std::io::Result<Vec<u8>>>) -> Option<Arrived> {
    let mut arrived = Arrived {
        number: None,
        is_marked: false,
        is_report: false,
        octets: 0,
    };
    loop {
        let line = lines.next()?.ok()?;
        if line == b".\r" {
            return Some(arrived);
        }
        arrived.octets += line.len() + 1;
        let text = String::from_utf8_lossy(&line);
        arrived.is_marked |= text.starts_with("X-Possible-Duplicate:");
        arrived.is_report |= text.contains("multipart/report");
        if let Some(number) = text.trim_end().strip_prefix("Subject: number ") {
            arrived.number = arrived.number.or(number.parse().ok());
        }
    }
}
