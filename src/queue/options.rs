//! How the queue is used: whether a message is kept, where, and how a stored route is read.

use crate::client::transport::Transport;
use crate::queue::store as queue;
use crate::queue::store::OnUncertain;
use crate::queue::store::RouteSpec;
use std::path::PathBuf;

/// How a message is kept until it can be sent.
#[derive(Debug)]
pub struct QueueUse {
    pub spool: QueueOptions,
    /// How the way is found again.
    pub waybill: RouteSpec,
    /// What becomes of a recipient who may have got it already.
    pub on_uncertain: OnUncertain,
    /// A shell command that is told of what was given up.
    pub on_failure: Option<String>,
    /// When it is tried first.
    pub first: FirstTry,
}

/// When a message that was put into the queue is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// Now, and the caller waits for it.
    Now,
    /// Now, and the caller does not wait.
    Behind,
    /// When the queue is run.
    Later,
}

/// A queue: where it is, and by which rules it is worked on.
#[derive(Debug)]
pub struct QueueOptions {
    /// The directory; `None` is the usual one.
    pub directory: Option<PathBuf>,
    /// The configuration that was named; `None` is the usual one. A run that is started later gets it
    /// again.
    pub config: Option<PathBuf>,
    pub settings: queue::RetrySettings,
    /// Who knows the ways.
    pub ways: Box<dyn StoredRoutes>,
}

/// Finds the ways again that items of the queue were given.
pub trait StoredRoutes: std::fmt::Debug + std::marker::Send + Sync {
    /// The way, and those to fall back to.
    ///
    /// # Errors
    /// There is no such profile any more, or something is wrong with the configuration: the reason.
    fn find(&self, waybill: &RouteSpec) -> Result<Vec<Transport>, String>;
}
