//! The PROXY protocol: a header in which a load balancer sends the address of its client.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The bytes that version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;

/// Bytes of version 2 before its addresses.
const FIXED: usize = 16;

/// The result of parsing the beginning of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
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
pub fn read(bytes: &[u8]) -> Start {
    let signature = bytes.len().min(SIGNATURE.len());
    let word = bytes.len().min(6);
    if bytes[..signature] == SIGNATURE[..signature] {
        version_2(bytes)
    } else if bytes[..word] == b"PROXY "[..word] {
        version_1(bytes)
    } else {
        Start::Other
    }
}

fn version_1(bytes: &[u8]) -> Start {
    let window = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = memchr::memmem::find(window, b"\r\n") else {
        return if bytes.len() < LONGEST_LINE {
            Start::Partial
        } else {
            Start::Other
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
                None => return Start::Other,
            }
        }
        _ => return Start::Other,
    };
    Start::Header { used, client }
}

fn socket(ip: &str, port: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

fn version_2(bytes: &[u8]) -> Start {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else {
        return Start::Partial;
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if !matches!(command, 0x20 | 0x21) {
        return Start::Other;
    }
    let Some(addresses) = rest.get(..length) else {
        return Start::Partial;
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
            return Start::Header {
                used: FIXED + length,
                client: None,
            };
        }
    };
    // An address that is too short for its family is no header.
    client.map_or(Start::Other, |client| Start::Header {
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

    fn header(used: usize, client: &str) -> Start {
        Start::Header {
            used,
            client: client.parse().ok(),
        }
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    #[test]
    fn a_line_of_version_1_tells_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 567 25\r\n";
        assert_eq!(read(line), header(line.len(), "192.0.2.1:567"));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 567 25\r\nEHLO";
        assert_eq!(read(line), header(line.len() - 4, "[2001:db8::1]:567"));
        assert_eq!(read(b"PROXY UNKNOWN whatever\r\n"), header(24, ""));
    }

    #[test]
    fn addresses_of_version_2_are_read_and_what_follows_them_is_skipped() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 2, 55, 0, 25, 9, 9, 9];
        assert_eq!(
            read(&version_2(0x21, 0x11, &four)),
            header(31, "192.0.2.1:567")
        );
        let mut six = [0; 36];
        six[15] = 1;
        six[33] = 7;
        assert_eq!(read(&version_2(0x21, 0x21, &six)), header(52, "[::1]:7"));
        assert_eq!(read(&version_2(0x20, 0, &[])), header(16, ""));
    }

    #[test]
    fn a_header_may_come_in_any_pieces() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 2, 55, 0, 25];
        for whole in [
            b"PROXY TCP4 192.0.2.1 192.0.2.2 567 25\r\n".to_vec(),
            version_2(0x21, 0x11, &four),
        ] {
            for end in 0..whole.len() {
                assert_eq!(read(&whole[..end]), Start::Partial, "{end}");
            }
        }
    }

    #[test]
    fn anything_else_is_no_header() {
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
            assert_eq!(read(bytes), Start::Other, "{bytes:?}");
        }
    }
}
