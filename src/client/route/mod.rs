//! Routing: the hosts for a domain, and their order (RFC 5321 §5).

mod addresses;
mod router;
mod system;
pub mod target;

pub use router::{Router, sts_record};

use crate::client::credentials::ProxyAccount;
use crate::client::dns::{Answer, DnsError, RecordType};
use crate::client::peer::ProxyProtocol;
use crate::client::status::Hint;
use crate::system::text::shown;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A lookup that takes longer than this is reported to the user.
const SLOW: Duration = Duration::from_secs(1);

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

#[cfg(test)]
mod tests;
