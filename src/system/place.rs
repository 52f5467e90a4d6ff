//! Directories for persistent state, and checks of access by others to them or to a file.

use crate::system::text::reason;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Locations of a state directory.
#[derive(Clone, Copy, Debug)]
pub struct StateDirectory {
    /// Root's, which is that of the whole system. An absolute path.
    pub system: &'static str,
    /// Other users': below the directory for persistent state of a user's programs (`XDG_STATE_HOME`).
    pub own: &'static str,
}

impl StateDirectory {
    /// The directory of the user who runs the program. `None`: no home directory.
    #[must_use]
    pub fn usual(self) -> Option<PathBuf> {
        Caller::of_this_process().usual(self)
    }
}

/// An error with a directory.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, and this is user {user}", .path.display())]
    Theirs {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    /// It has unsafe permissions, or is not a directory.
    #[error("{} {why}", .path.display())]
    Unsafe {
        path: PathBuf,
        /// The problem, and the command that fixes it.
        why: String,
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

/// The user who runs the program, with the variables that name directories.
#[derive(Default)]
struct Caller {
    is_root: bool,
    state: Option<OsString>,
    home: Option<OsString>,
    /// The home directory of the password file.
    true_home: Option<PathBuf>,
}

impl Caller {
    fn of_this_process() -> Self {
        use rustix::process::{getegid, geteuid, getgid, getuid};
        let user = geteuid();
        // With set-uid or set-gid, the queue belongs to the effective user, and the caller cannot choose
        // its location.
        let is_lent = getuid() != user || getgid() != getegid();
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty() && !is_lent);
        Self {
            is_root: user.is_root(),
            state: set("XDG_STATE_HOME"),
            home: set("HOME"),
            true_home: crate::system::host::home(),
        }
    }

    /// Relative paths are ignored: the specification of `XDG_STATE_HOME` requires it, and a location that
    /// depends on the working directory is not persistent.
    fn usual(self, place: StateDirectory) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from(place.system));
        }
        let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
        let state = self.state.and_then(absolute);
        let home = || {
            let home = self.home.and_then(absolute);
            let ours =
                home.filter(|home| self.true_home.is_none() || !is_closed_to_us(home, place));
            ours.or(self.true_home)
        };
        let state = state.or_else(|| Some(home()?.join(".local/state")));
        state.map(|state| state.join(place.own))
    }
}

/// True if nothing can be created there: the home directory may be that of another user, if cron or su run
/// the program with the rights of this user.
fn is_closed_to_us(home: &Path, place: StateDirectory) -> bool {
    let kept = home.join(".local/state").join(place.own);
    let there = kept.ancestors().find_map(|path| {
        let rights = Access::WRITE_OK | Access::EXEC_OK;
        match rustix::fs::accessat(CWD, path, rights, AtFlags::EACCESS) {
            Err(Errno::NOENT) => None,
            other => Some(other),
        }
    });
    there == Some(Err(Errno::ACCESS))
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

/// Opens the directory. Creates it, and the missing ones above it, if `create`. `None`: it does not exist
/// and is not to be created.
pub fn open(path: &Path, create: bool) -> Result<Option<OwnedFd>, DirectoryError> {
    let opened = match open_directory(path) {
        Err(Errno::NOENT) if create => {
            make(path)?;
            open_directory(path)
        }
        Err(Errno::NOENT) => return Ok(None),
        opened => opened,
    };
    match opened {
        Ok(directory) => check(path, &directory).map(|()| Some(directory)),
        Err(Errno::NOTDIR) => Err(unfit(path, "is not a directory".to_owned())),
        Err(error) => Err(DirectoryError::io("open", path, error)),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Checks that only this user has access. The open directory is checked and not the path, which may be
/// replaced in the meantime.
fn check(path: &Path, directory: &OwnedFd) -> Result<(), DirectoryError> {
    let facts =
        rustix::fs::fstat(directory).map_err(|error| DirectoryError::io("look at", path, error))?;
    let user = rustix::process::geteuid().as_raw();
    if facts.st_uid != user {
        return Err(DirectoryError::Theirs {
            path: path.to_owned(),
            owner: facts.st_uid,
            user,
        });
    }
    if facts.st_mode & 0o033 != 0 {
        let why = format!(
            "can be entered or written to by others; chmod 700 {}",
            path.display()
        );
        return Err(unfit(path, why));
    }
    Ok(())
}

fn unfit(path: &Path, why: String) -> DirectoryError {
    DirectoryError::Unsafe {
        path: path.to_owned(),
        why,
    }
}

/// Creates the directory and the missing ones above it, from the top down.
fn make(path: &Path) -> Result<(), DirectoryError> {
    let is_there = |path: &Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|path| !is_there(path))
        .collect();
    for directory in missing.into_iter().rev() {
        make_one(CWD, directory).map_err(|error| DirectoryError::io("create", directory, error))?;
    }
    Ok(())
}

/// Creates a directory of mode 0700, regardless of the umask. An existing one is not an error.
pub fn make_one(parent: impl std::os::fd::AsFd, name: &Path) -> Result<(), Errno> {
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
        let Ok(directory) = open_directory(parent) else {
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

    const QUEUE: StateDirectory = StateDirectory {
        system: "/var/spool/ehlo",
        own: "ehlo/queue",
    };

    fn usual(caller: Caller) -> Option<String> {
        caller.usual(QUEUE).map(|path| path.display().to_string())
    }

    fn user(state: Option<&str>, home: Option<&str>) -> Caller {
        Caller {
            state: state.map(OsString::from),
            home: home.map(OsString::from),
            ..Caller::default()
        }
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(path: &Path) -> String {
        open(path, true).unwrap_err().to_string()
    }

    #[test]
    fn a_user_has_a_place_of_their_own_and_root_has_the_systems() {
        let own = "/home/a/.local/state/ehlo/queue";
        assert_eq!(
            usual(user(Some("/s"), Some("/home/a"))).unwrap(),
            "/s/ehlo/queue"
        );
        assert_eq!(usual(user(None, Some("/home/a"))).unwrap(), own);
        let root = Caller {
            is_root: true,
            ..user(Some("/s"), Some("/home/a"))
        };
        assert_eq!(usual(root).unwrap(), QUEUE.system);
    }

    #[test]
    fn relative_paths_of_the_environment_count_for_nothing() {
        let own = usual(user(Some("s"), Some("/home/a"))).unwrap();
        assert_eq!(own, "/home/a/.local/state/ehlo/queue");
        let passwd = Caller {
            true_home: Some("/var/lib/a".into()),
            ..user(Some("s"), Some("h"))
        };
        assert_eq!(usual(passwd).unwrap(), "/var/lib/a/.local/state/ehlo/queue");
        assert_eq!(usual(user(None, None)), None);
    }

    #[test]
    fn the_home_of_somebody_else_is_none_of_ours() {
        if rustix::process::geteuid().is_root() {
            // Root has access everywhere.
            return;
        }
        let top = tempfile::tempdir().unwrap();
        let theirs = top.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        set_mode(&theirs, 0o555);
        let of = |true_home: Option<&str>| {
            usual(Caller {
                true_home: true_home.map(PathBuf::from),
                ..user(None, theirs.to_str())
            })
        };
        let own = ".local/state/ehlo/queue";
        assert_eq!(of(Some("/home/a")).unwrap(), format!("/home/a/{own}"));
        let only = format!("{}/{own}", theirs.display());
        assert_eq!(of(None).unwrap(), only);
        set_mode(&theirs, 0o755);
        assert_eq!(of(Some("/home/a")).unwrap(), only);
    }

    #[test]
    fn what_is_missing_is_made_for_the_owner_alone_and_what_is_there_is_left() {
        let top = tempfile::tempdir().unwrap();
        set_mode(top.path(), 0o755);
        let path = top.path().join("a/b/queue");
        assert!(open(&path, false).unwrap().is_none());
        assert!(open(&path, true).unwrap().is_some());
        assert!(open(&path, false).unwrap().is_some());
        assert_eq!(mode(top.path()), 0o755);
        for made in [top.path().join("a"), top.path().join("a/b"), path.clone()] {
            assert_eq!(mode(&made), 0o700);
        }
        sync_names(&path).unwrap();
    }

    #[test]
    fn a_directory_that_others_may_enter_or_write_to_is_refused_with_what_mends_it() {
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
        assert!(open(&path, false).is_ok());
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
    fn a_file_in_its_place_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("queue");
        fs::write(&path, "").unwrap();
        assert!(refusal(&path).contains("is not a directory"));
        assert!(refusal(&path.join("below")).contains("is not a directory"));
    }

    #[test]
    fn a_symlink_to_a_directory_of_ours_is_followed() {
        let top = tempfile::tempdir().unwrap();
        let (real, link) = (top.path().join("real"), top.path().join("link"));
        fs::create_dir(&real).unwrap();
        set_mode(&real, 0o700);
        symlink(&real, &link).unwrap();
        assert!(open(&link, true).unwrap().is_some());
    }

    #[test]
    fn a_directory_of_another_user_is_refused_and_so_is_a_symlink_to_it() {
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
