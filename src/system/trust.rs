//! Checks that other users have no access to a file or directory, and directories that only this user can enter.

use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::reason;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A reason not to trust a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// A directory, a device or a pipe.
    NotAFile,
    /// The owner is neither root nor this user.
    Foreign { owner: u32, user: u32 },
    /// Other users can write to it.
    Writable,
    /// Users can read it who must not see secrets.
    Readable,
}

/// Opens a file without waiting for a writer if it is a pipe.
pub fn open_file(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

/// Checks that only root and this user can have written a file.
pub fn write_danger(facts: &Metadata) -> Option<Danger> {
    if !facts.is_file() {
        return Some(Danger::NotAFile);
    }
    owner_danger(facts).or_else(|| (facts.mode() & 0o022 != 0).then_some(Danger::Writable))
}

/// Checks that a file belongs to root or to this user.
pub fn owner_danger(facts: &Metadata) -> Option<Danger> {
    let (owner, user) = (facts.uid(), rustix::process::geteuid().as_raw());
    (owner != 0 && owner != user).then_some(Danger::Foreign { owner, user })
}

/// True if the file or directory belongs to this user.
pub fn is_own(facts: &Metadata) -> bool {
    facts.uid() == rustix::process::geteuid().as_raw()
}

/// In-memory file systems, which container engines and systemd use for secrets: `TMPFS_MAGIC` and
/// `RAMFS_MAGIC` of statfs(2).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// True if the permissions of a file protect a secret in it. Only its owner may read or write it. A file of
/// root is given to readers by root: its group may read it, and on a read-only file system in memory
/// everyone may, because its mode cannot be changed there (Docker's secrets have 0444, Kubernetes' 0440).
pub fn keeps_secret(file: &File) -> io::Result<bool> {
    let facts = file.metadata()?;
    let is_mounted_secret = || {
        let kind = rustix::fs::fstatfs(file).map(|fs| u64::try_from(fs.f_type).unwrap_or_default());
        let flags = rustix::fs::fstatvfs(file).map(|fs| fs.f_flag);
        kind.is_ok_and(|kind| IN_MEMORY.contains(&kind))
            && flags.is_ok_and(|flags| flags.contains(StatVfsMountFlags::RDONLY))
    };
    Ok(is_secret_mode(facts.uid(), facts.mode(), is_mounted_secret))
}

fn is_secret_mode(owner: u32, mode: u32, is_mounted_secret: impl FnOnce() -> bool) -> bool {
    let allows = |rights: u32| mode & rights != 0;
    let is_root = owner == 0;
    !allows(0o077) || is_root && !allows(0o037) || is_root && !allows(0o033) && is_mounted_secret()
}

/// True if this user can change the mode of a file.
pub fn can_change_mode(file: &File) -> io::Result<bool> {
    let user = rustix::process::geteuid();
    let owns = user.is_root() || file.metadata()?.uid() == user.as_raw();
    let flags = rustix::fs::fstatvfs(file)?.f_flag;
    Ok(owns && !flags.contains(StatVfsMountFlags::RDONLY))
}

/// An error with a directory.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The owner is another user.
    #[error("{} belongs to user ID {owner}, but ehlo runs as user ID {user}", .path.display())]
    Foreign {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    /// The permissions are unsafe, or the path is not a directory.
    #[error("{} {}", .path.display(), .why.with_bare_command())]
    Unsafe {
        path: PathBuf,
        /// A verb phrase.
        why: ErrorText,
    },
    /// The system denies access.
    #[error("cannot {doing} {}: {}", .path.display(), reason(.error))]
    Io {
        /// The operation that failed.
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl DirectoryError {
    fn io(doing: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            error: error.into(),
        }
    }
}

impl Correctable for DirectoryError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Unsafe { path, why } => why.clone().about(format!("{} ", path.display())),
            Self::Foreign { .. } | Self::Io { .. } => self.to_string().into(),
        }
    }
}

/// Opens the directory. Creates it, and the missing ones above it, if `create`. `None`: it does not exist
/// and is not to be created.
pub fn open_directory(path: &Path, create: bool) -> Result<Option<OwnedFd>, DirectoryError> {
    let opened = match open_existing(path) {
        Err(Errno::NOENT) if create => {
            create_all(path)?;
            open_existing(path)
        }
        Err(Errno::NOENT) => return Ok(None),
        opened => opened,
    };
    match opened {
        Ok(directory) => check(path, &directory).map(|()| Some(directory)),
        Err(Errno::NOTDIR) => Err(unfit(path, "is not a directory".into())),
        Err(error) => Err(DirectoryError::io("open", path, error)),
    }
}

fn open_existing(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Checks that only this user has access. The open directory is checked and not the path, which may be
/// replaced in the meantime.
fn check(path: &Path, directory: &OwnedFd) -> Result<(), DirectoryError> {
    let facts =
        rustix::fs::fstat(directory).map_err(|error| DirectoryError::io("examine", path, error))?;
    let user = rustix::process::geteuid().as_raw();
    if facts.st_uid != user {
        return Err(DirectoryError::Foreign {
            path: path.to_owned(),
            owner: facts.st_uid,
            user,
        });
    }
    if facts.st_mode & 0o033 != 0 {
        let command = format!("chmod 700 {}", path.display());
        let why = ErrorText::new("is accessible to others").with_command(command);
        return Err(unfit(path, why));
    }
    Ok(())
}

fn unfit(path: &Path, why: ErrorText) -> DirectoryError {
    DirectoryError::Unsafe {
        path: path.to_owned(),
        why,
    }
}

/// Creates the directory and the missing ones above it, from the top down.
fn create_all(path: &Path) -> Result<(), DirectoryError> {
    let is_there = |path: &Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|path| !is_there(path))
        .collect();
    for directory in missing.into_iter().rev() {
        create_directory(CWD, directory)
            .map_err(|error| DirectoryError::io("create", directory, error))?;
    }
    Ok(())
}

/// Creates a directory of mode 0700, regardless of the umask. An existing one is not an error.
pub fn create_directory(parent: impl std::os::fd::AsFd, name: &Path) -> Result<(), Errno> {
    match rustix::fs::mkdirat(&parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(()),
        made => made?,
    }
    let facts = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if Mode::from_raw_mode(facts.st_mode).contains(Mode::RWXU) {
        return Ok(());
    }
    rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())
}

/// Syncs the names of the directory and of those above it, up to the first directory of another user: names
/// above that one are not created by this program. If a name is lost in a crash, so is everything below it.
pub fn sync_names(path: &Path) -> Result<(), DirectoryError> {
    let user = rustix::process::geteuid().as_raw();
    let absolute =
        std::path::absolute(path).map_err(|error| DirectoryError::io("find", path, error))?;
    for parent in absolute.ancestors().skip(1) {
        let Ok(directory) = open_existing(parent) else {
            break;
        };
        rustix::fs::fsync(&directory).map_err(|error| DirectoryError::io("sync", parent, error))?;
        if rustix::fs::fstat(&directory).is_ok_and(|facts| facts.st_uid != user) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(path: &Path) -> String {
        open_directory(path, true).unwrap_err().to_string()
    }

    #[test]
    fn missing_directories_are_created_with_mode_0700() {
        let top = tempfile::tempdir().unwrap();
        set_mode(top.path(), 0o755);
        let path = top.path().join("a/b/queue");
        assert!(open_directory(&path, false).unwrap().is_none());
        assert!(open_directory(&path, true).unwrap().is_some());
        assert!(open_directory(&path, false).unwrap().is_some());
        assert_eq!(mode(top.path()), 0o755);
        for made in [top.path().join("a"), top.path().join("a/b"), path.clone()] {
            assert_eq!(mode(&made), 0o700);
        }
        sync_names(&path).unwrap();
    }

    #[test]
    fn directory_open_to_others_is_refused_with_a_chmod_command() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("queue");
        fs::create_dir(&path).unwrap();
        for bad in [0o701, 0o710, 0o720, 0o702, 0o755, 0o777] {
            set_mode(&path, bad);
            let refused = refusal(&path);
            let mended = format!("chmod 700 {}", path.display());
            assert!(refused.contains(&mended), "{bad:o}: {refused}");
        }
        set_mode(&path, 0o700);
        assert!(open_directory(&path, false).is_ok());
    }

    #[test]
    fn secret_files_are_readable_by_their_owner_or_as_root_gives_them() {
        let (root, ann) = (0, 1000);
        for (owner, mode, mounted, right) in [
            (ann, 0o600, false, true),
            (ann, 0o100_400, false, true),
            (ann, 0o640, false, false),
            (ann, 0o604, true, false),
            (ann, 0o444, true, false),
            (root, 0o600, false, true),
            (root, 0o100_640, false, true),
            (root, 0o440, false, true),
            (root, 0o660, false, false),
            (root, 0o620, true, false),
            (root, 0o644, false, false),
            (root, 0o444, false, false),
            (root, 0o444, true, true),
            (root, 0o644, true, true),
            (root, 0o446, true, false),
            (root, 0o555, true, false),
        ] {
            let found = is_secret_mode(owner, mode, || mounted);
            assert_eq!(found, right, "{owner}, {mode:o}, {mounted}");
        }
    }

    #[test]
    fn file_instead_of_a_directory_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("queue");
        fs::write(&path, "").unwrap();
        assert!(refusal(&path).contains("is not a directory"));
        assert!(refusal(&path.join("below")).contains("is not a directory"));
    }

    #[test]
    fn symlink_to_an_own_directory_is_followed() {
        let top = tempfile::tempdir().unwrap();
        let (real, link) = (top.path().join("real"), top.path().join("link"));
        fs::create_dir(&real).unwrap();
        set_mode(&real, 0o700);
        symlink(&real, &link).unwrap();
        assert!(open_directory(&link, true).unwrap().is_some());
    }

    #[test]
    fn directory_of_another_user_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let other = if rustix::process::geteuid().is_root() {
            let path = top.path().join("theirs");
            fs::create_dir(&path).unwrap();
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            path
        } else {
            PathBuf::from("/")
        };
        assert!(
            refusal(&other).contains("belongs to user"),
            "{}",
            refusal(&other)
        );
        let link = top.path().join("link");
        symlink(&other, &link).unwrap();
        assert!(refusal(&link).contains("belongs to user"));
    }
}
