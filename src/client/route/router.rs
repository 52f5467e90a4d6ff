//! The destinations of recipients: a relay, or the mail exchangers of their domains (RFC 5321 §5.1).

use crate::client::dns::{Answer, Dns, DnsError, Mx, Resolver};
use crate::client::events::{Event, Observer};
use crate::client::route::{
    Destination, Host, MailDomain, Proxy, RouteError, RouteOptions, Routes,
};
use crate::mail::address::{Address, Domain};
use crate::system::host;
use crate::system::text::shown;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Maximum number of hosts tried for one domain.
pub(super) const MAX_HOSTS: usize = 32;

/// Finds the hosts for recipient domains. The resolver is started when the first name needs it.
pub struct Router<'o> {
    pub(super) options: &'o RouteOptions,
    pub(super) dns: OnceCell<Result<Box<dyn Dns>, String>>,
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
