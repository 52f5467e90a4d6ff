//! The page of the catcher and its HTTP API.
//!
//! ```text
//! ServerSession -> Catcher (MessageStore) -> CaughtMessage in Spool or Maildir -> Summary, when it is first needed
//!               -> SessionLogs (ServerObserver)
//! WebServer -> HttpConnection -> guard -> api, page -> Catcher
//! ```
//!
//! Nothing in a message is executed or fetched: the page has a content security policy, HTML is shown in a sandbox, and
//! parts are sent with types that a browser does not execute.

mod api;
mod catcher;
mod caught;
mod expect;
mod expression;
mod html;
mod http;
mod maildir_files;
mod page;
mod query;
mod serve;
mod session_log;
mod spool;
mod summary;

pub use catcher::{Catcher, Retention};
pub use expect::ExpectingStore;
pub use query::Query;
pub use serve::WebServer;
pub use session_log::SessionLogs;

use crate::server::fault_plan::FaultPlan;

/// What requests are answered from.
#[derive(Clone, Copy)]
pub struct WebContext<'a> {
    pub catcher: &'a Catcher<'a>,
    pub faults: &'a FaultPlan,
    /// Names by which clients may address the server, besides addresses and localhost.
    pub names: &'a [String],
}
