//! Delivery to one destination over one transport: hosts, addresses, connections and sessions.

mod attempt;
mod host_state;
mod results;

use crate::client::deliver::Outgoing;
use crate::client::deliver::policies::{self, PolicyGroup, Recipients};
use crate::client::deliver::pool::IdleConnections;
use crate::client::dns::Answer;
use crate::client::events::{Event, Observer};
use crate::client::outcome::RecipientResult;
use crate::client::policy::Policy;
use crate::client::route::{Destination, Host, RouteError};
use crate::client::tls_report::SessionEnds;
use crate::client::transport::OpenTransport;
use crate::mail::envelope::RecipientIndex;
use crate::mail::message::is_tls_waived;
use crate::smtp::extension::Extension;
use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

/// The addresses of a host in the DNS.
type LookUp = Result<Answer<IpAddr>, RouteError>;

/// A message, while it is delivered over one transport.
pub struct Delivery<'a, 'r> {
    pub outgoing: &'a Outgoing<'a>,
    pub transport: &'a OpenTransport<'a>,
    /// Sessions that are kept open; `None`: none are.
    pub idle: Option<&'a IdleConnections<'a>>,
    pub observer: &'r mut dyn Observer,
    /// For each recipient of the envelope.
    pub results: &'r mut [RecipientResult],
    /// True if the message has the field `TLS-Required: No`; read when it matters.
    pub is_tls_waived: OnceCell<bool>,
}

impl Delivery<'_, '_> {
    /// Tries one host after the other until every recipient has a permanent result. At each host, the recipients are
    /// divided by the policies of their domains.
    pub fn to(&mut self, destination: &Destination, recipients: &[RecipientIndex]) {
        let domains = policies::of_domains(&self.transport.policies(), destination, self.observer);
        let mut pending = recipients.to_vec();
        let mut tried = false;
        for host in &destination.hosts {
            if self.observer.is_closed() {
                self.output_failed(&pending);
                return;
            }
            let found = self.look_up(host);
            let mut open = Vec::new();
            let mut is_last = false;
            let recipients = Recipients {
                all: &self.outgoing.envelope.recipients,
                pending: &pending,
                destination,
                domains: &domains,
            };
            for (policy, recipients) in self.by_policy(host, found.as_ref(), &recipients) {
                let policy = match policy {
                    Ok(policy) => policy,
                    Err(failure) => {
                        tried = true;
                        self.not_allowed(host, &recipients, &failure);
                        open.extend(recipients);
                        continue;
                    }
                };
                let current = CurrentHost {
                    host,
                    port: destination.port,
                    policy,
                    shut: None,
                    answered: false,
                };
                let left = self.at_host(current, found.as_ref(), recipients, &mut tried);
                is_last |= left.is_last;
                open.extend(left.open);
            }
            pending = open;
            if pending.is_empty() || is_last {
                return;
            }
        }
    }

    /// The addresses of a host, if its policy depends on them.
    fn look_up(&mut self, host: &Host) -> Option<LookUp> {
        let Host::Exchanger(name) = host else {
            return None;
        };
        let transport = self.transport;
        let is_needed = transport.policies().needs_addresses();
        let found = is_needed.then(|| transport.router.exchanger_addresses(name, self.observer));
        // A proxy may resolve names that the DNS does not have here. They have no TLSA records, either.
        let is_proxied = transport.router.proxy().is_some();
        found.filter(|found| {
            !is_proxied || found.as_ref().map_or_else(RouteError::may_pass, |_| true)
        })
    }

    /// The recipients by the policy that a host must meet for them.
    fn by_policy(
        &mut self,
        host: &Host,
        found: Option<&LookUp>,
        recipients: &Recipients<'_>,
    ) -> Vec<PolicyGroup> {
        let context = self.transport.policies();
        let addresses = match found {
            // There will be no connection.
            Some(Err(_)) => {
                let policy = Policy::of_options(context.tls);
                return vec![(Ok(policy), recipients.pending.to_vec())];
            }
            Some(Ok(addresses)) => Some(addresses),
            None => None,
        };
        let target = (host, recipients.destination.port);
        let groups = recipients.by_policy(&context.of_host(target, addresses, self.observer));
        let is_options = |(policy, _): &PolicyGroup| {
            let policy = policy.as_ref();
            policy.is_ok_and(|policy| !policy.is_of_domain())
        };
        if groups.iter().all(is_options) || !self.waives_tls() {
            return groups;
        }
        let note = format!("TLS-Required: No in the message; the TLS policy for {host} is ignored");
        self.observer.on_event(Event::Note(&note));
        let policy = Policy::of_options(context.tls);
        vec![(Ok(policy), recipients.pending.to_vec())]
    }

    /// True if the message waives the policies of domains (RFC 8689 §3). An option that demands TLS takes precedence
    /// (§4.1).
    fn waives_tls(&self) -> bool {
        let transport = self.transport;
        let mut requests = transport.session.requests.iter();
        let is_demanded = transport.policy.is_required()
            || requests.any(|request| request.extension == Extension::RequireTls);
        !is_demanded
            && *self
                .is_tls_waived
                .get_or_init(|| is_tls_waived(self.outgoing.message))
    }

    /// A session with a host for the report about TLS, without the addresses.
    fn session_ends(&self, host: &Host, recipients: &[RecipientIndex]) -> SessionEnds {
        let all = &self.outgoing.envelope.recipients;
        let domains = recipients
            .iter()
            .map(|&recipient| all[recipient].domain().to_string());
        let domains: BTreeSet<String> = domains.collect();
        SessionEnds {
            domains: domains.into_iter().collect(),
            host: host.name(),
            receiving: None,
            sending: None,
        }
    }

    /// Tries the addresses of a host one after the other. `found` is what the DNS has for it, if that was looked up.
    fn at_host(
        &mut self,
        mut current: CurrentHost<'_>,
        found: Option<&LookUp>,
        pending: Vec<RecipientIndex>,
        tried: &mut bool,
    ) -> HostEnd {
        if let Some(open) = self.use_idle(&mut current, &pending) {
            *tried = true;
            return HostEnd::open(open);
        }
        if let Some(why) = self.down(&current) {
            self.not_tried(&pending, current.host, &why);
            *tried = true;
            return HostEnd::open(pending);
        }
        let (router, port) = (&self.transport.router, current.port);
        let peers = match found {
            None => router.addresses(current.host, port, self.observer),
            Some(Ok(found)) => {
                router.exchanger_addresses_of((current.host, port), found, self.observer)
            }
            Some(Err(error)) => Err(error.clone()),
        };
        let mut peers = match peers {
            Ok(peers) => VecDeque::from(peers),
            Err(error) => {
                self.no_address(&pending, &error, *tried);
                return HostEnd {
                    open: pending,
                    // RFC 5321 §5.1: no host with a better preference is left.
                    is_last: matches!(error, RouteError::Loop(_)),
                };
            }
        };
        *tried = true;
        let names: Vec<String> = self.names(&pending);
        self.observer.on_event(Event::Host {
            name: &current.host.to_string(),
            port: current.port(),
            recipients: &names,
        });
        let mut pending = pending;
        while let Some(peer) = peers.pop_front() {
            pending = self.at(&mut current, peer, &mut peers, pending);
            if pending.is_empty() {
                break;
            }
        }
        self.remember(&current);
        HostEnd::open(pending)
    }
}

/// Recipients that a session leaves open.
#[derive(Default)]
struct SessionSettlement {
    /// Another host may accept them.
    open: Vec<RecipientIndex>,
    /// The session succeeded and had no transaction for them: another one with the same host may.
    left: Vec<RecipientIndex>,
}

/// The recipients that a host leaves to the next one.
struct HostEnd {
    open: Vec<RecipientIndex>,
    /// True if the hosts after it must not be tried.
    is_last: bool,
}

impl HostEnd {
    fn open(open: Vec<RecipientIndex>) -> Self {
        Self {
            open,
            is_last: false,
        }
    }
}

/// A host while its addresses are tried.
struct CurrentHost<'a> {
    host: &'a Host,
    port: u16,
    /// The policy for the recipients.
    policy: Policy,
    /// Reason for which the host refused this client.
    shut: Option<HostFilter>,
    answered: bool,
}

impl CurrentHost<'_> {
    /// The port; `None` for a unix socket or a command.
    fn port(&self) -> Option<u16> {
        (!self.host.is_local()).then_some(self.port)
    }
}

/// Reason for which a host is not retried immediately.
enum HostFilter {
    /// It does not answer.
    ForAll(String),
    /// It refuses this client, or does not meet its requirements.
    ForUs(String),
}
