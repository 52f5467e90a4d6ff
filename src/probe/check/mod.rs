//! Checks a domain: what its DNS records and its servers say, as findings. Nothing is sent.
//!
//! - `facts.rs`: the answers of the DNS and of the servers; `collect.rs` asks for them.
//! - `jobs.rs`: threads with one deadline.
//! - `mx.rs`, `tls.rs`, `dane.rs`, `sts.rs`, `spf.rs`, `dkim.rs`, `dmarc.rs`, `names.rs`: the findings of the groups.
//! - `parked.rs`: the findings about a domain without mail.
//! - `expect.rs`: expectations of a monitor.
//!
//! A server or resolver that does not answer is a finding of unknown status in its group, and says nothing about
//! others.

mod collect;
mod dane;
mod dkim;
mod dmarc;
mod expect;
mod facts;
mod jobs;
mod mx;
mod names;
mod parked;
mod spf;
mod sts;
mod tls;

pub use expect::DomainExpectation;
pub use mx::is_public;

use crate::client::events::Observer;
use crate::client::route::RouteOptions;
use crate::client::wire::tls::TlsOptions;
use crate::probe::{ExpectationResult, Finding, worst};
use crate::system::exit::Health;
use collect::collect;
use facts::Facts;
use std::net::IpAddr;
use std::time::Duration;

/// Maximum length of the text of a finding, in characters.
const MAX_TEXT: usize = 1000;

/// A subject of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Mx,
    Tls,
    Dnssec,
    Dane,
    Sts,
    Tlsrpt,
    Spf,
    Dkim,
    Dmarc,
    Bimi,
    Ptr,
    Dnsbl,
}

impl Group {
    /// All groups, in the order of the report.
    pub const ALL: [Self; 12] = [
        Self::Mx,
        Self::Tls,
        Self::Dnssec,
        Self::Dane,
        Self::Sts,
        Self::Tlsrpt,
        Self::Spf,
        Self::Dkim,
        Self::Dmarc,
        Self::Bimi,
        Self::Ptr,
        Self::Dnsbl,
    ];

    /// The name in options and identifiers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Tls => "tls",
            Self::Dnssec => "dnssec",
            Self::Dane => "dane",
            Self::Sts => "sts",
            Self::Tlsrpt => "tlsrpt",
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dmarc => "dmarc",
            Self::Bimi => "bimi",
            Self::Ptr => "ptr",
            Self::Dnsbl => "dnsbl",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|group| name.eq_ignore_ascii_case(group.name()))
    }

    /// True if the exchangers and their addresses are needed.
    fn needs_exchangers(self) -> bool {
        self.needs_sessions() || matches!(self, Self::Dnssec | Self::Ptr | Self::Dnsbl)
    }

    /// True if sessions with the exchangers are needed.
    fn needs_sessions(self) -> bool {
        matches!(self, Self::Mx | Self::Tls | Self::Dane | Self::Sts)
    }
}

#[derive(Clone, Debug)]
pub struct CheckOptions {
    pub groups: Vec<Group>,
    /// Selectors of DKIM keys, in lower case.
    pub selectors: Vec<String>,
    /// A client that sends mail of the domain. `None`: no SPF result is looked for.
    pub client: Option<IpAddr>,
    /// The name of the client in EHLO; `None`: the domain.
    pub helo: Option<String>,
    /// DNS block lists.
    pub lists: Vec<String>,
    /// True: the domain has no mail, and the groups are not used.
    pub is_parked: bool,
    pub route: RouteOptions,
    pub tls: TlsOptions,
    /// The name in EHLO of the sessions. `None`: that of this host.
    pub own_name: Option<String>,
    /// Time limit of a check.
    pub limit: Duration,
    /// True: one conversation after the other, for an observer that shows them.
    pub is_serial: bool,
}

impl CheckOptions {
    fn has(&self, group: Group) -> bool {
        !self.is_parked && self.groups.contains(&group)
    }

    fn needs_exchangers(&self) -> bool {
        !self.is_parked && self.groups.iter().any(|group| group.needs_exchangers())
    }

    fn needs_sessions(&self) -> bool {
        !self.is_parked && self.groups.iter().any(|group| group.needs_sessions())
    }
}

/// The findings about a domain.
#[derive(Debug)]
pub struct DomainReport {
    pub domain: String,
    /// In the order of the groups; in each group the worst first.
    pub findings: Vec<Finding>,
    pub expected: Vec<ExpectationResult>,
}

impl DomainReport {
    pub fn health(&self) -> Health {
        let known = worst(&self.findings);
        let has_unknown = self
            .findings
            .iter()
            .any(|finding| finding.status.health() == Health::Unknown);
        match known {
            Health::Ok if has_unknown => Health::Unknown,
            known => known,
        }
    }
}

/// Checks a domain, which is in A-labels.
pub fn check(
    options: &CheckOptions,
    domain: &str,
    expected: &[DomainExpectation],
    observer: &mut dyn Observer,
) -> DomainReport {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let facts = match collect(options, &domain, observer) {
        Ok(facts) => facts,
        Err(why) => {
            return DomainReport {
                domain,
                findings: vec![Finding::unknown("mx.unanswered", why)],
                expected: Vec::new(),
            };
        }
    };
    let findings = findings(options, &facts);
    DomainReport {
        expected: expected
            .iter()
            .map(|one| one.check(&facts, &findings))
            .collect(),
        findings,
        domain,
    }
}

/// The finding with a text of limited length, because it may have a whole record.
fn bounded(mut finding: Finding) -> Finding {
    if let Some((end, _)) = finding.text.char_indices().nth(MAX_TEXT) {
        let length = finding.text.len();
        finding.text.truncate(end);
        finding.text.push_str(&format!("... ({length} octets)"));
    }
    finding
}

fn findings(options: &CheckOptions, facts: &Facts) -> Vec<Finding> {
    if options.is_parked {
        return parked::findings(facts).into_iter().map(bounded).collect();
    }
    let groups = Group::ALL.into_iter().filter(|group| options.has(*group));
    groups
        .flat_map(|group| {
            let findings = of_group(group, options, facts).into_iter();
            let mut findings: Vec<Finding> = findings.map(bounded).collect();
            findings.sort_by_key(|finding| std::cmp::Reverse(finding.status));
            findings
        })
        .collect()
}

fn of_group(group: Group, options: &CheckOptions, facts: &Facts) -> Vec<Finding> {
    match group {
        Group::Mx => mx::findings(facts, options.route.port),
        Group::Tls => tls::findings(facts),
        Group::Dnssec => dane::dnssec(facts),
        Group::Dane => dane::findings(facts, options.route.port),
        Group::Sts => sts::findings(facts),
        Group::Tlsrpt => sts::tlsrpt(facts),
        Group::Spf => spf::findings(facts, options.client),
        Group::Dkim => dkim::findings(facts),
        Group::Dmarc => dmarc::findings(facts),
        Group::Bimi => names::bimi(facts),
        Group::Ptr => names::ptr(facts, options.client),
        Group::Dnsbl => names::dnsbl(facts),
    }
}
