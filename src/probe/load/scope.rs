//! Servers and recipients that a run may use without being asked for.

use crate::client::peer::PeerAddress;
use crate::mail::address::Domain;
use std::net::{IpAddr, Ipv6Addr};

/// True if a server may belong to others: its address is not loopback, private or link-local, or is not known.
pub fn is_public(peer: &PeerAddress) -> bool {
    match (peer, peer.ip()) {
        (PeerAddress::Unix(_) | PeerAddress::Pipe(_), _) => false,
        (_, Some(ip)) => !is_local(ip),
        (_, None) => true,
    }
}

/// Loopback (RFC 1122, RFC 4291), private (RFC 1918, RFC 4193) or link-local (RFC 3927).
fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || is_private(ip),
    }
}

fn is_private(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local()
}

/// True for a domain that no mail on the Internet goes to: a name that is reserved (RFC 2606, RFC 6761), and one that
/// is not in the DNS of the Internet.
pub fn is_reserved(domain: &Domain) -> bool {
    let name = match domain {
        Domain::Absent => return true,
        Domain::Literal(ip) => return is_local(*ip),
        Domain::Name(name) => name.to_ascii_lowercase(),
    };
    let labels: Vec<&str> = name.rsplit('.').collect();
    matches!(
        *labels,
        [_] | [
            "test" | "example" | "invalid" | "localhost" | "internal",
            ..
        ] | ["com" | "net" | "org", "example", ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::Address;
    use std::net::SocketAddr;

    #[test]
    fn only_own_networks_are_not_public() {
        let public = |address: &str| {
            let address: SocketAddr = address.parse().unwrap();
            is_public(&PeerAddress::from(address))
        };
        for address in [
            "127.0.0.1:25",
            "10.1.2.3:25",
            "172.31.0.1:25",
            "192.168.1.1:25",
            "169.254.1.1:25",
            "[::1]:25",
            "[fd00::1]:25",
            "[fe80::1]:25",
            "[::ffff:127.0.0.1]:25",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in [
            "192.0.2.1:25",
            "172.32.0.1:25",
            "100.64.0.1:25",
            "[2001:db8::1]:25",
            "[::ffff:8.8.8.8]:25",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn reserved_domains_are_those_of_the_rfcs() {
        let reserved = |address: &str| is_reserved(Address::parse(address).unwrap().domain());
        for address in [
            "a@example.com",
            "a@mx.Example.ORG",
            "a@b.test",
            "a@localhost",
            "a@[127.0.0.1]",
        ] {
            assert!(reserved(address), "{address}");
        }
        for address in ["a@gmail.com", "a@example.de", "a@test.com", "a@[192.0.2.1]"] {
            assert!(!reserved(address), "{address}");
        }
    }
}
