//! A terminal with somebody at it who knows one answer.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Output, Stdio};

/// What came of it.
pub struct Played {
    /// How the program ended, and what it said elsewhere.
    pub output: Output,
    /// What stood on the terminal.
    pub seen: String,
}

/// Runs the program at a terminal of its own, where this line is typed behind the first question.
pub fn ehlo_at_terminal(arguments: &[String], line: &str) -> Played {
    let home = tempfile::tempdir().unwrap();
    let mut person = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
    // It makes its standard input the terminal that /dev/tty is.
    let child = Command::new("/usr/bin/setsid")
        .args(["--ctty", "--wait"])
        .arg(env!("CARGO_BIN_EXE_ehlo"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .stdin(terminal)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("{line}\n");
    let typing = std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut piece = [0; 256];
        let mut is_typed = false;
        // The end of a terminal is an error.
        while let Ok(more @ 1..) = person.read(&mut piece) {
            seen.extend(&piece[..more]);
            if !is_typed && seen.ends_with(b": ") {
                person.write_all(line.as_bytes()).unwrap();
                is_typed = true;
            }
        }
        String::from_utf8(seen).unwrap()
    });
    let output = child.wait_with_output().unwrap();
    Played {
        output,
        seen: typing.join().unwrap(),
    }
}

/// A person at a terminal who waits for what they expect.
pub struct Typist {
    person: File,
    seen: Vec<u8>,
    child: std::process::Child,
}

impl Typist {
    /// Starts a program at a terminal of its own.
    pub fn start(mut command: Command) -> Self {
        let person = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        // A long line is not wrapped.
        let size = rustix::termios::Winsize {
            ws_row: 200,
            ws_col: 1000,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&terminal, size).unwrap();
        let child = command
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal)
            .spawn()
            .unwrap();
        Self {
            person,
            seen: Vec::new(),
            child,
        }
    }

    /// Reads until this text has come, and forgets it.
    pub fn wait_for(&mut self, text: &str) {
        let mut piece = [0; 4096];
        loop {
            let mut windows = self.seen.windows(text.len());
            if let Some(at) = windows.position(|window| window == text.as_bytes()) {
                self.seen.drain(..at + text.len());
                return;
            }
            let length = self.person.read(&mut piece).unwrap_or(0);
            assert!(
                length > 0,
                "{text:?} did not come: {}",
                String::from_utf8_lossy(&self.seen)
            );
            self.seen.extend(&piece[..length]);
        }
    }

    pub fn type_keys(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
