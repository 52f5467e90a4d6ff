//! Signals that a job is to have, too.

use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Those that are handed on.
pub const HANDED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// What comes while a job runs.
pub struct Signals(SignalDelivery<UnixStream, SignalOnly>);

impl Signals {
    /// From now on. Ignored signals stay ignored, for the job as well, as with nohup; SIGCHLD does not. Blocked
    /// signals are unblocked, for the job as well, as cron would start it: otherwise neither the end of the job nor
    /// a signal would be noticed. A file that may not grow is an error of a write then, and not our end: the mail
    /// goes out with what there was room for.
    pub fn caught() -> io::Result<Self> {
        SigSet::empty().thread_set_mask()?;
        let ignored = ignored();
        let is_caught = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
        let caught = HANDED_ON
            .into_iter()
            .filter(is_caught)
            .chain([SIGCHLD, SIGXFSZ]);
        let (read, write) = UnixStream::pair()?;
        SignalDelivery::with_pipe(read, write, SignalOnly, caught).map(Self)
    }

    /// Those that came since it was asked last.
    pub fn pending(&mut self) -> Vec<i32> {
        self.0.pending().collect()
    }

    /// Can be read from when there is one.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

/// A bit for each signal, from 1; none where the system does not say it.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
