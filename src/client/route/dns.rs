//! DNS lookups, with a trait for tests. hickory and its runtime are used in this file only, and the runtime
//! is created at the first lookup.

use crate::client::events::{DnsAnswer, Event, Observer};
use crate::client::route::{AddressFamily, SLOW};
use crate::system::text::reason;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as NetDnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use std::fmt::{self, Display};
use std::fs;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Time limit of one query to one server, and number of attempts: a resolver that is down costs a few
/// seconds, and not the fifteen of the system's defaults.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

const RESOLV_CONF: &str = "/etc/resolv.conf";

const PORT: u16 = 53;

/// Maximum additional time for a lookup after it was reported as slow, for any number of resolvers.
const PATIENCE: Duration = Duration::from_secs(7);

/// The longest chain of aliases that is followed.
const MAX_ALIASES: usize = 16;

/// One mail exchanger of a domain (RFC 5321 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    pub preference: u16,
    /// The host, without a dot at the end; empty is the root, the null MX of RFC 7505.
    pub host: String,
}

/// The format of zone files.
impl Display for Mx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.preference, self.host)
    }
}

/// Reason for which the DNS gives no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsError {
    /// NXDOMAIN: the name does not exist.
    NoSuchName,
    /// The name exists, but has no such record.
    NoData,
    /// SERVFAIL, REFUSED or a timeout: temporary. With the reason.
    Failed(String),
}

impl DnsError {
    /// The reason in words.
    pub fn words(&self) -> &str {
        match self {
            Self::NoSuchName => "it does not exist (NXDOMAIN)",
            Self::NoData => "it has none",
            Self::Failed(why) => why,
        }
    }
}

/// Result of a DNS query.
#[derive(Debug)]
struct LookupResult<T> {
    records: Vec<T>,
    /// The smallest time to live, in seconds.
    ttl: Option<u32>,
}

/// Reports the answer to the observer.
fn tell<T: Display>(
    (kind, name): (&str, &str),
    answer: &Result<LookupResult<T>, DnsError>,
    observer: &mut dyn Observer,
) {
    let found = answer.as_ref();
    let records = found.map_or_else(|_| Vec::new(), |found| texts(&found.records));
    observer.on_event(Event::Answer(DnsAnswer {
        kind,
        name,
        records: &records,
        ttl: found.ok().and_then(|found| found.ttl),
        error: found.err().map(DnsError::words),
    }));
}

fn texts<T: Display>(records: &[T]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

/// DNS queries.
pub trait Dns {
    /// The mail exchangers of each of these domains, in any order.
    fn mx(&self, domains: &[String], observer: &mut dyn Observer)
    -> Vec<Result<Vec<Mx>, DnsError>>;
    /// The addresses of a host, IPv6 first.
    fn addresses(
        &self,
        host: &str,
        family: AddressFamily,
        observer: &mut dyn Observer,
    ) -> Result<Vec<IpAddr>, DnsError>;
}

/// The system's resolvers, or the one given with `--dns`.
pub struct Hickory {
    runtime: tokio::runtime::Runtime,
    resolver: TokioResolver,
    /// The resolvers, for the note about a slow lookup.
    servers: String,
}

impl Hickory {
    /// Starts the runtime.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let servers = match server {
            Some(server) => vec![server],
            None => of_system(&fs::read(RESOLV_CONF).unwrap_or_default()),
        };
        let names: Vec<String> = servers
            .iter()
            .map(|server| server.ip().to_string())
            .collect();
        let config = config_for(&servers);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| reason(&error))?;
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options();
        Ok(Self {
            runtime,
            resolver: builder.build().map_err(|error| error.to_string())?,
            servers: names.join(", "),
        })
    }

    /// Waits for an answer. Reports a slow lookup, and returns `None` after the time limit.
    fn wait<T>(
        &self,
        what: &str,
        question: impl Future<Output = T>,
        observer: &mut dyn Observer,
    ) -> Option<T> {
        self.runtime.block_on(async {
            let mut question = std::pin::pin!(question);
            if let Ok(answer) = tokio::time::timeout(SLOW, &mut question).await {
                return Some(answer);
            }
            let note = format!(
                "waiting for the resolver {} to find {what}...",
                self.servers
            );
            observer.on_event(Event::Note(&note));
            tokio::time::timeout(PATIENCE, question).await.ok()
        })
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Lookup, DnsError> {
        let name = Name::from_ascii(format!("{name}.")).map_err(|_| DnsError::NoSuchName)?;
        self.resolver
            .lookup(name, kind)
            .await
            .map_err(|error| self.explain(&error))
    }

    async fn ask_mx(&self, domain: &str) -> Result<LookupResult<Mx>, DnsError> {
        let lookup = self.ask(domain, RecordType::MX).await?;
        found(&records_of(&lookup, domain)?, |data| match data {
            RData::MX(mx) => Some(Mx {
                preference: mx.preference,
                host: without_dot(&mx.exchange),
            }),
            _ => None,
        })
    }

    /// The TXT records of a name, each with its strings joined.
    pub fn texts(&self, name: &str, observer: &mut dyn Observer) -> Result<Vec<Vec<u8>>, DnsError> {
        let what = format!("the TXT records of {name}");
        let answer = self.wait(&what, self.ask_txt(name), observer);
        answer.unwrap_or_else(|| Err(self.dead()))
    }

    async fn ask_txt(&self, name: &str) -> Result<Vec<Vec<u8>>, DnsError> {
        let lookup = self.ask(name, RecordType::TXT).await?;
        let found = found(&records_of(&lookup, name)?, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        found.map(|found| found.records)
    }

    async fn ask_ip(&self, host: &str, kind: RecordType) -> Result<LookupResult<IpAddr>, DnsError> {
        let lookup = self.ask(host, kind).await?;
        found(&records_of(&lookup, host)?, RData::ip_addr)
    }

    fn explain(&self, error: &NetError) -> DnsError {
        match error {
            NetError::Dns(NetDnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => DnsError::NoSuchName,
                ResponseCode::NoError => DnsError::NoData,
                code => DnsError::Failed(format!("the resolver {} returned {code}", self.servers)),
            },
            NetError::Dns(NetDnsError::ResponseCode(code)) => {
                DnsError::Failed(format!("the resolver {} returned {code}", self.servers))
            }
            NetError::Timeout => self.dead(),
            other => DnsError::Failed(format!("the resolver {}: {other}", self.servers)),
        }
    }

    fn dead(&self) -> DnsError {
        DnsError::Failed(format!("no answer from the resolver {}", self.servers))
    }
}

impl Dns for Hickory {
    fn mx(
        &self,
        domains: &[String],
        observer: &mut dyn Observer,
    ) -> Vec<Result<Vec<Mx>, DnsError>> {
        for domain in domains {
            observer.on_event(Event::Lookup {
                kind: "MX",
                name: domain,
            });
        }
        let what = format!("the MX of {}", domains.join(", "));
        let all = join_all(domains.iter().map(|domain| self.ask_mx(domain)));
        let answers = self.wait(&what, all, observer);
        let answers = answers.unwrap_or_else(|| domains.iter().map(|_| Err(self.dead())).collect());
        for (domain, answer) in domains.iter().zip(&answers) {
            tell(("MX", domain), answer, observer);
        }
        let records =
            |answer: Result<LookupResult<Mx>, DnsError>| answer.map(|found| found.records);
        answers.into_iter().map(records).collect()
    }

    fn addresses(
        &self,
        host: &str,
        family: AddressFamily,
        observer: &mut dyn Observer,
    ) -> Result<Vec<IpAddr>, DnsError> {
        let kinds: &[RecordType] = match family {
            AddressFamily::Any => &[RecordType::AAAA, RecordType::A],
            AddressFamily::V4 => &[RecordType::A],
            AddressFamily::V6 => &[RecordType::AAAA],
        };
        for kind in kinds {
            observer.on_event(Event::Lookup {
                kind: (*kind).into(),
                name: host,
            });
        }
        let what = format!("the address of {host}");
        let all = join_all(kinds.iter().map(|&kind| self.ask_ip(host, kind)));
        let answers = self.wait(&what, all, observer);
        let answers = answers.unwrap_or_else(|| kinds.iter().map(|_| Err(self.dead())).collect());
        for (&kind, answer) in kinds.iter().zip(&answers) {
            tell((kind.into(), host), answer, observer);
        }
        let records =
            |answer: Result<LookupResult<IpAddr>, DnsError>| answer.map(|found| found.records);
        merge(answers.into_iter().map(records).collect())
    }
}

/// One family's failure does not affect the other's success; without success, a temporary error takes
/// precedence over a permanent one.
fn merge(answers: Vec<Result<Vec<IpAddr>, DnsError>>) -> Result<Vec<IpAddr>, DnsError> {
    let mut found = Vec::new();
    let mut worst = DnsError::NoData;
    for answer in answers {
        match answer {
            Ok(addresses) => found.extend(addresses),
            Err(error @ DnsError::Failed(_)) => worst = error,
            Err(DnsError::NoSuchName) if worst == DnsError::NoData => worst = DnsError::NoSuchName,
            Err(_) => {}
        }
    }
    if found.is_empty() {
        Err(worst)
    } else {
        Ok(found)
    }
}

/// The records of this name, or of the name that it is an alias of. Records of other names are ignored.
fn records_of<'a>(lookup: &'a Lookup, name: &str) -> Result<Vec<&'a Record>, DnsError> {
    let mut owner = Name::from_ascii(format!("{name}.")).map_err(|_| DnsError::NoSuchName)?;
    for _ in 0..MAX_ALIASES {
        let alias = lookup
            .answers()
            .iter()
            .find_map(|record| match &record.data {
                RData::CNAME(target) if record.name == owner => Some(target.0.clone()),
                _ => None,
            });
        let Some(target) = alias else {
            let own = lookup
                .answers()
                .iter()
                .filter(|record| record.name == owner);
            return Ok(own.collect());
        };
        owner = target;
    }
    Err(DnsError::Failed(format!("{name} is part of a CNAME loop")))
}

/// Selects the matching records. It is an error if there are none.
fn found<T>(
    records: &[&Record],
    read: impl Fn(&RData) -> Option<T>,
) -> Result<LookupResult<T>, DnsError> {
    let fitting = records.iter().filter_map(|record| read(&record.data));
    let found = LookupResult {
        records: fitting.collect(),
        ttl: records.iter().map(|record| record.ttl).min(),
    };
    if found.records.is_empty() {
        return Err(DnsError::NoData);
    }
    Ok(found)
}

fn without_dot(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

/// EDNS is not used, as in the default of the C library: some resolvers and forwarders refuse or drop such
/// queries. Answers too large for a packet are fetched over TCP.
fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    options.use_hosts_file = ResolveHosts::Never;
    options.edns0 = false;
    options
}

/// The resolvers in /etc/resolv.conf; if it lists none, the one on this host (resolv.conf(5)).
fn of_system(text: &[u8]) -> Vec<SocketAddr> {
    let (config, _) = resolv_conf::Config::parse_with_errors(text);
    let named = config.nameservers.iter().map(IpAddr::from);
    let mut servers: Vec<SocketAddr> = named.map(|ip| SocketAddr::new(ip, PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    servers
}

fn config_for(servers: &[SocketAddr]) -> ResolverConfig {
    let config = |server: &SocketAddr| {
        let both = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        let connections = both.map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.to_vec())
    };
    let servers = servers.iter().map(config).collect();
    ResolverConfig::from_parts(None, Vec::new(), servers)
}

/// Runs all of them concurrently; the answers are in the order of the questions.
async fn join_all<F: Future>(questions: impl Iterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(questions).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_nameserver_the_resolver_on_this_host_is_asked() {
        let ips = |text: &[u8]| {
            let servers = of_system(text).into_iter();
            servers.map(|server| server.to_string()).collect::<Vec<_>>()
        };
        for text in [
            &b""[..],
            b"# nameserver 192.0.2.1\nsearch example.org\n",
            b"nameserver\n; J\xfcrgen\n",
            b"nameserver mail\n",
        ] {
            assert_eq!(ips(text), ["127.0.0.1:53"]);
        }
        assert_eq!(
            ips(b"# \xe4\nsearch a..b\nnameserver 192.0.2.1 # one\nnameserver 2001:db8::1\noptions edns0\n"),
            ["192.0.2.1:53", "[2001:db8::1]:53"]
        );
    }

    #[test]
    fn one_family_that_fails_does_not_harm_the_other() {
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let failed = || Err(DnsError::Failed("SERVFAIL".to_owned()));
        assert_eq!(merge(vec![failed(), Ok(vec![ip])]), Ok(vec![ip]));
        assert_eq!(
            merge(vec![Ok(vec![ip]), Err(DnsError::NoData)]),
            Ok(vec![ip])
        );
        assert_eq!(merge(vec![failed(), Err(DnsError::NoData)]), failed());
        assert_eq!(
            merge(vec![Err(DnsError::NoSuchName), Err(DnsError::NoSuchName)]),
            Err(DnsError::NoSuchName)
        );
    }
}
