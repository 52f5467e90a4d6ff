//! The DNS, HTTPS and mail servers, as a search uses them.

use crate::client::dns::{Dns, DnsError, Mx, Question, Record, RecordType, Resolver, Srv};
use crate::client::events::Silent;
use crate::client::http::{HttpClient, HttpError, Request, Response, Url, tls_options};
use crate::client::policy::{PolicyMode, PolicyOptions};
use crate::client::route::target::host_name;
use crate::client::route::{Endpoint, Host, Proxy, RouteError, RouteOptions, Router};
use crate::client::session::{self, TlsDemand};
use crate::client::transport::{LoadedTransport, Transport};
use crate::client::wire::Tls;
use crate::client::wire::tls::{TlsOptions, Trust};
use crate::probe::discover::{Absence, Candidate, DomainRecords, Network, SERVICES, ServiceTarget};
use crate::probe::probe;
use crate::system::certificate::Certificate;
use crate::system::secret::Login;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time after which nothing new is tried.
const SEARCH_LIMIT: Duration = Duration::from_secs(60);

/// Maximum size of a file, in bytes.
const MAX_FILE: usize = 256 * 1024;

/// Maximum number of redirects to follow.
const MAX_REDIRECTS: usize = 3;

/// Settings of a search.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// The resolver to use instead of the system's.
    pub dns: Option<SocketAddr>,
    pub ca_file: Option<PathBuf>,
    /// Time limit of each request, and of each step of a session.
    pub limit: Duration,
    /// The proxy of all connections, but not of lookups; without its user.
    pub proxy: Option<Proxy>,
    pub proxy_login: Option<Login>,
}

/// The network of this host.
pub struct Internet<'a> {
    options: &'a SearchOptions,
    resolver: Result<Resolver, String>,
    provider: &'a dyn Fn(&str) -> Option<Candidate>,
    started: Instant,
}

impl<'a> Internet<'a> {
    /// `provider` finds the server of a provider by the name of its mail exchanger.
    pub fn new(
        options: &'a SearchOptions,
        provider: &'a dyn Fn(&str) -> Option<Candidate>,
    ) -> Self {
        Self {
            options,
            resolver: Resolver::new(options.dns),
            provider,
            started: Instant::now(),
        }
    }

    fn route(&self) -> RouteOptions {
        RouteOptions {
            dns: self.options.dns,
            proxy: self.options.proxy.clone(),
            ..RouteOptions::direct()
        }
    }

    fn tls(&self) -> TlsOptions {
        TlsOptions {
            ca_file: self.options.ca_file.clone(),
            trust: Trust::Verified,
            ..TlsOptions::default()
        }
    }

    fn transport(&self, candidate: &Candidate) -> Transport {
        let relay = Endpoint {
            host: Host::Relay(candidate.host.clone()),
            port: candidate.port,
        };
        Transport {
            profile: None,
            route: RouteOptions {
                relay: Some(relay),
                port: candidate.port,
                ..self.route()
            },
            session: session::Options {
                timeout: Some(self.options.limit),
                tls: if candidate.is_implicit {
                    TlsDemand::Implicit
                } else {
                    TlsDemand::Starttls
                },
                ..session::Options::default()
            },
            tls: self.tls(),
            policy: PolicyOptions {
                dane: PolicyMode::Off,
                sts: PolicyMode::Off,
            },
            credentials: None,
        }
    }

    fn get(&self, url: &Url) -> Result<Response, Absence> {
        let route = self.route();
        let tls = Tls::new(&tls_options(&self.tls()));
        let client = HttpClient {
            router: &Router::new(&route),
            proxy_login: self.options.proxy_login.as_ref(),
            tls: &tls.map_err(|error| Absence::Unusable(error.to_string()))?,
            limit: self.options.limit,
            max_body: MAX_FILE,
        };
        client
            .send(&Request::get(url), &mut Silent)
            .map_err(|error| match error {
                HttpError::Route(RouteError::Address {
                    may_pass: false, ..
                }) => Absence::NotThere,
                other => Absence::Unusable(other.to_string()),
            })
    }
}

impl Network for Internet<'_> {
    fn records(&mut self, domain: &str) -> DomainRecords {
        let service =
            |(name, _): &(&str, bool)| Question::new(&format!("{name}.{domain}"), RecordType::Srv);
        let mut questions: Vec<Question> = SERVICES.iter().map(service).collect();
        questions.push(Question::new(domain, RecordType::Mx));
        let mut answers: Vec<Result<Vec<Record>, Absence>> = match &self.resolver {
            Ok(resolver) => {
                let answers = resolver.ask(&questions, &mut Silent).into_iter();
                let records = answers.map(|answer| Ok(answer.map_err(absence)?.records));
                records.collect()
            }
            Err(why) => {
                let failed = |_: &Question| Err(Absence::Failed(why.clone()));
                questions.iter().map(failed).collect()
            }
        };
        let exchangers = answers.pop().unwrap_or(Err(Absence::NotThere));
        DomainRecords {
            services: answers
                .into_iter()
                .map(|found| found.map(targets))
                .collect(),
            exchangers: exchangers.map(hosts),
        }
    }

    fn fetch(&mut self, url: &str) -> Result<String, Absence> {
        let parsed = |text: &str| text.parse::<Url>();
        let invalid = |why: String| Absence::Unusable(why);
        let mut url = parsed(url).map_err(|error| invalid(error.to_string()))?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get(&url)?;
            match response.status {
                200 => return Ok(String::from_utf8_lossy(response.body.expose()).into_owned()),
                301 | 302 | 303 | 307 | 308 => {
                    let target = response.header("location").unwrap_or_default();
                    let target = parsed(target).ok().filter(Url::is_encrypted);
                    url = target
                        .ok_or_else(|| invalid("it redirects to what is not https".to_owned()))?;
                }
                404 | 410 => return Err(Absence::NotThere),
                status => return Err(invalid(format!("the server returned status {status}"))),
            }
        }
        Err(invalid("it redirects too often".to_owned()))
    }

    fn probe(&mut self, candidate: &Candidate) -> Result<Vec<String>, String> {
        let transport = self.transport(candidate);
        let loaded = LoadedTransport::of(&transport, None);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        loaded.proxy_login.clone_from(&self.options.proxy_login);
        let endpoint = transport.route.relay.as_ref().ok_or("it has no name")?;
        let result = probe(&loaded.open(), endpoint, &mut Silent);
        if let Some(why) = result.failure {
            return Err(why);
        }
        let tls = result.tls.filter(|tls| tls.verified);
        let tls = tls.ok_or("the certificate is not valid")?;
        let own = tls.chain.first().and_then(|der| Certificate::read(der));
        Ok(own.map_or_else(Vec::new, |own| own.names))
    }

    fn is_over(&self) -> bool {
        self.started.elapsed() > SEARCH_LIMIT
    }

    fn provider_of(&self, exchanger: &str) -> Option<Candidate> {
        (self.provider)(exchanger)
    }
}

/// The targets of SRV records. A name that is not that of a host cannot be a server.
fn targets(records: Vec<Record>) -> Vec<ServiceTarget> {
    let mut all: Vec<Srv> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Srv(srv) => Some(srv),
            _ => None,
        })
        .filter(|srv| srv.target.is_empty() || host_name(&srv.target).is_ok())
        .collect();
    all.sort_by_key(|srv| (srv.priority, std::cmp::Reverse(srv.weight)));
    let target = |srv: Srv| ServiceTarget {
        host: srv.target,
        port: srv.port,
    };
    all.into_iter().map(target).collect()
}

/// The hosts of MX records.
fn hosts(records: Vec<Record>) -> Vec<String> {
    let mut all: Vec<Mx> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Mx(mx) => Some(mx),
            _ => None,
        })
        .collect();
    all.sort_by_key(|mx| mx.preference);
    let hosts = all.into_iter().map(|mx| mx.host);
    hosts.filter(|host| host_name(host).is_ok()).collect()
}

fn absence(error: DnsError) -> Absence {
    match error {
        DnsError::NoSuchName | DnsError::NoData => Absence::NotThere,
        DnsError::Failed(why) => Absence::Failed(why),
    }
}
