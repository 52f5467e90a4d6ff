//! Policies during a delivery: recipients by policy, and results of hosts that do not meet one.

use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, RecipientResult, Sentence};
use crate::client::policy::{
    HostPolicies, Mode, Policy, PolicyContext, PolicyFailure, PolicySource, RecipientDomain,
    StsStatus,
};
use crate::client::route::{Destination, Host};
use crate::client::session::{RecipientReply, Unmet};
use crate::client::status::RecipientStatus;
use crate::mail::address::{Address, Domain};
use crate::mail::envelope::RecipientIndex;
use std::collections::BTreeMap;

/// RFC 3463: a cryptographic failure, as Postfix reports it.
const TEMPORARY: &str = "4.7.5";

/// The MTA-STS policies of the domains of a destination.
pub type DomainPolicies = BTreeMap<String, StsStatus>;

/// The recipients under one policy, or those for which a host is not used.
pub type PolicyGroup = (Result<Policy, PolicyFailure>, Vec<RecipientIndex>);

/// Looks up the policies of the domains of a destination.
pub fn of_domains(
    context: &PolicyContext<'_>,
    destination: &Destination,
    observer: &mut dyn Observer,
) -> DomainPolicies {
    let domains = destination.domains.iter();
    let found = domains.filter_map(|(domain, answer)| {
        let status = context.of_domain((domain, answer), observer)?;
        Some((domain.clone(), status))
    });
    let found: DomainPolicies = found.collect();
    for status in found.values() {
        note_testing(status, destination, observer);
    }
    found
}

/// Notes the hosts that a policy in mode `testing` would exclude.
fn note_testing(status: &StsStatus, destination: &Destination, observer: &mut dyn Observer) {
    let StsStatus::Policy(policy) = status else {
        return;
    };
    if policy.text.mode != Mode::Testing {
        return;
    }
    for host in destination.hosts.iter().map(Host::name) {
        if !policy.allows(&host) {
            let note = format!("{host} does not match {policy}, which is in mode testing");
            observer.on_event(Event::Note(&note));
        }
    }
}

/// Recipients of a destination, and the policies of their domains.
pub struct Recipients<'a> {
    pub all: &'a [Address],
    /// Indices into `all`.
    pub pending: &'a [RecipientIndex],
    pub destination: &'a Destination,
    pub domains: &'a DomainPolicies,
}

impl Recipients<'_> {
    /// Divides the recipients by the policy that a host must meet for them.
    pub fn by_policy(&self, policies: &HostPolicies<'_>) -> Vec<PolicyGroup> {
        let mut groups: Vec<PolicyGroup> = Vec::new();
        for &recipient in self.pending {
            let name = domain_of(&self.all[recipient]);
            let known = name.and_then(|name| self.destination.domains.get_key_value(&name));
            let policy = policies.for_domain(known.map(|(name, answer)| RecipientDomain {
                name,
                answer,
                sts: self.domains.get(name),
            }));
            match groups.iter_mut().find(|(one, _)| *one == policy) {
                Some((_, recipients)) => recipients.push(recipient),
                None => groups.push((policy, vec![recipient])),
            }
        }
        groups
    }
}

/// The domain of a recipient in lower case, if it is a name.
fn domain_of(recipient: &Address) -> Option<String> {
    match recipient.domain() {
        Domain::Name(name) => Some(name.to_ascii_lowercase()),
        Domain::Literal(_) | Domain::Absent => None,
    }
}

/// The result of a session under a policy of the recipient's domain. A server that does not meet it today may meet it
/// tomorrow (RFC 7672 §2.2, RFC 8461 §5), whereas one that does not meet the options never will.
pub fn under_policy(
    result: RecipientResult,
    policy: &Policy,
    answer: Option<&RecipientReply>,
) -> RecipientResult {
    let is_about_tls = match answer {
        Some(RecipientReply::Unmet(unmet)) => {
            matches!(unmet, Unmet::NoStarttls | Unmet::StarttlsRefused(_))
        }
        Some(_) => false,
        None => result.cause == Cause::Policy,
    };
    if !policy.is_of_domain() || !is_about_tls {
        return result;
    }
    let server = result.server.as_ref().map(ToString::to_string);
    let sentence = match answer {
        Some(RecipientReply::Unmet(Unmet::NoStarttls)) => Sentence::Whole(format!(
            "{} does not offer STARTTLS, which {}; <{}> did not receive the message",
            server.unwrap_or_default(),
            policy.requirement(),
            result.recipient
        )),
        _ => match &policy.source {
            PolicySource::Sts(sts) => Sentence::Whole(format!(
                "{}; {sts} requires TLS with a valid certificate (RFC 8461)",
                result.sentence()
            )),
            // The error names the TLSA records.
            _ => result.sentence.clone(),
        },
    };
    RecipientResult {
        verdict: RecipientStatus::Deferred,
        cause: Cause::Network,
        enhanced: Some(TEMPORARY.to_owned()),
        hint: Some(policy.hint()),
        sentence,
        ..result
    }
}
