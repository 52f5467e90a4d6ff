//! Delivery to one destination over one transport: hosts, addresses, connections and sessions.

use crate::client::deliver::policies::{self, PolicyGroup, Recipients, under_policy};
use crate::client::deliver::pool::{IdleConnection, IdleConnections, is_stale};
use crate::client::deliver::{NextMessage, Outgoing};
use crate::client::dns::Answer;
use crate::client::events::{Event, Observer};
use crate::client::outcome;
use crate::client::outcome::{Cause, ContactedServer, RecipientResult, RecipientStatus};
use crate::client::peer::PeerAddress;
use crate::client::policy::{Policy, PolicyFailure, PolicySource};
use crate::client::route::{Destination, Host, RouteError};
use crate::client::session;
use crate::client::session::Step;
use crate::client::session::{
    AfterTransaction, DeliveryLog, RecipientReply, SessionContext, SessionFailure, SessionResult,
    TlsDemand, Transaction, TransactionIndex, TransactionList,
};
use crate::client::tls_report;
use crate::client::tls_report::SessionEnds;
use crate::client::transport::OpenTransport;
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Wire, WireError};
use crate::mail::envelope::{Envelope, RecipientIndex};
use crate::mail::message::is_tls_waived;
use crate::smtp::extension::Extension;
use crate::smtp::reply::{Class, Reply};
use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
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

    /// Records that a host is not used for these recipients.
    fn not_allowed(&mut self, host: &Host, recipients: &[RecipientIndex], failure: &PolicyFailure) {
        self.observer.on_event(Event::Note(&failure.to_string()));
        tls_report::excluded(failure, || self.session_ends(host, recipients));
        for &recipient in recipients {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(recipient, RecipientResult::not_allowed(to, failure));
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

    /// Uses an idle session with this host. `None`: there is none that still works.
    fn use_idle(
        &mut self,
        current: &mut CurrentHost<'_>,
        pending: &[RecipientIndex],
    ) -> Option<Vec<RecipientIndex>> {
        let idle = self
            .idle?
            .take(current.host, current.port, &current.policy)?;
        self.observer.on_event(Event::Reused {
            host: &idle.server.host,
            peer: &idle.server.address,
        });
        let then = if idle.is_fresh() {
            AfterTransaction::Rest
        } else {
            AfterTransaction::Quit
        };
        let ended = self.run_transaction(
            (current.host, &current.policy),
            pending,
            then,
            |transaction, context, observer| {
                session::resume(idle.session, transaction, context, observer)
            },
        );
        if is_stale(&ended) {
            let note = format!(
                "{} accepts no more messages on this connection; opening another",
                idle.server
            );
            self.observer.on_event(Event::Note(&note));
            return None;
        }
        let address = idle.server.address.clone();
        let mut settled = self.settle(current, idle.server, ended, pending, idle.carried);
        if !settled.left.is_empty() {
            let others = &mut VecDeque::new();
            let open = self.at(current, address, others, settled.left);
            settled.open.extend(open);
        }
        Some(settled.open)
    }

    fn keep(&mut self, session: Option<IdleConnection>) {
        if let Some((session, idle)) = session.zip(self.idle) {
            idle.keep(session, self.transport, self.observer);
        }
    }

    /// Reason for which a host is skipped: another delivery has just found it down, or was rejected by it.
    fn down(&self, current: &CurrentHost<'_>) -> Option<String> {
        let hosts = self.idle?.hosts;
        let down = |name: &str| hosts.down(name, current.port());
        down(&self.for_all(current.host)).or_else(|| down(&self.for_us(current)))
    }

    /// Records the state of a host for later deliveries.
    fn remember(&self, current: &CurrentHost<'_>) {
        let Some(idle) = self.idle else {
            return;
        };
        let (hosts, port) = (idle.hosts, current.port());
        let (name, ours) = (self.for_all(current.host), self.for_us(current));
        match &current.shut {
            None if !current.answered => {}
            Some(HostFilter::ForAll(why)) if !current.answered => hosts.went_down(&name, port, why),
            Some(HostFilter::ForUs(why)) if !current.answered => {
                hosts.came_up(&name, port);
                hosts.went_down(&ours, port, why);
            }
            _ => {
                hosts.came_up(&name, port);
                hosts.came_up(&ours, port);
            }
        }
    }

    /// The key under which the state of a host is stored. A host that a proxy cannot reach may be up.
    fn for_all(&self, host: &Host) -> String {
        match self.transport.router.proxy() {
            Some(proxy) => format!("{host} through {proxy}"),
            None => host.to_string(),
        }
    }

    /// The key under which host state that depends on the client is stored: another user may have a valid
    /// password, and another recipient domain other demands on the certificate.
    fn for_us(&self, current: &CurrentHost<'_>) -> String {
        let login = self.transport.login();
        let user = login.and_then(|login| login.user.as_deref());
        let key = format!(
            "{} as {}",
            self.for_all(current.host),
            user.unwrap_or_default()
        );
        match current.policy.source {
            PolicySource::Options => key,
            _ => format!("{key}, because {}", current.policy.requirement()),
        }
    }

    /// Connects to this address, or to one of the others if they answer sooner, as often as the server
    /// needs sessions for these recipients (RFC 9422). Returns the recipients that another address may
    /// still accept.
    fn at(
        &mut self,
        current: &mut CurrentHost<'_>,
        peer: PeerAddress,
        others: &mut VecDeque<PeerAddress>,
        pending: Vec<RecipientIndex>,
    ) -> Vec<RecipientIndex> {
        let (mut peer, mut left, mut open) = (peer, pending, Vec::new());
        loop {
            let (server, wire) = match self.connect(current.host, peer, others, &left) {
                Ok(connected) => connected,
                Err(ConnectFailure::OutputFailed) => return open,
                Err(ConnectFailure::Failed { why, .. }) => {
                    current.shut = Some(HostFilter::ForAll(why));
                    open.append(&mut left);
                    return open;
                }
            };
            peer = server.address.clone();
            let login = self.transport.login();
            let ended = match self.encrypted_or_in_clear(current, &server, wire, &left) {
                Ok(ended) => ended,
                Err(ConnectFailure::OutputFailed) => return open,
                Err(ConnectFailure::Failed { .. }) => {
                    open.append(&mut left);
                    return open;
                }
            };
            let refused = (login, &ended);
            if self
                .transport
                .has_new_login(&server, refused, self.observer)
            {
                continue;
            }
            let settled = self.settle(current, server, ended, &left, 0);
            open.extend(settled.open);
            // Another session like one without any result would fail in the same way.
            if settled.left.is_empty() || settled.left.len() == left.len() {
                open.extend(settled.left);
                return open;
            }
            left = settled.left;
        }
    }

    /// Runs a session; repeats it in clear if TLS is optional and failed.
    fn encrypted_or_in_clear(
        &mut self,
        current: &CurrentHost<'_>,
        server: &ContactedServer,
        wire: Wire,
        pending: &[RecipientIndex],
    ) -> Result<SessionResult, ConnectFailure> {
        let host = current.host;
        let then = match self.idle {
            Some(_) => AfterTransaction::Rest,
            None => AfterTransaction::Quit,
        };
        let sending = wire.local_ip();
        let ended = self.session((host, &current.policy), wire, pending, then);
        tls_report::session(&current.policy, &ended, || SessionEnds {
            receiving: server.address.ip(),
            sending,
            ..self.session_ends(host, pending)
        });
        let broken = broken_encryption(&current.policy, ended.failure.as_ref());
        let Some(why) = broken.filter(|_| !ended.interrupted) else {
            return Ok(ended);
        };
        let note = format!("no encryption with {server}: {why}; retrying in plaintext");
        self.observer.on_event(Event::Note(&note));
        let address = server.address.clone();
        let (_, wire) = self.connect(host, address, &mut VecDeque::new(), pending)?;
        let clear = Policy::of_options(TlsDemand::Off);
        // A session in clear must not be reused by deliveries that may have TLS.
        Ok(self.session((host, &clear), wire, pending, AfterTransaction::Quit))
    }

    /// Connects to one of these addresses. On failure, all pending recipients get a result.
    fn connect(
        &mut self,
        host: &Host,
        peer: PeerAddress,
        others: &mut VecDeque<PeerAddress>,
        pending: &[RecipientIndex],
    ) -> Result<(ContactedServer, Wire), ConnectFailure> {
        let server = |address| ContactedServer {
            host: host.to_string(),
            address,
        };
        let connected = wire::connect(peer, others, self.transport.terms(), self.observer);
        match &connected {
            Ok(_) => {}
            Err(ConnectFailure::OutputFailed) => self.output_failed(pending),
            Err(ConnectFailure::Failed {
                peer,
                why,
                is_login_refused,
            }) => {
                let cause = if *is_login_refused {
                    Cause::Policy
                } else {
                    Cause::Network
                };
                self.connect_failed(pending, &server(peer.clone()), (cause, why));
            }
        }
        connected.map(|connection| (server(connection.peer), connection.wire))
    }

    fn session(
        &mut self,
        server: (&Host, &Policy),
        wire: Wire,
        pending: &[RecipientIndex],
        then: AfterTransaction,
    ) -> SessionResult {
        let changed;
        let mut options = self.transport.session;
        if server.1.tls != options.tls {
            changed = session::Options {
                tls: server.1.tls,
                ..options.clone()
            };
            options = &changed;
        }
        self.run_transaction(server, pending, then, |transaction, context, observer| {
            let context = SessionContext {
                options,
                ..*context
            };
            session::run(wire, transaction, &context, observer)
        })
    }

    /// Runs one transaction for these recipients.
    fn run_transaction(
        &mut self,
        (host, policy): (&Host, &Policy),
        pending: &[RecipientIndex],
        then: AfterTransaction,
        carry: impl FnOnce(&Transaction<'_>, &SessionContext<'_>, &mut dyn Observer) -> SessionResult,
    ) -> SessionResult {
        let Envelope {
            sender,
            recipients: all,
            dsn,
        } = self.outgoing.envelope;
        let log = self.outgoing.log.map(|log| TransactionLog {
            log,
            recipients: pending.to_vec().into(),
        });
        // Other destinations may have another server or policy for the next message.
        let is_same = self.transport.router.has_relay() && !policy.is_of_domain();
        let next = self.outgoing.next.filter(|_| is_same);
        let next = next.map(NextMessage::transaction);
        let transaction = Transaction {
            dsn: Some(dsn),
            purpose: self.outgoing.purpose,
            log: log.as_ref().map(|log| log as &dyn DeliveryLog<_>),
            then,
            next: next.as_ref(),
            ..Transaction::new(
                sender.as_ref(),
                pending.iter().map(|&recipient| &all[recipient]).collect(),
                self.outgoing.message,
            )
        };
        let name = host.name();
        let context = SessionContext {
            check: &policy.check,
            is_host_authentic: policy.is_of_domain() || !matches!(host, Host::Exchanger(_)),
            ..self.transport.context(&name)
        };
        carry(&transaction, &context, self.observer)
    }

    /// Records the results of a session, and keeps it open if it can carry another message. `carried` is the
    /// number of messages before this one.
    fn settle(
        &mut self,
        current: &mut CurrentHost<'_>,
        server: ContactedServer,
        ended: SessionResult,
        pending: &[RecipientIndex],
        carried: u32,
    ) -> SessionSettlement {
        match shut(&ended) {
            _ if ended.interrupted => {}
            Some(why) => current.shut = Some(why),
            None => current.answered = true,
        }
        let failure = ended.failure.as_ref();
        let went_well = failure.is_none() && ended.refusal.is_none();
        let mut settled = SessionSettlement::default();
        let mut is_begun = false;
        for (answer, &recipient) in ended.answers.iter().zip(pending) {
            if answer.is_none() && went_well {
                settled.left.push(recipient);
                continue;
            }
            let to = &self.outgoing.envelope.recipients[recipient];
            if answer.is_none() && ended.interrupted {
                self.results[recipient] = RecipientResult::output_failed(to);
                continue;
            }
            let result = RecipientResult::answered(to, &server, answer.as_ref(), failure);
            let result = under_policy(result, &current.policy, answer.as_ref());
            is_begun |= matches!(
                result.verdict,
                RecipientStatus::Accepted | RecipientStatus::Uncertain
            );
            self.record(recipient, result);
            if may_try_another(answer.as_ref(), failure) {
                settled.open.push(recipient);
            }
        }
        // Once a recipient has the message, or may have it, no other host is tried for it in this run.
        let is_partial = settled.open.len() < pending.len();
        if is_begun || is_partial && self.transport.session.all_recipients {
            settled.open.clear();
        }
        self.keep(ended.rest.map(|session| IdleConnection {
            host: current.host.clone(),
            port: current.port,
            server,
            policy: current.policy.clone(),
            session,
            carried: carried + 1,
        }));
        settled
    }

    /// Records a result. A result that is about the host alone does not replace a better one: with one
    /// exchanger unreachable, another one that accepts no mail at all must not make the failure
    /// permanent (RFC 5321 §5.1).
    fn record(&mut self, recipient: RecipientIndex, result: RecipientResult) {
        let before = &mut self.results[recipient];
        if !(result.is_about_host() && before.hope() > result.hope()) {
            *before = result;
        }
    }

    /// Defers recipients because another delivery has just found the host down.
    fn not_tried(&mut self, pending: &[RecipientIndex], host: &Host, why: &str) {
        let note = format!("skipping {host}: {why}");
        self.observer.on_event(Event::Note(&note));
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(
                recipient,
                RecipientResult::host_down(to, &host.to_string(), why),
            );
        }
    }

    /// Skips a host without an address. A missing address counts only if no server was reached; a failed
    /// lookup counts if no other result is temporary.
    fn no_address(&mut self, pending: &[RecipientIndex], error: &RouteError, tried: bool) {
        let note = format!("{error}");
        self.observer.on_event(Event::Note(&note));
        for &recipient in pending {
            let is_deferred = self.results[recipient].verdict == RecipientStatus::Deferred;
            if !is_deferred && (error.may_pass() || !tried) {
                let to = &self.outgoing.envelope.recipients[recipient];
                self.record(recipient, RecipientResult::unreachable(to, error));
            }
        }
    }

    fn connect_failed(
        &mut self,
        pending: &[RecipientIndex],
        server: &ContactedServer,
        why: (Cause, &str),
    ) {
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.record(
                recipient,
                RecipientResult::connect_failed(to, server.clone(), why),
            );
        }
    }

    fn output_failed(&mut self, pending: &[RecipientIndex]) {
        for &recipient in pending {
            let to = &self.outgoing.envelope.recipients[recipient];
            self.results[recipient] = RecipientResult::output_failed(to);
        }
    }

    fn names(&self, recipients: &[RecipientIndex]) -> Vec<String> {
        let all = &self.outgoing.envelope.recipients;
        recipients
            .iter()
            .map(|&recipient| all[recipient].to_string())
            .collect()
    }

    pub fn settled(&mut self, recipients: &[RecipientIndex]) {
        for &recipient in recipients {
            if self.outgoing.item.is_some() {
                self.results[recipient].postpone(self.transport.router.has_relay());
            }
            let result = &self.results[recipient];
            let words = result.words();
            let queue_id = match result.verdict {
                RecipientStatus::Accepted => outcome::queue_id(&words),
                _ => None,
            };
            self.observer.on_event(Event::Settled {
                recipient: &result.recipient.to_string(),
                status: result.verdict,
                words: &words,
                queue_id,
            });
        }
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

/// The log of a delivery, as the log of one of its transactions.
struct TransactionLog<'a> {
    log: &'a dyn DeliveryLog<RecipientIndex>,
    /// The recipients of the transaction.
    recipients: TransactionList<RecipientIndex>,
}

impl TransactionLog<'_> {
    fn in_envelope(&self, recipients: &[TransactionIndex]) -> Vec<RecipientIndex> {
        let recipients = recipients.iter();
        recipients.map(|&index| self.recipients[index]).collect()
    }
}

impl DeliveryLog<TransactionIndex> for TransactionLog<'_> {
    fn ending(&self, recipients: &[TransactionIndex]) -> io::Result<()> {
        self.log.ending(&self.in_envelope(recipients))
    }

    fn taken(&self, recipients: &[TransactionIndex], reply: &Reply) {
        self.log.taken(&self.in_envelope(recipients), reply);
    }
}

/// Reason for which this host should not be retried now.
fn shut(ended: &SessionResult) -> Option<HostFilter> {
    match (&ended.failure, &ended.refusal) {
        (Some(SessionFailure::Wire(Step::Banner, error @ WireError::Unwelcome(_))), _) => {
            Some(HostFilter::ForUs(error.to_string()))
        }
        (Some(SessionFailure::Wire(Step::Banner, error)), _) => {
            Some(HostFilter::ForAll(error.to_string()))
        }
        (Some(SessionFailure::Tls(error)), _) => Some(HostFilter::ForUs(error.to_string())),
        (_, Some(RecipientReply::Replied(Step::Auth, reply))) => {
            let words = format!("authentication failed: {}", reply.whole());
            Some(HostFilter::ForUs(words))
        }
        (_, Some(RecipientReply::Unmet(unmet))) => {
            let words = format!("{} was not possible", unmet.step().words());
            Some(HostFilter::ForUs(words))
        }
        _ => None,
    }
}

/// True if the next host may give another result: this host was down, failed temporarily or refused the
/// session, but did not reject the sender, recipient or message permanently.
fn may_try_another(answer: Option<&RecipientReply>, failure: Option<&SessionFailure>) -> bool {
    match answer {
        // A fault of the message or the log concerns every host.
        None => !matches!(
            failure,
            Some(SessionFailure::Message(_) | SessionFailure::Ledger(_))
        ),
        Some(RecipientReply::Replied(stage, reply)) => {
            stage.stage().is_introduction() || reply.class() == Class::Transient
        }
        Some(RecipientReply::Unmet(_) | RecipientReply::TooMany(_)) => true,
        Some(
            RecipientReply::Accepted(_)
            | RecipientReply::Unsuitable(_)
            | RecipientReply::Withheld
            | RecipientReply::Uncertain
            | RecipientReply::Stopped(_),
        ) => false,
    }
}

/// Reason for which TLS failed, if the session may be repeated in clear (RFC 7435 §3). Bytes injected in
/// clear after STARTTLS are not such a reason.
fn broken_encryption(policy: &Policy, failure: Option<&SessionFailure>) -> Option<String> {
    if policy.tls != TlsDemand::Opportunistic {
        return None;
    }
    match failure? {
        SessionFailure::Tls(error) => Some(error.to_string()),
        SessionFailure::Wire(Step::Starttls, error) => Some(error.to_string()),
        // With TLS 1.3, the server judges the client certificate after the handshake.
        SessionFailure::Wire(Step::Banner | Step::Ehlo, error @ WireError::Unwelcome(_)) => {
            Some(error.to_string())
        }
        SessionFailure::Protocol(Step::Starttls, what) => Some(format!("it {what}")),
        _ => None,
    }
}
