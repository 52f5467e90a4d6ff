//! Connections and sessions with one address of a host.

use crate::client::deliver::NextMessage;
use crate::client::deliver::destination::{CurrentHost, Delivery, HostFilter};
use crate::client::deliver::pool::{IdleConnection, is_stale};
use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, ContactedServer};
use crate::client::peer::PeerAddress;
use crate::client::policy::Policy;
use crate::client::route::Host;
use crate::client::session;
use crate::client::session::Step;
use crate::client::session::{
    AfterTransaction, DeliveryLog, SessionContext, SessionFailure, SessionResult, TlsDemand,
    Transaction, TransactionIndex, TransactionList,
};
use crate::client::tls_report;
use crate::client::tls_report::SessionEnds;
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Wire, WireError};
use crate::mail::envelope::{Envelope, RecipientIndex};
use crate::smtp::reply::Reply;
use std::collections::VecDeque;
use std::io;

impl Delivery<'_, '_> {
    /// Uses an idle session with this host. `None`: there is none that still works.
    pub(super) fn use_idle(
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

    pub(super) fn keep(&mut self, session: Option<IdleConnection>) {
        if let Some((session, idle)) = session.zip(self.idle) {
            idle.keep(session, self.transport, self.observer);
        }
    }

    /// Connects to this address, or to one of the others if they answer sooner, as often as the server
    /// needs sessions for these recipients (RFC 9422). Returns the recipients that another address may
    /// still accept.
    pub(super) fn at(
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

    pub(super) fn session(
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
