//! The header of the PROXY protocol (haproxy), version 1 or 2, which carries the addresses of the proxied
//! connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The signature at the start of a version 2 header.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The length of the fixed part of version 2, before the addresses.
const FIXED: usize = 16;

/// Maximum length of the line of version 1, with its line end.
const MAX_LINE: usize = 107;

/// Version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    V2,
}

/// A header to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    pub version: ProxyVersion,
    /// Source and destination. `None`: unknown (`UNKNOWN` in version 1, LOCAL in version 2).
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

impl ProxyHeader {
    /// The octets to send.
    pub fn encode(&self) -> Vec<u8> {
        match self.version {
            ProxyVersion::V1 => format!("{self}\r\n").into_bytes(),
            ProxyVersion::V2 => self.binary(),
        }
    }

    /// Version 2: signature, version and command, family, length, addresses, ports.
    fn binary(&self) -> Vec<u8> {
        let (command, family, addresses) = match self.ends {
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
        let ports = self.ends.filter(|_| !addresses.is_empty());
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
}

/// The line of version 1, without its line end. Version 2 is shown as the same line with a remark.
impl fmt::Display for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ends {
            None => f.write_str("PROXY UNKNOWN")?,
            Some((source, destination)) => write!(
                f,
                "PROXY {} {} {} {} {}",
                if source.is_ipv4() { "TCP4" } else { "TCP6" },
                source.ip(),
                destination.ip(),
                source.port(),
                destination.port()
            )?,
        }
        match self.version {
            ProxyVersion::V1 => Ok(()),
            ProxyVersion::V2 => f.write_str(" (version 2)"),
        }
    }
}

/// The result of parsing the beginning of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum ProxyStart {
    Partial,
    /// A complete header. The load balancer may have connected on its own behalf, or not know the client.
    Header {
        /// Length in bytes.
        used: usize,
        /// `None`: not given.
        client: Option<SocketAddr>,
    },
    Other,
}

/// Parses the input received so far.
pub fn parse(bytes: &[u8]) -> ProxyStart {
    let signature = bytes.len().min(SIGNATURE.len());
    let word = bytes.len().min(6);
    if bytes[..signature] == SIGNATURE[..signature] {
        version_2(bytes)
    } else if bytes[..word] == b"PROXY "[..word] {
        version_1(bytes)
    } else {
        ProxyStart::Other
    }
}

fn version_1(bytes: &[u8]) -> ProxyStart {
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = memchr::memmem::find(window, b"\r\n") else {
        return if bytes.len() < MAX_LINE {
            ProxyStart::Partial
        } else {
            ProxyStart::Other
        };
    };
    let used = end + 2;
    let line = str::from_utf8(&bytes[..end]).unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    let client = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family, from, to, from_port, to_port] => {
            let client = socket(from, from_port).filter(|_| socket(to, to_port).is_some());
            let fits = |at: &SocketAddr| at.is_ipv4() == (*family == "TCP4");
            let is_family = matches!(*family, "TCP4" | "TCP6");
            match client.filter(|client| is_family && fits(client)) {
                Some(client) => Some(client),
                None => return ProxyStart::Other,
            }
        }
        _ => return ProxyStart::Other,
    };
    ProxyStart::Header { used, client }
}

fn socket(ip: &str, port: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

fn version_2(bytes: &[u8]) -> ProxyStart {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else {
        return ProxyStart::Partial;
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if !matches!(command, 0x20 | 0x21) {
        return ProxyStart::Other;
    }
    let Some(addresses) = rest.get(..length) else {
        return ProxyStart::Partial;
    };
    let client = match (command, family >> 4) {
        (0x21, 1) => addresses.get(..12).map(|all| {
            let ip: [u8; 4] = [all[0], all[1], all[2], all[3]];
            SocketAddr::new(IpAddr::from(Ipv4Addr::from(ip)), port(&all[8..10]))
        }),
        (0x21, 2) => addresses.get(..36).map(|all| {
            let mut ip = [0; 16];
            ip.copy_from_slice(&all[..16]);
            SocketAddr::new(IpAddr::from(Ipv6Addr::from(ip)), port(&all[32..34]))
        }),
        _ => {
            return ProxyStart::Header {
                used: FIXED + length,
                client: None,
            };
        }
    };
    // An address that is too short for its family is no header.
    client.map_or(ProxyStart::Other, |client| ProxyStart::Header {
        used: FIXED + length,
        client: Some(client),
    })
}

fn port(two: &[u8]) -> u16 {
    u16::from_be_bytes([two[0], two[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(used: usize, client: &str) -> ProxyStart {
        ProxyStart::Header {
            used,
            client: client.parse().ok(),
        }
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    fn sent(version: ProxyVersion, source: &str, destination: &str) -> ProxyHeader {
        ProxyHeader {
            version,
            ends: source.parse().ok().zip(destination.parse().ok()),
        }
    }

    #[test]
    fn version_1_is_a_line() {
        let header = sent(ProxyVersion::V1, "192.0.2.1:1234", "198.51.100.2:25");
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\n";
        assert_eq!(header.encode(), line);
        let header = sent(ProxyVersion::V1, "[2001:db8::1]:1", "[2001:db8::2]:25");
        assert_eq!(
            header.to_string(),
            "PROXY TCP6 2001:db8::1 2001:db8::2 1 25"
        );
    }

    #[test]
    fn version_2_is_binary() {
        let header = sent(ProxyVersion::V2, "192.0.2.1:1234", "198.51.100.2:25");
        assert_eq!(
            header.encode(),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x04\xd2\x00\x19"
        );
    }

    #[test]
    fn header_without_addresses_is_unknown_or_local() {
        let encoded = |version| sent(version, "", "").encode();
        assert_eq!(encoded(ProxyVersion::V1), b"PROXY UNKNOWN\r\n");
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(encoded(ProxyVersion::V2), local);
    }

    #[test]
    fn header_that_is_sent_is_parsed_again() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            for (source, destination) in [
                ("192.0.2.1:567", "192.0.2.2:25"),
                ("[2001:db8::1]:567", "[2001:db8::2]:25"),
            ] {
                let encoded = sent(version, source, destination).encode();
                assert_eq!(parse(&encoded), header(encoded.len(), source));
            }
        }
    }

    #[test]
    fn line_of_version_1_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 567 25\r\n";
        assert_eq!(parse(line), header(line.len(), "192.0.2.1:567"));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 567 25\r\nEHLO";
        assert_eq!(parse(line), header(line.len() - 4, "[2001:db8::1]:567"));
        assert_eq!(parse(b"PROXY UNKNOWN whatever\r\n"), header(24, ""));
    }

    #[test]
    fn addresses_of_version_2_are_read_and_what_follows_them_is_skipped() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 2, 55, 0, 25, 9, 9, 9];
        assert_eq!(
            parse(&version_2(0x21, 0x11, &four)),
            header(31, "192.0.2.1:567")
        );
        let mut six = [0; 36];
        six[15] = 1;
        six[33] = 7;
        assert_eq!(parse(&version_2(0x21, 0x21, &six)), header(52, "[::1]:7"));
        assert_eq!(parse(&version_2(0x20, 0, &[])), header(16, ""));
    }

    #[test]
    fn header_is_partial_until_its_last_byte() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 2, 55, 0, 25];
        for whole in [
            b"PROXY TCP4 192.0.2.1 192.0.2.2 567 25\r\n".to_vec(),
            version_2(0x21, 0x11, &four),
        ] {
            for end in 0..whole.len() {
                assert_eq!(parse(&whole[..end]), ProxyStart::Partial, "{end}");
            }
        }
    }

    #[test]
    fn other_input_is_not_a_header() {
        let long = [b"PROXY ", &[b'a'; 200][..]].concat();
        for bytes in [
            &b"EHLO me\r\n"[..],
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 99999 2\r\n",
            b"PROXY \xff\r\n",
            &long,
            &version_2(0x31, 0x11, &[0; 12]),
            &version_2(0x21, 0x11, &[0; 3]),
        ] {
            assert_eq!(parse(bytes), ProxyStart::Other, "{bytes:?}");
        }
    }
}
