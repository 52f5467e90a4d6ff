//! The user who runs the program: login name, home directory, and directories for persistent state. Users are
//! looked up by getpwuid(3), because those of LDAP and SSSD are not in `/etc/passwd`.

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Group, Uid, User};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// The login name of the user database, else `$LOGNAME`, else `$USER`.
pub fn login() -> String {
    entry(rustix::process::getuid())
        .map(|user| user.name)
        .or_else(|| std::env::var("LOGNAME").ok())
        .or_else(|| std::env::var("USER").ok())
        .unwrap_or_else(|| "nobody".to_owned())
}

/// The home directory of the effective user in the user database. `None`: it has no absolute path.
pub fn home() -> Option<PathBuf> {
    let home = entry(rustix::process::geteuid())?.dir;
    Some(home).filter(|home| home.is_absolute())
}

fn entry(user: rustix::process::Uid) -> Option<User> {
    User::from_uid(Uid::from_raw(user.as_raw())).ok()?
}

/// A user, as the user database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    pub id: u32,
    /// The primary group.
    pub group: u32,
    /// `user ID 1001` if the database does not have it.
    pub name: String,
}

impl LocalUser {
    /// The user with this ID.
    pub fn of(id: u32) -> Self {
        let entry = User::from_uid(Uid::from_raw(id)).ok().flatten();
        entry.map_or_else(
            || Self {
                id,
                group: u32::MAX,
                name: format!("user ID {id}"),
            },
            |user| Self {
                id,
                group: user.gid.as_raw(),
                name: user.name,
            },
        )
    }

    /// True if the user is a member of this group.
    pub fn is_in(&self, group: &str) -> bool {
        let found = Group::from_name(group).ok().flatten();
        found
            .is_some_and(|group| group.gid.as_raw() == self.group || group.mem.contains(&self.name))
    }
}

/// A user with the home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeOwner {
    pub user: LocalUser,
    pub home: PathBuf,
}

/// The users of `/etc/passwd` with a home directory, each user ID once. Users of other databases are not listed.
pub fn local_users() -> Vec<HomeOwner> {
    users_of(&std::fs::read("/etc/passwd").unwrap_or_default())
}

fn users_of(passwd: &[u8]) -> Vec<HomeOwner> {
    let text = String::from_utf8_lossy(passwd);
    let mut users: Vec<HomeOwner> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, group, _, home, _] = fields[..] else {
            continue;
        };
        let (Ok(id), Ok(group)) = (id.parse(), group.parse()) else {
            continue;
        };
        let is_new = users.iter().all(|other| other.user.id != id);
        if is_new && home.starts_with('/') && home.len() > 1 {
            users.push(HomeOwner {
                user: LocalUser {
                    id,
                    group,
                    name: name.to_owned(),
                },
                home: PathBuf::from(home),
            });
        }
    }
    users
}

/// User ID of the process that connected a unix socket. `None`: the connection is of another kind.
pub fn peer_uid(socket: &impl AsFd) -> Option<u32> {
    let credentials = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    // That of a TCP connection is -1.
    Some(credentials.uid()).filter(|uid| *uid != u32::MAX)
}

/// Gives up the rights of root for those of another user, for good.
pub fn become_user(id: u32) -> io::Result<()> {
    let user = Uid::from_raw(id);
    let entry = User::from_uid(user)?.ok_or(io::ErrorKind::NotFound)?;
    let name = CString::new(entry.name).map_err(|_| io::ErrorKind::InvalidData)?;
    nix::unistd::initgroups(&name, entry.gid)?;
    nix::unistd::setgid(entry.gid)?;
    Ok(nix::unistd::setuid(user)?)
}

/// True if this process has more rights than its caller: a set-uid or set-gid bit is in effect, and the
/// caller controls arguments and environment.
pub fn is_privileged() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// The absolute path in a variable of the environment. `None`: it is not set, or holds a relative path.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(name).map(PathBuf::from);
    path.filter(|path| path.is_absolute())
}

/// A path with `~`, `$HOME` or `${HOME}` at its start replaced by the home directory, as a shell does it:
/// `$HOME` of the environment, else that of the user database. `~user` is not replaced.
pub fn expanded(path: &str) -> PathBuf {
    // The caller controls the environment of a process that has more rights.
    let variable = || path_variable("HOME").filter(|_| !is_privileged());
    expanded_in(path, || variable().or_else(home))
}

fn expanded_in(path: &str, home: impl FnOnce() -> Option<PathBuf>) -> PathBuf {
    let mut rests = ["~", "$HOME", "${HOME}"]
        .into_iter()
        .filter_map(|start| path.strip_prefix(start));
    let rest = rests.find(|rest| rest.is_empty() || rest.starts_with('/'));
    match rest.and_then(|rest| Some((rest.trim_start_matches('/'), home()?))) {
        Some(("", home)) => home,
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(path),
    }
}

/// A base directory of a user (XDG Base Directory Specification).
#[derive(Clone, Copy, Debug)]
pub enum Base {
    /// Data that must not be lost.
    State,
    /// Data that can be fetched again.
    Cache,
}

impl Base {
    /// The variable that names it, and its place in the home directory.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::State => ("XDG_STATE_HOME", ".local/state"),
            Self::Cache => ("XDG_CACHE_HOME", ".cache"),
        }
    }
}

/// Locations of a directory for data of the program.
#[derive(Clone, Copy, Debug)]
pub struct StateDirectory {
    pub base: Base,
    /// The directory of root, an absolute path.
    pub system: &'static str,
    /// The directory of other users, below the base directory.
    pub own: &'static str,
}

impl StateDirectory {
    /// The directory of the user who runs the program. `None`: the user has no home directory.
    pub fn path(self) -> Option<PathBuf> {
        Caller::of_this_process(self.base).state_directory(self)
    }
}

/// The user who runs the program, with the variables that name directories.
#[derive(Default)]
struct Caller {
    is_root: bool,
    /// The variable that names the base directory.
    base: Option<OsString>,
    /// `$HOME`
    home: Option<OsString>,
    /// The home directory of the user database.
    database_home: Option<PathBuf>,
}

impl Caller {
    fn of_this_process(base: Base) -> Self {
        // With set-uid or set-gid, the queue belongs to the effective user, and the caller cannot choose
        // its location.
        let is_privileged = is_privileged();
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty() && !is_privileged);
        Self {
            is_root: rustix::process::geteuid().is_root(),
            base: set(base.names().0),
            home: set("HOME"),
            database_home: home(),
        }
    }

    /// Relative paths are ignored: the specification requires it, and a location that
    /// depends on the working directory is not persistent.
    fn state_directory(self, directory: StateDirectory) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from(directory.system));
        }
        let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
        let home = || {
            let named = self.home.and_then(absolute);
            let has_other = self.database_home.is_some();
            let usable = named.filter(|home| !has_other || !is_denied(home, directory));
            usable.or(self.database_home)
        };
        let below_home = directory.base.names().1;
        let base = self.base.and_then(absolute);
        let base = base.or_else(|| Some(home()?.join(below_home)));
        base.map(|path| path.join(directory.own))
    }
}

/// True if nothing can be created there: `HOME` may be that of another user, if cron or su run the program
/// with the rights of this user.
fn is_denied(home: &Path, directory: StateDirectory) -> bool {
    let path = home.join(directory.base.names().1).join(directory.own);
    let access = path.ancestors().find_map(|path| {
        let rights = Access::WRITE_OK | Access::EXEC_OK;
        match rustix::fs::accessat(CWD, path, rights, AtFlags::EACCESS) {
            Err(Errno::NOENT) => None,
            other => Some(other),
        }
    });
    access == Some(Err(Errno::ACCESS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    const QUEUE: StateDirectory = StateDirectory {
        base: Base::State,
        system: "/var/spool/ehlo",
        own: "ehlo/queue",
    };

    fn directory(caller: Caller) -> Option<String> {
        let path = caller.state_directory(QUEUE);
        path.map(|path| path.display().to_string())
    }

    fn caller(state_home: Option<&str>, home: Option<&str>) -> Caller {
        Caller {
            base: state_home.map(OsString::from),
            home: home.map(OsString::from),
            ..Caller::default()
        }
    }

    #[test]
    fn home_directory_is_expanded_only_as_the_first_component_of_a_path() {
        let at_home = |path| expanded_in(path, || Some(PathBuf::from("/home/ann")));
        for (path, right) in [
            ("~/x", "/home/ann/x"),
            ("~//x", "/home/ann/x"),
            ("$HOME/a/b", "/home/ann/a/b"),
            ("${HOME}/x", "/home/ann/x"),
            ("~", "/home/ann"),
            ("$HOME", "/home/ann"),
            ("~bob/x", "~bob/x"),
            ("$HOMES/x", "$HOMES/x"),
            ("/x/~/y", "/x/~/y"),
            ("x~", "x~"),
            ("", ""),
        ] {
            assert_eq!(at_home(path), PathBuf::from(right), "{path}");
        }
        assert_eq!(expanded_in("~/x", || None), PathBuf::from("~/x"));
    }

    #[test]
    fn users_are_those_of_passwd_with_a_home_directory() {
        let passwd =
            b"root:x:0:0:root:/root:/bin/sh\nann:x:7:8::/home/ann:\nann2:x:7:8::/home/b:\n\
            +nis\nnobody:x:9:9::/:\nbad:x:y:1::/h:\n\xff:x:10:10::/h/x:\n";
        let users = users_of(passwd);
        let ids: Vec<u32> = users.iter().map(|one| one.user.id).collect();
        assert_eq!(ids, [0, 7, 10]);
        assert_eq!(users[1].home, PathBuf::from("/home/ann"));
    }

    #[test]
    fn login_name_is_that_of_the_user_database() {
        let output = std::process::Command::new("id").arg("-run").output();
        // Fails for a user without an entry.
        if let Ok(output) = output
            && output.status.success()
        {
            assert_eq!(login(), String::from_utf8(output.stdout).unwrap().trim());
        }
    }

    #[test]
    fn state_directory_is_below_the_home_directory_except_for_root() {
        let own = "/home/a/.local/state/ehlo/queue";
        let named = directory(caller(Some("/s"), Some("/home/a")));
        assert_eq!(named.unwrap(), "/s/ehlo/queue");
        assert_eq!(directory(caller(None, Some("/home/a"))).unwrap(), own);
        let root = Caller {
            is_root: true,
            ..caller(Some("/s"), Some("/home/a"))
        };
        assert_eq!(directory(root).unwrap(), QUEUE.system);
        let cache = StateDirectory {
            base: Base::Cache,
            ..QUEUE
        };
        let path = caller(None, Some("/home/a")).state_directory(cache);
        assert_eq!(path, Some("/home/a/.cache/ehlo/queue".into()));
    }

    #[test]
    fn relative_paths_of_the_environment_are_ignored() {
        let own = directory(caller(Some("s"), Some("/home/a"))).unwrap();
        assert_eq!(own, "/home/a/.local/state/ehlo/queue");
        let relative = Caller {
            database_home: Some("/var/lib/a".into()),
            ..caller(Some("s"), Some("h"))
        };
        let own = directory(relative).unwrap();
        assert_eq!(own, "/var/lib/a/.local/state/ehlo/queue");
        assert_eq!(directory(caller(None, None)), None);
    }

    #[test]
    fn home_directory_of_another_user_is_not_used() {
        if rustix::process::geteuid().is_root() {
            // Root has access everywhere.
            return;
        }
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("home");
        fs::create_dir(&home).unwrap();
        let set_mode = |mode| fs::set_permissions(&home, fs::Permissions::from_mode(mode));
        set_mode(0o555).unwrap();
        let of = |database_home: Option<&str>| {
            directory(Caller {
                database_home: database_home.map(PathBuf::from),
                ..caller(None, home.to_str())
            })
        };
        let own = ".local/state/ehlo/queue";
        assert_eq!(of(Some("/home/a")).unwrap(), format!("/home/a/{own}"));
        let only = format!("{}/{own}", home.display());
        assert_eq!(of(None).unwrap(), only);
        set_mode(0o755).unwrap();
        assert_eq!(of(Some("/home/a")).unwrap(), only);
    }
}
