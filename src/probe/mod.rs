//! What can be found out about a server without sending mail. Finds and judges; prints nothing.

mod ask;
mod expect;
mod inspect;
mod reach;

pub use ask::{Answers, ask};
pub use expect::{Expectation, Finding};
pub use inspect::{Encrypted, Probe, probe};
