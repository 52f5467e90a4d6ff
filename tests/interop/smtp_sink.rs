//! Postfix's smtp-sink, which misbehaves as it is told to.

use crate::parts;
use crate::postfix::{free_port, wait_for};
use crate::run::{Ran, ehlo};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = "/usr/sbin/smtp-sink";

/// A running smtp-sink; it ends with this value.
pub struct SmtpSink {
    child: Child,
    port: u16,
}

impl SmtpSink {
    /// Starts one with these options; `None` where that is not possible, with the reason printed.
    pub fn start(options: &[&str]) -> Option<Self> {
        if !parts::has(PROGRAM) || !parts::is_root() {
            return None;
        }
        // The port may be taken between the look and the start; then the next is tried.
        Some(wait_for("smtp-sink", || Self::try_start(options)))
    }

    fn try_start(options: &[&str]) -> Option<Self> {
        let port = free_port();
        let child = Command::new(PROGRAM)
            .args(["-u", "nobody"])
            .args(options)
            .arg(format!("127.0.0.1:{port}"))
            .arg("16")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut sink = Self { child, port };
        wait_for("smtp-sink's port", || {
            let gone = sink.child.try_wait().unwrap().is_some();
            let there = TcpStream::connect(("127.0.0.1", port)).is_ok();
            (gone || there).then_some(there && !gone)
        })
        .then_some(sink)
    }

    /// Its address and port.
    pub fn relay(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends a small message there.
    pub fn send(&self, arguments: &[&str]) -> Ran {
        self.send_from(Path::new("/"), arguments)
    }

    /// The same in a directory.
    pub fn send_from(&self, directory: &Path, arguments: &[&str]) -> Ran {
        let relay = self.relay();
        let all = [&["-r", &relay, "--helo", "client.test"], arguments].concat();
        ehlo(directory, &all)
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
