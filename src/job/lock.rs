//! A job that must not run twice at once.

use crate::text::{reason, shown};
use crate::time;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::{Errno, FdFlags};
use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether a lock is free.
const LOOK: Duration = Duration::from_millis(100);

/// The lowest descriptor for a lock. Scripts use the low ones, as in `exec 3>file`.
const DESCRIPTOR: i32 = 100;

/// A lock that is held as long as this lives. The command inherits its descriptor, as with flock(1), so that the
/// lock outlives this process if that is killed while the command goes on.
#[derive(Debug)]
pub struct Lock {
    descriptor: OwnedFd,
}

impl Drop for Lock {
    /// Closing is not enough: a background process may still have the descriptor.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.descriptor, FlockOperation::Unlock);
    }
}

/// Who has a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The lock.
    path: PathBuf,
    /// What the holder wrote there: process and time.
    note: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = shown(&self.path.to_string_lossy());
        match self.note.as_str() {
            "" => write!(f, "the lock {path} is held by somebody else"),
            note => write!(f, "the lock {path} is held by {}", shown(note)),
        }
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{0}")]
    Held(Holder),
    /// It cannot be made.
    #[error(
        "cannot make the lock {}: {}; name a file that can be written with --lock",
        shown(&.path.to_string_lossy()), reason(.error)
    )]
    Unmade {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

impl Lock {
    /// Takes the lock of this name, or of this path where there is a slash in it, and waits so long for it.
    pub fn take(name: &Path, wait: Duration) -> Result<Self, LockError> {
        let path = path(name);
        let unmade = |error: io::Error| LockError::Unmade {
            path: path.clone(),
            error,
        };
        let mut file = open(&path).map_err(unmade)?;
        let begun = Instant::now();
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if begun.elapsed() < wait => thread::sleep(LOOK),
                Err(Errno::WOULDBLOCK) => {
                    let note = note(&mut file).unwrap_or_default();
                    return Err(LockError::Held(Holder { path, note }));
                }
                Err(error) => return Err(unmade(error.into())),
            }
        }
        let _ = sign(&mut file);
        let descriptor = inheritable(file).map_err(|error| unmade(error.into()))?;
        Ok(Self { descriptor })
    }
}

/// Says who has it. Without that, it is a lock all the same.
fn sign(file: &mut File) -> io::Result<()> {
    let since = time::local(SystemTime::now());
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} since {since}", std::process::id())
}

fn note(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.take(200).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// The same file, for programs that this one starts.
fn inheritable(file: File) -> Result<OwnedFd, Errno> {
    let high = rustix::io::fcntl_dupfd_cloexec(&file, DESCRIPTOR);
    let descriptor = high.unwrap_or_else(|_| file.into());
    rustix::io::fcntl_setfd(&descriptor, FdFlags::empty())?;
    Ok(descriptor)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(rustix::fs::open(
        path,
        flags,
        Mode::RUSR | Mode::WUSR,
    )?))
}

/// A name is for one user's jobs, wherever they are started from: cron and a login must mean the same
/// file, so that no variable has a say in it.
fn path(name: &Path) -> PathBuf {
    if name.as_os_str().as_encoded_bytes().contains(&b'/') {
        return name.to_owned();
    }
    let user = rustix::process::geteuid();
    let home = crate::host::home();
    let own = match home {
        _ if user.is_root() => Some(PathBuf::from("/run/ehlo")),
        home => home.map(|home| home.join(".local/state/ehlo/lock")),
    };
    let anyone = std::env::temp_dir().join(format!("ehlo-{}", user.as_raw()));
    let directory = own.filter(|path| is_ours(path)).unwrap_or_else(|| {
        let _ = is_ours(&anyone);
        anyone
    });
    directory.join(name)
}

/// Whether nobody else can have a hand in what is in there. It is made if it is missing.
fn is_ours(directory: &Path) -> bool {
    let _ = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    let user = rustix::process::geteuid().as_raw();
    let facts = fs::symlink_metadata(directory);
    facts.is_ok_and(|facts| facts.is_dir() && facts.uid() == user && facts.mode() & 0o022 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_taken_once_and_says_by_whom() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let first = Lock::take(&path, Duration::ZERO).unwrap();
        let second = Lock::take(&path, Duration::ZERO).unwrap_err();
        let words = format!("is held by process {} since 2", std::process::id());
        assert!(second.to_string().contains(&words), "{second}");
        drop(first);
        Lock::take(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn who_waits_gets_it_when_it_is_free() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("job.lock");
        let first = Lock::take(&path, Duration::ZERO).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::take(&path, Duration::from_secs(10)).is_ok());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn a_lock_that_cannot_be_made_is_named() {
        let error = Lock::take(Path::new("/nonexistent/x"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x"), "{error}");
    }
}
