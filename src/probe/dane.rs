//! The TLSA records of a server, compared with the certificate that it presents (RFC 7672).

use crate::client::dns::Tlsa;
use crate::client::events::Observer;
use crate::client::policy::{TlsaRecords, find_records};
use crate::client::route::{Endpoint, RouteError, Router};
use crate::client::wire::tls::{Dane, authenticating_record, is_usable};
use crate::probe::finding::Finding;
use crate::probe::inspect::ProbeResult;
use crate::system::certificate::key_sha256;
use rustls::pki_types::CertificateDer;

/// The TLSA records of a host.
#[derive(Debug)]
pub struct HostRecords {
    host: String,
    port: u16,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Records(TlsaRecords),
    /// The resolver is not trusted.
    Untrusted(String),
}

/// The way in which a server was found.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'d> {
    Named,
    /// By the MX records of this domain.
    Exchanger {
        domain: &'d str,
        is_secure: bool,
    },
}

/// The result for one server.
#[derive(Debug)]
pub struct DaneReport {
    /// The name that has the records, or would have them.
    pub owner: String,
    pub records: Vec<RecordReport>,
    /// The record for the key of the server, if none of the records matches.
    pub missing: Option<Tlsa>,
    pub findings: Vec<Finding>,
}

#[derive(Debug)]
pub struct RecordReport {
    pub record: Tlsa,
    pub state: RecordState,
}

/// The result of the comparison of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    Matches,
    Differs,
    /// Not for mail servers, or not valid.
    Unusable,
    /// There is no certificate.
    Unknown,
}

/// The certificates of a server, or the reason for their absence.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'c> {
    /// Certificates in DER, its own first.
    Chain(&'c [Vec<u8>]),
    NoStarttls,
    Nothing,
}

impl RecordState {
    /// The word in reports and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matches => "matches",
            Self::Differs => "differs",
            Self::Unusable => "unusable",
            Self::Unknown => "unknown",
        }
    }
}

impl HostRecords {
    /// Looks up the records of a host that has a name.
    pub fn look_up(router: &Router<'_>, endpoint: &Endpoint, observer: &mut dyn Observer) -> Self {
        let (host, port) = (endpoint.host.name(), endpoint.port);
        let found = Self::find(router, (&host, port), observer);
        Self { host, port, found }
    }

    fn find(router: &Router<'_>, (host, port): (&str, u16), observer: &mut dyn Observer) -> Found {
        let failed = |why| {
            Found::Records(TlsaRecords::Failed {
                owner: host.to_owned(),
                why,
            })
        };
        let dns = match router.dns() {
            Ok(dns) if dns.is_trusted() => dns,
            Ok(dns) => return Found::Untrusted(dns.servers().to_owned()),
            Err(why) => return failed(why),
        };
        match router.exchanger_addresses(host, observer) {
            Ok(addresses) => Found::Records(find_records(dns, (host, port), &addresses, observer)),
            Err(RouteError::Address {
                why,
                may_pass: false,
                ..
            }) => Found::Records(TlsaRecords::Missing(why)),
            Err(RouteError::Address { why, .. }) => failed(why),
            Err(error) => failed(error.to_string()),
        }
    }

    /// The name for SNI: that which has the records (RFC 7672 §8.1).
    pub fn base(&self) -> &str {
        match &self.found {
            Found::Records(TlsaRecords::Found { base, .. }) => base,
            _ => &self.host,
        }
    }

    /// Compares the records with what the server has presented.
    pub fn compare(&self, origin: Origin<'_>, probe: &ProbeResult) -> DaneReport {
        let mut report = DaneReport {
            owner: format!("_{}._tcp.{}", self.port, self.base()),
            records: Vec::new(),
            missing: None,
            findings: Vec::new(),
        };
        match &self.found {
            Found::Untrusted(resolver) => {
                report.findings.push(untrusted("dane.resolver", resolver));
            }
            Found::Records(TlsaRecords::Missing(why)) => {
                let text = format!("{} has no TLSA records that count: {why}", self.host);
                report
                    .findings
                    .push(Finding::note("dane.missing", text).with_section("RFC 7672 section 2.2"));
            }
            Found::Records(TlsaRecords::Failed { owner, why }) => {
                report.findings.push(unanswered(owner, why));
            }
            Found::Records(TlsaRecords::Found { records, .. }) => {
                self.compare_records(&mut report, records, (origin, probe));
            }
        }
        report
    }

    fn compare_records(
        &self,
        report: &mut DaneReport,
        records: &[Tlsa],
        (origin, probe): (Origin<'_>, &ProbeResult),
    ) {
        let presented = Presented::of(probe);
        let mut names = vec![self.base().to_owned(), self.host.clone()];
        if let Origin::Exchanger { domain, is_secure } = origin {
            names.push(domain.to_owned());
            if !is_secure {
                report.findings.push(unsigned_mx(&report.owner, domain));
            }
        }
        let dane = |records| Dane {
            records,
            base: self.base().to_owned(),
            port: self.port,
            names: names.clone(),
            is_mx_secure: true,
        };
        let (usable, others): (Vec<Tlsa>, Vec<Tlsa>) = records.iter().cloned().partition(is_usable);
        let states = records.iter().map(|record| RecordReport {
            state: presented.state(record, &dane(vec![record.clone()])),
            record: record.clone(),
        });
        report.records = states.collect();
        let of_others = others.iter().map(|record| unusable(record, &report.owner));
        report.findings.extend(of_others);
        if usable.is_empty() {
            report.findings.push(none_usable(&report.owner));
            return;
        }
        report.findings.extend(rollover(&usable, &report.owner));
        let server = probe
            .server
            .as_ref()
            .map_or_else(|| self.host.clone(), ToString::to_string);
        let matches = |one: &RecordReport| one.state == RecordState::Matches;
        if !report.records.iter().any(matches) {
            report.missing = presented.own_record();
        }
        report
            .findings
            .push(comparison(&server, &dane(usable), presented));
    }
}

impl<'c> Presented<'c> {
    pub fn of(probe: &'c ProbeResult) -> Self {
        match &probe.tls {
            Some(tls) if !tls.chain.is_empty() => Self::Chain(&tls.chain),
            _ if probe.in_clear.is_some() && !probe.offers_starttls() => Self::NoStarttls,
            _ => Self::Nothing,
        }
    }

    fn state(self, record: &Tlsa, dane: &Dane) -> RecordState {
        match self {
            _ if !is_usable(record) => RecordState::Unusable,
            Self::Chain(chain) => match authenticating_record(dane, chain) {
                Ok(_) => RecordState::Matches,
                Err(_) => RecordState::Differs,
            },
            Self::NoStarttls | Self::Nothing => RecordState::Unknown,
        }
    }

    /// The record 3 1 1 for the server's key.
    fn own_record(self) -> Option<Tlsa> {
        let Self::Chain([own, ..]) = self else {
            return None;
        };
        Some(Tlsa {
            usage: 3,
            selector: 1,
            matching: 1,
            data: key_sha256(&CertificateDer::from(own.as_slice()))?.to_vec(),
        })
    }
}

pub fn untrusted(id: &'static str, resolver: &str) -> Finding {
    let text = format!("the resolver {resolver} is not trusted to validate DNSSEC");
    Finding::unknown(id, text)
        .with_remedy("use a validating resolver on this host with --dns 127.0.0.1, or set trust-ad in the configuration")
}

pub fn unanswered(owner: &str, why: &str) -> Finding {
    let text = format!("cannot find {owner}: {why}; senders that use DANE defer mail");
    Finding::unknown("dane.unanswered", text).with_section("RFC 7672 section 2.1.2")
}

pub fn unsigned_mx(owner: &str, domain: &str) -> Finding {
    let text = format!("{owner} is signed, but the MX records of {domain} are not");
    Finding::warning("dane.mx", text).with_section("RFC 7672 section 2.2.1")
}

pub fn none_usable(owner: &str) -> Finding {
    let text = format!("no record at {owner} is usable: servers are not authenticated");
    Finding::failed("dane.unusable", text).with_section("RFC 7672 section 2.2")
}

pub fn unusable(record: &Tlsa, owner: &str) -> Finding {
    let parameters = record.parameters();
    let text = match record.usage {
        0 | 1 => format!(
            "usage {} ({parameters} at {owner}) is not used for SMTP",
            record.usage
        ),
        _ => format!("the record {parameters} at {owner} is not valid"),
    };
    Finding::warning("dane.usage", text)
        .with_section("RFC 7672 section 3.1.3")
        .with_remedy("publish a record 3 1 1, the SHA-256 of the public key")
}

/// A single record breaks when the key is replaced.
pub fn rollover(usable: &[Tlsa], owner: &str) -> Option<Finding> {
    let is_single = usable.len() == 1 && usable[0].usage == 3;
    is_single.then(|| {
        let text = format!(
            "{owner} has one record: publish that of the next key before the key is replaced"
        );
        Finding::note("dane.rollover", text).with_section("RFC 7671 section 8.1")
    })
}

/// The finding about the certificate of a server.
pub fn comparison(server: &str, dane: &Dane, presented: Presented<'_>) -> Finding {
    match presented {
        Presented::Chain(chain) => match authenticating_record(dane, chain) {
            Ok(record) => {
                let text = format!("the certificate of {server} matches {record}");
                Finding::ok("dane.match", text).with_section("RFC 7672 section 3")
            }
            Err(why) => Finding::failed("dane.match", format!("the certificate of {server} {why}"))
                .with_section("RFC 7672 section 3")
                .with_remedy("publish the record of the certificate that is in use"),
        },
        Presented::NoStarttls => {
            let text = format!("{server} has TLSA records, but does not offer STARTTLS");
            Finding::failed("dane.starttls", text).with_section("RFC 7672 section 2.2")
        }
        Presented::Nothing => Finding::unknown(
            "dane.unchecked",
            format!("{server} has shown no certificate"),
        ),
    }
}
