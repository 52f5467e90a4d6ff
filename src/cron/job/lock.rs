//! Locks that prevent two runs of a job at the same time.

use crate::system::lock::lock_within;
use crate::system::text::{reason, shown, shown_path};
use crate::system::time;
use crate::system::trust::is_own;
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, FdFlags};
use rustix::process::{Pid, test_kill_process};
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Interval between two attempts to get a lock.
const INTERVAL: Duration = Duration::from_millis(100);

/// Prefix of the note that a holder writes.
const NOTE: &str = "process ";

/// The lowest descriptor for a lock. Scripts use the low ones, as in `exec 3>file`.
const DESCRIPTOR: i32 = 100;

/// A lock that is held until this is dropped. The command inherits its descriptor, as with flock(1), so that
/// the lock outlives this process if that is killed while the command is running.
#[derive(Debug)]
pub struct JobLock {
    file: File,
}

impl Drop for JobLock {
    /// Closing is not enough: a background process may still have the descriptor.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    path: PathBuf,
    /// Process and time, as the holder wrote them.
    note: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = shown_path(&self.path);
        match self.note.strip_prefix(NOTE) {
            None => write!(f, "the lock {path} is held by another process"),
            Some(note) => {
                let ended = if has_ended(note) {
                    ", which has ended, but its command is still running"
                } else {
                    ""
                };
                write!(f, "the lock {path} is held by {NOTE}{}{ended}", shown(note))
            }
        }
    }
}

/// True if the process named in the note does not exist.
fn has_ended(note: &str) -> bool {
    let number = note
        .split(' ')
        .next()
        .and_then(|pid| pid.parse::<i32>().ok());
    let pid = number.and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{0}")]
    Held(Holder),
    #[error(
        "cannot create the lock {}: {}; specify a writable file with --lock",
        shown_path(.path), reason(.error)
    )]
    NotCreated { path: PathBuf, error: io::Error },
    /// No directory for locks is protected against writes of other users.
    #[error(
        "cannot create the lock {}: {} cannot be created, or other users can write to it; specify a file, as in \
         --lock /path/to/file",
        shown_path(.name), shown_path(.directory)
    )]
    NoDirectory {
        name: PathBuf,
        /// The last directory that was tried.
        directory: PathBuf,
    },
}

impl JobLock {
    /// Acquires the lock of this name, or of this path if it has a slash, and waits at most `wait` for it.
    pub fn acquire(name: &Path, wait: Duration) -> Result<Self, LockError> {
        let path = path(name, &directories())?;
        let not_created = |error: io::Error| LockError::NotCreated {
            path: path.clone(),
            error,
        };
        let mut file = open(&path).map_err(not_created)?;
        if !lock_within(&file, wait, INTERVAL).map_err(not_created)? {
            let note = note(&mut file).unwrap_or_default();
            return Err(LockError::Held(Holder { path, note }));
        }
        let _ = write_note(&mut file);
        let file = inheritable(file).map_err(|error| not_created(error.into()))?;
        Ok(Self { file })
    }
}

/// Writes the note of the holder. The lock works without it: a file with other contents, such as the job's
/// own script, is not changed.
fn write_note(file: &mut File) -> io::Result<()> {
    let contents = note(file)?;
    if !contents.is_empty() && !contents.starts_with(NOTE) {
        return Ok(());
    }
    let since = time::local(SystemTime::now());
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{NOTE}{} since {since}", std::process::id())
}

fn note(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(200).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Makes the descriptor inheritable for programs that are started.
fn inheritable(file: File) -> Result<File, Errno> {
    let high = rustix::io::fcntl_dupfd_cloexec(&file, DESCRIPTOR);
    let file = high.map_or(file, File::from);
    rustix::io::fcntl_setfd(&file, FdFlags::empty())?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(rustix::fs::open(
        path,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?))
}

/// A name without a slash is a file in the first of these directories that only this user can write to.
fn path(name: &Path, directories: &[PathBuf]) -> Result<PathBuf, LockError> {
    if name.as_os_str().as_encoded_bytes().contains(&b'/') {
        return Ok(name.to_owned());
    }
    match directories.iter().find(|directory| is_private(directory)) {
        Some(directory) => Ok(directory.join(name)),
        None => Err(LockError::NoDirectory {
            name: name.to_owned(),
            directory: directories.last().cloned().unwrap_or_default(),
        }),
    }
}

/// No variable is consulted: cron and a login must mean the same file.
fn directories() -> Vec<PathBuf> {
    let user = rustix::process::geteuid();
    let own = match crate::system::user::home() {
        _ if user.is_root() => Some(PathBuf::from("/run/ehlo")),
        home => home.map(|home| home.join(".local/state/ehlo/lock")),
    };
    let shared = PathBuf::from(format!("/tmp/ehlo-{}", user.as_raw()));
    own.into_iter().chain([shared]).collect()
}

/// True for a directory that only this user can write to. It is created if it is missing.
fn is_private(directory: &Path) -> bool {
    let _ = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    let facts = fs::symlink_metadata(directory);
    facts.is_ok_and(|facts| facts.is_dir() && is_own(&facts) && facts.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    #[test]
    fn lock_is_exclusive_and_names_its_holder() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let first = JobLock::acquire(&path, Duration::ZERO).unwrap();
        let second = JobLock::acquire(&path, Duration::ZERO).unwrap_err();
        let words = format!("is held by process {} since 2", std::process::id());
        assert!(second.to_string().contains(&words), "{second}");
        drop(first);
        JobLock::acquire(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn waiting_process_gets_the_released_lock() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let first = JobLock::acquire(&path, Duration::ZERO).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| JobLock::acquire(&path, Duration::from_secs(10)).is_ok());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn directory_writable_by_others_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (open, link) = (home.path().join("open"), home.path().join("link"));
        DirBuilder::new().create(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(home.path(), &link).unwrap();
        let bad = [open, link, "/proc/none".into()];
        let error = path(Path::new("job"), &bad).unwrap_err();
        assert!(error.to_string().contains("/proc/none"), "{error}");
        let good = [&bad[..], &[home.path().join("new/lock")]].concat();
        let path = path(Path::new("job"), &good).unwrap();
        assert_eq!(path, home.path().join("new/lock/job"));
    }

    #[test]
    fn lock_keeps_the_contents_of_its_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.sh");
        fs::write(&path, b"#!/bin/sh\n\xff\n").unwrap();
        let _lock = JobLock::acquire(&path, Duration::ZERO).unwrap();
        let other = JobLock::acquire(&path, Duration::ZERO).unwrap_err();
        assert!(
            other.to_string().ends_with("is held by another process"),
            "{other}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"#!/bin/sh\n\xff\n");
    }

    #[test]
    fn lock_error_names_the_path() {
        let error = JobLock::acquire(Path::new("/nonexistent/x"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x"), "{error}");
    }
}
