//! Inspects a server without sending mail. Collects and judges; prints nothing.

mod ask;
mod expect;
mod inspect;
mod reach;

pub use ask::{AskResult, ask};
pub use expect::{Expectation, ExpectationResult};
pub use inspect::{Encrypted, ProbeResult, probe};
