//! Expected properties of a domain, for monitoring.

use crate::probe::check::Group;
use crate::probe::check::dmarc::applied;
use crate::probe::check::facts::{Exchanger, Facts};
use crate::probe::dmarc::Disposition;
use crate::probe::{ExpectationResult, Finding, ProbeResult, Status, TlsReport};

/// One expectation, as in `dmarc:reject`, `dkim=s2026` or `cert-days:14`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainExpectation {
    /// As it was written.
    pub text: String,
    what: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// The group has a finding that is ok, and none that is worse than a note.
    Group(Group),
    /// A DMARC policy that is at least as strict.
    Dmarc(Disposition),
    Selector(String),
    StsMode(String),
    /// TLS of this version at least, at each address.
    Tls(&'static str),
    /// Certificates that are valid for at least this number of days.
    Days(i64),
}

impl DomainExpectation {
    /// Parses an expectation.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, value) = match text.split_once([':', '=']) {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text, None),
        };
        let what = match (name.to_ascii_lowercase().as_str(), value) {
            ("dmarc", Some(policy)) => Expected::Dmarc(
                Disposition::named(policy)
                    .ok_or("expected dmarc:none, dmarc:quarantine or dmarc:reject")?,
            ),
            ("dkim", Some(selector)) if !selector.is_empty() => {
                Expected::Selector(selector.to_ascii_lowercase())
            }
            ("sts", Some(mode @ ("enforce" | "testing"))) => Expected::StsMode(mode.to_owned()),
            ("sts", Some(_)) => return Err("expected sts:enforce or sts:testing".to_owned()),
            ("tls", Some("1.2")) => Expected::Tls("TLSv1.2"),
            ("tls", Some("1.3")) => Expected::Tls("TLSv1.3"),
            ("tls", Some(_)) => return Err("expected tls, tls:1.2 or tls:1.3".to_owned()),
            ("cert-days", value) => {
                let days = value.and_then(|days| days.parse().ok());
                Expected::Days(days.ok_or("expected a number of days, as in cert-days:14")?)
            }
            (name, None) => Expected::Group(Group::named(name).ok_or_else(names)?),
            _ => return Err(names()),
        };
        Ok(Self {
            text: text.to_owned(),
            what,
        })
    }

    /// The selector whose key is expected.
    pub fn selector(&self) -> Option<&str> {
        match &self.what {
            Expected::Selector(selector) => Some(selector),
            _ => None,
        }
    }

    /// The group that has to be checked.
    pub fn group(&self) -> Group {
        match self.what {
            Expected::Group(group) => group,
            Expected::Dmarc(_) => Group::Dmarc,
            Expected::Selector(_) => Group::Dkim,
            Expected::StsMode(_) => Group::Sts,
            Expected::Tls(_) | Expected::Days(_) => Group::Tls,
        }
    }

    /// Compares a domain with the expectation. What is found is `unknown` if there was no answer.
    pub fn check(&self, facts: &Facts, findings: &[Finding]) -> ExpectationResult {
        let group = self.group();
        let own = findings
            .iter()
            .filter(|finding| finding.id.group() == group.name());
        let own: Vec<&Finding> = own.collect();
        let (met, found) = match &self.what {
            Expected::Group(_) => is_good(&own),
            Expected::Dmarc(least) => {
                let policy = applied(facts);
                let met = policy.is_some_and(|policy| policy >= *least);
                (
                    met,
                    policy.map_or("no policy", Disposition::name).to_owned(),
                )
            }
            Expected::Selector(selector) => {
                let owner = format!("{selector}._domainkey.");
                let of_selector = own
                    .iter()
                    .copied()
                    .filter(|finding| finding.text.contains(&owner));
                is_good(&of_selector.collect::<Vec<_>>())
            }
            Expected::StsMode(mode) => {
                let found = facts
                    .sts_policy
                    .as_ref()
                    .and_then(|policy| policy.as_ref().ok());
                let found = found.map(|policy| policy.mode.name());
                let met = found == Some(mode) || found == Some("enforce");
                (
                    met && (mode == "testing" || is_good(&own).0),
                    found.unwrap_or("no policy").to_owned(),
                )
            }
            Expected::Tls(least) => all_tls(facts, |tls| {
                let version = tls.version.as_deref();
                (
                    version.is_some_and(|version| version >= *least),
                    version.unwrap_or("no TLS").to_owned(),
                )
            }),
            Expected::Days(least) => all_tls(facts, |tls| match tls.days_left() {
                Some(days) => (days >= *least, format!("{days} days left")),
                None => (false, "no certificate".to_owned()),
            }),
        };
        let is_unknown = !met && own.iter().any(|finding| finding.status == Status::Unknown);
        ExpectationResult {
            text: self.text.clone(),
            met,
            found: if is_unknown {
                "unknown".to_owned()
            } else {
                found
            },
        }
    }
}

fn names() -> String {
    let names = Group::ALL.map(Group::name).join(", ");
    format!(
        "expected one of {names}, dmarc:reject, dkim=SELECTOR, sts:enforce, tls:1.2 or cert-days:14"
    )
}

/// With the reason if the findings are not good.
fn is_good(findings: &[&Finding]) -> (bool, String) {
    let worst = findings.iter().max_by_key(|finding| finding.status);
    match worst {
        None => (false, "not checked".to_owned()),
        Some(worst) if worst.status > Status::Note => (false, worst.text.clone()),
        Some(worst) => {
            let ok = findings.iter().find(|finding| finding.status == Status::Ok);
            (ok.is_some(), ok.unwrap_or(worst).text.clone())
        }
    }
}

/// True if the test is met at each address that answers, of which there must be one; with the first that is not.
fn all_tls(facts: &Facts, test: impl Fn(&TlsReport) -> (bool, String)) -> (bool, String) {
    let probes = facts.exchangers.iter().flat_map(Exchanger::answered);
    let of_one = |(_, probe): (_, &ProbeResult)| match &probe.tls {
        Some(tls) => test(tls),
        None => (false, "no TLS".to_owned()),
    };
    let mut results: Vec<(bool, String)> = probes.map(of_one).collect();
    let failed = results.iter().position(|(met, _)| !met);
    match (failed, results.is_empty()) {
        (_, true) => (false, "unknown".to_owned()),
        (at, false) => results.swap_remove(at.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_name_groups_and_values() {
        for text in [
            "mx",
            "DNSSEC",
            "dane",
            "sts",
            "sts:enforce",
            "tlsrpt",
            "spf",
            "dkim",
            "dkim=s2026",
            "dmarc",
            "dmarc:reject",
            "dmarc:Quarantine",
            "tls",
            "tls:1.2",
            "tls:1.3",
            "cert-days:14",
            "bimi",
            "ptr",
            "dnsbl",
        ] {
            assert!(DomainExpectation::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "x",
            "dmarc:x",
            "dkim=",
            "sts:none",
            "tls:1.1",
            "cert-days",
            "cert-days:x",
            "spf:pass",
        ] {
            assert!(DomainExpectation::parse(text).is_err(), "{text}");
        }
    }
}
