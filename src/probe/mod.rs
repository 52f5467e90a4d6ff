//! Inspects a server without sending mail. Collects and compares; prints nothing.

pub mod discover;
mod expect;
#[allow(dead_code, reason = "the checks of domains and servers use the rest")]
mod finding;
mod inspect;
mod session;

pub use expect::{Expectation, ExpectationResult};
pub use finding::{Finding, FindingId, Status, worst};
pub use inspect::{ProbeResult, TlsReport, probe};
pub use session::{AskResult, ask, run_session};
