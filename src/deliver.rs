//! The recipe: where to, who takes it, what became of it.

use crate::address::Address;
use crate::message::Message;
use crate::outcome::{Fate, Report, Server, Verdict};
use crate::peer::Peer;
use crate::route::{Destination, Host, RouteError, Router};
use crate::secret::Login;
use crate::session::{self, Answer, Class, Encryption, Ended, Errand, Failure, Means, Stage};
use crate::watch::{Happening, Watch};
use crate::wire::{self, Terms, Tls, Unconnected, Wire, WireError};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

/// A way to deliver: where to, how, and who we are there.
pub struct Way<'a> {
    /// Finds the servers.
    pub router: &'a Router<'a>,
    /// How the conversation is held.
    pub session: &'a session::Options,
    /// The keys and the trust.
    pub tls: &'a Tls,
    /// Who we are; `None` does not log in.
    pub login: Option<&'a Login>,
}

impl Way<'_> {
    /// What holds for every attempt to connect.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            source: self.router.source(),
            limit: self.session.timeout.unwrap_or(CONNECT),
        }
    }
}

/// Delivers a message to those of its recipients whose fate in the report is still open, and writes
/// down what becomes of each.
pub fn deliver(message: &Message, way: &Way<'_>, report: &mut Report, watch: &mut dyn Watch) {
    let open = report.open();
    let all = &message.envelope.recipients;
    let asked: Vec<Address> = open.iter().map(|&place| all[place].clone()).collect();
    let routes = way.router.routes(&asked, watch);
    let mut delivery = Delivery {
        message,
        way,
        watch,
        fates: &mut report.fates,
    };
    for (place, error) in &routes.unreachable {
        let recipient = open[*place];
        delivery.fates[recipient] = Fate::unreachable(&all[recipient], error);
        delivery.settled(&[recipient]);
    }
    for destination in &routes.destinations {
        let places = destination.recipients.iter();
        let recipients: Vec<usize> = places.map(|&place| open[place]).collect();
        delivery.to(destination, &recipients);
        delivery.settled(&recipients);
    }
}

struct Delivery<'a, 'r> {
    message: &'a Message,
    way: &'a Way<'a>,
    watch: &'r mut dyn Watch,
    fates: &'r mut [Fate],
}

impl Delivery<'_, '_> {
    /// Tries one host after the other until everybody has an answer that lasts.
    fn to(&mut self, destination: &Destination, recipients: &[usize]) {
        let mut pending = recipients.to_vec();
        let mut tried = false;
        for host in &destination.hosts {
            let router = self.way.router;
            let mut peers = match router.addresses(host, destination.port, self.watch) {
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
        let connected = self.connect(host, peer, others, &pending);
        let (server, wire) = match connected {
            Ok(connected) => connected,
            Err(Unconnected::Unseen) => return Vec::new(),
            Err(Unconnected::Failed { .. }) => return pending,
        };
        let options = self.way.session;
        let mut ended = self.session(host, wire, options, &pending);
        if let Some(why) = broken_encryption(options, ended.failure.as_ref()) {
            let note = format!("no encryption with {server}: {why}; trying again in clear");
            self.watch.happened(Happening::Note(&note));
            let again = server.address.clone();
            let (_, wire) = match self.connect(host, again, &mut VecDeque::new(), &pending) {
                Ok(connected) => connected,
                Err(Unconnected::Unseen) => return Vec::new(),
                Err(Unconnected::Failed { .. }) => return pending,
            };
            let clear = session::Options {
                tls: Encryption::Off,
                ..options.clone()
            };
            ended = self.session(host, wire, &clear, &pending);
        }
        self.settle(&server, &ended, &pending)
    }

    /// A connection to one of these; where there is none, all who wait for it have their answer.
    fn connect(
        &mut self,
        host: &Host,
        peer: Peer,
        others: &mut VecDeque<Peer>,
        pending: &[usize],
    ) -> Result<(Server, Wire), Unconnected> {
        let server = |address| Server {
            host: host.to_string(),
            address,
        };
        let connected = wire::connect(peer, others, self.way.terms(), self.watch);
        match &connected {
            Ok(_) => {}
            Err(Unconnected::Unseen) => self.unseen(pending),
            Err(Unconnected::Failed { peer, why }) => {
                self.unconnected(pending, &server(peer.clone()), why);
            }
        }
        connected.map(|connection| (server(connection.peer), connection.wire))
    }

    fn session(
        &mut self,
        host: &Host,
        wire: Wire,
        options: &session::Options,
        pending: &[usize],
    ) -> Ended {
        let all = &self.message.envelope.recipients;
        let errand = Errand {
            sender: self.message.envelope.sender.as_ref(),
            recipients: pending.iter().map(|&recipient| &all[recipient]).collect(),
            utf8_header: self.message.utf8_header,
            message: self.message,
        };
        let means = Means {
            options,
            tls: self.way.tls,
            host: &host.name(),
            login: self.way.login,
        };
        session::run(wire, &errand, &means, self.watch)
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
        Some(Answer::Unmet(_)) => true,
        Some(Answer::Accepted(_) | Answer::Unfit(_) | Answer::InDoubt) => false,
    }
}

/// Why encryption did not come about, where the same may be said without it (RFC 7435 §3). Bytes that
/// somebody put in clear behind STARTTLS are no such reason.
fn broken_encryption(options: &session::Options, failure: Option<&Failure>) -> Option<String> {
    if options.tls != Encryption::Opportunistic {
        return None;
    }
    match failure? {
        Failure::Tls(error) => Some(error.to_string()),
        Failure::Wire(Stage::Starttls, error) => Some(error.to_string()),
        // With TLS 1.3, the server's judgement on our certificate comes behind the handshake.
        Failure::Wire(Stage::Banner | Stage::Ehlo, error @ WireError::Unwelcome(_)) => {
            Some(error.to_string())
        }
        Failure::Protocol(Stage::Starttls, what) => Some(format!("it {what}")),
        _ => None,
    }
}
