//! The recipe: where to, who takes it, what became of it.

use crate::message::Message;
use crate::outcome::{Fate, Report, Server, Verdict};
use crate::peer::Peer;
use crate::route::{Destination, Host, RouteError, Router};
use crate::session::{self, Answer, Class, Ended, Errand, Failure, Stage};
use crate::watch::{Happening, Watch};
use crate::wire::{self, Terms, Unconnected};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// Delivers a message to all its recipients and says what became of each.
pub fn deliver(
    message: &Message,
    router: &Router<'_>,
    options: &session::Options,
    watch: &mut dyn Watch,
) -> Report {
    let recipients = &message.envelope.recipients;
    let routes = router.routes(recipients, watch);
    let mut delivery = Delivery {
        message,
        router,
        options,
        watch,
        fates: recipients.iter().map(Fate::unasked).collect(),
    };
    for (recipient, error) in &routes.unreachable {
        delivery.fates[*recipient] = Fate::unreachable(&recipients[*recipient], error);
        delivery.settled(&[*recipient]);
    }
    for destination in &routes.destinations {
        delivery.to(destination);
        delivery.settled(&destination.recipients);
    }
    Report {
        fates: delivery.fates,
    }
}

struct Delivery<'a> {
    message: &'a Message,
    router: &'a Router<'a>,
    options: &'a session::Options,
    watch: &'a mut dyn Watch,
    fates: Vec<Fate>,
}

impl Delivery<'_> {
    /// Tries one host after the other until everybody has an answer that lasts.
    fn to(&mut self, destination: &Destination) {
        let mut pending = destination.recipients.clone();
        let mut tried = false;
        for host in &destination.hosts {
            let mut peers = match self.router.addresses(host, destination.port, self.watch) {
                Ok(peers) => VecDeque::from(peers),
                Err(error) => {
                    self.no_address(&pending, &error, tried);
                    // RFC 5321 §5.1: behind ourselves, there is nobody to hand the mail on to.
                    if matches!(error, RouteError::Loop(_)) {
                        return;
                    }
                    continue;
                }
            };
            tried = true;
            let names: Vec<String> = self.names(&pending);
            self.watch.happened(Happening::Host {
                name: &host.to_string(),
                port: destination.port_of(host),
                recipients: &names,
            });
            while let Some(peer) = peers.pop_front() {
                pending = self.at(host, peer, &mut peers, pending);
                if pending.is_empty() {
                    return;
                }
            }
        }
    }

    /// Tries this address, and beside it or after it the others, until one of them connects; gives
    /// those who may be tried at the addresses that are left.
    fn at(
        &mut self,
        host: &Host,
        peer: Peer,
        others: &mut VecDeque<Peer>,
        pending: Vec<usize>,
    ) -> Vec<usize> {
        let terms = Terms {
            source: self.router.source(),
            limit: self.options.timeout.unwrap_or(CONNECT),
        };
        let server = |address| Server {
            host: host.to_string(),
            address,
        };
        let connection = match wire::connect(peer, others, terms, self.watch) {
            Ok(connection) => connection,
            Err(Unconnected::Unseen) => {
                self.unseen(&pending);
                return Vec::new();
            }
            Err(Unconnected::Failed { peer, why }) => {
                self.unconnected(&pending, &server(peer), &why);
                return pending;
            }
        };
        let server = server(connection.peer);
        let all = &self.message.envelope.recipients;
        let errand = Errand {
            sender: self.message.envelope.sender.as_ref(),
            recipients: pending.iter().map(|&recipient| &all[recipient]).collect(),
            utf8_header: self.message.utf8_header,
            message: self.message,
        };
        let ended = session::run(connection.wire, &errand, self.options, self.watch);
        self.settle(&server, &ended, &pending)
    }

    /// Writes down the answers; gives those whom another host may still take, which is nobody once
    /// anybody got the message, or may have got it.
    fn settle(&mut self, server: &Server, ended: &Ended, pending: &[usize]) -> Vec<usize> {
        let failure = ended.failure.as_ref();
        let mut open = Vec::new();
        for (answer, &recipient) in ended.answers.iter().zip(pending) {
            let to = &self.message.envelope.recipients[recipient];
            self.fates[recipient] = Fate::answered(to, server, answer.as_ref(), failure);
            if may_try_another(answer.as_ref(), failure) {
                open.push(recipient);
            }
        }
        let verdict = |recipient: &usize| self.fates[*recipient].verdict;
        let begun = |recipient: &usize| {
            matches!(verdict(recipient), Verdict::Accepted | Verdict::Uncertain)
        };
        if pending.iter().any(begun) {
            Vec::new()
        } else {
            open
        }
    }

    /// A host without an address is passed over; its reason counts only as long as no server was
    /// reached.
    fn no_address(&mut self, pending: &[usize], error: &RouteError, tried: bool) {
        let note = format!("{error}");
        self.watch.happened(Happening::Note(&note));
        for &recipient in pending {
            let passing = self.fates[recipient].verdict == Verdict::Deferred;
            if !tried && !passing {
                let to = &self.message.envelope.recipients[recipient];
                self.fates[recipient] = Fate::unreachable(to, error);
            }
        }
    }

    fn unconnected(&mut self, pending: &[usize], server: &Server, why: &str) {
        for &recipient in pending {
            let to = &self.message.envelope.recipients[recipient];
            self.fates[recipient] = Fate::unconnected(to, server.clone(), why);
        }
    }

    fn unseen(&mut self, pending: &[usize]) {
        for &recipient in pending {
            let to = &self.message.envelope.recipients[recipient];
            self.fates[recipient] = Fate::unseen(to);
        }
    }

    fn names(&self, recipients: &[usize]) -> Vec<String> {
        let all = &self.message.envelope.recipients;
        recipients
            .iter()
            .map(|&recipient| all[recipient].to_string())
            .collect()
    }

    fn settled(&mut self, recipients: &[usize]) {
        for &recipient in recipients {
            let fate = &self.fates[recipient];
            self.watch.happened(Happening::Settled {
                recipient: &fate.recipient.to_string(),
                word: fate.verdict.word(),
                words: &fate.words(),
            });
        }
    }
}

/// The next host is worth a try where this one was down, said "not now", or would not talk to us at
/// all; not where it gave a judgement on sender, recipient or message.
fn may_try_another(answer: Option<&Answer>, failure: Option<&Failure>) -> bool {
    match answer {
        None => !matches!(failure, Some(Failure::Message(_))),
        Some(Answer::Said(stage, reply)) => {
            let host_level = matches!(stage, Stage::Banner | Stage::Ehlo | Stage::Helo);
            host_level || reply.class() == Class::ForNow
        }
        Some(Answer::Accepted(_) | Answer::Unfit(_) | Answer::InDoubt) => false,
    }
}
