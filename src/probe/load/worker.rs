//! The work of one thread: it sends one message after the other, over one connection at a time.

use crate::client::deliver::is_stale;
use crate::client::peer::PeerAddress;
use crate::client::session;
use crate::client::session::{
    AfterTransaction, IdleSession, SessionContext, SessionResult, TlsDemand, Transaction,
};
use crate::client::wire::tls::ServerCheck;
use crate::client::wire::{ConnectFailure, Terms, Tls, Wire, connect};
use crate::probe::load::error::LoadError;
use crate::probe::load::pace::{Pacer, Ticket};
use crate::probe::load::record::{Counts, Recorder, Sample};
use crate::probe::load::timer::PhaseTimer;
use crate::probe::load::{LoadPlan, Pace, locked};
use crate::system::secret::Login;
use rustix::net::{Shutdown, shutdown};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A message that begins later than this after it was due is late.
const PUNCTUAL: Duration = Duration::from_millis(1);

/// Pause of a connection in the closed loop after the server refused another one: it would otherwise only be asked
/// again and again.
const PAUSE: Duration = Duration::from_millis(100);

/// What all workers share.
pub struct LoadRun<'a> {
    pub plan: &'a LoadPlan,
    /// The name of the server, for its certificate.
    pub host: &'a str,
    pub peers: &'a [PeerAddress],
    pub terms: Terms<'a>,
    pub tls: &'a Tls,
    pub login: Option<&'a Login>,
    /// The options of sessions with TLS, if it is used, and of those without.
    pub options: &'a session::Options,
    pub clear: &'a session::Options,
    pub pacer: Pacer,
    pub recorder: Recorder,
    pub sockets: OpenSockets,
    /// Number of sessions so far.
    pub sessions: AtomicU64,
}

/// A session between two messages.
struct Kept {
    session: IdleSession,
    /// Number of messages sent in it.
    carried: u64,
    is_clear: bool,
}

/// One thread.
struct Worker<'r, 'a> {
    run: &'r LoadRun<'a>,
    number: usize,
    kept: Option<Kept>,
    timer: PhaseTimer,
    counts: Counts,
}

impl<'a> LoadRun<'a> {
    /// Sends messages until the run ends.
    pub fn work(&self, number: usize) {
        let mut worker = Worker {
            run: self,
            number,
            kept: None,
            timer: PhaseTimer::new(),
            counts: Counts::default(),
        };
        let turn = self.pacer.enter(number);
        while let Some(ticket) = self.pacer.next(&turn) {
            let pause = worker.send(ticket);
            if let Some(pause) = pause {
                self.pacer.sleep_until(Instant::now() + pause);
            }
        }
        worker.close();
    }

    fn context(&self, is_clear: bool, login: Option<&'a Login>) -> SessionContext<'a> {
        SessionContext {
            options: if is_clear { self.clear } else { self.options },
            tls: self.tls,
            host: self.host,
            check: &ServerCheck::Options,
            is_host_authentic: true,
            login,
        }
    }

    fn is_open_loop(&self) -> bool {
        matches!(self.plan.pace, Pace::Open { .. })
    }
}

impl Worker<'_, '_> {
    /// Sends one message, and records how long it took. Returns the pause before the next one, if there is one.
    fn send(&mut self, ticket: Ticket) -> Option<Duration> {
        let run = self.run;
        let message = run.plan.message.message(ticket.number);
        let began = self.timer.begin();
        self.counts = Counts::default();
        let due = run.is_open_loop().then_some(ticket.due);
        if due.is_some_and(|due| began.saturating_duration_since(due) > PUNCTUAL) {
            self.counts.late = 1;
        }
        let carried = self.kept.as_ref().map_or(0, |kept| kept.carried);
        let is_last = |carried| {
            run.plan
                .per_connection
                .is_some_and(|most| carried + 1 >= most.get())
        };
        let transaction = |carried| Transaction {
            then: if is_last(carried) {
                AfterTransaction::Quit
            } else {
                AfterTransaction::Rest
            },
            ..Transaction::new(
                run.plan.message.sender(),
                message.recipients.iter().collect(),
                &message,
            )
        };
        let resumed = self
            .kept
            .take()
            .and_then(|kept| self.resume(kept, &transaction(carried)));
        let result = match resumed {
            Some(result) => Ok(result),
            None => self.open(&transaction(0)),
        };
        let error = match &result {
            Ok(result) => LoadError::of(result),
            Err(why) => Some(LoadError::connect(why.clone())),
        };
        if error.is_some() && run.sockets.are_closed() {
            // The end of the run has closed the connection.
            return None;
        }
        let pause = match (&error, run.plan.pace) {
            (Some(error), Pace::Closed { think }) if error.is_about_connections() => {
                Some(think.max(PAUSE))
            }
            (_, Pace::Closed { think }) => (!think.is_zero()).then_some(think),
            (_, Pace::Open { .. }) => None,
        };
        self.counts.connections = self.timer.is_connected.into();
        let times = self.timer.finish(due, error.is_none());
        let octets = match run.options.testing.stop {
            Some(_) => 0,
            None => message.size(),
        };
        run.recorder.add(
            self.number,
            Sample {
                due: ticket.due,
                times,
                result: error.map_or_else(|| Ok(octets), Err),
                counts: self.counts,
            },
        );
        pause
    }

    /// Sends it in the session that was kept. `None`: the server has closed that.
    fn resume(&mut self, kept: Kept, transaction: &Transaction<'_>) -> Option<SessionResult> {
        let context = self.run.context(kept.is_clear, None);
        let mut result = session::resume(kept.session, transaction, &context, &mut self.timer);
        if is_stale(&result) {
            self.counts.reopened = 1;
            self.run.sockets.remove(self.number);
            return None;
        }
        self.keep(&mut result, kept.carried + 1, kept.is_clear);
        Some(result)
    }

    /// Sends it over a new connection.
    fn open(&mut self, transaction: &Transaction<'_>) -> Result<SessionResult, String> {
        let run = self.run;
        let session = run.sessions.fetch_add(1, Ordering::Relaxed);
        let (tls, auth) = run.plan.mix.of(session);
        let wire = self.connect(session)?;
        run.sockets.put(self.number, &wire);
        let context = run.context(!tls, run.login.filter(|_| auth));
        let mut result = session::run(wire, transaction, &context, &mut self.timer);
        self.keep(&mut result, 1, !tls);
        Ok(result)
    }

    /// Connects to the addresses of the server in turn.
    fn connect(&mut self, session: u64) -> Result<Wire, String> {
        let peers = self.run.peers;
        let first = usize::try_from(session).unwrap_or_default() % peers.len();
        let order = peers[first..].iter().chain(&peers[..first]).cloned();
        let mut others: VecDeque<PeerAddress> = order.collect();
        let Some(peer) = others.pop_front() else {
            return Err("no address".to_owned());
        };
        match connect(peer, &mut others, self.run.terms, &mut self.timer) {
            Ok(connection) => Ok(connection.wire),
            Err(ConnectFailure::Failed { why, .. }) => Err(why),
            Err(ConnectFailure::OutputFailed) => Err("not connected".to_owned()),
        }
    }

    fn keep(&mut self, result: &mut SessionResult, carried: u64, is_clear: bool) {
        self.kept = result.rest.take().map(|session| Kept {
            session,
            carried,
            is_clear,
        });
        if self.kept.is_none() {
            self.run.sockets.remove(self.number);
        }
    }

    /// Ends the session that was kept.
    fn close(mut self) {
        if let Some(kept) = self.kept.take() {
            let context = self.run.context(kept.is_clear, None);
            kept.session.quit(&context, &mut self.timer);
            self.run.sockets.remove(self.number);
        }
    }
}

/// The sockets of all workers, so that the end of a run does not wait for a server.
pub struct OpenSockets(Mutex<Sockets>);

struct Sockets {
    is_closed: bool,
    /// By the number of the worker.
    open: Vec<Option<OwnedFd>>,
}

impl OpenSockets {
    pub fn new(workers: usize) -> Self {
        Self(Mutex::new(Sockets {
            is_closed: false,
            open: (0..workers).map(|_| None).collect(),
        }))
    }

    fn put(&self, worker: usize, wire: &Wire) {
        let socket = wire
            .socket()
            .and_then(|socket| socket.try_clone_to_owned().ok());
        let mut sockets = self.locked();
        match socket {
            Some(socket) if sockets.is_closed => {
                let _ = shutdown(socket, Shutdown::Both);
            }
            socket => sockets.open[worker] = socket,
        }
    }

    fn remove(&self, worker: usize) {
        let socket = self.locked().open[worker].take();
        drop(socket);
    }

    /// Disconnects all sessions, and those that begin later.
    pub fn close(&self) {
        let mut sockets = self.locked();
        sockets.is_closed = true;
        for socket in sockets.open.iter().flatten() {
            let _ = shutdown(socket, Shutdown::Both);
        }
    }

    fn are_closed(&self) -> bool {
        self.locked().is_closed
    }

    fn locked(&self) -> MutexGuard<'_, Sockets> {
        locked(&self.0)
    }
}

/// The same options without TLS.
pub fn in_clear(options: &session::Options) -> session::Options {
    session::Options {
        tls: TlsDemand::Off,
        ..options.clone()
    }
}
