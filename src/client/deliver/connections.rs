//! Idle sessions between deliveries, and hosts known to be down.

use crate::client::deliver::OpenTransport;
use crate::client::events::Observer;
use crate::client::outcome::Server;
use crate::client::route::Host;
use crate::client::session::Step;
use crate::client::session::{
    IdleSession, RecipientReply, SessionContext, SessionFailure, SessionResult,
};
use std::cell::RefCell;

/// Maximum number of messages on a connection: some servers count them and penalize the client.
const MOST: u32 = 100;

/// Maximum number of idle sessions. A message to a thousand domains would keep a thousand servers
/// waiting, and run out of files.
const RESTING: usize = 8;

/// Knowledge about hosts from other deliveries. The key of a host includes the user who logs in there,
/// because the server may accept one user and not another.
pub trait Hosts {
    /// Reason for which this host should be skipped now; `None`: try it.
    fn down(&self, host: &str, port: Option<u16>) -> Option<String>;

    /// Records that no connection could be established, and the reason.
    fn went_down(&self, host: &str, port: Option<u16>, why: &str);

    fn came_up(&self, host: &str, port: Option<u16>);
}

/// State shared by several deliveries with one transport.
pub struct ConnectionPool<'h> {
    resting: RefCell<Vec<IdleConnection>>,
    hosts: &'h dyn Hosts,
}

/// An idle session.
pub struct IdleConnection {
    pub host: Host,
    /// The port of the destination.
    pub port: u16,
    pub server: Server,
    pub rest: IdleSession,
    /// Number of messages sent on it.
    pub carried: u32,
}

impl IdleConnection {
    /// True if another message may follow the next one.
    pub fn is_fresh(&self) -> bool {
        self.carried + 1 < MOST
    }

    fn quit(self, transport: &OpenTransport<'_>, observer: &mut dyn Observer) {
        let context = SessionContext {
            options: transport.session,
            tls: transport.tls,
            host: &self.host.name(),
            login: None,
        };
        self.rest.quit(&context, observer);
    }
}

impl<'h> ConnectionPool<'h> {
    /// An empty pool.
    #[must_use]
    pub fn new(hosts: &'h dyn Hosts) -> Self {
        Self {
            resting: RefCell::new(Vec::new()),
            hosts,
        }
    }

    pub(super) fn hosts(&self) -> &dyn Hosts {
        self.hosts
    }

    /// Takes the session with this host out of the pool, for exclusive use.
    pub(super) fn take(&self, host: &Host, port: u16) -> Option<IdleConnection> {
        let mut resting = self.resting.borrow_mut();
        let is_it = |one: &IdleConnection| one.host == *host && one.port == port;
        let place = resting.iter().position(is_it)?;
        Some(resting.remove(place))
    }

    /// Adds an idle session. If there are too many, the one that has been idle longest is closed with QUIT.
    pub(super) fn keep(
        &self,
        session: IdleConnection,
        transport: &OpenTransport<'_>,
        observer: &mut dyn Observer,
    ) {
        let mut resting = self.resting.borrow_mut();
        resting.push(session);
        if resting.len() > RESTING {
            resting.remove(0).quit(transport, observer);
        }
    }

    /// Closes all idle sessions with QUIT.
    pub fn close(&self, transport: &OpenTransport<'_>, observer: &mut dyn Observer) {
        for session in self.resting.take() {
            session.quit(transport, observer);
        }
    }
}

/// True if an idle session was over before any command was sent in it: the server closed it, possibly after
/// an unsolicited reply (`451 timeout`), or accepts no more messages on it. Another connection may work.
pub fn is_stale(ended: &SessionResult) -> bool {
    let begins = |step: &Step| matches!(step, Step::Mail | Step::Rset);
    let is_goodbye = |answer: &RecipientReply| match answer {
        RecipientReply::Said(step, reply) => begins(step) && reply.code == 421,
        _ => false,
    };
    // Recipients that this server cannot serve are excluded: another connection would not help them.
    let answers = ended.answers.iter();
    let open: Vec<&Option<RecipientReply>> = answers
        .filter(|answer| !matches!(answer, Some(RecipientReply::Unfit(_))))
        .collect();
    let unanswered = open.iter().all(|answer| answer.is_none());
    let refused = open
        .iter()
        .all(|answer| answer.as_ref().is_some_and(is_goodbye));
    let refused = refused && !open.is_empty();
    match &ended.failure {
        Some(SessionFailure::Wire(step, _)) => begins(step) && unanswered,
        Some(SessionFailure::Protocol(step, _)) => refused || begins(step) && unanswered,
        None => refused,
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::session::Unsuitable;
    use crate::client::wire::WireError;
    use crate::smtp::reply::Reply;

    fn ended(answers: &[Option<RecipientReply>], failure: Option<SessionFailure>) -> SessionResult {
        SessionResult {
            answers: answers.to_vec(),
            failure,
            interrupted: false,
            refusal: None,
            replies: Vec::new(),
            rest: None,
        }
    }

    fn said(step: Step, code: u16) -> RecipientReply {
        let lines = vec!["words".to_owned()];
        RecipientReply::Said(step, Reply { code, lines })
    }

    fn closed(step: Step) -> SessionFailure {
        SessionFailure::Wire(step, WireError::Closed)
    }

    #[test]
    fn what_was_over_before_it_began_is_stale() {
        let unfit = Some(RecipientReply::Unfit(Unsuitable::NeedsUtf8));
        let early = SessionFailure::Protocol(Step::Mail, "sent \"451 timeout\" before".to_owned());
        for ended in [
            ended(&[None, None], Some(closed(Step::Mail))),
            ended(&[None], Some(closed(Step::Rset))),
            ended(&[None], Some(early)),
            ended(&[Some(said(Step::Mail, 421))], None),
            ended(&[unfit.clone(), Some(said(Step::Rset, 421))], None),
            ended(&[unfit, None], Some(closed(Step::Mail))),
        ] {
            assert!(is_stale(&ended), "{ended:?}");
        }
    }

    #[test]
    fn what_has_come_to_something_is_not() {
        for ended in [
            ended(&[Some(RecipientReply::InDoubt)], Some(closed(Step::Mail))),
            ended(&[None], Some(closed(Step::Rcpt(0)))),
            ended(&[Some(said(Step::Mail, 451))], None),
            ended(
                &[Some(said(Step::Mail, 421)), Some(said(Step::Dot, 421))],
                None,
            ),
            ended(&[Some(RecipientReply::Unfit(Unsuitable::NeedsUtf8))], None),
        ] {
            assert!(!is_stale(&ended), "{ended:?}");
        }
    }
}
