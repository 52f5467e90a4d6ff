//! A connection to the database. The asynchronous client runs on a runtime of its own, in the thread of the caller.

use crate::queue::store::postgres::tls::Connector;
use crate::queue::store::postgres::url::cause;
use crate::system::remedy::ErrorText;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Connection as Driver, NoTls, Row};

/// Time limit of a statement.
const STATEMENT: Duration = Duration::from_secs(60);

/// Time limit of connecting with its login, for all hosts of the URL.
const LOGIN: Duration = Duration::from_secs(30);

/// Time for the server to see the end of the connection.
const GOODBYE: Duration = Duration::from_millis(200);

/// A parameter of a statement, with its type. Statements are not prepared, so that a pooler may give each transaction
/// to another connection of its own.
pub type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

/// Receives the payload of each notification.
pub type OnNotification = Box<dyn FnMut(&str) + Send>;

/// The reason why a statement has no result.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The connection was lost, or there is none. The statement may have been executed.
    Lost(String),
    /// The server cannot execute it now. It was not executed.
    Busy(String),
    /// The server accepts no changes.
    ReadOnly(String),
    /// The login or the certificate is wrong.
    Login(String),
    /// A row with this key exists.
    Exists,
    /// The tables are missing, or are those of another version.
    Schema(ErrorText),
    /// The server refuses the statement for another reason.
    Refused(String),
}

/// A connection.
pub struct Connection {
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    runtime: Runtime,
    /// When the database has answered last.
    pub last_use: Instant,
}

impl Connection {
    /// Connects and logs in.
    pub fn open(
        config: &Config,
        tls: Option<&Connector>,
        on_notification: Option<OnNotification>,
    ) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build();
        let runtime = runtime.map_err(|error| Failure::Busy(error.to_string()))?;
        let opened = runtime.block_on(async {
            let opening = open(config, tls, on_notification);
            match tokio::time::timeout(LOGIN, opening).await {
                Ok(opened) => opened.map_err(|error| Failure::of_login(&error)),
                Err(_) => Err(Failure::Lost("there is no answer".to_owned())),
            }
        });
        let (client, driver) = opened?;
        Ok(Self {
            client: Some(client),
            driver: Some(driver),
            runtime,
            last_use: Instant::now(),
        })
    }

    /// Executes a statement and returns its rows.
    pub fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        let client = self.client()?;
        self.run(client.query_typed(sql, parameters))
    }

    /// Executes a statement, and returns its number of rows.
    pub fn count(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<usize, Failure> {
        Ok(self.query(sql, parameters)?.len())
    }

    /// Executes statements without parameters.
    pub fn execute(&self, sql: &str) -> Result<(), Failure> {
        let client = self.client()?;
        self.run(client.batch_execute(sql))
    }

    /// Receives notifications for this time, or until the connection is lost. Returns false then.
    pub fn wait(&self, time: Duration) -> bool {
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
        !self.is_closed()
    }

    /// True if the connection is known to be lost.
    pub fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    fn client(&self) -> Result<&Client, Failure> {
        let client = self.client.as_ref();
        client.ok_or_else(|| Failure::Lost("the connection is closed".to_owned()))
    }

    fn run<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        self.runtime.block_on(async {
            match tokio::time::timeout(STATEMENT, statement).await {
                Ok(done) => done.map_err(|error| Failure::of(&error)),
                Err(_) => Err(Failure::Lost("there is no answer".to_owned())),
            }
        })
    }
}

/// Says goodbye, so that the server does not log a lost connection.
impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.client.take());
        if let Some(driver) = self.driver.take() {
            let _ = self
                .runtime
                .block_on(async { tokio::time::timeout(GOODBYE, driver).await });
        }
    }
}

async fn open(
    config: &Config,
    tls: Option<&Connector>,
    on_notification: Option<OnNotification>,
) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
    Ok(if let Some(tls) = tls {
        let (client, driver) = config.connect(tls.clone()).await?;
        (client, tokio::spawn(Driving::new(driver, on_notification)))
    } else {
        let (client, driver) = config.connect(NoTls).await?;
        (client, tokio::spawn(Driving::new(driver, on_notification)))
    })
}

/// Runs the connection, and passes notifications on.
struct Driving<S, T> {
    driver: Driver<S, T>,
    on_notification: Option<OnNotification>,
}

impl<S, T> Driving<S, T> {
    fn new(driver: Driver<S, T>, on_notification: Option<OnNotification>) -> Self {
        Self {
            driver,
            on_notification,
        }
    }
}

impl<S, T> Future for Driving<S, T>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.driver.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(notification)))) => {
                    if let Some(notify) = &mut self.on_notification {
                        notify(notification.payload());
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Failure {
    fn of(error: &tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            return if error.is_closed() || is_io(error) {
                Self::Lost(cause(error))
            } else {
                Self::Refused(cause(error))
            };
        };
        let text = error
            .as_db_error()
            .map_or_else(|| cause(error), |error| error.message().to_owned());
        match *code {
            SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
                Self::Lost(text)
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly(text),
            SqlState::UNIQUE_VIOLATION => Self::Exists,
            SqlState::UNDEFINED_TABLE
            | SqlState::UNDEFINED_COLUMN
            | SqlState::INVALID_SCHEMA_NAME
            | SqlState::UNDEFINED_FUNCTION => Self::Schema(text.into()),
            SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::LOCK_NOT_AVAILABLE => Self::Busy(text),
            // Insufficient resources, such as disk space, memory and connections; the query was canceled; the
            // connection has an error, which is what PgBouncer reports for a server that it cannot reach.
            _ if ["53", "57"].contains(&&code.code()[..2]) => Self::Busy(text),
            _ if code.code().starts_with("08") => Self::Lost(text),
            _ => Self::Refused(text),
        }
    }

    fn of_login(error: &tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            let is_lost = error.is_closed() || is_io(error);
            return match cause(error) {
                text if is_lost => Self::Lost(text),
                text => Self::Login(text),
            };
        };
        let text = error
            .as_db_error()
            .map_or_else(|| cause(error), |error| error.message().to_owned());
        match code.code().get(..2) {
            // Invalid authorization, and a database that does not exist.
            Some("28" | "3D") => Self::Login(text),
            // PgBouncer has this code for everything, such as a server that refuses the login for now.
            Some("08") => Self::Busy(text),
            _ => Self::of(error),
        }
    }
}

/// True if the network is the cause. An error of TLS is wrapped in one of I/O.
fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.downcast_ref::<rustls::Error>().is_some() {
            return false;
        }
        let is_io = error.downcast_ref::<std::io::Error>();
        if is_io.is_some_and(|error| {
            error
                .get_ref()
                .is_none_or(|inner| !inner.is::<rustls::Error>())
        }) {
            return true;
        }
        source = error.source();
    }
    // Only the attempt to connect in time has no source.
    error.to_string().contains("timed out") || error.to_string().contains("connecting to server")
}
