//! The arrival of a message in a mailbox: waiting for it, and what its header and body tell about its way.

mod changes;
mod results;
mod trace;
mod watch;

pub use changes::{Changes, compare};
pub use results::{AuthenticationResults, results};
pub use trace::{Hop, hops};
pub use watch::{Arrival, Token, Watcher};
