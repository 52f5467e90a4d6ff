//! The evaluation for one client: `check_host()` of RFC 7208 §4.

use crate::client::dns::{Dns, DnsError, Mx, Record, RecordType, reverse_name};
use crate::client::events::Observer;
use crate::probe::spf::macros::DomainSpec;
use crate::probe::spf::record::{Mechanism, Prefix, Qualifier, SpfRecord, Term, spf_records};
use crate::probe::spf::{MAX_LOOKUPS, MAX_NAMES, MAX_VOIDS, SpfClient};
use std::net::IpAddr;

/// RFC 7208 §2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpfResult {
    None,
    Neutral,
    Pass,
    Fail,
    SoftFail,
    TempError,
    PermError,
}

impl SpfResult {
    /// The word in `Authentication-Results` (RFC 8601 §2.7.2).
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }

    fn of(qualifier: Qualifier) -> Self {
        match qualifier {
            Qualifier::Pass => Self::Pass,
            Qualifier::Fail => Self::Fail,
            Qualifier::SoftFail => Self::SoftFail,
            Qualifier::Neutral => Self::Neutral,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfVerdict {
    pub result: SpfResult,
    /// The reason: the term that matched and the record that has it, or the error.
    pub why: String,
}

/// The end of an evaluation before a result.
enum Stop {
    Temporary(String),
    Permanent(String),
}

type Evaluated<T> = Result<T, Stop>;

/// Evaluates the record of the domain of the sender.
pub fn check_host(
    dns: &dyn Dns,
    client: &SpfClient<'_>,
    observer: &mut dyn Observer,
) -> SpfVerdict {
    let domain = client.domain().trim_end_matches('.').to_ascii_lowercase();
    let is_valid = domain.contains('.')
        && domain.len() <= 253
        && domain
            .split('.')
            .all(|label| (1..=63).contains(&label.len()));
    if !is_valid {
        return verdict(
            SpfResult::None,
            format!("{domain} is not a domain name with a dot"),
        );
    }
    let mut evaluation = Evaluation {
        dns,
        client,
        observer,
        lookups: 0,
        voids: 0,
        validated: None,
    };
    match evaluation.check(&domain) {
        Ok(verdict) => verdict,
        Err(Stop::Temporary(why)) => verdict(SpfResult::TempError, why),
        Err(Stop::Permanent(why)) => verdict(SpfResult::PermError, why),
    }
}

fn verdict(result: SpfResult, why: String) -> SpfVerdict {
    SpfVerdict { result, why }
}

struct Evaluation<'a, 'o> {
    dns: &'a dyn Dns,
    client: &'a SpfClient<'a>,
    observer: &'o mut dyn Observer,
    lookups: usize,
    voids: usize,
    /// Names of the client whose addresses include its own. `None`: not looked up yet.
    validated: Option<Vec<String>>,
}

impl Evaluation<'_, '_> {
    fn check(&mut self, domain: &str) -> Evaluated<SpfVerdict> {
        let texts = match self.dns.txt(domain, self.observer) {
            Ok(answer) => answer.records,
            Err(DnsError::Failed(why)) => {
                return Err(Stop::Temporary(format!(
                    "cannot find the record of {domain}: {why}"
                )));
            }
            Err(_) => Vec::new(),
        };
        let records = spf_records(&texts);
        let text = match records.as_slice() {
            [] => {
                return Ok(verdict(
                    SpfResult::None,
                    format!("{domain} has no SPF record"),
                ));
            }
            [text] => text,
            all => {
                let why = format!("{domain} has {} SPF records", all.len());
                return Err(Stop::Permanent(why));
            }
        };
        let record = SpfRecord::parse(text).map_err(|why| {
            Stop::Permanent(format!("the record of {domain} is not valid: {why}"))
        })?;
        for term in record.reachable() {
            if self.matches(term, domain)? {
                let why = format!("{} in the record of {domain}", term.text);
                return Ok(verdict(SpfResult::of(term.qualifier), why));
            }
        }
        if let Some(redirect) = &record.redirect {
            return self.redirect(redirect, domain);
        }
        let why = format!("no term of the record of {domain} matches");
        Ok(verdict(SpfResult::Neutral, why))
    }

    fn redirect(&mut self, redirect: &DomainSpec, domain: &str) -> Evaluated<SpfVerdict> {
        self.count()?;
        let target = self.expanded(redirect, domain)?;
        let found = self.check(&target)?;
        if found.result == SpfResult::None {
            let why = format!("redirect={target}: {}", found.why);
            return Err(Stop::Permanent(why));
        }
        Ok(found)
    }

    fn matches(&mut self, term: &Term, domain: &str) -> Evaluated<bool> {
        if term.mechanism.is_lookup() {
            self.count()?;
        }
        match &term.mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, length) => {
                Ok(is_in(self.client.ip, (*network).into(), *length))
            }
            Mechanism::Ip6(network, length) => {
                Ok(is_in(self.client.ip, (*network).into(), *length))
            }
            Mechanism::Include(spec) => self.includes(spec, domain),
            Mechanism::Exists(spec) => {
                let name = self.expanded(spec, domain)?;
                Ok(!self.ask(&name, RecordType::A)?.is_empty())
            }
            Mechanism::A(spec, prefix) => {
                let name = self.target(spec.as_ref(), domain)?;
                self.has_address(&name, *prefix)
            }
            Mechanism::Mx(spec, prefix) => {
                let name = self.target(spec.as_ref(), domain)?;
                self.has_exchanger(&name, *prefix)
            }
            Mechanism::Ptr(spec) => {
                let name = self.target(spec.as_ref(), domain)?;
                let names = self.validated_names()?;
                Ok(names.iter().any(|one| is_below(one, &name)))
            }
        }
    }

    /// RFC 7208 §4.6.4.
    fn count(&mut self) -> Evaluated<()> {
        self.lookups += 1;
        if self.lookups > MAX_LOOKUPS {
            let why = format!("the record needs more than {MAX_LOOKUPS} DNS lookups");
            return Err(Stop::Permanent(why));
        }
        Ok(())
    }

    fn includes(&mut self, spec: &DomainSpec, domain: &str) -> Evaluated<bool> {
        let name = self.expanded(spec, domain)?;
        let found = self.check(&name)?;
        match found.result {
            SpfResult::None => Err(Stop::Permanent(format!("include:{name}: {}", found.why))),
            result => Ok(result == SpfResult::Pass),
        }
    }

    fn has_address(&mut self, name: &str, prefix: Prefix) -> Evaluated<bool> {
        let (kind, length) = match self.client.ip {
            IpAddr::V4(_) => (RecordType::A, prefix.v4),
            IpAddr::V6(_) => (RecordType::Aaaa, prefix.v6),
        };
        let ip = self.client.ip;
        let found = self.ask(name, kind)?;
        Ok(found
            .iter()
            .any(|record| matches!(record, Record::Address(own) if is_in(ip, *own, length))))
    }

    fn has_exchanger(&mut self, name: &str, prefix: Prefix) -> Evaluated<bool> {
        let found = self.ask(name, RecordType::Mx)?;
        let hosts = found.into_iter().filter_map(|record| match record {
            Record::Mx(Mx { host, .. }) => Some(host),
            _ => None,
        });
        let hosts: Vec<String> = hosts.collect();
        if hosts.len() > MAX_NAMES {
            let why = format!("{name} has more than {MAX_NAMES} mail exchangers");
            return Err(Stop::Permanent(why));
        }
        for host in hosts.iter().filter(|host| !host.is_empty()) {
            if self.has_address(host, prefix)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names of the client that its addresses confirm (RFC 7208 §5.5). Errors of the DNS are no match.
    fn validated_names(&mut self) -> Evaluated<Vec<String>> {
        if let Some(known) = &self.validated {
            return Ok(known.clone());
        }
        let names = match self.ask(&reverse_name(self.client.ip), RecordType::Ptr) {
            Err(Stop::Permanent(why)) => return Err(Stop::Permanent(why)),
            Err(Stop::Temporary(_)) => Vec::new(),
            Ok(found) => found,
        };
        let mut validated = Vec::new();
        for record in names.into_iter().take(MAX_NAMES) {
            let Record::Alias(name) = record else {
                continue;
            };
            match self.has_address(&name, Prefix { v4: 32, v6: 128 }) {
                Ok(true) => validated.push(name),
                Ok(false) | Err(Stop::Temporary(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        self.validated = Some(validated.clone());
        Ok(validated)
    }

    fn target(&mut self, spec: Option<&DomainSpec>, domain: &str) -> Evaluated<String> {
        spec.map_or(Ok(domain.to_owned()), |spec| self.expanded(spec, domain))
    }

    fn expanded(&mut self, spec: &DomainSpec, domain: &str) -> Evaluated<String> {
        let validated = if spec.needs_ptr() {
            self.validated_names()?
        } else {
            Vec::new()
        };
        // RFC 7208 §7.3: the domain itself, a name below it, any other.
        let validated = validated
            .iter()
            .find(|name| *name == domain)
            .or_else(|| validated.iter().find(|name| is_below(name, domain)))
            .or_else(|| validated.first());
        let validated = validated.map_or("unknown", String::as_str);
        Ok(spec.expand(self.client, domain, validated))
    }

    /// The records of a name; none for a name without any, which is counted.
    fn ask(&mut self, name: &str, kind: RecordType) -> Evaluated<Vec<Record>> {
        match self.dns.ask_one(name, kind, self.observer) {
            Ok(answer) => Ok(answer.records),
            Err(DnsError::Failed(why)) => Err(Stop::Temporary(format!(
                "cannot find the {} of {name}: {why}",
                kind.name()
            ))),
            Err(_) => {
                self.voids += 1;
                if self.voids > MAX_VOIDS {
                    let why = format!(
                        "more than {MAX_VOIDS} DNS lookups found nothing, the last one for {name}"
                    );
                    return Err(Stop::Permanent(why));
                }
                Ok(Vec::new())
            }
        }
    }
}

/// True if the name is this domain, or below it.
fn is_below(name: &str, domain: &str) -> bool {
    name == domain
        || name
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// True if the address is in a network. An IPv4 address in IPv6 form is not IPv4 (RFC 7208 §5).
fn is_in(ip: IpAddr, network: IpAddr, length: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let shift = 32 - u32::from(length);
            ip.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let shift = 128 - u32::from(length);
            ip.to_bits().checked_shr(shift) == network.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}
