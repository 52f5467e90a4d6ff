//! Inspects a server without sending mail. Collects and compares; prints nothing.

pub mod check;
pub mod discover;
pub mod dmarc;
mod expect;
mod finding;
mod inspect;
mod session;
pub mod spf;
pub mod verify;

pub use expect::{Expectation, ExpectationResult};
pub use finding::{Finding, FindingId, Status, worst};
pub use inspect::{ProbeResult, TlsReport, probe};
pub use session::{AskResult, ask};
