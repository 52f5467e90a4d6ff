//! The state that a process inherits from the one that started it.

use crate::system::exit::Exit;
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGABRT, SIGCHLD, SIGXFSZ};
use signal_hook::flag;
use std::fs::File;
use std::io::{self, Read as _};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Resets inherited signal dispositions and blocked signals that would disturb this process. To be called
/// once, before anything else. Programs that are started later get the default dispositions, because these are
/// handlers.
///
/// # Errors
/// A signal cannot be handled.
pub fn prepare() -> io::Result<()> {
    // A write beyond the limit of a file's size then fails with EFBIG.
    flag::register(SIGXFSZ, Arc::default())?;
    // Only KILL would end this process while these are blocked.
    let ending = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];
    SigSet::from_iter(ending).thread_unblock()?;
    exit_without_memory()
}

/// Must be called before a program is started if its status is needed. If SIGCHLD is ignored, the kernel
/// discards the status.
///
/// # Errors
/// The signal cannot be handled.
pub fn expect_children() -> io::Result<()> {
    if is_ignored(SIGCHLD) {
        flag::register(SIGCHLD, Arc::default())?;
    }
    Ok(())
}

/// A failed allocation aborts the process. A caller must see that as a temporary failure; a panic still aborts.
fn exit_without_memory() -> io::Result<()> {
    let is_allocation = Arc::new(AtomicBool::new(true));
    let status = Exit::Temporary.code().into();
    flag::register_conditional_shutdown(SIGABRT, status, Arc::clone(&is_allocation))?;
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        is_allocation.store(false, Ordering::SeqCst);
        report(info);
    }));
    Ok(())
}

/// True if the signal is ignored.
pub fn is_ignored(signal: i32) -> bool {
    ignored_signals() >> (signal - 1) & 1 == 1
}

/// The ignored signals by `/proc`, the lowest bit for signal 1; 0 if `/proc` is not available.
pub fn ignored_signals() -> u64 {
    let mut status = [0; 4096];
    let length = File::open("/proc/self/status").and_then(|mut file| file.read(&mut status));
    let status = String::from_utf8_lossy(&status[..length.unwrap_or(0)]);
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}
