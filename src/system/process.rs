//! The state that a process inherits from the one that started it.

use crate::system::exit::Exit;
use signal_hook::consts::{SIGABRT, SIGCHLD, SIGXFSZ};
use signal_hook::flag;
use std::fs;
use std::io;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Resets inherited signal dispositions that would disturb this process. To be called once, before anything
/// else. Programs that are started later get the default dispositions, because these are handlers.
///
/// # Errors
/// A signal cannot be handled.
pub fn prepare() -> io::Result<()> {
    let unused = Arc::new(AtomicBool::new(false));
    // A file that reaches its limit is then an error of a write (EFBIG), and not the end.
    flag::register(SIGXFSZ, Arc::clone(&unused))?;
    // While it is ignored, the kernel discards how children end, and nobody can wait for them.
    if is_ignored(SIGCHLD) {
        flag::register(SIGCHLD, unused)?;
    }
    exit_without_memory()
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

/// True if `/proc` shows that the signal is ignored.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) >> (signal - 1) & 1 == 1
}
