//! Deviations from a normal session, for testing servers.

use crate::smtp::stage::Stage;
use std::net::SocketAddr;

/// Deviations from a normal session; none by default.
#[derive(Clone, Debug, Default)]
pub struct TestOptions {
    /// The point at which the session ends early.
    pub stop: Option<EarlyStop>,
    /// Lines added to the EHLO reply as if the server had sent them.
    pub pretended: Vec<String>,
    /// PROXY header to send before the greeting.
    pub proxy: Option<Proxy>,
    /// Attributes for XCLIENT, one entry for each command.
    pub xclient: Vec<String>,
    /// Attributes for XFORWARD, one entry for each command.
    pub xforward: Vec<String>,
    /// Parameters added to MAIL unchecked.
    pub mail_parameters: Vec<String>,
    /// Parameters added to each RCPT unchecked.
    pub rcpt_parameters: Vec<String>,
}

/// An early end of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyStop {
    pub behind: StopPoint,
    pub how: StopMethod,
}

/// Method of ending a session early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMethod {
    Quit,
    /// Closes the connection without QUIT, after the reply.
    Drop,
    /// Closes the connection without QUIT, before the reply.
    DropUnread,
}

/// A point of the session, in chronological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopPoint {
    /// The connection is established.
    Connect,
    Banner,
    /// The first EHLO, or HELO.
    Ehlo,
    /// STARTTLS and the handshake.
    Starttls,
    /// AUTH, and EHLO inside TLS before it.
    Auth,
    Mail,
    /// RCPT, for all of a transaction.
    Rcpt,
    Data,
    /// The end of data.
    Dot,
}

impl StopPoint {
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Banner,
        Self::Ehlo,
        Self::Starttls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Dot,
    ];

    /// Its name for `--quit-after`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::Starttls => "starttls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Dot => "dot",
        }
    }

    /// The point of a stage; `None` for stages that may occur at any time. `again`: the server was greeted
    /// before and has discarded that state, after STARTTLS.
    pub(super) fn of(stage: Stage, again: bool) -> Option<Self> {
        Some(match stage {
            Stage::Banner => Self::Banner,
            Stage::Ehlo | Stage::Lhlo | Stage::Helo if again => Self::Auth,
            Stage::Ehlo | Stage::Lhlo | Stage::Helo => Self::Ehlo,
            Stage::Starttls | Stage::Tls => Self::Starttls,
            Stage::Xclient | Stage::Auth => Self::Auth,
            Stage::Xforward | Stage::Rset | Stage::Mail | Stage::Asked(_) => Self::Mail,
            Stage::Rcpt(_) => Self::Rcpt,
            Stage::Data => Self::Data,
            Stage::Bdat { .. } | Stage::Body | Stage::Dot | Stage::DotFor(_) => Self::Dot,
            Stage::Quit => return None,
        })
    }
}

/// A PROXY protocol header (haproxy), which carries the addresses of the proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub version: ProxyVersion,
    pub ends: ProxyEnds,
}

/// Version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    V2,
}

/// Addresses in a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyEnds {
    /// No addresses: `UNKNOWN` in version 1, LOCAL in version 2.
    Nobody,
    /// The addresses of the connection itself.
    Own,
    /// The given addresses, both of the same family.
    Given {
        source: SocketAddr,
        destination: SocketAddr,
    },
}

/// A header as sent, and in the form for transcripts.
pub(super) struct ProxyHeader {
    /// The octets, with the line end of version 1.
    pub wire: Vec<u8>,
    pub shown: String,
}

/// The signature at the start of a version 2 header.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

impl Proxy {
    /// The header for a connection with these addresses; `None`: without addresses.
    pub(super) fn header(&self, own: Option<(SocketAddr, SocketAddr)>) -> ProxyHeader {
        let ends = match self.ends {
            ProxyEnds::Nobody => None,
            ProxyEnds::Own => own,
            ProxyEnds::Given {
                source,
                destination,
            } => Some((source, destination)),
        };
        let line = text(ends);
        match self.version {
            ProxyVersion::V1 => ProxyHeader {
                wire: format!("{line}\r\n").into_bytes(),
                shown: line,
            },
            ProxyVersion::V2 => ProxyHeader {
                wire: binary(ends),
                shown: format!("{line} (version 2)"),
            },
        }
    }
}

/// The header in version 1, without the line end.
fn text(ends: Option<(SocketAddr, SocketAddr)>) -> String {
    let Some((source, destination)) = ends else {
        return "PROXY UNKNOWN".to_owned();
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!(
        "PROXY {family} {} {} {} {}",
        source.ip(),
        destination.ip(),
        source.port(),
        destination.port()
    )
}

/// The header in version 2: signature, version and command, family, length, addresses, ports.
fn binary(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let (command, family, addresses) = match ends {
        Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
            let both = [source.ip().octets(), destination.ip().octets()];
            (0x21, 0x11, both.concat())
        }
        Some((SocketAddr::V6(source), SocketAddr::V6(destination))) => {
            let both = [source.ip().octets(), destination.ip().octets()];
            (0x21, 0x21, both.concat())
        }
        // Addresses of different families cannot be encoded.
        _ => (0x20, 0x00, Vec::new()),
    };
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    let ports = ends.filter(|_| !addresses.is_empty());
    let length = addresses.len() + ports.map_or(0, |_| 4);
    // At most 36.
    header.extend([0, u8::try_from(length).unwrap_or_default()]);
    header.extend(addresses);
    if let Some((source, destination)) = ports {
        header.extend(source.port().to_be_bytes());
        header.extend(destination.port().to_be_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(version: ProxyVersion, source: &str, destination: &str) -> ProxyHeader {
        let ends = ProxyEnds::Given {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        };
        Proxy { version, ends }.header(None)
    }

    #[test]
    fn version_1_is_a_line() {
        let header = proxy(ProxyVersion::V1, "192.0.2.1:1234", "198.51.100.2:25");
        assert_eq!(
            header.wire,
            b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n"
        );
        let header = proxy(ProxyVersion::V1, "[2001:db8::1]:1", "[2001:db8::2]:25");
        assert_eq!(header.shown, "PROXY TCP6 2001:db8::1 2001:db8::2 1 25");
    }

    #[test]
    fn version_2_is_binary() {
        let header = proxy(ProxyVersion::V2, "192.0.2.1:1234", "198.51.100.2:25");
        assert_eq!(
            header.wire,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x00\x19"
        );
        let header = proxy(ProxyVersion::V2, "[2001:db8::1]:1", "[2001:db8::2]:25");
        assert_eq!(
            (header.wire[13], header.wire[15], header.wire.len()),
            (0x21, 36, 52)
        );
    }

    #[test]
    fn a_connection_without_addresses_is_for_nobody() {
        let nobody = |version| {
            Proxy {
                version,
                ends: ProxyEnds::Own,
            }
            .header(None)
            .wire
        };
        assert_eq!(nobody(ProxyVersion::V1), b"PROXY UNKNOWN\r\n");
        assert_eq!(nobody(ProxyVersion::V2), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }
}
