//! What can be found out about a server without sending mail. Finds and judges; prints nothing.

mod expect;
mod probe;

pub use expect::{Expectation, Finding};
pub use probe::{Encrypted, Probe, Step, probe};
