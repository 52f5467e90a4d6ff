//! The sockets that the server listens on.

use crate::system::text::reason;
use rustix::event::{PollFd, PollFlags, Timespec};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Maximum number of connections waiting to be accepted.
const BACKLOG: i32 = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address; port 0 lets the system choose one.
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Listen {
    /// Reads `IP:PORT` or `unix:PATH`.
    pub fn parse(text: &str) -> Result<Listen, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("expected a path after unix:".to_owned()),
            Some(path) => Ok(Listen::Unix(PathBuf::from(path))),
            None => text.parse().map(Listen::Tcp).map_err(|_| {
                "expected an address and a port, such as 127.0.0.1:2525 or [::1]:0, or unix:PATH"
                    .to_owned()
            }),
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Listen::Tcp(address) => write!(f, "{address}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(
        "{0} can be reached from other hosts, and the sink accepts mail from all clients; \
         listen on 127.0.0.1 or [::1], or use --allow-remote"
    )]
    Remote(SocketAddr),
    #[error("the sink's name must be printable ASCII without spaces, not {0:?}")]
    Name(String),
    /// The address or path is not local, not permitted, or in use.
    #[error("cannot listen on {place}: {}", reason(.source))]
    Listen { place: Listen, source: io::Error },
    #[error("cannot accept connections: {}", reason(.0))]
    Accept(io::Error),
}

/// A listening socket. The file of a unix socket is removed on drop.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Its address, with the port chosen by the system, or its path.
    pub place: Listen,
}

impl Listener {
    /// Starts to listen. A path is accessible to its owner only.
    pub fn open(place: &Listen) -> Result<Listener, ServerError> {
        let opened = match place {
            Listen::Tcp(address) => tcp(*address),
            Listen::Unix(path) => unix(path),
        };
        opened.map_err(|source| ServerError::Listen {
            place: place.clone(),
            source,
        })
    }

    /// Accepts a connection; `None`: the client has already left.
    fn accept(&self) -> io::Result<Option<Accepted>> {
        match self.socket.accept() {
            Ok((socket, from)) => {
                socket.set_nonblocking(false)?;
                Ok(Some(Accepted {
                    socket,
                    from: from.as_socket(),
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listen::Unix(path) = &self.place {
            let _ = fs::remove_file(path);
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As in the standard library: a port that was just released can be used again.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let bound = socket.local_addr()?.as_socket().unwrap_or(address);
    listening(socket, Listen::Tcp(bound))
}

fn unix(path: &Path) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_abandoned(path) {
            return Err(error);
        }
        fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    // No client can connect before it listens.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listening(socket, Listen::Unix(path.to_owned()))
}

/// True if the socket file was left by a process that no longer listens.
fn is_abandoned(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|facts| facts.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).err().is_some_and(refused)
}

fn listening(socket: Socket, place: Listen) -> io::Result<Listener> {
    let listener = Listener { socket, place };
    listener.socket.set_nonblocking(true)?;
    listener.socket.listen(BACKLOG)?;
    Ok(listener)
}

pub struct Accepted {
    pub socket: Socket,
    pub from: Option<SocketAddr>,
}

/// The result of waiting for a connection.
pub enum Next {
    Connection(Accepted),
    /// No connection: the client has already left, or a signal has arrived.
    NoConnection,
    /// The server was woken, or the time is over.
    Shutdown,
}

/// All listeners, and the socket that ends the waiting for connections.
pub struct ListenerSet {
    pub listeners: Vec<Listener>,
    pub wake_receiver: UnixStream,
    pub deadline: Option<Instant>,
}

impl ListenerSet {
    /// Waits for a connection, until `wake_receiver` is readable or the deadline is reached.
    pub fn next(&self) -> io::Result<Next> {
        let mut ends: Vec<PollFd<'_>> = vec![PollFd::new(&self.wake_receiver, PollFlags::IN)];
        let sockets = self.listeners.iter().map(|listener| &listener.socket);
        ends.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
        match rustix::event::poll(&mut ends, self.left().as_ref()) {
            Ok(0) => return Ok(Next::Shutdown),
            Err(rustix::io::Errno::INTR) => return Ok(Next::NoConnection),
            other => other?,
        };
        let is_ready = |place: usize| !ends[place].revents().is_empty();
        if is_ready(0) {
            return Ok(Next::Shutdown);
        }
        let mut listeners = self.listeners.iter().enumerate();
        let ready = listeners.find(|(place, _)| is_ready(place + 1));
        let accepted = ready.map(|(_, listener)| listener.accept()).transpose()?;
        Ok(accepted
            .flatten()
            .map_or(Next::NoConnection, Next::Connection))
    }

    fn left(&self) -> Option<Timespec> {
        let deadline = self.deadline?;
        let left = deadline.saturating_duration_since(Instant::now());
        Timespec::try_from(left).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_is_an_address_or_a_path() {
        let tcp = Listen::parse("[::1]:25").unwrap();
        assert_eq!(tcp.to_string(), "[::1]:25");
        let unix = Listen::parse("unix:/run/x").unwrap();
        assert_eq!(unix, Listen::Unix("/run/x".into()));
        for text in ["", "unix:", "localhost:25", "127.0.0.1", "/run/x"] {
            assert!(Listen::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn socket_file_is_private_and_removed_with_the_listener() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let place = Listen::Unix(path.clone());
        let listener = Listener::open(&place).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = Listener::open(&place).unwrap_err().to_string();
        assert!(error.contains("cannot listen on unix:"), "{error}");
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn abandoned_socket_file_is_replaced_and_other_files_are_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(Listener::open(&Listen::Unix(path.clone())).unwrap());
        fs::write(&path, "precious").unwrap();
        assert!(Listener::open(&Listen::Unix(path.clone())).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
