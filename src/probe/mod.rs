//! Inspects a server without sending mail. Collects and compares; prints nothing.

pub mod discover;
mod expect;
mod inspect;
mod session;

pub use expect::{Expectation, ExpectationResult};
pub use inspect::{ProbeResult, TlsReport, probe};
pub use session::{AskResult, ask, run_session};
