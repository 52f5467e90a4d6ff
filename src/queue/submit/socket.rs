//! The socket as its clients see it.

use crate::queue::store::personal_queue;
use crate::system::text::reason;
use crate::system::user::{home, is_privileged};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The default path.
pub const DEFAULT: &str = "/run/ehlo/submit.sock";

/// Overrides the path; empty: no socket is used.
const VARIABLE: &str = "EHLO_SUBMIT_SOCKET";

/// A socket as found.
#[derive(Debug, PartialEq, Eq)]
pub enum SocketState {
    Missing,
    /// Mail can be entrusted to the process that listens on it, if there is one.
    Trusted,
    /// The reason not to use it.
    Unsafe(String),
}

/// The path set by the environment, if it is set. A process with more rights than its caller ignores it.
pub fn of_environment() -> Option<PathBuf> {
    let value = std::env::var_os(VARIABLE).filter(|_| !is_privileged());
    value.map(PathBuf::from)
}

/// Examines the socket. Only root, this user or the owner of its directory can have created one that is trusted.
pub fn state(path: &Path) -> SocketState {
    match facts(path) {
        Ok((socket, directory)) => trust(&socket, &directory),
        Err(error) if error.kind() == io::ErrorKind::NotFound => SocketState::Missing,
        Err(error) => SocketState::Unsafe(format!("cannot be examined: {}", reason(&error))),
    }
}

fn facts(path: &Path) -> io::Result<(Metadata, Metadata)> {
    let real = path.canonicalize()?;
    let directory = real.parent().unwrap_or(Path::new("/"));
    Ok((fs::metadata(&real)?, fs::metadata(directory)?))
}

fn trust(socket: &Metadata, directory: &Metadata) -> SocketState {
    let user = rustix::process::geteuid().as_raw();
    let is_shared = directory.mode() & 0o022 != 0;
    let is_trusted =
        |owner: u32| owner == 0 || owner == user || !is_shared && owner == directory.uid();
    if !socket.file_type().is_socket() {
        return SocketState::Unsafe("is not a socket".to_owned());
    }
    if !is_trusted(socket.uid()) {
        return SocketState::Unsafe(format!(
            "belongs to user ID {}, and others can write to its directory",
            socket.uid()
        ));
    }
    SocketState::Trusted
}

/// The socket that this process uses for mail that goes the way of the host. `None`: there is none, or this user owns
/// `queue`, the queue of the host, if that is known.
pub fn to_use(path: Option<&Path>, queue: Option<&Path>) -> Option<PathBuf> {
    let path = path.unwrap_or(Path::new(DEFAULT));
    if path.as_os_str().is_empty() || state(path) != SocketState::Trusted {
        return None;
    }
    let user = rustix::process::geteuid().as_raw();
    let is_own = |queue| fs::metadata(queue).is_ok_and(|facts| facts.uid() == user);
    (!queue.is_some_and(is_own)).then(|| path.to_owned())
}

/// The queue for messages that the socket does not accept now. `None`: the default one of this user. That of root would
/// be the queue of the host.
pub fn queue_without_service() -> Option<PathBuf> {
    let home = home().filter(|_| rustix::process::geteuid().is_root())?;
    Some(home.join(personal_queue()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_socket_of_a_trusted_user_is_used() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("submit.sock");
        assert_eq!(state(&path), SocketState::Missing);
        fs::write(&path, "").unwrap();
        assert!(matches!(state(&path), SocketState::Unsafe(_)));
        fs::remove_file(&path).unwrap();
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(state(&path), SocketState::Trusted);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1), None).unwrap();
            assert!(matches!(state(&path), SocketState::Unsafe(_)));
            std::os::unix::fs::chown(home.path(), Some(1), None).unwrap();
            assert_eq!(state(&path), SocketState::Trusted);
            fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
            assert!(matches!(state(&path), SocketState::Unsafe(_)));
        }
    }

    #[test]
    fn the_owner_of_the_queue_needs_no_socket() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("submit.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(to_use(Some(&path), Some(home.path())), None);
        let missing = home.path().join("queue");
        assert_eq!(to_use(Some(&path), Some(&missing)), Some(path));
        assert_eq!(to_use(Some(Path::new("")), Some(&missing)), None);
    }
}
