//! Asks the DNS and the servers. The questions that do not depend on each other are asked at the same time, and
//! sessions run while the DNS is asked further.

use crate::client::dns::{
    Answer, Dns, DnsError, Mx, Question, Record, RecordType, Resolver, Tlsa, merged, reverse_name,
};
use crate::client::events::Observer;
use crate::client::policy::{PolicyOptions, PolicyText, StsLookup, StsRecord};
use crate::client::route::{Endpoint, Host, RouteOptions, Router};
use crate::client::session;
use crate::client::session::TlsDemand;
use crate::client::transport::{LoadedTransport, Transport};
use crate::client::wire::Tls;
use crate::client::wire::tls::{TlsOptions, Trust, TrustStore};
use crate::probe::check::dmarc::external_domains;
use crate::probe::check::facts::{AddressFacts, Exchanger, Facts, Session, Texts, texts};
use crate::probe::check::jobs::Jobs;
use crate::probe::check::parked::WILDCARD;
use crate::probe::check::{CheckOptions, Group};
use crate::probe::dmarc::{DmarcWalk, walk_questions};
use crate::probe::spf::{SpfClient, SpfTree, SpfVerdict, check_host, explore};
use crate::probe::{ProbeResult, probe};
use crate::system::exit::Exit;
use std::net::IpAddr;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Maximum number of exchangers that are looked at, and of their addresses that are connected to.
const MAX_EXCHANGERS: usize = 10;
const MAX_ADDRESSES: usize = 2;

/// Result of a task.
enum Done {
    Session {
        exchanger: usize,
        ip: IpAddr,
        probe: Box<ProbeResult>,
    },
    Spf(SpfTree, Option<SpfVerdict>),
    Sts(Result<PolicyText, String>),
}

pub fn collect(
    options: &CheckOptions,
    domain: &str,
    observer: &mut dyn Observer,
) -> Result<Facts, String> {
    let deadline = Instant::now() + options.limit;
    let resolver = Resolver::new(options.route.dns)
        .map_err(|why| format!("cannot start the resolver: {why}"))?
        .until(deadline);
    let jobs = Jobs::new(deadline, options.is_serial);
    let trust = TrustStore::default();
    if options.needs_sessions() && !options.is_serial {
        load_trust(options, &trust);
    }
    let (mut facts, apex) = first_round(options, domain, &resolver, observer);
    if options.has(Group::Spf) || options.is_parked {
        start_spf(&jobs, options, (domain, apex, deadline), observer);
    }
    if options.has(Group::Sts) && matches!(StsRecord::of(&facts.sts), StsRecord::Id(_)) {
        start_sts(&jobs, options, (domain, &trust), observer);
    }
    if options.needs_exchangers() {
        find_exchangers(&mut facts, options, &resolver, observer);
    }
    if options.needs_sessions() {
        start_sessions(&jobs, options, (&mut facts, &trust), observer);
    }
    find_tlsa_of_aliases(&mut facts, options, &resolver, observer);
    find_report_domains(&mut facts, options, &resolver, observer);
    find_names(&mut facts, options, &resolver, observer);
    for done in jobs.finish() {
        match done {
            Done::Spf(tree, verdict) => {
                facts.spf = Some(tree);
                facts.spf_verdict = verdict;
            }
            Done::Sts(policy) => facts.sts_policy = Some(policy),
            Done::Session {
                exchanger,
                ip,
                probe,
            } => {
                let sessions = &mut facts.exchangers[exchanger].sessions;
                if let Some(session) = sessions.iter_mut().find(|session| session.ip == ip) {
                    session.probe = Some(probe);
                }
            }
        }
    }
    Ok(facts)
}

/// Reads the CAs in a thread, while the DNS answers. Errors are those of the first session.
fn load_trust(options: &CheckOptions, trust: &TrustStore) {
    let options = TlsOptions {
        trust: Trust::Reported,
        ..options.tls.clone()
    };
    let trust = trust.clone();
    let _ = Builder::new().spawn(move || {
        if let Ok(mut tls) = Tls::new(&options) {
            tls.share_trust(&trust);
            tls.load_trust();
        }
    });
}

/// All questions that need the name of the domain only. Returns the answer for its TXT records as well.
fn first_round(
    options: &CheckOptions,
    domain: &str,
    resolver: &Resolver,
    observer: &mut dyn Observer,
) -> (Facts, Result<Answer, DnsError>) {
    let mut selectors = options.selectors.clone();
    if options.is_parked {
        selectors.push(WILDCARD.to_owned());
    }
    let name = |label: &str| Question::new(&format!("{label}.{domain}"), RecordType::Txt);
    let mut questions = vec![
        Question::new(domain, RecordType::Mx),
        Question::new(domain, RecordType::Txt),
        name("_mta-sts"),
        name("_smtp._tls"),
        name("default._bimi"),
        name("_domainkey"),
    ];
    let walk = walk_questions(domain);
    let walk_length = walk.len();
    questions.extend(walk);
    questions.extend(
        selectors
            .iter()
            .map(|selector| name(&format!("{selector}._domainkey"))),
    );
    let mut answers = resolver.ask(&questions, observer).into_iter();
    let mut next = || answers.next().unwrap_or(Err(DnsError::NoData));
    let mx = next().map(|answer| answer.of(exchanger_of));
    let apex = next();
    let [sts, tlsrpt, bimi, domainkey] = [next(), next(), next(), next()].map(texts);
    let walk = (0..walk_length).map(|_| next()).collect();
    let facts = Facts {
        domain: domain.to_owned(),
        mx,
        exchangers: Vec::new(),
        has_more_exchangers: false,
        dmarc: DmarcWalk::of(domain, walk),
        report_domains: Vec::new(),
        sts,
        sts_policy: None,
        tlsrpt,
        bimi,
        selectors: selectors
            .into_iter()
            .map(|selector| (selector, texts(next())))
            .collect(),
        domainkey,
        spf: None,
        spf_verdict: None,
        addresses: Vec::new(),
        untrusted_resolver: (!resolver.is_trusted()).then(|| resolver.servers().to_owned()),
    };
    (facts, apex)
}

fn exchanger_of(record: Record) -> Option<Mx> {
    match record {
        Record::Mx(mx) => Some(mx),
        _ => None,
    }
}

fn start_spf(
    jobs: &Jobs<Done>,
    options: &CheckOptions,
    (domain, apex, deadline): (&str, Result<Answer, DnsError>, Instant),
    observer: &mut dyn Observer,
) {
    let (domain, dns) = (domain.to_owned(), options.route.dns);
    let client = options.client.map(|ip| (ip, options.helo.clone()));
    let work = move |observer: &mut dyn Observer| {
        let resolver = match Resolver::new(dns) {
            Ok(resolver) => resolver.until(deadline),
            Err(why) => {
                let failed = Err(DnsError::Failed(why));
                return Done::Spf(explore(&NoDns, &domain, Some(failed), observer), None);
            }
        };
        let tree = explore(&resolver, &domain, Some(apex), observer);
        let verdict = client.map(|(ip, helo)| {
            let client = SpfClient {
                ip,
                sender: Some(("postmaster", &domain)),
                helo: helo.as_deref().unwrap_or(&domain),
            };
            check_host(&resolver, &client, observer)
        });
        Done::Spf(tree, verdict)
    };
    jobs.start(work, observer);
}

/// A resolver that could not be started.
struct NoDns;

impl Dns for NoDns {
    fn ask(&self, questions: &[Question], _: &mut dyn Observer) -> Vec<Result<Answer, DnsError>> {
        let failed = |_| Err(DnsError::Failed("there is no resolver".to_owned()));
        questions.iter().map(failed).collect()
    }

    fn is_trusted(&self) -> bool {
        false
    }

    fn servers(&self) -> &'static str {
        ""
    }
}

fn start_sts(
    jobs: &Jobs<Done>,
    options: &CheckOptions,
    (domain, trust): (&str, &TrustStore),
    observer: &mut dyn Observer,
) {
    let (domain, trust) = (domain.to_owned(), trust.clone());
    let (route, tls, limit) = (options.route.clone(), options.tls.clone(), options.limit);
    let work = move |observer: &mut dyn Observer| {
        let router = Router::new(&route);
        let lookup = StsLookup::new(&tls, None, Some(limit)).with_trust(&trust);
        Done::Sts(lookup.download(&domain, &router, observer))
    };
    jobs.start(work, observer);
}

/// The exchangers with their addresses and TLSA records. Without MX records, the domain is its own exchanger.
fn find_exchangers(
    facts: &mut Facts,
    options: &CheckOptions,
    resolver: &Resolver,
    observer: &mut dyn Observer,
) {
    let mut exchangers = match &facts.mx {
        Ok(answer) => answer.records.clone(),
        Err(DnsError::NoData) => vec![Mx {
            preference: 0,
            host: facts.domain.clone(),
        }],
        Err(_) => Vec::new(),
    };
    exchangers.retain(|mx| !mx.host.is_empty());
    exchangers
        .sort_by(|one, other| (one.preference, &one.host).cmp(&(other.preference, &other.host)));
    facts.has_more_exchangers = exchangers.len() > MAX_EXCHANGERS;
    exchangers.truncate(MAX_EXCHANGERS);
    let port = options.route.port;
    let questions: Vec<Question> = exchangers
        .iter()
        .flat_map(|mx| {
            [
                Question::new(&mx.host, RecordType::Aaaa),
                Question::new(&mx.host, RecordType::A),
                Question::new(&format!("_{port}._tcp.{}", mx.host), RecordType::Tlsa),
            ]
        })
        .collect();
    let mut answers = resolver.ask(&questions, observer).into_iter();
    let mut next = || answers.next().unwrap_or(Err(DnsError::NoData));
    facts.exchangers = exchangers
        .into_iter()
        .map(|mx| Exchanger {
            name: mx.host.to_ascii_lowercase(),
            preference: mx.preference,
            addresses: merged([next(), next()]),
            tlsa_base: mx.host.to_ascii_lowercase(),
            tlsa: next().map(|answer| answer.of(tlsa_of)),
            sessions: Vec::new(),
        })
        .collect();
}

fn tlsa_of(record: Record) -> Option<Tlsa> {
    match record {
        Record::Tlsa(tlsa) => Some(tlsa),
        _ => None,
    }
}

fn start_sessions(
    jobs: &Jobs<Done>,
    options: &CheckOptions,
    (facts, trust): (&mut Facts, &TrustStore),
    observer: &mut dyn Observer,
) {
    for (at, exchanger) in facts.exchangers.iter_mut().enumerate() {
        if exchanger.name.parse::<IpAddr>().is_ok() {
            continue;
        }
        let allowed = |ip: &&IpAddr| options.route.family.has(**ip);
        let ips: Vec<IpAddr> = exchanger
            .ips()
            .iter()
            .filter(allowed)
            .take(MAX_ADDRESSES)
            .copied()
            .collect();
        for ip in ips {
            exchanger.sessions.push(Session { ip, probe: None });
            let (transport, trust) = (transport(options, &exchanger.name), trust.clone());
            let work = move |observer: &mut dyn Observer| Done::Session {
                exchanger: at,
                ip,
                probe: Box::new(session_with((&transport, &trust), ip, observer)),
            };
            jobs.start(work, observer);
        }
    }
}

fn transport(options: &CheckOptions, host: &str) -> Transport {
    Transport {
        profile: None,
        route: RouteOptions {
            relay: None,
            ..options.route.clone()
        },
        session: session::Options {
            helo: options.own_name.clone(),
            tls: TlsDemand::IfOffered,
            timeout: Some(options.limit.max(Duration::from_millis(1))),
            ..session::Options::default()
        },
        tls: TlsOptions {
            trust: Trust::Reported,
            name: Some(host.to_owned()),
            ..options.tls.clone()
        },
        policy: PolicyOptions::default(),
        credentials: None,
    }
}

fn session_with(
    (transport, trust): (&Transport, &TrustStore),
    ip: IpAddr,
    observer: &mut dyn Observer,
) -> ProbeResult {
    match LoadedTransport::of(transport, None) {
        Ok(mut loaded) => {
            loaded.tls.share_trust(trust);
            let endpoint = Endpoint {
                host: Host::Address(ip),
                port: transport.route.port,
            };
            probe(&loaded.open(), &endpoint, observer)
        }
        Err(error) => ProbeResult {
            failure: Some(error.to_string()),
            exit: Exit::Config,
            ..ProbeResult::default()
        },
    }
}

/// The TLSA records of an alias are at its target first (RFC 7672 §2.2.2).
fn find_tlsa_of_aliases(
    facts: &mut Facts,
    options: &CheckOptions,
    resolver: &Resolver,
    observer: &mut dyn Observer,
) {
    let is_secure_alias = |one: &&mut Exchanger| {
        let is_secure = one.addresses.as_ref().is_ok_and(|answer| answer.secure);
        is_secure && one.is_alias()
    };
    for exchanger in facts.exchangers.iter_mut().filter(is_secure_alias) {
        let target = exchanger
            .addresses
            .as_ref()
            .map_or("", |answer| &answer.owner)
            .to_owned();
        let owner = format!("_{}._tcp.{target}", options.route.port);
        match resolver.tlsa(&owner, observer) {
            Err(DnsError::NoSuchName | DnsError::NoData) => {}
            answered => {
                exchanger.tlsa = answered;
                exchanger.tlsa_base = target;
            }
        }
    }
}

fn find_report_domains(
    facts: &mut Facts,
    options: &CheckOptions,
    resolver: &Resolver,
    observer: &mut dyn Observer,
) {
    if !options.has(Group::Dmarc) {
        return;
    }
    let domains = external_domains(&facts.dmarc);
    let owner = |domain: &String| format!("{}._report._dmarc.{domain}", facts.domain);
    let questions = domains
        .iter()
        .map(|domain| Question::new(&owner(domain), RecordType::Txt));
    let answers = resolver.ask(&questions.collect::<Vec<_>>(), observer);
    let answers: Vec<Texts> = answers.into_iter().map(texts).collect();
    facts.report_domains = domains.into_iter().zip(answers).collect();
}

/// Names of addresses, their confirmation, and block lists.
fn find_names(
    facts: &mut Facts,
    options: &CheckOptions,
    resolver: &Resolver,
    observer: &mut dyn Observer,
) {
    if !options.has(Group::Ptr) && !options.has(Group::Dnsbl) {
        return;
    }
    let mut addresses: Vec<(IpAddr, String)> = Vec::new();
    let client = options.client.map(|ip| (ip, "the client".to_owned()));
    let of_exchangers = facts.exchangers.iter().flat_map(|one| {
        let ips = one.ips().iter().take(MAX_ADDRESSES);
        ips.map(|ip| (*ip, one.name.clone()))
    });
    for (ip, host) in client.into_iter().chain(of_exchangers) {
        if addresses.iter().all(|(known, _)| *known != ip) {
            addresses.push((ip, host));
        }
    }
    let pointers = addresses
        .iter()
        .map(|(ip, _)| Question::new(&reverse_name(*ip), RecordType::Ptr));
    let lists = addresses.iter().flat_map(|(ip, _)| {
        let lists = options.lists.iter();
        lists.map(|zone| Question::new(&listed_name(*ip, zone), RecordType::A))
    });
    let questions: Vec<Question> = pointers.chain(lists).collect();
    let mut answers = resolver.ask(&questions, observer).into_iter();
    let pointers: Vec<_> = answers.by_ref().take(addresses.len()).collect();
    for ((ip, host), names) in addresses.into_iter().zip(pointers) {
        let lists = options.lists.iter().map(|zone| {
            let answer = answers.next().unwrap_or(Err(DnsError::NoData));
            (
                zone.clone(),
                answer.map(|answer| {
                    answer.of(|record| match record {
                        Record::Address(ip) => Some(ip),
                        _ => None,
                    })
                }),
            )
        });
        facts.addresses.push(AddressFacts {
            ip,
            host,
            names: names.map(|answer| answer.of(name_of)),
            confirmed: Vec::new(),
            lists: lists.collect(),
        });
    }
    confirm(&mut facts.addresses, resolver, observer);
}

/// Looks for the names that have the address.
fn confirm(addresses: &mut [AddressFacts], resolver: &Resolver, observer: &mut dyn Observer) {
    let mut questions = Vec::new();
    let mut owners = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let kind = if address.ip.is_ipv4() {
            RecordType::A
        } else {
            RecordType::Aaaa
        };
        let names = address
            .names
            .as_ref()
            .map_or(&[][..], |answer| &answer.records);
        for name in names.iter().take(MAX_EXCHANGERS) {
            questions.push(Question::new(name, kind));
            owners.push(at);
        }
    }
    let answers = resolver.ask(&questions, observer);
    for ((question, at), answer) in questions.into_iter().zip(owners).zip(answers) {
        let address = &mut addresses[at];
        let has_it = |answer: &Answer| answer.records.contains(&Record::Address(address.ip));
        if answer.as_ref().is_ok_and(has_it) {
            address.confirmed.push(question.name);
        }
    }
}

/// RFC 5782 §2.1, §2.4.
fn listed_name(ip: IpAddr, zone: &str) -> String {
    let reverse = reverse_name(ip);
    let labels = reverse
        .trim_end_matches(".in-addr.arpa")
        .trim_end_matches(".ip6.arpa");
    format!("{labels}.{zone}")
}

fn name_of(record: Record) -> Option<String> {
    match record {
        Record::Alias(name) => Some(name),
        _ => None,
    }
}
