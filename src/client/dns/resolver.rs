//! The resolvers of the system, or the one given with `--dns`. hickory and its runtime are used in this file only,
//! and the runtime is created at the first lookup.
//!
//! Questions are sent with the AD bit, and without DO: a validating resolver then tells by the AD bit of its
//! answer that it has validated it, and sends no signatures (RFC 6840 §5.7, §5.8). The bit is believed only if the
//! resolver and the path to it are trusted. hickory's own `Resolver` cannot send it, so that the messages are made
//! here, and go through its pool of servers and its cache.

use crate::client::dns::{
    Answer, Dns, DnsError, Mx, Question, Record, RecordType, Srv, Tlsa, texts,
};
use crate::client::events::{DnsAnswer, Event, Observer};
use crate::system::host::is_localhost;
use crate::system::text::reason;
use futures_util::future::{join_all, select_ok};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer, RetryDnsHandle};
use hickory_resolver::net::{DnsError as NetDnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{self, Name, RData};
use hickory_resolver::{NameServerPool, PoolContext, ResponseCache, TlsConfig, TtlConfig};
use std::fs;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A lookup that takes longer than this is reported to the user.
const SLOW: Duration = Duration::from_secs(1);

/// Maximum additional time for a lookup after it was reported as slow, for any number of resolvers.
const PATIENCE: Duration = Duration::from_secs(7);

/// Time limit of one query to one server, and number of repetitions: a resolver that is down costs a few
/// seconds, and not the fifteen of the system's defaults.
const TIMEOUT: Duration = Duration::from_secs(2);
const REPETITIONS: usize = 2;

/// Time after which the next server is asked as well.
const NEXT_SERVER: Duration = Duration::from_millis(500);

const RESOLV_CONF: &str = "/etc/resolv.conf";

const PORT: u16 = 53;

/// The longest chain of aliases that is followed.
const MAX_ALIASES: usize = 16;

/// Maximum number of answers that are remembered.
const CACHE_SIZE: u64 = 1024;

/// Docker's forwarder is on a loopback address, and passes on the AD bit of a resolver somewhere in the network.
const DOCKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

static TRUST_AD: AtomicBool = AtomicBool::new(false);

/// Trusts the resolvers of resolv.conf to validate (`trust-ad` in the configuration). Applies to the resolvers that
/// this process makes afterwards: like resolv.conf, it describes the machine.
pub fn trust_ad() {
    TRUST_AD.store(true, Ordering::Relaxed);
}

/// A connection to one resolver.
type Server = RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>;

/// The resolvers.
pub struct Resolver {
    runtime: tokio::runtime::Runtime,
    servers: Vec<Server>,
    cache: ResponseCache,
    /// The addresses of the resolvers.
    names: String,
    is_trusted: bool,
    /// The end of all lookups; `None`: each has its own time limit only.
    deadline: Option<Instant>,
}

impl Resolver {
    /// Starts the runtime. `None`: the resolvers of the system.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let (servers, is_trusted) = match server {
            Some(server) => (vec![server], is_on_this_host(server.ip())),
            None => of_system(&fs::read(RESOLV_CONF).unwrap_or_default()),
        };
        let is_trusted = is_trusted || server.is_none() && TRUST_AD.load(Ordering::Relaxed);
        let names = servers.iter().map(|server| server.ip().to_string());
        let names = names.collect::<Vec<_>>().join(", ");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| reason(&error))?;
        let tls = || TlsConfig::new().map_err(|error| error.to_string());
        // One pool for each server: within a pool, a truncated answer of one server ends the attempt if another
        // server truncates as well (hickory-dns#3963).
        let server = |&address: &SocketAddr| {
            let context = Arc::new(PoolContext::new(options(), tls()?));
            let provider = TokioRuntimeProvider::default();
            let pool = NameServerPool::from_config([config_for(address)], context, provider);
            Ok(RetryDnsHandle::new(pool, REPETITIONS))
        };
        Ok(Self {
            servers: servers.iter().map(server).collect::<Result<_, String>>()?,
            runtime,
            cache: ResponseCache::new(CACHE_SIZE, TtlConfig::default()),
            names,
            is_trusted,
            deadline: None,
        })
    }

    /// The same resolver, which gives up all questions at this time.
    pub fn until(self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self
        }
    }

    /// Time limit of a question.
    fn limit(&self) -> Duration {
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(SLOW + PATIENCE, |left| left.min(SLOW + PATIENCE))
    }

    /// Waits for an answer, which has a time limit. Reports a slow lookup.
    fn wait<T>(
        &self,
        what: &str,
        question: impl Future<Output = T>,
        observer: &mut dyn Observer,
    ) -> T {
        self.runtime.block_on(async {
            let mut question = std::pin::pin!(question);
            if let Ok(answer) = tokio::time::timeout(SLOW, &mut question).await {
                return answer;
            }
            let note = format!("waiting for the resolver {} to find {what}...", self.names);
            observer.on_event(Event::Note(&note));
            question.await
        })
    }

    /// The answer to one question. If a message has only a part of a chain of aliases, the rest is asked for.
    async fn answer(&self, question: &Question) -> Result<Answer, DnsError> {
        if let Some(answer) = of_special_name(question) {
            return answer;
        }
        let kind = type_of(question.kind);
        let mut owner = name(&question.name)?;
        let (mut secure, mut ttl) = (self.is_trusted, None);
        for _ in 0..MAX_ALIASES {
            let message = self.message(Query::query(owner.clone(), kind)).await?;
            secure &= message.metadata.authentic_data;
            let end = match question.kind {
                RecordType::Cname => owner.clone(),
                _ => end_of_aliases(&message, owner.clone(), &question.name)?,
            };
            let least = message.answers.iter().map(|record| record.ttl).min();
            ttl = ttl.into_iter().chain(least).min();
            let own = message.answers.iter().filter(|record| record.name == end);
            let records: Vec<Record> = own.filter_map(|record| read(&record.data, kind)).collect();
            if !records.is_empty() {
                return Ok(Answer {
                    records,
                    owner: without_dot(&end).to_ascii_lowercase(),
                    secure,
                    ttl,
                });
            }
            if message.metadata.response_code == ResponseCode::NXDomain {
                return Err(DnsError::NoSuchName);
            }
            if end == owner {
                return Err(DnsError::NoData);
            }
            owner = end;
        }
        Err(alias_loop(&question.name))
    }

    /// The message that answers a query: a remembered one, or that of the first server that answers.
    async fn message(&self, query: Query) -> Result<Message, DnsError> {
        if let Some(known) = self.cache.get(&query, Instant::now()) {
            return known.map_err(|error| self.explain(&error));
        }
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.metadata.authentic_data = true;
        message.add_query(query.clone());
        let request = DnsRequest::new(message, request_options());
        let asked = self.servers.iter().enumerate().map(|(place, server)| {
            let request = request.clone();
            Box::pin(async move {
                tokio::time::sleep(NEXT_SERVER * u32::try_from(place).unwrap_or(u32::MAX)).await;
                match server.send(request).first_answer().await {
                    Err(error) if !is_negative(&error) => Err(error),
                    answered => {
                        Ok(answered.map(hickory_resolver::proto::op::DnsResponse::into_message))
                    }
                }
            })
        });
        let answered = match select_ok(asked).await {
            Ok((answered, _)) => answered,
            Err(error) => Err(error),
        };
        if let Ok(message) = &answered
            && message.queries != [query.clone()]
        {
            let why = format!("the resolver {} answered another question", self.names);
            return Err(DnsError::Failed(why));
        }
        self.cache.insert(query, answered.clone(), Instant::now());
        answered.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &NetError) -> DnsError {
        match error {
            NetError::Dns(NetDnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => DnsError::NoSuchName,
                ResponseCode::NoError => DnsError::NoData,
                code => DnsError::Failed(format!("the resolver {} returned {code}", self.names)),
            },
            NetError::Dns(NetDnsError::ResponseCode(code)) => {
                DnsError::Failed(format!("the resolver {} returned {code}", self.names))
            }
            NetError::Timeout => self.dead(),
            other => DnsError::Failed(format!("the resolver {}: {other}", self.names)),
        }
    }

    fn dead(&self) -> DnsError {
        DnsError::Failed(format!("no answer from the resolver {}", self.names))
    }
}

impl Dns for Resolver {
    fn ask(
        &self,
        questions: &[Question],
        observer: &mut dyn Observer,
    ) -> Vec<Result<Answer, DnsError>> {
        for question in questions {
            observer.on_event(Event::Lookup {
                kind: question.kind.name(),
                name: &question.name,
            });
        }
        // One that is not answered does not harm the others.
        let answer = async |question| {
            let answer = tokio::time::timeout(self.limit(), self.answer(question));
            answer.await.unwrap_or_else(|_| Err(self.dead()))
        };
        let all = join_all(questions.iter().map(answer));
        let answers: Vec<_> = self.wait(&described(questions), all, observer);
        for (question, answer) in questions.iter().zip(&answers) {
            tell(question, answer, observer);
        }
        answers
    }

    fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    fn servers(&self) -> &str {
        &self.names
    }
}

/// The questions, for the note about a slow lookup.
fn described(questions: &[Question]) -> String {
    let mut names: Vec<&str> = questions.iter().map(|one| one.name.as_str()).collect();
    names.dedup();
    let names = names.join(", ");
    match questions.first().map(|question| question.kind) {
        Some(RecordType::A | RecordType::Aaaa) | None => format!("the address of {names}"),
        Some(kind) => format!("the {} of {names}", kind.name()),
    }
}

/// Reports the answer to the observer.
fn tell(question: &Question, answer: &Result<Answer, DnsError>, observer: &mut dyn Observer) {
    let found = answer.as_ref();
    let records = found.map_or_else(|_| Vec::new(), |found| texts(&found.records));
    observer.on_event(Event::Answer(DnsAnswer {
        kind: question.kind.name(),
        name: &question.name,
        records: &records,
        ttl: found.ok().and_then(|found| found.ttl),
        secure: found.is_ok_and(|found| found.secure),
        error: found.err().map(DnsError::words),
    }));
}

/// True for an answer without records, which another server would not change.
fn is_negative(error: &NetError) -> bool {
    matches!(error, NetError::Dns(NetDnsError::NoRecordsFound(_)))
}

/// Answers that do not come from the DNS: RFC 6761 §6.3, §6.4, RFC 7686 §2.
fn of_special_name(question: &Question) -> Option<Result<Answer, DnsError>> {
    let name = question.name.trim_end_matches('.').to_ascii_lowercase();
    let ends_with = |label: &str| name == label || name.ends_with(&format!(".{label}"));
    if ends_with("onion") || ends_with("invalid") {
        return Some(Err(DnsError::NoSuchName));
    }
    if !ends_with("localhost") && !is_localhost(&name) {
        return None;
    }
    let ip = match question.kind {
        RecordType::A => IpAddr::V4(Ipv4Addr::LOCALHOST),
        RecordType::Aaaa => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return Some(Err(DnsError::NoData)),
    };
    Some(Ok(Answer {
        records: vec![Record::Address(ip)],
        owner: name,
        secure: false,
        ttl: None,
    }))
}

/// The name at the end of the aliases of this one, as the message has them.
fn end_of_aliases(message: &Message, mut name: Name, asked: &str) -> Result<Name, DnsError> {
    for _ in 0..MAX_ALIASES {
        let mut answers = message.answers.iter();
        let alias = answers.find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == name => Some(target.0.clone()),
            _ => None,
        });
        match alias {
            Some(target) => name = target,
            None => return Ok(name),
        }
    }
    Err(alias_loop(asked))
}

fn alias_loop(name: &str) -> DnsError {
    DnsError::Failed(format!("{name} is part of a CNAME loop"))
}

fn name(text: &str) -> Result<Name, DnsError> {
    Name::from_ascii(format!("{text}.")).map_err(|_| DnsError::NoSuchName)
}

fn type_of(kind: RecordType) -> rr::RecordType {
    match kind {
        RecordType::A => rr::RecordType::A,
        RecordType::Aaaa => rr::RecordType::AAAA,
        RecordType::Cname => rr::RecordType::CNAME,
        RecordType::Mx => rr::RecordType::MX,
        RecordType::Ptr => rr::RecordType::PTR,
        RecordType::Srv => rr::RecordType::SRV,
        RecordType::Tlsa => rr::RecordType::TLSA,
        RecordType::Txt => rr::RecordType::TXT,
    }
}

/// A record of this type; `None` for others.
fn read(data: &RData, kind: rr::RecordType) -> Option<Record> {
    if data.record_type() != kind {
        return None;
    }
    Some(match data {
        RData::A(_) | RData::AAAA(_) => Record::Address(data.ip_addr()?),
        RData::CNAME(target) => Record::Alias(without_dot(&target.0).to_ascii_lowercase()),
        RData::PTR(target) => Record::Alias(without_dot(&target.0).to_ascii_lowercase()),
        RData::MX(mx) => Record::Mx(Mx {
            preference: mx.preference,
            host: without_dot(&mx.exchange),
        }),
        RData::SRV(srv) => Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: without_dot(&srv.target),
        }),
        RData::TLSA(tlsa) => Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        }),
        RData::TXT(text) => Record::Txt(text.txt_data.concat()),
        _ => return None,
    })
}

fn without_dot(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

/// EDNS is not used, as in the default of the C library: some resolvers and forwarders refuse or drop such
/// queries. Answers too large for a packet are fetched over TCP.
fn request_options() -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.use_edns = false;
    options
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TIMEOUT;
    options.edns0 = false;
    options
}

fn config_for(server: SocketAddr) -> NameServerConfig {
    let both = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = both.map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.to_vec())
}

/// The resolvers in /etc/resolv.conf; if it lists none, the one on this host (resolv.conf(5)). True if they
/// are trusted: they are on this host, or `options trust-ad` says so.
fn of_system(text: &[u8]) -> (Vec<SocketAddr>, bool) {
    let (config, _) = resolv_conf::Config::parse_with_errors(text);
    let named = config.nameservers.iter().map(IpAddr::from);
    let mut servers: Vec<SocketAddr> = named.map(|ip| SocketAddr::new(ip, PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    }
    let are_here = servers.iter().all(|server| is_on_this_host(server.ip()));
    (servers, are_here || config.trust_ad)
}

/// True if answers of this resolver cannot be changed on the way.
fn is_on_this_host(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback() && ip != DOCKER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_nameserver_the_resolver_on_this_host_is_asked() {
        let ips = |text: &[u8]| {
            let servers = of_system(text).0.into_iter();
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
    fn resolvers_on_this_host_are_trusted_and_others_by_trust_ad() {
        for (text, trusted) in [
            ("", true),
            ("nameserver 127.0.0.53\nnameserver ::1\n", true),
            ("nameserver 127.0.0.1\nnameserver 192.0.2.1\n", false),
            ("nameserver 127.0.0.11\n", false),
            ("nameserver 192.0.2.1\noptions edns0 trust-ad\n", true),
            ("nameserver 192.0.2.1\n", false),
        ] {
            assert_eq!(of_system(text.as_bytes()).1, trusted, "{text:?}");
        }
    }

    #[test]
    fn special_names_are_not_asked_for() {
        let answer = |name, kind| of_special_name(&Question::new(name, kind));
        let onion = answer("mx.example.onion", RecordType::A);
        assert_eq!(onion, Some(Err(DnsError::NoSuchName)));
        let here = answer("localhost", RecordType::Aaaa).unwrap().unwrap();
        assert_eq!(here.records, [Record::Address("::1".parse().unwrap())]);
        assert!(!here.secure);
        assert_eq!(
            answer("localhost", RecordType::Mx),
            Some(Err(DnsError::NoData))
        );
        assert_eq!(answer("mx.example.org", RecordType::A), None);
    }
}
