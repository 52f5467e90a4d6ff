//! Locks of files (flock). The lock belongs to the open file, and ends when the last descriptor of it is closed.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Locks a file, and waits until the lock is free.
pub fn lock(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            locked => return locked,
        }
    }
}

/// Locks a file without waiting. Returns false if the lock is held by another open file.
pub fn try_lock(file: &File) -> io::Result<bool> {
    is_locked(file.try_lock())
}

/// Takes a shared lock without waiting. Returns false if another open file holds it exclusively.
pub fn try_lock_shared(file: &File) -> io::Result<bool> {
    is_locked(file.try_lock_shared())
}

/// Tries to lock a file at this interval for this time. Returns false if the lock was not free.
pub fn lock_within(file: &File, limit: Duration, interval: Duration) -> io::Result<bool> {
    let start = Instant::now();
    while !try_lock(file)? {
        if start.elapsed() >= limit {
            return Ok(false);
        }
        thread::sleep(interval);
    }
    Ok(true)
}

fn is_locked(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
