//! Finds the server for outgoing mail of an address: by SRV records (RFC 6186, RFC 8314), by the file that mail
//! programs configure accounts from, by the mail exchangers, and by usual names. A server counts if it accepts a
//! connection with TLS and a valid certificate.
//!
//! - `autoconfig`: the file in XML
//! - `internet`: the DNS, HTTPS and sessions

mod autoconfig;
mod internet;

pub use internet::{Internet, SearchOptions};

use crate::system::text::shown;

/// Maximum number of servers that are tried.
const MAX_PROBES: usize = 16;

/// Maximum number of mail exchangers that are considered.
const MAX_EXCHANGERS: usize = 3;

/// The database of providers that Mozilla publishes.
const DATABASE: &str = "https://autoconfig.thunderbird.net/v1.1/";

/// A server that may be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub host: String,
    pub port: u16,
    /// True for TLS from the first byte, false for STARTTLS.
    pub is_implicit: bool,
    pub user: LoginName,
    /// True if passwords are not accepted.
    pub needs_oauth: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginName {
    /// With placeholders such as `%EMAILADDRESS%`.
    Template(String),
    /// No login.
    None,
}

impl LoginName {
    /// The name for an address.
    #[must_use]
    pub fn of(&self, local: &str, domain: &str) -> Option<String> {
        let Self::Template(text) = self else {
            return None;
        };
        let text = text
            .replace("%EMAILADDRESS%", &format!("{local}@{domain}"))
            .replace("%EMAILLOCALPART%", local)
            .replace("%EMAILDOMAIN%", domain);
        Some(text)
    }
}

impl Candidate {
    /// A server whose user name is the address.
    #[must_use]
    pub fn new(host: &str, port: u16, is_implicit: bool) -> Self {
        Self {
            host: host.to_owned(),
            port,
            is_implicit,
            user: LoginName::Template("%EMAILADDRESS%".to_owned()),
            needs_oauth: false,
        }
    }

    fn is_same_server(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host) && self.port == other.port
    }
}

/// A server that answered as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServer {
    pub candidate: Candidate,
    /// The source of its name, in words.
    pub origin: String,
    /// The names in its certificate.
    pub names: Vec<String>,
}

/// The result of a search.
#[derive(Debug, Default)]
pub struct Discovery {
    pub found: Option<FoundServer>,
    /// The steps that were tried, in order, one sentence each.
    pub steps: Vec<String>,
    /// True if a lookup failed for a reason that may pass.
    pub is_temporary: bool,
}

/// A service of a domain (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTarget {
    pub host: String,
    pub port: u16,
}

/// The reason why a lookup or a request has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There is none.
    NotThere,
    /// It may be there later.
    Failed(String),
    /// It cannot be used.
    Unusable(String),
}

/// The records of a domain that lead to servers, each with the preferred ones first.
#[derive(Debug)]
pub struct DomainRecords {
    /// The targets of the services in [`SERVICES`], in its order. A target with an empty host is the statement that
    /// there is no such service.
    pub services: Vec<Result<Vec<ServiceTarget>, Absence>>,
    pub exchangers: Result<Vec<String>, Absence>,
}

impl DomainRecords {
    /// True if no lookup was answered.
    fn is_unanswered(&self) -> bool {
        let is_failed = |absence: &Absence| matches!(absence, Absence::Failed(_));
        let mut services = self.services.iter();
        services.all(|service| service.as_ref().err().is_some_and(is_failed))
            && self.exchangers.as_ref().err().is_some_and(is_failed)
    }
}

/// The services for outgoing mail, and true for TLS from the first byte, which is preferred (RFC 8314 §5.1).
pub const SERVICES: [(&str, bool); 2] = [("_submissions._tcp", true), ("_submission._tcp", false)];

/// The requests of a search to the network.
pub trait Network {
    /// The records of a domain.
    fn records(&mut self, domain: &str) -> DomainRecords;
    /// The text at a URL.
    fn fetch(&mut self, url: &str) -> Result<String, Absence>;
    /// The names in the certificate of a server with TLS and a valid certificate, or the reason why it is not one.
    fn probe(&mut self, candidate: &Candidate) -> Result<Vec<String>, String>;
    /// True if the search has taken too long.
    fn is_over(&self) -> bool {
        false
    }
    /// The server of a provider whose mail exchanger this is.
    fn provider_of(&self, exchanger: &str) -> Option<Candidate>;
}

/// Searches for the server of this address. With `with_database`, Mozilla's database is asked for the domain.
pub fn discover(
    (local, domain): (&str, &str),
    with_database: bool,
    network: &mut dyn Network,
) -> Discovery {
    let mut search = Search {
        local,
        domain,
        with_database,
        network,
        tried: Vec::new(),
        result: Discovery::default(),
    };
    search.run();
    search.result
}

struct Search<'a> {
    local: &'a str,
    domain: &'a str,
    with_database: bool,
    network: &'a mut dyn Network,
    tried: Vec<Candidate>,
    result: Discovery,
}

impl Search<'_> {
    fn run(&mut self) {
        let DomainRecords {
            services,
            exchangers,
        } = {
            let records = self.network.records(self.domain);
            if records.is_unanswered() {
                let found: Result<(), Absence> = records.exchangers.map(drop);
                self.noted(&format!("MX {}", self.domain), found);
                return;
            }
            records
        };
        let domain = self.domain.to_owned();
        let names = ["smtp", "mail", "submit"].map(|name| format!("{name}.{domain}"));
        let _ = self.by_services(services)
            || self.by_files(&domain)
            || self.by_exchangers(exchangers)
            || self.by_names(&names);
    }

    fn by_services(&mut self, found: Vec<Result<Vec<ServiceTarget>, Absence>>) -> bool {
        for ((service, is_implicit), found) in SERVICES.into_iter().zip(found) {
            let name = format!("{service}.{}", self.domain);
            let Some(targets) = self.noted(&format!("SRV {name}"), found) else {
                continue;
            };
            for target in targets.iter().filter(|target| !target.host.is_empty()) {
                let candidate = Candidate::new(&target.host, target.port, is_implicit);
                if self.is_right(candidate, &format!("the SRV record of {name}")) {
                    return true;
                }
            }
        }
        false
    }

    fn by_files(&mut self, domain: &str) -> bool {
        let address = percent_encoded(&format!("{}@{}", self.local, self.domain));
        let mut urls = vec![
            format!("https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={address}"),
            format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"),
        ];
        if self.with_database {
            urls.push(format!("{DATABASE}{domain}"));
        }
        urls.iter().any(|url| self.by_file(url))
    }

    fn by_file(&mut self, url: &str) -> bool {
        if self.network.is_over() {
            return false;
        }
        let found = self.network.fetch(url);
        let Some(text) = self.noted(url, found) else {
            return false;
        };
        let servers = autoconfig::servers(&text);
        if servers.is_empty() {
            self.step(&format!("{url}: it has no server with TLS"));
        }
        let mut servers = servers.into_iter();
        servers.any(|server| self.is_right(server, url))
    }

    fn by_exchangers(&mut self, found: Result<Vec<String>, Absence>) -> bool {
        let domain = self.domain.to_owned();
        let Some(exchangers) = self.noted(&format!("MX {domain}"), found) else {
            return false;
        };
        for exchanger in exchangers.iter().take(MAX_EXCHANGERS) {
            let provider = self.network.provider_of(exchanger);
            let origin = format!("the provider of the mail exchanger {exchanger}");
            if provider.is_some_and(|provider| self.is_right(provider, &origin)) {
                return true;
            }
        }
        let mut domains: Vec<&str> = Vec::new();
        for exchanger in exchangers.iter().take(MAX_EXCHANGERS) {
            let registered = registered_domain(exchanger);
            if !registered.eq_ignore_ascii_case(&domain) && !domains.contains(&registered) {
                domains.push(registered);
            }
        }
        domains.iter().any(|domain| self.by_files(domain))
            || self.by_names(&exchangers[..exchangers.len().min(MAX_EXCHANGERS)])
    }

    fn by_names(&mut self, hosts: &[String]) -> bool {
        hosts.iter().any(|host| {
            [(465, true), (587, false)]
                .into_iter()
                .any(|(port, is_implicit)| {
                    let candidate = Candidate::new(host, port, is_implicit);
                    self.is_right(candidate, "a usual name")
                })
        })
    }

    /// Tries a server, unless it was tried.
    fn is_right(&mut self, candidate: Candidate, origin: &str) -> bool {
        let is_known = self.tried.iter().any(|one| one.is_same_server(&candidate));
        if is_known || self.tried.len() >= MAX_PROBES || self.network.is_over() {
            return false;
        }
        self.tried.push(candidate.clone());
        match self.network.probe(&candidate) {
            Ok(names) => {
                self.result.found = Some(FoundServer {
                    candidate,
                    origin: origin.to_owned(),
                    names,
                });
                true
            }
            Err(why) => {
                self.step(&format!("{}:{}: {why}", candidate.host, candidate.port));
                false
            }
        }
    }

    /// The result, or `None` and a step that says why there is none.
    fn noted<T>(&mut self, what: &str, found: Result<T, Absence>) -> Option<T> {
        let why = match found {
            Ok(found) => return Some(found),
            Err(Absence::NotThere) => "there is none".to_owned(),
            Err(Absence::Unusable(why)) => why,
            Err(Absence::Failed(why)) => {
                self.result.is_temporary = true;
                why
            }
        };
        self.step(&format!("{what}: {why}"));
        None
    }

    fn step(&mut self, text: &str) {
        self.result.steps.push(shown(text));
    }
}

/// Second-level domains under which domains are registered, as in `example.co.uk`.
const SECOND_LEVEL: [&str; 9] = ["ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"];

/// The domain in which a host is registered, as far as its labels tell: the last two, or three as in `example.co.uk`.
fn registered_domain(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    let mut starts = host.rmatch_indices('.').map(|(at, _)| at + 1);
    let (top, second) = (starts.next(), starts.next());
    let is_second_level = |(top, second): (usize, usize)| {
        host.len() - top == 2 && SECOND_LEVEL.contains(&&host[second..top - 1])
    };
    let start = if top.zip(second).is_some_and(is_second_level) {
        starts.next()
    } else {
        second
    };
    start.map_or(host, |start| &host[start..])
}

/// A value in the query of a URL (RFC 3986 §3.4).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
