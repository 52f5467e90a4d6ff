//! Routing: the hosts for a domain, and their order (RFC 5321 §5).

mod system;
pub mod target;

use crate::client::credentials::ProxyAccount;
use crate::client::dns::{Answer, Dns, DnsError, Mx, RecordType, Resolver};
use crate::client::events::{Event, Observer};
use crate::client::peer::{PeerAddress, ProxiedPeer, ProxyProtocol};
use crate::client::status::Hint;
use crate::mail::address::{Address, Domain};
use crate::system::host;
use crate::system::text::shown;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A lookup that takes longer than this is reported to the user.
const SLOW: Duration = Duration::from_secs(1);

/// Maximum number of hosts tried for one domain.
const MAX_HOSTS: usize = 32;

/// Maximum number of addresses tried for one host.
const MAX_ADDRESSES: usize = 16;

/// Address families that may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    #[default]
    Any,
    V4,
    V6,
}

impl AddressFamily {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The types of its address records; IPv6 first.
    fn records(self) -> &'static [RecordType] {
        match self {
            Self::Any => &[RecordType::Aaaa, RecordType::A],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::Aaaa],
        }
    }

    /// True if the address may be used.
    pub fn has(self, ip: IpAddr) -> bool {
        self == Self::Any || self == Self::of(ip)
    }
}

#[derive(Clone, Debug)]
pub struct RouteOptions {
    /// The relay for all recipients; `None`: look up the MX.
    pub relay: Option<Endpoint>,
    /// The port of hosts found by MX.
    pub port: u16,
    pub family: AddressFamily,
    /// The source address of connections; only hosts of the same address family are connected to.
    pub bind: Option<IpAddr>,
    /// Host to connect to instead of the one looked up. The name of the host stays the same.
    pub connect_to: Option<ConnectTo>,
    /// The resolver to use instead of the system's.
    pub dns: Option<SocketAddr>,
    /// The proxy that opens connections to servers, except to unix sockets and commands.
    pub proxy: Option<Proxy>,
    /// Additional names of this host, such as its EHLO name.
    pub own_names: Vec<String>,
}

impl RouteOptions {
    /// The mail exchangers of each domain, by the system's resolver.
    pub fn direct() -> Self {
        Self {
            relay: None,
            port: 25,
            family: AddressFamily::Any,
            bind: None,
            connect_to: None,
            proxy: None,
            dns: None,
            own_names: Vec::new(),
        }
    }

    /// Describes the addresses that a host lacks, for an error text.
    fn wanted(&self) -> String {
        let (family, option) = match self.family {
            AddressFamily::Any => return "it has none".to_owned(),
            AddressFamily::V4 => ("IPv4", "-4"),
            AddressFamily::V6 => ("IPv6", "-6"),
        };
        let option = self
            .bind
            .map_or(option.to_owned(), |ip| format!("--bind {ip}"));
        format!("it has no {family} address, which {option} requires")
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub protocol: ProxyProtocol,
    pub host: Host,
    pub port: u16,
    /// The user; `None`: no login at the proxy.
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
}

impl Proxy {
    /// The account at the proxy, if it has a user.
    pub fn account(&self) -> Option<ProxyAccount<'_>> {
        Some(ProxyAccount {
            user: self.user.as_deref()?,
            host: self.host.name(),
            file: self.password_file.as_deref(),
        })
    }
}

/// `socks5://proxy.example.org:1080`, without the user.
impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, host, port) = (self.protocol.scheme(), &self.host, self.port);
        match host {
            Host::Address(ip) => write!(f, "{scheme}://{}", SocketAddr::new(*ip, port)),
            host => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: Host,
    pub port: u16,
}

/// A host to connect to instead of the one looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    pub host: Host,
    /// The port; `None`: the port of the original host.
    pub port: Option<u16>,
}

/// A host for delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, looked up in the DNS.
    Exchanger(String),
    /// A name resolved by the system: hosts file, DNS and other sources.
    Relay(String),
    Address(IpAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
    /// A command that acts as the server.
    Pipe(String),
}

impl Host {
    /// True for a unix socket or a program, which need no network and have no port.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Pipe(_))
    }

    /// The same kind of host with another name. One without a name in the DNS stays as it is.
    pub fn renamed(&self, name: &str) -> Self {
        match self {
            Self::Exchanger(_) => Self::Exchanger(name.to_owned()),
            Self::Relay(_) => Self::Relay(name.to_owned()),
            Self::Address(_) | Self::Unix(_) | Self::Pipe(_) => self.clone(),
        }
    }

    /// The name for certificates and password files. A unix socket or a command has none of its own.
    pub fn name(&self) -> String {
        match self {
            Self::Exchanger(name) | Self::Relay(name) => name.clone(),
            Self::Address(ip) => ip.to_string(),
            Self::Unix(_) | Self::Pipe(_) => "localhost".to_owned(),
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exchanger(name) | Self::Relay(name) => f.write_str(name),
            Self::Address(ip) => write!(f, "[{ip}]"),
            Self::Unix(path) => f.write_str(&shown(&path.to_string_lossy())),
            Self::Pipe(line) => f.write_str(&shown(line)),
        }
    }
}

/// One destination: hosts in the order in which they are tried, and its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The hosts, in the order in which they are tried.
    pub hosts: Vec<Host>,
    pub port: u16,
    /// Indices of the recipients in the requested list.
    pub recipients: Vec<usize>,
    /// The domains of the recipients, in lower case, whose MX were looked up: each may have a TLS policy of its own.
    /// Empty for a relay and for an address.
    pub domains: BTreeMap<String, MailDomain>,
}

/// The answer of the DNS for the MX of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailDomain {
    /// The name that has the MX records: the domain, or the end of its aliases.
    pub expanded: String,
    /// True if the MX records are secure (DNSSEC).
    pub is_secure: bool,
    /// False if the domain has no MX, so that it is its own host (RFC 5321 §5.1). Its addresses are then secure or
    /// not.
    pub has_mx: bool,
    /// The TXT records of [`sts_record`]; `None`: not looked up.
    pub sts: Option<Result<Answer<Vec<u8>>, DnsError>>,
}

impl Destination {
    /// The port for one of its hosts; `None` for a unix socket or a command.
    pub fn port_of(&self, host: &Host) -> Option<u16> {
        (!host.is_local()).then_some(self.port)
    }
}

/// Reason for which there is no route to a domain or a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The recipient has no domain to look up.
    #[error("{0} has no domain")]
    NoDomain(String),
    #[error("{0} does not exist (NXDOMAIN)")]
    NoSuchDomain(String),
    /// RFC 7505.
    #[error("{0} accepts no mail (null MX, RFC 7505)")]
    NullMx(String),
    /// RFC 5321 §5.1: this host itself is the best MX.
    #[error("the mail exchanger of {0} is this host itself; the mail would loop")]
    Loop(String),
    /// The DNS gave no answer.
    #[error("cannot find the mail exchanger of {domain}: {why}")]
    Lookup { domain: String, why: String },
    /// The host's address cannot be found at the moment.
    #[error("cannot find the address of {host}: {why}")]
    Address {
        host: String,
        why: String,
        /// True if a later lookup may succeed.
        may_pass: bool,
    },
}

impl RouteError {
    /// True if a later lookup may succeed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Lookup { .. } => true,
            Self::Address { may_pass, .. } => *may_pass,
            _ => false,
        }
    }

    /// The remedy, if there is one.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoDomain(_) | Self::Loop(_) => Some(Hint::NameRelay),
            Self::NoSuchDomain(_) => Some(Hint::CheckSpelling),
            Self::NullMx(_) => Some(Hint::NothingToTry),
            Self::Lookup { .. } => Some(Hint::OtherResolver),
            Self::Address { .. } => None,
        }
    }
}

/// The routes of all recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// The destinations, in the order of their first recipient.
    pub destinations: Vec<Destination>,
    /// Recipients without a host.
    pub unreachable: Vec<(usize, RouteError)>,
}

/// Finds the hosts for recipient domains. The resolver is started when the first name needs it.
pub struct Router<'o> {
    options: &'o RouteOptions,
    dns: OnceCell<Result<Box<dyn Dns>, String>>,
    /// Names of this host; read once.
    own_names: OnceCell<Vec<String>>,
    /// True if the record for MTA-STS is looked up together with the MX.
    asks_for_sts: bool,
}

impl<'o> Router<'o> {
    /// A router that uses the DNS.
    pub fn new(options: &'o RouteOptions) -> Self {
        Self {
            options,
            dns: OnceCell::new(),
            own_names: OnceCell::new(),
            asks_for_sts: false,
        }
    }

    /// A router with a different resolver.
    #[cfg(test)]
    pub fn with_dns(options: &'o RouteOptions, dns: Box<dyn Dns>) -> Self {
        Self {
            options,
            dns: OnceCell::from(Ok(dns)),
            own_names: OnceCell::new(),
            asks_for_sts: false,
        }
    }

    /// Looks up the records for MTA-STS together with the MX.
    pub fn with_sts_records(mut self) -> Self {
        self.asks_for_sts = true;
        self
    }

    /// The destinations of these recipients. Domains with the same hosts share one.
    pub fn routes(&self, recipients: &[Address], observer: &mut dyn Observer) -> Routes {
        if let Some(relay) = &self.options.relay {
            let destination = Destination {
                hosts: vec![relay.host.clone()],
                port: relay.port,
                recipients: (0..recipients.len()).collect(),
                domains: BTreeMap::new(),
            };
            return Routes {
                destinations: vec![destination],
                unreachable: Vec::new(),
            };
        }
        let domains = names_of(recipients);
        let answers = self.exchangers(&domains, observer);
        let mut gathering = DestinationSet::default();
        for (at, recipient) in recipients.iter().enumerate() {
            match recipient.domain() {
                Domain::Absent => {
                    let error = RouteError::NoDomain(recipient.to_string());
                    gathering.routes.unreachable.push((at, error));
                }
                Domain::Literal(ip) => {
                    gathering.add(at, vec![vec![Host::Address(*ip)]]);
                }
                Domain::Name(name) => {
                    let name = name.to_ascii_lowercase();
                    let place = domains.iter().position(|domain| *domain == name);
                    match place.map(|place| &answers[place]) {
                        Some(Ok(route)) => {
                            let destination = gathering.add(at, route.ranks.clone());
                            let domains = &mut destination.domains;
                            domains.entry(name).or_insert_with(|| route.domain.clone());
                        }
                        Some(Err(error)) => gathering.routes.unreachable.push((at, error.clone())),
                        None => {}
                    }
                }
            }
        }
        gathering.finish(self.options.port, observer)
    }

    /// The hosts of each domain by preference, grouped by equal preference.
    fn exchangers(
        &self,
        domains: &[String],
        observer: &mut dyn Observer,
    ) -> Vec<Result<DomainRoute, RouteError>> {
        if domains.is_empty() {
            return Vec::new();
        }
        let (answers, texts) = match self.dns() {
            Ok(dns) if self.asks_for_sts => dns.mx_and_texts(domains, &sts_record, observer),
            Ok(dns) => (dns.mx(domains, observer), Vec::new()),
            Err(why) => {
                let failed = |_| Err(DnsError::Failed(why.clone()));
                (domains.iter().map(failed).collect(), Vec::new())
            }
        };
        let mut texts = texts.into_iter();
        let route = |(domain, answer): (&String, _)| {
            let sts = texts.next();
            let mut route = self.route(domain, answer, observer)?;
            route.domain.sts = sts;
            Ok(route)
        };
        domains.iter().zip(answers).map(route).collect()
    }

    /// RFC 5321 §5.1 for one domain.
    fn route(
        &self,
        domain: &str,
        answer: Result<Answer<Mx>, DnsError>,
        observer: &mut dyn Observer,
    ) -> Result<DomainRoute, RouteError> {
        let name = || domain.to_owned();
        match answer {
            Ok(answer) => Ok(DomainRoute {
                ranks: self.ranks(domain, answer.records, observer)?,
                domain: MailDomain {
                    expanded: answer.owner,
                    is_secure: answer.secure,
                    has_mx: true,
                    sts: None,
                },
            }),
            // Without an MX, the domain itself is the host (RFC 5321 §5.1). Its addresses are looked up later.
            Err(DnsError::NoData) => {
                let note = format!("{domain} has no MX; trying its own address");
                observer.on_event(Event::Note(&note));
                Ok(DomainRoute {
                    ranks: vec![vec![Host::Exchanger(name())]],
                    domain: MailDomain {
                        expanded: name(),
                        is_secure: true,
                        has_mx: false,
                        sts: None,
                    },
                })
            }
            Err(DnsError::NoSuchName) => Err(RouteError::NoSuchDomain(name())),
            Err(DnsError::Failed(why)) => Err(RouteError::Lookup {
                domain: name(),
                why,
            }),
        }
    }

    /// The hosts by preference.
    fn ranks(
        &self,
        domain: &str,
        mut all: Vec<Mx>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<Host>>, RouteError> {
        all.sort_by_key(|mx| mx.preference);
        say_what_was_found(domain, &all, observer);
        let usable: Vec<Mx> = all
            .iter()
            .filter(|mx| !mx.host.is_empty())
            .cloned()
            .collect();
        if usable.is_empty() {
            return Err(RouteError::NullMx(domain.to_owned()));
        }
        let better = self.better_than_us(usable, observer);
        if better.is_empty() {
            return Err(RouteError::Loop(domain.to_owned()));
        }
        Ok(by_preference(better))
    }

    /// Drops this host's own MX record and all that are not better than it (RFC 5321 §5.1).
    fn better_than_us(&self, all: Vec<Mx>, observer: &mut dyn Observer) -> Vec<Mx> {
        let own = all.iter().find(|mx| self.is_ourselves(&mx.host));
        let Some((preference, host)) = own.map(|mx| (mx.preference, mx.host.clone())) else {
            return all;
        };
        let note = format!(
            "{host} is this host; skipping MX hosts with preference {preference} or higher"
        );
        observer.on_event(Event::Note(&note));
        all.into_iter()
            .filter(|mx| mx.preference < preference)
            .collect()
    }

    fn is_ourselves(&self, host: &str) -> bool {
        let names = self.own_names.get_or_init(|| {
            let given = self.options.own_names.iter().cloned();
            given
                .chain([host::node_name()])
                .chain(host::fqdn())
                .collect()
        });
        host::is_localhost(host) || names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// True if all recipients go to one server, whatever their domain.
    pub fn has_relay(&self) -> bool {
        self.options.relay.is_some()
    }

    /// The proxy that opens connections, if there is one.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.options.proxy.as_ref()
    }

    /// True if connections do not lead to the addresses of a host: `--connect-to`, or a proxy.
    pub fn is_redirected(&self) -> bool {
        self.options.connect_to.is_some() || self.options.proxy.is_some()
    }

    /// The source address of connections, if one is given.
    pub fn source(&self) -> Option<IpAddr> {
        self.options.bind
    }

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

    /// The resolver of this route. It is started when it is first used. Queries do not pass through a proxy, so that
    /// they need a resolver that was named.
    ///
    /// # Errors
    /// It cannot be started or used.
    pub fn dns(&self) -> Result<&dyn Dns, String> {
        if let (Some(proxy), None) = (&self.options.proxy, self.options.dns) {
            return Err(format!(
                "DNS queries do not pass through the proxy {proxy}; name the server with --relay, or a \
                 resolver with --dns"
            ));
        }
        let dns = self.dns.get_or_init(|| {
            let dns = Resolver::new(self.options.dns)?;
            Ok(Box::new(dns) as Box<dyn Dns>)
        });
        dns.as_deref().map_err(Clone::clone)
    }
}

/// The route of one domain.
struct DomainRoute {
    /// The hosts by preference, grouped by equal preference.
    ranks: Vec<Vec<Host>>,
    domain: MailDomain,
}

/// Collects destinations.
#[derive(Default)]
struct DestinationSet {
    routes: Routes,
    /// The hosts of each destination, by rank, for comparison.
    keys: Vec<Vec<BTreeSet<String>>>,
    ranks: Vec<Vec<Vec<Host>>>,
}

impl DestinationSet {
    fn add(&mut self, recipient: usize, ranks: Vec<Vec<Host>>) -> &mut Destination {
        let names = |rank: &Vec<Host>| {
            let names = rank
                .iter()
                .map(|host| host.to_string().to_ascii_lowercase());
            names.collect::<BTreeSet<String>>()
        };
        let key: Vec<BTreeSet<String>> = ranks.iter().map(names).collect();
        let place = self.keys.iter().position(|other| *other == key);
        let place = place.unwrap_or_else(|| {
            self.keys.push(key);
            self.ranks.push(ranks);
            self.routes.destinations.push(Destination {
                hosts: Vec::new(),
                port: 0,
                recipients: Vec::new(),
                domains: BTreeMap::new(),
            });
            self.keys.len() - 1
        });
        let destination = &mut self.routes.destinations[place];
        destination.recipients.push(recipient);
        destination
    }

    /// Shuffles hosts of equal preference (RFC 5321 §5.1).
    fn finish(mut self, port: u16, observer: &mut dyn Observer) -> Routes {
        for (destination, ranks) in self.routes.destinations.iter_mut().zip(self.ranks) {
            destination.port = port;
            for mut rank in ranks {
                fastrand::shuffle(&mut rank);
                destination.hosts.extend(rank);
            }
            let count = destination.hosts.len();
            if count > MAX_HOSTS {
                let note = format!("{count} mail exchangers; trying the first {MAX_HOSTS}");
                observer.on_event(Event::Note(&note));
                destination.hosts.truncate(MAX_HOSTS);
            }
        }
        self.routes
    }
}

/// The name of the TXT record for MTA-STS (RFC 8461 §3.1).
pub fn sts_record(domain: &str) -> String {
    format!("_mta-sts.{domain}")
}

/// The domains to look up, in lower case and without duplicates.
fn names_of(recipients: &[Address]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for recipient in recipients {
        if let Domain::Name(name) = recipient.domain() {
            let name = name.to_ascii_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Groups sorted records by preference; of duplicate hosts the first is kept.
fn by_preference(sorted: Vec<Mx>) -> Vec<Vec<Host>> {
    let mut ranks: Vec<(u16, Vec<Host>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for mx in sorted {
        if !seen.insert(mx.host.to_ascii_lowercase()) {
            continue;
        }
        let host = Host::Exchanger(mx.host);
        match ranks.last_mut() {
            Some((preference, rank)) if *preference == mx.preference => rank.push(host),
            _ => ranks.push((mx.preference, vec![host])),
        }
    }
    ranks.into_iter().map(|(_, rank)| rank).collect()
}

fn say_what_was_found(domain: &str, sorted: &[Mx], observer: &mut dyn Observer) {
    const SHOWN: usize = 5;
    let word = |mx: &Mx| format!("{} {}", mx.preference, or_root(&mx.host));
    let words: Vec<String> = sorted.iter().take(SHOWN).map(word).collect();
    let more = match sorted.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let note = format!("MX of {domain}: {}{more}", words.join(", "));
    observer.on_event(Event::Note(&shown(&note)));
}

fn or_root(host: &str) -> &str {
    if host.is_empty() { "." } else { host }
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
fn with_loopback(name: &str, family: AddressFamily, mut found: Vec<IpAddr>) -> Vec<IpAddr> {
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
fn is_local(ip: IpAddr) -> bool {
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

#[cfg(test)]
mod tests;
