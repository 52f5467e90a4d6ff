//! What the DNS and the servers of a domain answered.

use crate::client::dns::{Answer, DnsError, Mx, Record, Tlsa};
use crate::client::policy::PolicyText;
use crate::probe::ProbeResult;
use crate::probe::dmarc::DmarcWalk;
use crate::probe::spf::{SpfTree, SpfVerdict};
use std::net::IpAddr;

pub type Texts = Result<Answer<Vec<u8>>, DnsError>;

/// All answers. What was not asked for is empty or `None`.
#[derive(Debug)]
pub struct Facts {
    /// In A-labels and lower case.
    pub domain: String,
    pub mx: Result<Answer<Mx>, DnsError>,
    pub exchangers: Vec<Exchanger>,
    /// True if there are more exchangers than are looked at.
    pub has_more_exchangers: bool,
    pub dmarc: DmarcWalk,
    /// Records that allow reports to another domain: its name and the answer.
    pub report_domains: Vec<(String, Texts)>,
    pub sts: Texts,
    /// The policy, or the error. `None`: not fetched.
    pub sts_policy: Option<Result<PolicyText, String>>,
    pub tlsrpt: Texts,
    pub bimi: Texts,
    /// Selectors and the records of their keys.
    pub selectors: Vec<(String, Texts)>,
    /// The answer for `_domainkey`, which tells if there are names below it.
    pub domainkey: Texts,
    /// `None`: not finished in time.
    pub spf: Option<SpfTree>,
    /// The result for the client that the options name.
    pub spf_verdict: Option<SpfVerdict>,
    /// Addresses that are looked up in reverse.
    pub addresses: Vec<AddressFacts>,
    /// `None`: the resolver validates, or may do so; else the resolver.
    pub untrusted_resolver: Option<String>,
}

/// A server that accepts mail for the domain.
#[derive(Debug)]
pub struct Exchanger {
    /// Without a dot at the end, in lower case.
    pub name: String,
    pub preference: u16,
    /// IPv6 first.
    pub addresses: Result<Answer<IpAddr>, DnsError>,
    /// The name that has TLSA records, or would have them.
    pub tlsa_base: String,
    pub tlsa: Result<Answer<Tlsa>, DnsError>,
    pub sessions: Vec<Session>,
}

impl Exchanger {
    /// True if its name is an alias.
    pub fn is_alias(&self) -> bool {
        self.addresses
            .as_ref()
            .is_ok_and(|answer| answer.owner != self.name)
    }

    pub fn ips(&self) -> &[IpAddr] {
        self.addresses
            .as_ref()
            .map_or(&[], |answer| &answer.records)
    }

    /// Sessions that got as far as a greeting.
    pub fn answered(&self) -> impl Iterator<Item = (&Session, &ProbeResult)> {
        self.sessions
            .iter()
            .filter_map(|session| Some((session, session.answered()?)))
    }
}

/// A session with an address of an exchanger.
#[derive(Debug)]
pub struct Session {
    pub ip: IpAddr,
    /// `None`: not finished in time.
    pub probe: Option<Box<ProbeResult>>,
}

impl Session {
    /// The result, if the server has greeted.
    pub fn answered(&self) -> Option<&ProbeResult> {
        self.probe
            .as_deref()
            .filter(|probe| !probe.banner.is_empty())
    }
}

/// An address, and what is known about its name.
#[derive(Debug)]
pub struct AddressFacts {
    pub ip: IpAddr,
    /// The owner of the address, for texts.
    pub host: String,
    /// Names of the address.
    pub names: Result<Answer<String>, DnsError>,
    /// Those of them that have the address.
    pub confirmed: Vec<String>,
    /// The lists that were asked, and their answers.
    pub lists: Vec<(String, Result<Answer<IpAddr>, DnsError>)>,
}

/// The texts of TXT records.
pub fn texts(answer: Result<Answer, DnsError>) -> Texts {
    Ok(answer?.of(|record| match record {
        Record::Txt(text) => Some(text),
        _ => None,
    }))
}

/// The texts that begin with a version, without the other records of the name. Not more than one may be there.
pub fn of_version(texts: &[Vec<u8>], version: &str) -> Vec<String> {
    let texts = texts
        .iter()
        .map(|text| String::from_utf8_lossy(text).into_owned());
    let is_it = |text: &String| {
        let first = text.split(';').next().unwrap_or_default();
        let (name, value) = first.split_once('=').unwrap_or_default();
        name.trim() == "v" && value.trim() == version
    };
    texts.filter(is_it).collect()
}
