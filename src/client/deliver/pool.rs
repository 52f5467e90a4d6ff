//! Open transports, idle sessions between deliveries, and hosts known to be down.

use crate::client::events::Observer;
use crate::client::outcome::ContactedServer;
use crate::client::policy::Policy;
use crate::client::route::Host;
use crate::client::session::Step;
use crate::client::session::{
    IdleSession, RecipientReply, SessionContext, SessionFailure, SessionResult,
};
use crate::client::transport::{OpenTransport, TransportError, Transports};
use crate::system::stop::Stop;
use std::cell::{OnceCell, RefCell};

/// Maximum number of messages on a connection: some servers count them and penalize the client.
const MAX_MESSAGES: u32 = 100;

/// Maximum number of idle sessions. A message to a thousand domains would keep a thousand servers
/// waiting, and run out of files.
const MAX_IDLE: usize = 8;

/// Knowledge about hosts from other deliveries. The key of a host includes the user who logs in there,
/// because the server may accept one user and not another.
pub trait Hosts {
    /// Reason for which this host should be skipped now; `None`: try it.
    fn down(&self, host: &str, port: Option<u16>) -> Option<String>;

    /// Records that no connection could be established, and the reason.
    fn went_down(&self, host: &str, port: Option<u16>, why: &str);

    fn came_up(&self, host: &str, port: Option<u16>);
}

/// The connections of one thread over a list of transports.
pub struct ConnectionPool<'a, 'p> {
    transports: &'a Transports<'p>,
    open: Vec<OnceCell<OpenTransport<'a>>>,
    /// For each transport; empty if no session is kept open.
    idle: Vec<IdleConnections<'a>>,
}

impl<'a, 'p> ConnectionPool<'a, 'p> {
    /// A pool for one message: no session is kept open, and all hosts are tried. Opens no connection yet.
    pub fn for_one_message(transports: &'a Transports<'p>) -> Self {
        Self {
            transports,
            open: (0..transports.count()).map(|_| OnceCell::new()).collect(),
            idle: Vec::new(),
        }
    }

    /// A pool that keeps sessions open for the next message. Opens no connection yet.
    pub fn new(transports: &'a Transports<'p>, hosts: &'a dyn Hosts) -> Self {
        let idle = |_| IdleConnections {
            sessions: RefCell::new(Vec::new()),
            hosts,
        };
        Self {
            idle: (0..transports.count()).map(idle).collect(),
            ..Self::for_one_message(transports)
        }
    }

    /// True if sessions are kept open for the next message.
    pub fn keeps_sessions(&self) -> bool {
        !self.idle.is_empty()
    }

    pub fn transports(&self) -> &'a Transports<'p> {
        self.transports
    }

    /// Loads the keys and the password of the first transport. An error is reported when it is tried. A command
    /// that prints the password is killed when `stop` is set.
    pub fn prepare(&self, stop: Option<&Stop>) {
        if self.transports.count() > 0 {
            let _ = self.transports.load(0, stop);
        }
    }

    /// One of the transports, with its keys and its password.
    pub(super) fn open(
        &self,
        index: usize,
        stop: Option<&Stop>,
    ) -> Result<&OpenTransport<'a>, &'a TransportError> {
        let loaded = self.transports.load(index, stop)?;
        Ok(self.open[index].get_or_init(|| loaded.open()))
    }

    pub(super) fn idle(&self, index: usize) -> Option<&IdleConnections<'a>> {
        self.idle.get(index)
    }

    /// Sends QUIT in all idle sessions.
    pub fn close(&self, observer: &mut dyn Observer) {
        for (idle, transport) in self.idle.iter().zip(&self.open) {
            if let Some(transport) = transport.get() {
                idle.close(transport, observer);
            }
        }
    }
}

/// Idle sessions over one transport.
pub struct IdleConnections<'h> {
    sessions: RefCell<Vec<IdleConnection>>,
    pub hosts: &'h dyn Hosts,
}

/// An idle session.
pub struct IdleConnection {
    pub host: Host,
    /// The port of the destination.
    pub port: u16,
    /// The demands that the session meets.
    pub policy: Policy,
    pub server: ContactedServer,
    pub session: IdleSession,
    /// Number of messages sent on it.
    pub carried: u32,
}

impl IdleConnection {
    /// True if another message may follow the next one.
    pub fn is_fresh(&self) -> bool {
        self.carried + 1 < MAX_MESSAGES
    }

    fn quit(self, transport: &OpenTransport<'_>, observer: &mut dyn Observer) {
        let name = self.host.name();
        let context = SessionContext {
            login: None,
            ..transport.context(&name)
        };
        self.session.quit(&context, observer);
    }
}

impl IdleConnections<'_> {
    /// Takes the session with this host out of the pool, for exclusive use.
    pub fn take(&self, host: &Host, port: u16, policy: &Policy) -> Option<IdleConnection> {
        let mut sessions = self.sessions.borrow_mut();
        let is_it =
            |one: &IdleConnection| one.host == *host && one.port == port && one.policy == *policy;
        let index = sessions.iter().position(is_it)?;
        Some(sessions.remove(index))
    }

    /// Adds an idle session. If there are too many, the one that has been idle longest is closed with QUIT.
    pub fn keep(
        &self,
        session: IdleConnection,
        transport: &OpenTransport<'_>,
        observer: &mut dyn Observer,
    ) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.push(session);
        if sessions.len() > MAX_IDLE {
            sessions.remove(0).quit(transport, observer);
        }
    }

    fn close(&self, transport: &OpenTransport<'_>, observer: &mut dyn Observer) {
        for session in self.sessions.take() {
            session.quit(transport, observer);
        }
    }
}

/// True if an idle session was over before any command was sent in it: the server closed it, possibly after
/// an unsolicited reply (`451 timeout`), or accepts no more messages on it. Another connection may work.
pub fn is_stale(ended: &SessionResult) -> bool {
    let begins = |step: &Step| matches!(step, Step::Mail | Step::Rset);
    let is_goodbye = |answer: &RecipientReply| match answer {
        RecipientReply::Replied(step, reply) => begins(step) && reply.code == 421,
        _ => false,
    };
    // Recipients that this server cannot serve are excluded: another connection would not help them.
    let answers = ended.answers.iter();
    let open: Vec<&Option<RecipientReply>> = answers
        .filter(|answer| !matches!(answer, Some(RecipientReply::Unsuitable(_))))
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
    use crate::client::session::TransactionIndex;
    use crate::client::session::Unsuitable;
    use crate::client::wire::WireError;
    use crate::smtp::reply::Reply;

    fn ended(answers: &[Option<RecipientReply>], failure: Option<SessionFailure>) -> SessionResult {
        SessionResult {
            answers: answers.to_vec().into(),
            failure,
            interrupted: false,
            refusal: None,
            replies: Vec::new(),
            rest: None,
            is_encrypted: false,
        }
    }

    fn said(step: Step, code: u16) -> RecipientReply {
        let lines = vec!["words".to_owned()];
        RecipientReply::Replied(step, Reply { code, lines })
    }

    fn closed(step: Step) -> SessionFailure {
        SessionFailure::Wire(step, WireError::Closed)
    }

    #[test]
    fn what_was_over_before_it_began_is_stale() {
        let unsuitable = Some(RecipientReply::Unsuitable(Unsuitable::NeedsUtf8));
        let early = SessionFailure::Protocol(Step::Mail, "sent \"451 timeout\" before".to_owned());
        for ended in [
            ended(&[None, None], Some(closed(Step::Mail))),
            ended(&[None], Some(closed(Step::Rset))),
            ended(&[None], Some(early)),
            ended(&[Some(said(Step::Mail, 421))], None),
            ended(&[unsuitable.clone(), Some(said(Step::Rset, 421))], None),
            ended(&[unsuitable, None], Some(closed(Step::Mail))),
        ] {
            assert!(is_stale(&ended), "{ended:?}");
        }
    }

    #[test]
    fn what_has_come_to_something_is_not() {
        for ended in [
            ended(&[Some(RecipientReply::Uncertain)], Some(closed(Step::Mail))),
            ended(
                &[None],
                Some(closed(Step::Rcpt(TransactionIndex::default()))),
            ),
            ended(&[Some(said(Step::Mail, 451))], None),
            ended(
                &[Some(said(Step::Mail, 421)), Some(said(Step::Dot, 421))],
                None,
            ),
            ended(
                &[Some(RecipientReply::Unsuitable(Unsuitable::NeedsUtf8))],
                None,
            ),
        ] {
            assert!(!is_stale(&ended), "{ended:?}");
        }
    }
}
