//! The connections of a run: each sends one message after the other.

use crate::client::deliver::is_stale;
use crate::client::peer::PeerAddress;
use crate::client::session;
use crate::client::session::{
    AfterTransaction, IdleSession, SessionContext, TlsDemand, Transaction, WireEvent,
};
use crate::client::wire::tls::ServerCheck;
use crate::client::wire::{Terms, Tls};
use crate::probe::load::connect::connect_first;
use crate::probe::load::error::LoadError;
use crate::probe::load::message::LoadMessage;
use crate::probe::load::pace::{Pacer, Ticket};
use crate::probe::load::reactor::{Reactor, Task, Work};
use crate::probe::load::record::{Counts, Recorder, Sample};
use crate::probe::load::session::{Talk, quit};
use crate::probe::load::timer::PhaseTimer;
use crate::probe::load::{LoadPlan, Pace, Phase};
use crate::system::secret::Login;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A message that begins later than this after it was due is late.
const PUNCTUAL: Duration = Duration::from_millis(1);

/// Pause of a connection in the closed loop after the server refused another one: it would otherwise only be asked
/// again and again.
const PAUSE: Duration = Duration::from_millis(100);

/// State shared by all connections.
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
    /// True if no reply is waited for any more.
    pub is_aborted: AtomicBool,
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

/// One connection after the other.
struct Worker<'r, 'a> {
    run: &'r LoadRun<'a>,
    /// The number of the thread.
    thread: usize,
    task: Task,
    kept: Option<Box<Kept>>,
    timer: PhaseTimer,
    counts: Counts,
}

impl<'a> LoadRun<'a> {
    /// Runs those connections that belong to this one of several threads, until the run ends.
    pub fn work(&self, thread: usize, threads: usize) -> io::Result<()> {
        let numbers: Vec<usize> = (thread..self.plan.connections).step_by(threads).collect();
        let work = |index: usize, task: Task| -> Work<'_> {
            Box::pin(self.connection(numbers[index], thread, task))
        };
        Reactor::new()?.run(numbers.len(), work, &self.is_aborted)
    }

    /// Sends messages over one connection at a time until the run ends.
    async fn connection(&self, number: usize, thread: usize, task: Task) {
        let turn = self.pacer.enter(number, &task).await;
        let mut worker = Worker {
            run: self,
            thread,
            task,
            kept: None,
            timer: PhaseTimer::new(),
            counts: Counts::default(),
        };
        while let Some(ticket) = self.pacer.next(&turn, &worker.task).await {
            let pause = worker.send(ticket).await;
            if let Some(pause) = pause {
                let until = Instant::now() + pause;
                self.pacer.sleep_until(until, &worker.task).await;
            }
        }
        worker.close().await;
    }

    /// Ends the run without the replies that are outstanding.
    pub fn abort(&self) {
        self.is_aborted.store(true, Ordering::Relaxed);
        self.pacer.wake_all();
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
    async fn send(&mut self, ticket: Ticket) -> Option<Duration> {
        let run = self.run;
        let message = run.plan.message.message(ticket.number);
        let began = self.timer.begin();
        self.counts = Counts::default();
        let due = run.is_open_loop().then_some(ticket.due);
        if due.is_some_and(|due| began.saturating_duration_since(due) > PUNCTUAL) {
            self.counts.late = 1;
        }
        let kept = self.kept.take();
        let carried = kept.as_ref().map_or(0, |kept| kept.carried);
        let resumed = match kept {
            Some(kept) => {
                self.resume(kept, &self.transaction(&message, carried))
                    .await
            }
            None => None,
        };
        let error = match resumed {
            Some(error) => error,
            None => self.open(&self.transaction(&message, 0)).await,
        };
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
            self.thread,
            Sample {
                due: ticket.due,
                times,
                result: error.map_or_else(|| Ok(octets), Err),
                counts: self.counts,
            },
        );
        pause
    }

    /// The transaction of a message in a session that has carried this number of messages.
    fn transaction<'m>(&self, message: &'m LoadMessage<'m>, carried: u64) -> Transaction<'m>
    where
        Self: 'm,
    {
        let most = self.run.plan.per_connection;
        let is_last = most.is_some_and(|most| carried + 1 >= most.get());
        Transaction {
            then: if is_last {
                AfterTransaction::Quit
            } else {
                AfterTransaction::Rest
            },
            ..Transaction::new(
                self.run.plan.message.sender(),
                message.recipients.iter().collect(),
                message,
            )
        }
    }

    /// Sends it in the session that was kept, and returns the error. `None`: the server has closed that session.
    async fn resume(
        &mut self,
        kept: Box<Kept>,
        transaction: &Transaction<'_>,
    ) -> Option<Option<LoadError>> {
        let (carried, is_clear) = (kept.carried + 1, kept.is_clear);
        let context = self.run.context(kept.is_clear, None);
        let ends = (&self.task, &mut self.timer);
        let talk = Talk::resumed(kept.session, (transaction, &context), ends);
        let (result, session) = talk.run(WireEvent::Resumed).await;
        if is_stale(&result) {
            self.counts.reopened = 1;
            return None;
        }
        self.keep(session, carried, is_clear);
        Some(LoadError::of(&result))
    }

    /// Sends it over a new connection, and returns the error.
    async fn open(&mut self, transaction: &Transaction<'_>) -> Option<LoadError> {
        let run = self.run;
        let session = run.sessions.fetch_add(1, Ordering::Relaxed);
        let (tls, auth) = run.plan.mix.of(session);
        let first = usize::try_from(session).unwrap_or_default() % run.peers.len();
        let peers = run.peers[first..].iter().chain(&run.peers[..first]);
        let ends = (&self.task, &mut self.timer);
        let wire = match connect_first(peers, run.terms, ends).await {
            Ok(wire) => wire,
            Err(why) => return Some(LoadError::connect(why)),
        };
        let context = run.context(!tls, run.login.filter(|_| auth));
        let ends = (&self.task, &mut self.timer);
        let talk = Talk::new(wire, (transaction, &context), ends);
        let (result, session) = talk.run(WireEvent::Started).await;
        self.keep(session, 1, !tls);
        LoadError::of(&result)
    }

    fn keep(&mut self, session: Option<IdleSession>, carried: u64, is_clear: bool) {
        self.kept = session.map(|session| {
            Box::new(Kept {
                session,
                carried,
                is_clear,
            })
        });
    }

    /// Ends the session that was kept.
    async fn close(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        let context = self.run.context(kept.is_clear, None);
        self.timer.begin();
        let ends = (&self.task, &mut self.timer);
        quit(kept.session, &context, ends).await;
        let times = self.timer.finish(None, false);
        if let Some(time) = times[Phase::Quit as usize] {
            self.run.recorder.add_quit(self.thread, time);
        }
    }
}

/// The same options without TLS.
pub fn in_clear(options: &session::Options) -> session::Options {
    session::Options {
        tls: TlsDemand::Off,
        ..options.clone()
    }
}
