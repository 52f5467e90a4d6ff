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
