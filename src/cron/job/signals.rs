//! Signals that are passed on to the job.

use crate::cron::job::JobEnding;
use crate::system::process::ignored_signals;
use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that are passed on to the job.
pub const FORWARDED: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Signals that arrive while a job runs and is mailed. Dropping this restores their default effect.
pub struct JobSignals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    /// True if the signals have their default effect.
    released: Arc<AtomicBool>,
    /// A signal that arrived after the end of the job.
    late: Option<i32>,
    /// A signal that ended the job and may have been sent to this process as well, by systemd or a terminal.
    shared: Option<i32>,
}

impl JobSignals {
    /// Catches signals from now on. Ignored signals stay ignored, for the job as well, as with nohup, except
    /// for SIGCHLD. Blocked signals are unblocked, for the job as well, as cron would start it: otherwise
    /// neither the end of the job nor a signal would be noticed. SIGXFSZ is caught: a file that reaches its
    /// limit is a write error then, does not end this process, and the mail is sent with what fits.
    pub fn caught() -> io::Result<Self> {
        SigSet::empty().thread_set_mask()?;
        let ignored = ignored_signals();
        let is_caught = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
        let released = Arc::new(AtomicBool::new(false));
        let caught: Vec<i32> = FORWARDED.into_iter().filter(is_caught).collect();
        for signal in &caught {
            register_conditional_default(*signal, Arc::clone(&released))?;
        }
        let all = caught.into_iter().chain([SIGCHLD, SIGXFSZ]);
        let (read, write) = UnixStream::pair()?;
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, SignalOnly, all)?,
            released,
            late: None,
            shared: None,
        })
    }

    /// Signals since the last call.
    pub fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }

    /// Keeps a signal that arrived after the end of the job.
    pub(super) fn keep(&mut self, signal: i32) {
        self.late.get_or_insert(signal);
    }

    /// Records the ending of the job. Its own signal is not a reason to end before the mail is sent.
    pub(super) fn job_ended(&mut self, ending: &JobEnding, forwarded: Option<i32>) {
        self.shared = match ending {
            JobEnding::Signalled(signal) if forwarded != Some(*signal) => Some(*signal),
            _ => None,
        };
    }

    /// A signal that has arrived since the end of the job, and would have ended this process.
    pub fn fatal(&mut self) -> Option<i32> {
        let late = self.late.take();
        let all: Vec<i32> = late.into_iter().chain(self.delivery.pending()).collect();
        let mut fatal = all.into_iter().filter(|signal| FORWARDED.contains(signal));
        fatal.find(|signal| self.shared.take_if(|shared| shared == signal).is_none())
    }

    /// Restores the default effect of signals, also of one that has already arrived.
    pub fn release(mut self) {
        self.released.store(true, Ordering::SeqCst);
        if let Some(signal) = self.fatal() {
            end_by(signal);
        }
    }

    /// Readable after a signal.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

impl Drop for JobSignals {
    fn drop(&mut self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

/// Ends this process as the signal would have done it.
pub fn end_by(signal: i32) {
    let _ = emulate_default_handler(signal);
}
