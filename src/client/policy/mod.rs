//! TLS policies: what a connection to a host must meet. They are decided in this folder, for each host on behalf of
//! each recipient domain, and apply to mail exchangers; a relay has what its options demand.
//!
//! - `options.rs`: which policies are looked up.
//! - `dane.rs`: the TLSA records of a host (RFC 7672).
//! - `sts/`: the MTA-STS policy of a recipient domain (RFC 8461).
//!
//! DANE goes first: a host with usable TLSA records must match them, and a failure is not healed by MTA-STS (RFC 8461
//! §2). Without such records, MTA-STS applies. A policy never lowers what the options demand. Where a lookup fails,
//! the host is skipped: an attacker who can stop an answer must not thereby have the message in clear.

mod dane;
mod options;
mod sts;

pub use dane::{TlsaRecords, find_records};
pub use options::{PolicyMode, PolicyOptions};
pub use sts::{
    CacheError, Entry, Failure, FetchedPolicy, Mode, PolicyText, RefreshError, StsCache, StsLookup,
    StsPolicy, StsRecord, StsStatus,
};

use crate::client::dns::Answer;
use crate::client::events::Observer;
use crate::client::route::{Host, MailDomain, Router};
use crate::client::session::TlsDemand;
use crate::client::status::Hint;
use crate::client::wire::tls::{Dane, ServerCheck};
use dane::TlsaStatus;
use std::net::IpAddr;
use std::sync::Arc;

/// Demands on the connections to a host. Connections are kept and TLS sessions are resumed under the same policy
/// only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub tls: TlsDemand,
    pub check: ServerCheck,
    pub source: PolicySource,
}

/// The origin of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// The options of the transport.
    Options,
    /// The TLSA records of this name.
    Dane(String),
    /// The MTA-STS policy of a recipient domain.
    Sts(Arc<StsPolicy>),
}

impl Policy {
    /// The demands of the options of the transport.
    pub fn of_options(tls: TlsDemand) -> Self {
        Self {
            tls,
            check: ServerCheck::Options,
            source: PolicySource::Options,
        }
    }

    /// A policy that requires TLS.
    fn required(options: TlsDemand, check: ServerCheck, source: PolicySource) -> Self {
        let tls = match options {
            TlsDemand::Implicit => TlsDemand::Implicit,
            _ => TlsDemand::Starttls,
        };
        Self { tls, check, source }
    }

    /// True if it is not that of the options.
    pub fn is_of_domain(&self) -> bool {
        self.source != PolicySource::Options
    }

    /// The remedy for a failure.
    pub fn hint(&self) -> Hint {
        match self.source {
            PolicySource::Sts(_) => Hint::MtaSts,
            PolicySource::Options | PolicySource::Dane(_) => Hint::TlsPolicy,
        }
    }

    /// The policy and that it requires something, after "which".
    pub fn requirement(&self) -> String {
        match &self.source {
            PolicySource::Options => "--tls requires".to_owned(),
            PolicySource::Dane(owner) => {
                format!("the TLSA records of {owner} require (DANE, RFC 7672)")
            }
            PolicySource::Sts(sts) => format!("{sts} requires (RFC 8461)"),
        }
    }
}

/// Reason for which a host is not used for a domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFailure {
    /// The TLSA records may exist, and cannot be looked up.
    #[error("cannot find the TLSA records of {owner}: {why}")]
    Lookup { owner: String, why: String },
    /// `--dane require`, and the host cannot be authenticated.
    #[error("{host} cannot be authenticated by DANE, which --dane requires: {why}")]
    NoDane { host: String, why: String },
    #[error("{host} does not match {policy}: {}", .policy.text.patterns.join(", "))]
    NotInSts {
        host: String,
        policy: Arc<StsPolicy>,
    },
    /// `--mta-sts require`, and the domain has no policy that is enforced.
    #[error("{domain} has no MTA-STS policy, which --mta-sts requires: {why}")]
    NoSts {
        domain: String,
        why: String,
        may_pass: bool,
    },
}

impl PolicyFailure {
    /// The remedy.
    pub fn hint(&self) -> Hint {
        match self {
            Self::Lookup { .. } | Self::NoDane { .. } => Hint::TlsPolicy,
            Self::NotInSts { .. } | Self::NoSts { .. } => Hint::MtaSts,
        }
    }

    /// True if a later attempt may succeed without another option.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoDane { .. } => false,
            Self::NoSts { may_pass, .. } => *may_pass,
            Self::Lookup { .. } | Self::NotInSts { .. } => true,
        }
    }
}

/// The options and the router, on which policies depend besides the host and the domain.
#[derive(Clone, Copy)]
pub struct PolicyContext<'a> {
    pub options: &'a PolicyOptions,
    /// The demand of the options of the transport.
    pub tls: TlsDemand,
    pub router: &'a Router<'a>,
    pub sts: &'a StsLookup<'a>,
}

impl PolicyContext<'_> {
    /// True if the policy of a host depends on its addresses in the DNS.
    pub fn needs_addresses(&self) -> bool {
        self.options.dane != PolicyMode::Off && !self.router.has_relay()
    }

    /// The policies of a host. `addresses` is what the DNS has for it, if it is a name and
    /// [`Self::needs_addresses`].
    pub fn of_host<'h>(
        &'h self,
        (host, port): (&'h Host, u16),
        addresses: Option<&Answer<IpAddr>>,
        observer: &mut dyn Observer,
    ) -> HostPolicies<'h> {
        let tlsa = match (self.needs_addresses(), host, addresses) {
            (false, ..) => TlsaStatus::Off,
            (true, Host::Exchanger(name), Some(addresses)) => match self.router.dns() {
                Ok(dns) => dane::look_up(dns, (name, port), addresses, observer),
                Err(why) => TlsaStatus::Missing(why),
            },
            (true, ..) => TlsaStatus::Missing("it has no name in the DNS".to_owned()),
        };
        HostPolicies {
            host,
            port,
            tls: self.tls,
            options: self.options,
            tlsa,
        }
    }

    /// The MTA-STS policy of a recipient domain. `None`: it is not looked up.
    pub fn of_domain(
        &self,
        (name, answer): (&str, &MailDomain),
        observer: &mut dyn Observer,
    ) -> Option<StsStatus> {
        let texts = answer.sts.as_ref()?;
        if self.options.sts == PolicyMode::Off {
            return None;
        }
        Some(
            self.sts
                .find(name, &StsRecord::of(texts), self.router, observer),
        )
    }
}

/// A recipient domain, as a policy depends on it.
#[derive(Clone, Copy)]
pub struct RecipientDomain<'a> {
    pub name: &'a str,
    pub answer: &'a MailDomain,
    /// Its MTA-STS policy; `None`: it was not looked up.
    pub sts: Option<&'a StsStatus>,
}

/// True if the domain has a policy whose failures are to be noted.
fn is_in_testing(domain: Option<RecipientDomain<'_>>) -> bool {
    let status = domain.and_then(|domain| domain.sts);
    matches!(status, Some(StsStatus::Policy(policy)) if policy.text.mode == Mode::Testing)
}

/// The policies of one host for all recipient domains.
pub struct HostPolicies<'h> {
    host: &'h Host,
    port: u16,
    tls: TlsDemand,
    options: &'h PolicyOptions,
    tlsa: TlsaStatus,
}

impl HostPolicies<'_> {
    /// The policy for this domain; `None`: the recipients are at an address, or the host is a relay.
    pub fn for_domain(&self, domain: Option<RecipientDomain<'_>>) -> Result<Policy, PolicyFailure> {
        let sts = self.sts_of(domain)?;
        match &self.tlsa {
            TlsaStatus::Failed { owner, why } => {
                return Err(PolicyFailure::Lookup {
                    owner: owner.clone(),
                    why: why.clone(),
                });
            }
            TlsaStatus::Usable(dane) => return self.by_dane(dane, domain),
            TlsaStatus::Missing(why) if self.options.dane == PolicyMode::Require => {
                return Err(self.no_dane(why.clone()));
            }
            TlsaStatus::Unusable(owner) if self.options.dane == PolicyMode::Require => {
                let why = format!("none of the TLSA records of {owner} has usage 2 or 3");
                return Err(self.no_dane(why));
            }
            _ => {}
        }
        if let Some(sts) = sts {
            return self.by_sts(sts);
        }
        Ok(match &self.tlsa {
            // RFC 7672 §2.2: TLS is mandatory, and the server is not authenticated.
            TlsaStatus::Unusable(owner) => {
                let source = PolicySource::Dane(owner.clone());
                Policy::required(self.tls, ServerCheck::Options, source)
            }
            _ if self.tls == TlsDemand::Opportunistic && is_in_testing(domain) => Policy {
                check: ServerCheck::HostReported,
                ..Policy::of_options(self.tls)
            },
            _ => Policy::of_options(self.tls),
        })
    }

    fn by_dane(
        &self,
        dane: &Dane,
        domain: Option<RecipientDomain<'_>>,
    ) -> Result<Policy, PolicyFailure> {
        let is_mx_secure = domain.is_none_or(|domain| domain.answer.is_secure);
        if !is_mx_secure && self.options.dane == PolicyMode::Require {
            let name = domain.map_or("", |domain| domain.name);
            return Err(self.no_dane(format!("the MX records of {name} are not signed (DNSSEC)")));
        }
        let mut dane = Dane {
            is_mx_secure,
            ..dane.clone()
        };
        if dane.records.iter().any(|record| record.usage == 2) {
            let mut add = |name: &str| {
                if !dane
                    .names
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(name))
                {
                    dane.names.push(name.to_owned());
                }
            };
            add(&self.host.name());
            // RFC 7672 §3.2.3: the next-hop domain, and what it is an alias of.
            if let Some(domain) = domain.filter(|domain| domain.answer.has_mx) {
                add(domain.name);
                add(&domain.answer.expanded);
            }
        }
        let source = PolicySource::Dane(dane.owner());
        let check = ServerCheck::Dane(Arc::new(dane));
        Ok(Policy::required(self.tls, check, source))
    }

    /// The policy that is enforced for this domain.
    fn sts_of<'d>(
        &self,
        domain: Option<RecipientDomain<'d>>,
    ) -> Result<Option<&'d Arc<StsPolicy>>, PolicyFailure> {
        let (why, may_pass) = match domain.and_then(|domain| domain.sts) {
            Some(StsStatus::Policy(policy)) if policy.text.mode == Mode::Enforce => {
                return Ok(Some(policy));
            }
            Some(StsStatus::Policy(policy)) => (format!("{policy} is in mode testing"), false),
            Some(StsStatus::None { why, may_pass }) => (why.clone(), *may_pass),
            None => ("the recipient has no domain".to_owned(), false),
        };
        if self.options.sts != PolicyMode::Require {
            return Ok(None);
        }
        Err(PolicyFailure::NoSts {
            domain: domain.map_or("", |domain| domain.name).to_owned(),
            why,
            may_pass,
        })
    }

    fn by_sts(&self, sts: &Arc<StsPolicy>) -> Result<Policy, PolicyFailure> {
        let host = self.host.name();
        if !sts.allows(&host) {
            return Err(PolicyFailure::NotInSts {
                host,
                policy: sts.clone(),
            });
        }
        let source = PolicySource::Sts(sts.clone());
        Ok(Policy::required(self.tls, ServerCheck::Host, source))
    }

    fn no_dane(&self, why: String) -> PolicyFailure {
        PolicyFailure::NoDane {
            host: match self.port {
                25 => self.host.to_string(),
                port => format!("{}:{port}", self.host),
            },
            why,
        }
    }
}
