//! Reads what background processes of a job write after the job has ended, and discards it. Without a
//! reader they would get SIGPIPE at their next line.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The option of `ehlo run` that makes it such a reader. It is not for users.
pub const DRAIN: &str = "--drain";

/// Starts a process that reads this pipe until the last writer has closed it. It has a process group of its
/// own, so that a signal for the job or for `ehlo run` does not end it.
pub fn start(pipe: OwnedFd) -> io::Result<()> {
    // Still this program if its file was replaced in the meantime.
    Command::new("/proc/self/exe")
        .arg0("ehlo")
        .args(["run", DRAIN])
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

/// Reads stdin to its end.
///
/// # Errors
/// It cannot be read.
pub fn run() -> io::Result<()> {
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map(drop)
}
