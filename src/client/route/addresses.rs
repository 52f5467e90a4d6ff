//! The addresses of a host, in the order in which they are tried.

use crate::client::dns::{Answer, DnsError};
use crate::client::events::{Event, Observer};
use crate::client::peer::{PeerAddress, ProxiedPeer};
use crate::client::route::router::Router;
use crate::client::route::system;
use crate::client::route::{AddressFamily, Host, Proxy, RouteError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Maximum number of addresses tried for one host.
pub(super) const MAX_ADDRESSES: usize = 16;

impl Router<'_> {
    /// The addresses of a host, or of its `--connect-to` replacement, in the order in which they are tried.
    pub fn addresses(
        &self,
        host: &Host,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        match &self.options.connect_to {
            Some(detour) => self.peers(&detour.host, detour.port.unwrap_or(port), observer),
            None => self.peers(host, port, observer),
        }
    }

    /// The addresses of a host in the order in which they are tried, without regard to `--connect-to`.
    pub fn peers(
        &self,
        host: &Host,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        match &self.options.proxy {
            Some(proxy) if !host.is_local() => self.proxied_peers(proxy, host, port, observer),
            _ => self.direct_peers(host, port, observer),
        }
    }

    /// The server by its name, through each of the addresses of the proxy.
    fn proxied_peers(
        &self,
        proxy: &Proxy,
        host: &Host,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        let addresses = self.direct_peers(&proxy.host, proxy.port, observer);
        let addresses = addresses.map_err(|error| match error {
            // A fault of the proxy says nothing about the recipients.
            RouteError::Address { why, .. } => RouteError::Address {
                host: format!("the proxy {proxy}"),
                why,
                may_pass: true,
            },
            other => other,
        })?;
        let through = |peer| match peer {
            PeerAddress::Tcp(address) => PeerAddress::Proxied(ProxiedPeer {
                host: host.name(),
                port,
                protocol: proxy.protocol,
                proxy: address,
            }),
            other => other,
        };
        Ok(addresses.into_iter().map(through).collect())
    }

    /// The addresses of a host, without regard to the proxy.
    pub fn direct_peers(
        &self,
        host: &Host,
        port: u16,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        let found = match host {
            Host::Unix(path) => return Ok(vec![PeerAddress::Unix(path.clone())]),
            Host::Pipe(line) => return Ok(vec![PeerAddress::Pipe(line.clone())]),
            Host::Address(ip) => vec![*ip],
            Host::Relay(name) if self.options.dns.is_none() => {
                let family = self.options.family;
                with_loopback(name, family, system::addresses(name, observer)?)
            }
            Host::Relay(name) => self.ask(name, observer)?.records,
            Host::Exchanger(name) => {
                let found = self.exchanger_addresses(name, observer)?;
                return self.exchanger_peers((host, port), found.records, observer);
            }
        };
        self.in_order((host, port), found, observer)
    }

    /// As [`Self::addresses`], for an MX whose addresses were looked up.
    pub fn exchanger_addresses_of(
        &self,
        (host, port): (&Host, u16),
        answer: &Answer<IpAddr>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        // Connections lead elsewhere, or a proxy resolves the name.
        if self.options.connect_to.is_some() || self.options.proxy.is_some() {
            return self.addresses(host, port, observer);
        }
        self.exchanger_peers((host, port), answer.records.clone(), observer)
    }

    /// The addresses of an MX in the order in which they are tried, without those of this host itself (RFC 5321
    /// §5.1).
    fn exchanger_peers(
        &self,
        (host, port): (&Host, u16),
        mut found: Vec<IpAddr>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        found.retain(|ip| !is_local(*ip));
        if found.is_empty() {
            return Err(RouteError::Loop(host.to_string()));
        }
        self.in_order((host, port), found, observer)
    }

    fn in_order(
        &self,
        (host, port): (&Host, u16),
        mut found: Vec<IpAddr>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<PeerAddress>, RouteError> {
        found.retain(|ip| self.options.family.has(*ip));
        if found.is_empty() {
            return Err(no_address(host, &self.options.wanted()));
        }
        let mut found = families_in_turn(found);
        if found.len() > MAX_ADDRESSES {
            let count = found.len();
            let note = format!("{host} has {count} addresses; trying the first {MAX_ADDRESSES}");
            observer.on_event(Event::Note(&note));
            found.truncate(MAX_ADDRESSES);
        }
        Ok(found
            .into_iter()
            .map(|ip| PeerAddress::Tcp(SocketAddr::new(ip, port)))
            .collect())
    }

    /// Addresses of an MX. An MX written as an address violates the RFC, but its meaning is clear (RFC 5321 §5.1).
    pub fn exchanger_addresses(
        &self,
        name: &str,
        observer: &mut dyn Observer,
    ) -> Result<Answer<IpAddr>, RouteError> {
        match name.parse() {
            Ok(ip) => Ok(Answer {
                records: vec![ip],
                owner: name.to_owned(),
                secure: false,
                ttl: None,
            }),
            Err(_) => self.ask(name, observer),
        }
    }

    fn ask(&self, name: &str, observer: &mut dyn Observer) -> Result<Answer<IpAddr>, RouteError> {
        let failed = |why: &str, may_pass| RouteError::Address {
            host: name.to_owned(),
            why: why.to_owned(),
            may_pass,
        };
        let dns = self.dns().map_err(|why| failed(&why, true))?;
        dns.addresses(name, self.options.family.records(), observer)
            .map_err(|error| {
                let may_pass = matches!(error, DnsError::Failed(_));
                match error {
                    DnsError::NoData => failed(&self.options.wanted(), false),
                    error => failed(error.words(), may_pass),
                }
            })
    }
}

/// Interleaves the address families, beginning with that of the first address; the order within each family
/// is kept (RFC 8305 §4).
fn families_in_turn(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first = addresses
        .first()
        .copied()
        .map_or(AddressFamily::Any, AddressFamily::of);
    let (ours, theirs): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.into_iter().partition(|ip| first.has(*ip));
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [ours.next(), theirs.next()];
        if pair == [None, None] {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// RFC 6761 §6.3: localhost has a loopback address in each family, even if the hosts file has one only.
pub(super) fn with_loopback(
    name: &str,
    family: AddressFamily,
    mut found: Vec<IpAddr>,
) -> Vec<IpAddr> {
    if name.eq_ignore_ascii_case("localhost") && !found.iter().any(|ip| family.has(*ip)) {
        found.extend([
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]);
    }
    found
}

fn no_address(host: &Host, why: &str) -> RouteError {
    RouteError::Address {
        host: host.to_string(),
        why: why.to_owned(),
        may_pass: false,
    }
}

/// True if one of this host's interfaces has the address. Loopback does not count, because every host has it;
/// nor does anything if the interfaces cannot be read, because a loop ends delivery permanently. Binding to
/// the address is no test: with `net.ipv4.ip_nonlocal_bind`, every address can be bound to.
pub(super) fn is_local(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    if ip.is_loopback() {
        return false;
    }
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return false;
    };
    let mut addresses = interfaces.filter_map(|interface| interface.address);
    addresses.any(|address| {
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = || address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        v4.or_else(v6) == Some(ip)
    })
}
