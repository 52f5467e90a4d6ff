//! Sessions that rest between deliveries, and hosts that need not be tried.

use super::Way;
use crate::outcome::Server;
use crate::route::Host;
use crate::session::{self, Answer, Ended, Failure, Means, Rest, Stage};
use crate::watch::Watch;
use std::cell::RefCell;

/// After so many messages a server gets a new connection: some count them, and think the worse of us.
const MOST: u32 = 100;

/// What is known about hosts besides what a delivery finds out.
pub trait Hosts {
    /// Why this host need not be tried now; `None` is no reason.
    fn down(&self, host: &str, port: Option<u16>) -> Option<String>;

    /// No connection came about, for this reason.
    fn went_down(&self, host: &str, port: Option<u16>, why: &str);

    /// It answers.
    fn came_up(&self, host: &str, port: Option<u16>);
}

/// What several deliveries by one way have in common.
pub struct Connections<'h> {
    resting: RefCell<Vec<Resting>>,
    hosts: &'h dyn Hosts,
}

/// A session that rests.
pub struct Resting {
    /// The host, by its name.
    pub host: Host,
    /// The port that was asked for.
    pub port: u16,
    /// Where it is.
    pub server: Server,
    /// The session.
    pub rest: Rest,
    /// How many messages it has carried.
    pub carried: u32,
}

impl Resting {
    /// Whether there can be another message behind the next one.
    pub fn is_fresh(&self) -> bool {
        self.carried + 1 < MOST
    }
}

impl<'h> Connections<'h> {
    /// None yet.
    #[must_use]
    pub fn new(hosts: &'h dyn Hosts) -> Self {
        Self {
            resting: RefCell::new(Vec::new()),
            hosts,
        }
    }

    /// What is known about hosts.
    pub(super) fn hosts(&self) -> &dyn Hosts {
        self.hosts
    }

    /// The session with this host, which nobody else gets until it is given back.
    pub(super) fn take(&self, host: &Host, port: u16) -> Option<Resting> {
        let mut resting = self.resting.borrow_mut();
        let is_it = |one: &Resting| one.host == *host && one.port == port;
        let place = resting.iter().position(is_it)?;
        Some(resting.swap_remove(place))
    }

    pub(super) fn keep(&self, session: Resting) {
        self.resting.borrow_mut().push(session);
    }

    /// Says QUIT to all of them.
    pub fn close(&self, way: &Way<'_>, watch: &mut dyn Watch) {
        for session in self.resting.take() {
            let means = Means {
                options: way.session,
                tls: way.tls,
                host: &session.host.name(),
                login: None,
            };
            session.rest.quit(&means, watch);
        }
    }
}

/// Whether a session that had rested was over before anything was said in it: the server closed it, or
/// takes no more messages on it. Another connection may do.
pub fn is_stale(ended: &Ended) -> bool {
    let begins = |stage: &Stage| matches!(stage, Stage::Mail | Stage::Rset);
    let goodbye = |answer: &Option<Answer>| match answer {
        Some(Answer::Said(stage, reply)) => begins(stage) && reply.code == 421,
        _ => false,
    };
    let unanswered = ended.answers.iter().all(Option::is_none);
    match &ended.failure {
        Some(session::Failure::Wire(stage, _)) => begins(stage) && unanswered,
        None | Some(Failure::Protocol(..)) => ended.answers.iter().all(goodbye),
        Some(_) => false,
    }
}
