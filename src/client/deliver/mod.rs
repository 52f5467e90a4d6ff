//! Delivery of a message: transports, destinations, hosts, connections and sessions.

mod destination;
mod hosts;
mod logged;
mod policies;
mod pool;

pub use hosts::{HostsOfRun, NoHostMemory};
pub use pool::{ConnectionPool, Hosts, is_stale};

use crate::client::events::{Event, Observer, Silent};
use crate::client::outcome::{DeliveryReport, RecipientResult};
use crate::client::session::{AfterTransaction, DeliveryLog, Purpose, Transaction};
use crate::client::transport::{OpenTransport, TransportError, Transports};
use crate::mail::address::Address;
use crate::mail::envelope::{Envelope, RecipientIndex};
use crate::mail::message::{Convertible, Message, Signed};
use crate::smtp::blocks::Replay;
use destination::Delivery;
use logged::LoggedDelivery;
use std::cell::OnceCell;
use std::time::SystemTime;

/// Envelope and content on the way out.
pub struct Outgoing<'a> {
    pub envelope: &'a Envelope,
    pub message: &'a dyn Replay,
    pub purpose: Purpose,
    /// The item of the queue. The message is retried, so that conditions that can be corrected here are
    /// temporary failures. `None`: the message is not in the queue.
    pub item: Option<QueuedItem<'a>>,
    /// Log of the end of data and its replies.
    pub log: Option<&'a dyn DeliveryLog<RecipientIndex>>,
    /// The message after it.
    pub next: Option<NextMessage<'a>>,
}

/// The message that the caller delivers next over the same pool. Its sender and recipients may be sent with the end of
/// this one, which saves a round trip. If another message follows instead, these commands have no effect.
#[derive(Clone, Copy)]
pub struct NextMessage<'a> {
    pub outgoing: &'a Outgoing<'a>,
    pub recipients: &'a [RecipientIndex],
}

impl<'a> NextMessage<'a> {
    /// Its transaction, without a log.
    fn transaction(self) -> Transaction<'a> {
        let Envelope {
            sender,
            recipients: all,
            dsn,
        } = self.outgoing.envelope;
        let recipients = self.recipients.iter();
        Transaction {
            dsn: Some(dsn),
            purpose: self.outgoing.purpose,
            then: AfterTransaction::Rest,
            ..Transaction::new(
                sender.as_ref(),
                recipients.map(|&recipient| &all[recipient]).collect(),
                self.outgoing.message,
            )
        }
    }
}

/// The name of a message in the queue, and the time at which it was queued.
#[derive(Clone, Copy, Debug)]
pub struct QueuedItem<'a> {
    pub id: &'a str,
    pub since: SystemTime,
}

impl<'a> Outgoing<'a> {
    /// A message that is not logged.
    pub fn of(message: &'a Message) -> Self {
        Self {
            envelope: &message.envelope,
            message,
            purpose: Purpose::Mail,
            item: None,
            log: None,
            next: None,
        }
    }
}

/// Delivers a message to all recipients of its envelope.
pub fn deliver(
    outgoing: &Outgoing<'_>,
    pool: &ConnectionPool<'_, '_>,
    observer: &mut dyn Observer,
) -> DeliveryReport {
    let mut report = DeliveryReport::not_attempted(&outgoing.envelope.recipients);
    let all: Vec<RecipientIndex> = outgoing.envelope.indices().collect();
    deliver_to(&all, outgoing, pool, &mut report, observer);
    report
}

/// Delivers a message to these recipients, and records their results in the report and in the mail log. Every
/// delivery passes this function.
pub fn deliver_to(
    recipients: &[RecipientIndex],
    outgoing: &Outgoing<'_>,
    pool: &ConnectionPool<'_, '_>,
    report: &mut DeliveryReport,
    observer: &mut dyn Observer,
) {
    let mut logged = LoggedDelivery::begin(recipients, outgoing, pool.transports(), observer);
    deliver_in_order(recipients, outgoing, pool, report, &mut logged);
    logged.end(recipients, report);
}

/// The report of a message for which no transport can be loaded, after it was recorded in the mail log.
pub fn undeliverable(
    outgoing: &Outgoing<'_>,
    transports: &Transports<'_>,
    why: &str,
) -> DeliveryReport {
    let mut report = DeliveryReport::not_attempted(&outgoing.envelope.recipients);
    let all: Vec<RecipientIndex> = outgoing.envelope.indices().collect();
    report.no_transport(&all, why);
    LoggedDelivery::begin(&all, outgoing, transports, &mut Silent).end(&all, &report);
    report
}

/// Delivers over the first transport, and over its fallbacks to those that another server may still accept.
fn deliver_in_order(
    recipients: &[RecipientIndex],
    outgoing: &Outgoing<'_>,
    pool: &ConnectionPool<'_, '_>,
    report: &mut DeliveryReport,
    observer: &mut dyn Observer,
) {
    let signed = match outgoing.purpose {
        // A report returns the original message. A broken signature is better than no report.
        Purpose::Report => Signed::Converted,
        Purpose::Mail | Purpose::Question => Signed::Kept,
    };
    let message = Convertible::new(outgoing.message, signed);
    let outgoing = &Outgoing {
        message: &message,
        ..*outgoing
    };
    if let Some(error) = pool.transports().error() {
        report.no_transport(recipients, error);
    }
    let mut open = recipients.to_vec();
    for index in 0..pool.transports().count() {
        if open.is_empty() {
            return;
        }
        if observer.is_closed() {
            // Without a transport that was tried, this is not an attempt.
            for &recipient in open.iter().filter(|_| index == 0) {
                let address = &outgoing.envelope.recipients[recipient];
                report.results[recipient] = RecipientResult::output_failed(address);
            }
            return;
        }
        match open_transport(pool, index, observer) {
            Ok(transport) => {
                let mut delivery = Delivery {
                    outgoing,
                    transport,
                    idle: pool.idle(index),
                    observer,
                    results: &mut report.results,
                    is_tls_waived: OnceCell::new(),
                };
                delivery.route(&open);
            }
            Err(error) if index == 0 && error.needs_login() => {
                report.no_login(&open, &error.to_string());
            }
            Err(error) if index == 0 => report.no_transport(&open, &error.to_string()),
            Err(_) => {}
        }
        let still = report.open();
        open.retain(|recipient| still.contains(recipient));
    }
}

/// Opens a transport, and reports it if it is a fallback.
fn open_transport<'p, 'a>(
    pool: &'p ConnectionPool<'a, '_>,
    index: usize,
    observer: &mut dyn Observer,
) -> Result<&'p OpenTransport<'a>, &'a TransportError> {
    let stop = observer.stop();
    let transport = pool.open(index, stop.as_deref());
    if index > 0 {
        let profile = pool.transports().options(index).profile.as_deref();
        let error = transport.as_ref().err().map(ToString::to_string);
        observer.on_event(Event::Fallback {
            profile: profile.unwrap_or_default(),
            error: error.as_deref(),
        });
    }
    transport
}

impl Delivery<'_, '_> {
    /// Finds the destinations of these recipients, and delivers to one after the other.
    fn route(&mut self, open: &[RecipientIndex]) {
        let all = &self.outgoing.envelope.recipients;
        let asked: Vec<Address> = open.iter().map(|&index| all[index].clone()).collect();
        let routes = self.transport.router.routes(&asked, self.observer);
        for (index, error) in &routes.unreachable {
            let recipient = open[*index];
            self.results[recipient] = RecipientResult::unreachable(&all[recipient], error);
            self.settled(&[recipient]);
        }
        for destination in &routes.destinations {
            let indices = destination.recipients.iter();
            let recipients: Vec<RecipientIndex> = indices.map(|&index| open[index]).collect();
            self.to(destination, &recipients);
            self.settled(&recipients);
        }
    }
}
