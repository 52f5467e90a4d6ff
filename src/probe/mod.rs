//! Inspects servers and domains, and measures servers under load. Collects and compares; prints nothing.

mod certificate;
pub mod check;
mod dane;
pub mod discover;
pub mod dmarc;
mod expect;
mod finding;
pub mod fleet;
mod inspect;
mod judge;
pub mod load;
pub mod scan;
mod series;
mod session;
pub mod spf;
pub mod verify;

pub use certificate::{EXPIRED, EXPIRES, SOON};
pub use dane::{DaneReport, HostRecords, Origin, RecordReport, RecordState};
pub use expect::{Expectation, ExpectationResult};
pub use finding::{Finding, FindingId, Status, worst};
pub use inspect::{ProbeResult, TlsReport, probe};
pub use judge::findings;
pub use series::{Phase, ProbeSeries, Spread};
pub use session::{AskResult, ask, run_session};
