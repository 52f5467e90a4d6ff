//! The state that a process inherits from the one that started it.

use signal_hook::consts::{SIGCHLD, SIGXFSZ};
use signal_hook::flag;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Undoes what would disturb this process. Is called once, before anything else.
///
/// A handler that does nothing is enough in both cases, and the commands that are run here get the
/// default again.
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
    Ok(())
}

/// Whether a signal is ignored, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) >> (signal - 1) & 1 == 1
}
