//! Addresses of peers.

use crate::system::text::shown;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// A command run by a shell, connected by its standard input and output.
    Pipe(String),
}

impl PeerAddress {
    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix(_) | Self::Pipe(_) => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) | Self::Pipe(_) => None,
        }
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// `192.0.2.7:25`, `[2001:db8::1]:25`, or the path or the command, made printable.
impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => f.write_str(&shown(&path.to_string_lossy())),
            Self::Pipe(line) => f.write_str(&shown(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_shown_as_it_is_written_on_a_command_line() {
        for address in ["192.0.2.7:25", "[2001:db8::1]:25"] {
            let peer = PeerAddress::from(address.parse::<SocketAddr>().unwrap());
            assert_eq!(peer.to_string(), address);
            assert_eq!(peer.port(), Some(25));
        }
    }

    #[test]
    fn a_path_cannot_steer_a_terminal() {
        let peer = PeerAddress::Unix(PathBuf::from("/run/\x1b[2Jx.sock"));
        assert_eq!(peer.to_string(), "/run/\\u{1b}[2Jx.sock");
        assert_eq!((peer.ip(), peer.port()), (None, None));
    }
}
