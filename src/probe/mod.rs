//! Inspects a server without sending mail. Collects and compares; prints nothing.

mod certificate;
pub mod discover;
mod expect;
#[allow(dead_code, reason = "the checks of domains and servers use the rest")]
mod finding;
pub mod fleet;
mod inspect;
mod judge;
pub mod scan;
mod series;
mod session;

pub use certificate::SOON;
pub use expect::{Expectation, ExpectationResult};
pub use finding::{Finding, FindingId, Status, worst};
pub use inspect::{ProbeResult, TlsReport, probe};
pub use judge::findings;
pub use series::{Phase, ProbeSeries, Spread};
pub use session::{AskResult, ask, run_session};
