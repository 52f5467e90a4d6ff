//! A directory that is held open: all names are looked up in it, even if its path has changed.

use crate::queue::store::QueueError;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The mode of every file in the spool.
pub const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// Never follows a symlink, and never blocks on a pipe without a writer.
const SAFE_OPEN: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A directory that is held open.
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// A directory that is already open, and its path for error messages.
    pub fn new(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path }
    }

    /// Opens the subdirectory with this name.
    pub fn open_directory(&self, name: &str) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE_OPEN;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(Self::new(fd, self.path.join(name)))
    }

    /// Creates the subdirectory with this name, if it is missing.
    pub fn make_directory(&self, name: &str) -> Result<(), QueueError> {
        crate::system::trust::create_directory(&self.fd, Path::new(name))
            .map_err(|error| self.error("create", name, error))
    }

    /// The path of a file in it; with an empty name, its own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// An error about a file in this directory.
    pub fn error(
        &self,
        doing: &'static str,
        name: &str,
        error: impl Into<io::Error>,
    ) -> QueueError {
        QueueError::io(doing, &self.path.join(name), error)
    }

    /// Opens a file with these flags and the `SAFE_OPEN` ones.
    pub fn open(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        rustix::fs::openat(&self.fd, name, flags | SAFE_OPEN, FILE_MODE).map(File::from)
    }

    /// Opens a file, which must be a regular file; `None`: no such file.
    pub fn open_regular(&self, name: &str, flags: OFlags) -> Result<Option<File>, FileError> {
        let file = match self.open(name, flags) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(FileError::Damaged("it is a symlink".to_owned())),
            // A permanent error, because no other process changes modes in this directory.
            Err(Errno::ACCESS) => {
                return Err(FileError::Damaged(
                    "its permissions do not allow reading".to_owned(),
                ));
            }
            Err(Errno::ISDIR | Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP) => {
                return Err(not_regular());
            }
            Err(error) => return Err(FileError::Io(error.into())),
        };
        if file.metadata()?.is_file() {
            Ok(Some(file))
        } else {
            Err(not_regular())
        }
    }

    /// Creates a file, which must not exist.
    pub fn create(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        let file = self.open(name, flags | OFlags::CREATE | OFlags::EXCL)?;
        // The umask may have removed even the permissions of the owner.
        rustix::fs::fchmod(&file, FILE_MODE)?;
        Ok(file)
    }

    /// The status of the file with this name; symlinks are not followed. `None`: no such file.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>, QueueError> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("stat", name, error)),
        }
    }

    /// True if a file with this name exists.
    pub fn contains(&self, name: &str) -> Result<bool, QueueError> {
        Ok(self.stat(name)?.is_some())
    }

    /// Removes a file, or an empty directory put in its place. Returns false if nothing was there.
    pub fn unlink(&self, name: &str) -> Result<bool, QueueError> {
        let unlink = |flags| rustix::fs::unlinkat(&self.fd, name, flags);
        let unlinked = match unlink(AtFlags::empty()) {
            Err(Errno::ISDIR) => unlink(AtFlags::REMOVEDIR),
            unlinked => unlinked,
        };
        match unlinked {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("remove", name, error)),
        }
    }

    /// Moves a file, and replaces a file with the new name. Returns false if there is no such file.
    pub fn rename(&self, name: &str, to: &Self, new: &str) -> Result<bool, QueueError> {
        match rustix::fs::renameat(&self.fd, name, &to.fd, new) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("move", name, error)),
        }
    }

    /// Moves a file to an unused name; if it is used, the error is `EXIST`.
    pub fn rename_new(&self, name: &str, to: &Self, new: &str) -> Result<(), Errno> {
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.fd, name, &to.fd, new, flags) {
            // NFS and others do not support that, but every file system refuses a link with an existing
            // name. After a crash in between, the file has both names, and the old one is a leftover.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(&self.fd, name, &to.fd, new, AtFlags::empty())?;
                let _ = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
                Ok(())
            }
            moved => moved,
        }
    }

    /// Waits until its names are on disk.
    pub fn sync(&self) -> Result<(), QueueError> {
        rustix::fs::fsync(&self.fd).map_err(|error| QueueError::io("sync", &self.path, error))
    }

    /// The names in it, in no order.
    pub fn names(&self) -> Result<Vec<String>, QueueError> {
        let failed = |error| QueueError::io("list", &self.path, error);
        let entries = Dir::read_from(&self.fd).map_err(failed)?;
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not valid UTF-8 does not belong to the spool.
            if let Ok(name) = entry.map_err(failed)?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn not_regular() -> FileError {
    FileError::Damaged("it is not a file".to_owned())
}

/// The reason why a file cannot be used.
pub enum FileError {
    /// The content is not as it was written.
    Damaged(String),
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for FileError {
    fn from(why: String) -> Self {
        Self::Damaged(why)
    }
}
