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
    /// A server to which a proxy connects.
    Proxied(ProxiedPeer),
}

/// A server behind a proxy. The proxy resolves its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxiedPeer {
    /// The name, or the IP address without brackets.
    pub host: String,
    pub port: u16,
    pub protocol: ProxyProtocol,
    pub proxy: SocketAddr,
}

/// The protocol between client and proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// RFC 1928.
    Socks5,
    /// The CONNECT method of HTTP (RFC 9110 §9.3.6).
    Http,
}

impl ProxyProtocol {
    /// The scheme of its URL.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

impl ProxiedPeer {
    /// `mail.example.org:587`, or `[2001:db8::1]:587`.
    pub fn target(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// `socks5://127.0.0.1:1080`
    pub fn proxy_url(&self) -> String {
        format!("{}://{}", self.protocol.scheme(), self.proxy)
    }
}

impl PeerAddress {
    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Proxied(peer) => peer.host.parse().ok(),
            Self::Unix(_) | Self::Pipe(_) => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Proxied(peer) => Some(peer.port),
            Self::Unix(_) | Self::Pipe(_) => None,
        }
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// `192.0.2.7:25`, `[2001:db8::1]:25`, `mail.example.org:25 through socks5://192.0.2.8:1080`, or the path or
/// the command, made printable.
impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => f.write_str(&shown(&path.to_string_lossy())),
            Self::Pipe(line) => f.write_str(&shown(line)),
            Self::Proxied(peer) => write!(f, "{} through {}", peer.target(), peer.proxy_url()),
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
