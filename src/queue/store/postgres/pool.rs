//! The connections of a process. A statement whose connection was lost is executed again over another one, so that
//! every statement must have the same effect if it is executed twice.

use crate::queue::store::postgres::connection::{Connection, Failure, OnNotification};
use crate::queue::store::postgres::password;
use crate::queue::store::postgres::schema::{Schema, Version};
use crate::queue::store::postgres::tls::Connector;
use crate::queue::store::postgres::url::Settings;
use crate::queue::store::{DatabaseFault, QueueError};
use crate::system::secret::Secret;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Time for which a statement is tried again, while the database restarts for example.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Pause before the second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// Time after its last use for which a connection counts as usable without a test.
const FRESH: Duration = Duration::from_secs(1);

/// Maximum pause.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The connections to one database.
pub struct Pool {
    pub settings: Settings,
    tls: Option<Connector>,
    pub schema: Schema,
    /// The outer `None`: it was not searched for yet; the inner one: there is none.
    #[expect(clippy::option_option, reason = "unknown, none, or a password")]
    password: Mutex<Option<Option<Secret>>>,
    state: Mutex<State>,
    returned: Condvar,
    /// A time of the database, and when it was read; `None`: not yet. The clock of this host may be wrong, or be set.
    clock: Mutex<Option<(SystemTime, Instant)>>,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Connections in use.
    used: usize,
}

impl Pool {
    /// Makes no connection yet.
    pub fn new(settings: Settings) -> Result<Self, QueueError> {
        let tls = settings.tls.as_ref().map(Connector::new).transpose();
        let tls = tls.map_err(|why| QueueError::Database {
            location: settings.shown.clone(),
            why: format!("cannot be used: {why}").into(),
            fault: DatabaseFault::Setup,
        })?;
        Ok(Self {
            tls,
            schema: Schema::new(&settings.schema),
            settings,
            password: Mutex::default(),
            state: Mutex::default(),
            returned: Condvar::new(),
            clock: Mutex::default(),
        })
    }

    /// Makes sure that the database can be used.
    pub fn check(&self) -> Result<(), QueueError> {
        self.run(|connection| {
            // A new connection has been tested by its login.
            if connection.last_use.elapsed() < FRESH {
                return Ok(());
            }
            connection.query("select 1", &[]).map(drop)
        })
    }

    /// Executes statements on a connection, on another one if it is lost, until there is no more patience.
    pub fn run<T>(
        &self,
        statements: impl Fn(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, QueueError> {
        self.run_within(PATIENCE, statements)
            .map_err(|failure| self.error(failure))
    }

    /// The same, with another patience. Without any, there is one attempt.
    pub fn run_within<T>(
        &self,
        patience: Duration,
        statements: impl Fn(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (begun, mut pause) = (Instant::now(), PAUSE);
        loop {
            let done = self.run_once(&statements);
            match done {
                Err(Failure::Lost(_) | Failure::Busy(_)) if begun.elapsed() + pause < patience => {
                    thread::sleep(pause);
                    pause = (2 * pause).min(MAX_PAUSE);
                }
                done => return done,
            }
        }
    }

    fn run_once<T>(
        &self,
        statements: impl Fn(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = match self.take() {
            Some(connection) => connection,
            None => self.connect(None).inspect_err(|_| self.give_back(None))?,
        };
        let done = statements(&mut connection);
        // A transaction may be open after any error.
        let is_usable = matches!(done, Ok(_) | Err(Failure::Exists)) && !connection.is_closed();
        connection.last_use = Instant::now();
        self.give_back(is_usable.then_some(connection));
        done
    }

    /// Waits for an idle connection; `None`: one more may be opened.
    fn take(&self) -> Option<Connection> {
        let mut state = self.lock();
        while state.idle.is_empty() && state.used >= self.settings.connections {
            state = self
                .returned
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.used += 1;
        while let Some(connection) = state.idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn give_back(&self, connection: Option<Connection>) {
        let mut state = self.lock();
        state.used -= 1;
        state.idle.extend(connection);
        drop(state);
        self.returned.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a connection to tables of the version that this program uses.
    pub fn connect(&self, on_notification: Option<OnNotification>) -> Result<Connection, Failure> {
        let connection = self.log_in(on_notification)?;
        let (version, time) = self.schema.version_at_once(&connection)?;
        self.set_clock(time);
        match version {
            Version::Current => Ok(connection),
            other => Err(Failure::Schema(other.to_text())),
        }
    }

    /// Opens a connection, whatever the tables are.
    pub fn log_in(&self, on_notification: Option<OnNotification>) -> Result<Connection, Failure> {
        let mut password = self.password.lock().unwrap_or_else(PoisonError::into_inner);
        if password.is_none() {
            let found = password::find(&self.settings);
            *password = Some(found.map_err(|error| Failure::Login(error.to_string()))?);
        }
        let known = password.as_ref().and_then(Option::as_ref);
        let config = self.settings.with_password(known.map(Secret::expose));
        drop(password);
        let opened = Connection::open(&config, self.tls.as_ref(), on_notification);
        if matches!(opened, Err(Failure::Login(_))) {
            // It may have been changed.
            *self.password.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        opened
    }

    /// The lease of a claim in milliseconds, as a parameter of statements.
    pub fn lease_milliseconds(&self) -> i64 {
        i64::try_from(self.settings.lease.as_millis()).unwrap_or(i64::MAX)
    }

    /// The latest time at which another attempt may insert an item, if the first one was sent at this time: its claim
    /// still exists then, so that its item is found.
    pub fn insert_deadline(&self, sent: Option<SystemTime>) -> Option<SystemTime> {
        sent?.checked_add(self.settings.lease * 3 / 4)
    }

    /// Sets the time of the database, which was just read.
    pub fn set_clock(&self, now: SystemTime) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }

    /// The time of the database.
    pub fn now(&self) -> SystemTime {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.and_then(|(read, since)| read.checked_add(since.elapsed()));
        now.unwrap_or_else(SystemTime::now)
    }

    /// The error of the queue for a failure.
    pub fn error(&self, failure: Failure) -> QueueError {
        let (why, fault) = match failure {
            Failure::Lost(why) => (
                format!("cannot be reached: {why}").into(),
                DatabaseFault::Unavailable,
            ),
            Failure::Busy(why) => (
                format!("cannot be used now: {why}").into(),
                DatabaseFault::Unavailable,
            ),
            Failure::ReadOnly(why) => (
                format!("accepts no changes: {why}").into(),
                DatabaseFault::ReadOnly,
            ),
            Failure::Login(why) => (
                format!("does not accept the connection: {why}").into(),
                DatabaseFault::Setup,
            ),
            Failure::Schema(why) => (why, DatabaseFault::Setup),
            Failure::Exists => (
                "already has an item with this ID".into(),
                DatabaseFault::Statement,
            ),
            Failure::Refused(why) => (
                format!("refuses a statement: {why}").into(),
                DatabaseFault::Statement,
            ),
        };
        QueueError::Database {
            location: self.settings.shown.clone(),
            why,
            fault,
        }
    }
}
