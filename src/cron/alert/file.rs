//! Small files in a directory that belongs to the program, and one lock over all of them.

use crate::cron::alert::AlertError;
use crate::system::place;
use crate::system::place::StateDirectory;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const USUAL: StateDirectory = StateDirectory {
    system: "/var/lib/ehlo",
    own: "ehlo",
};

/// Time limit for a lock that is normally held for milliseconds. A process that holds it longer is stopped.
const PATIENCE: Duration = Duration::from_secs(3);

const PAUSE: Duration = Duration::from_millis(10);

/// Files that all jobs of a user share.
pub struct Files {
    directory: OwnedFd,
    path: PathBuf,
}

/// The directory that a variable names.
fn of_environment() -> Option<PathBuf> {
    let named = std::env::var_os("EHLO_STATE_DIR").map(PathBuf::from);
    named.filter(|path| path.is_absolute())
}

/// Held until it is dropped, or the process ends.
pub struct HistoryLock {
    _file: OwnedFd,
}

impl Files {
    /// Opens the directory: below the given state directory, else below `EHLO_STATE_DIR`, else below the
    /// usual one. `None`: it does not exist, and is not to be created.
    pub fn open(
        named: Option<&Path>,
        below: &str,
        create: bool,
    ) -> Result<Option<Self>, AlertError> {
        let state = named.map(Path::to_owned).or_else(of_environment);
        let state = state.or_else(|| USUAL.usual());
        let path = state.ok_or(AlertError::Homeless)?.join(below);
        let directory = place::open(&path, create)?;
        Ok(directory.map(|directory| Self { directory, path }))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Locks all files, for the time to read and write one.
    pub fn lock(&self) -> Result<HistoryLock, AlertError> {
        // A descriptor of its own: the lock belongs to the open file description.
        let file = self.open_file(".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let start = Instant::now();
        while !self.try_lock(&file, FlockOperation::NonBlockingLockExclusive)? {
            if start.elapsed() > PATIENCE {
                return Err(AlertError::Locked(self.path.clone()));
            }
            thread::sleep(PAUSE);
        }
        Ok(HistoryLock { _file: file })
    }

    /// Tries to lock an open file. Returns false if another process holds the lock.
    pub fn try_lock(&self, file: &OwnedFd, how: FlockOperation) -> Result<bool, AlertError> {
        match flock(file, how) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(self.failed("lock", "", error)),
        }
    }

    /// Opens a file, readable only by its owner if it is created.
    pub fn open_file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, AlertError> {
        self.try_open(name, flags)
            .map_err(|error| self.failed("open", name, error))
    }

    fn try_open(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)
    }

    /// Opens a file for reading. `None`: it does not exist.
    pub fn find(&self, name: &str) -> Result<Option<File>, AlertError> {
        match self.try_open(name, OFlags::RDONLY) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("open", name, error)),
        }
    }

    /// The contents of a file, at most `most` octets. `None`: it does not exist.
    pub fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, AlertError> {
        let Some(file) = self.find(name)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        let read = file.take(most).read_to_end(&mut content);
        read.map_err(|error| self.failed("read", name, error))?;
        Ok(Some(content))
    }

    /// Replaces a file atomically: after a crash, the old or the new one is there.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), AlertError> {
        // The lock admits one process at a time. A draft left by another process is overwritten.
        let draft = format!("{name}.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let mut file = File::from(self.open_file(&draft, flags)?);
        let written = file.write_all(content).and_then(|()| file.sync_data());
        written.map_err(|error| self.failed("write", &draft, error))?;
        self.rename(&draft, name)
    }

    /// Gives a file another name.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), AlertError> {
        rustix::fs::renameat(&self.directory, from, &self.directory, to)
            .map_err(|error| self.failed("rename", from, error))
    }

    /// Removes a file if it exists.
    pub fn remove(&self, name: &str) -> Result<(), AlertError> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.failed("remove", name, error)),
        }
    }

    /// The names of all files.
    pub fn names(&self) -> Result<Vec<String>, AlertError> {
        let failed = |error| self.failed("read", "", error);
        let entries = rustix::fs::Dir::read_from(&self.directory).map_err(failed)?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// A system error, with the operation that failed.
    pub fn failed(
        &self,
        doing: &'static str,
        name: &str,
        error: impl Into<io::Error>,
    ) -> AlertError {
        AlertError::Io {
            doing,
            path: self.path(name),
            error: error.into(),
        }
    }
}
