//! The queue: the store with its items, the retry schedule, and delivery from it.

pub(crate) mod delivery;
mod location;
pub mod store;
pub(crate) mod submit;

pub(crate) use location::{Database, Location};

use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use crate::mail::dkim::Signer;
#[cfg(not(feature = "postgres"))]
use crate::queue::store::DatabaseFault;
use crate::queue::store::spool::Spool;
use crate::queue::store::{OnUncertain, QueueError, QueueStore, RetrySettings, RouteSpec};
use std::path::PathBuf;

/// Options for a message that is put into the queue.
#[derive(Debug)]
pub struct QueueUse {
    pub queue: QueueOptions,
    pub route_spec: RouteSpec,
    /// The action for a recipient that may already have received the message.
    pub on_uncertain: OnUncertain,
    /// A shell command that is run when recipients are abandoned.
    pub on_failure: Option<String>,
    pub first: FirstTry,
    /// The submission socket that the message is passed to. If that fails, it is queued for it. `None`: the message is
    /// queued at once.
    pub socket: Option<PathBuf>,
}

/// The time of the first attempt at a message that was put into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// At once; the caller waits for it.
    Now,
    /// At once; the caller does not wait.
    Background,
    /// In the next queue run.
    Later,
}

/// A queue: its location and its settings.
#[derive(Debug)]
pub struct QueueOptions {
    /// `None`: the default directory.
    pub location: Option<Location>,
    /// The configuration file given; `None`: the default one. It is passed to a run that is started later.
    pub config: Option<PathBuf>,
    pub settings: RetrySettings,
    pub log: LogOptions,
    /// Signs delivery reports.
    pub signer: Signer,
    /// Resolves stored routes.
    pub transports: Box<dyn StoredRoutes>,
}

/// Resolves the stored routes of queued items.
pub trait StoredRoutes: std::fmt::Debug + Send + Sync {
    /// The first transport, and its fallbacks.
    ///
    /// # Errors
    /// The reason: the profile no longer exists, or the configuration is invalid.
    fn find(&self, route_spec: &RouteSpec) -> Result<Vec<Transport>, String>;
}

/// Opens the queue at a location; `None`: the default directory of this user. With `create`, a missing queue
/// is created; else it counts as empty.
///
/// # Errors
/// The location cannot be used, for example because other users can write to it.
pub fn open(location: Option<&Location>, create: bool) -> Result<Box<dyn QueueStore>, QueueError> {
    let directory = match location {
        Some(Location::Database(database)) => return open_database(database),
        Some(Location::Directory(path)) => Some(path.as_path()),
        None => None,
    };
    Ok(Box::new(Spool::open(directory, create)?))
}

#[cfg(feature = "postgres")]
fn open_database(database: &Database) -> Result<Box<dyn QueueStore>, QueueError> {
    Ok(Box::new(store::postgres::PostgresStore::open(database)?))
}

#[cfg(not(feature = "postgres"))]
fn open_database(database: &Database) -> Result<Box<dyn QueueStore>, QueueError> {
    Err(QueueError::Database {
        location: database.to_string(),
        why: "cannot be used: this ehlo was built without the feature postgres".into(),
        fault: DatabaseFault::Setup,
    })
}
