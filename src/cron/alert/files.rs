//! Small files in a directory that belongs to the program, one lock over all of them, and their names.

use crate::cron::alert::AlertError;
use crate::cron::alert::fingerprint::hex;
use crate::cron::alert::fold::folded_text;
use crate::system::lock::lock_within;
use crate::system::trust;
use crate::system::user::{Base, StateDirectory, path_variable};
use ring::digest::{SHA256, digest};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

const STATE_DIRECTORY: StateDirectory = StateDirectory {
    base: Base::State,
    system: "/var/lib/ehlo",
    own: "ehlo",
};

/// Time limit for a lock that is normally held for milliseconds. A process that holds it longer is stopped.
const LOCK_LIMIT: Duration = Duration::from_secs(3);

const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// Files that all jobs of a user share.
pub struct StateFiles {
    directory: OwnedFd,
    path: PathBuf,
}

/// Held until it is dropped, or the process ends.
pub struct StateLock {
    _file: File,
}

impl StateFiles {
    /// Opens the directory: below the given state directory, else below `EHLO_STATE_DIR`, else below the
    /// usual one. `None`: it does not exist, and is not to be created.
    pub fn open(
        named: Option<&Path>,
        below: &str,
        create: bool,
    ) -> Result<Option<Self>, AlertError> {
        let state = named
            .map(Path::to_owned)
            .or_else(|| path_variable("EHLO_STATE_DIR"))
            .or_else(|| STATE_DIRECTORY.path());
        let path = state.ok_or(AlertError::Homeless)?.join(below);
        let directory = trust::open_directory(&path, create)?;
        Ok(directory.map(|directory| Self { directory, path }))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Locks all files, for the time to read and write one.
    pub fn lock(&self) -> Result<StateLock, AlertError> {
        // A descriptor of its own: the lock belongs to the open file description.
        let file = self.open_file(".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let is_locked = lock_within(&file, LOCK_LIMIT, LOCK_INTERVAL);
        if is_locked.map_err(|error| self.failed("lock", "", error))? {
            return Ok(StateLock { _file: file });
        }
        Err(AlertError::Locked(self.path.clone()))
    }

    /// Opens a file, readable only by its owner if it is created.
    pub fn open_file(&self, name: &str, flags: OFlags) -> Result<File, AlertError> {
        self.try_open(name, flags)
            .map_err(|error| self.failed("open", name, error))
    }

    fn try_open(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        rustix::fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    /// Opens a file for reading. `None`: it does not exist.
    pub fn find(&self, name: &str) -> Result<Option<File>, AlertError> {
        match self.try_open(name, OFlags::RDONLY) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("open", name, error)),
        }
    }

    /// The contents of a file, at most `limit` octets. `None`: it does not exist.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, AlertError> {
        let Some(file) = self.find(name)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        let read = file.take(limit).read_to_end(&mut content);
        read.map_err(|error| self.failed("read", name, error))?;
        Ok(Some(content))
    }

    /// Replaces a file atomically: after a crash, the old or the new one is there.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), AlertError> {
        // The lock admits one process at a time. A draft left by another process is overwritten.
        let draft = format!("{name}.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let mut file = self.open_file(&draft, flags)?;
        let written = file.write_all(content).and_then(|()| file.sync_data());
        written.map_err(|error| self.failed("write", &draft, error))?;
        self.rename(&draft, name)
    }

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

/// Longer ones are cut, and a checksum is appended: a file system allows 255 octets, and suffixes are added.
const MAX_NAME: usize = 160;

/// A file name that is unique for the job, stays in its directory, and is recognizable for a person.
pub fn file_name(job: &str) -> String {
    let mut name = String::new();
    for byte in job.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_@".contains(&byte);
        // A leading dot would hide it.
        if is_plain || (byte == b'.' && !name.is_empty()) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    if name.is_empty() {
        // No other name has a lone percent sign.
        name.push('%');
    }
    if name.len() > MAX_NAME {
        let digest = digest(&SHA256, job.as_bytes());
        name.truncate(MAX_NAME);
        name.push('%');
        name.push_str(&hex(&digest.as_ref()[..8]));
    }
    name
}

/// The identifier of a job without a name: the program with a checksum of its command line, without the parts
/// that may differ between runs. No password can be read from it.
pub fn job_identifier(program: &str, command: &str) -> String {
    let digest = digest(&SHA256, folded_text(command).as_bytes());
    format!("{program}~{}", hex(&digest.as_ref()[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn plain_name_is_unchanged() {
        for name in ["backup.sh", "ehlo@web-1.service", "nightly"] {
            assert_eq!(file_name(name), name);
        }
    }

    #[test]
    fn job_identifier_ignores_dates() {
        let name = |command| job_identifier("sh", command);
        assert_ne!(name("sh -c backup"), name("sh -c restore"));
        assert_eq!(name("dump 2026-11-23"), name("dump 2026-12-01"));
        assert!(name("sh -c backup").starts_with("sh~"));
    }

    #[test]
    fn file_names_are_safe_and_unique() {
        let long = "x".repeat(4000);
        let other = format!("{long}y");
        let names = [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a b",
            "a%20b",
            "é",
            "\n",
            &long,
            &other,
        ];
        let files: BTreeSet<String> = names.into_iter().map(file_name).collect();
        assert_eq!(files.len(), names.len());
        for file in files {
            assert!(
                !file.contains('/') && !file.starts_with('.') && file.len() < 200,
                "{file}"
            );
            assert!(file.bytes().all(|byte| byte.is_ascii_graphic()), "{file}");
        }
    }
}
