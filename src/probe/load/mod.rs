//! Load on an SMTP server: many messages over many connections, and the time that each step takes.
//!
//! - `plan.rs`: what is sent, how often, over how many connections
//! - `pace.rs`: when each message is due: closed loop (a number of connections) or open loop (a rate)
//! - `message.rs`, `size.rs`: the messages
//! - `worker.rs`: the connections, each of which sends one message after the other
//! - `connect.rs`, `session.rs`: a connection and its session, which do not block
//! - `reactor.rs`: the connections of a thread
//! - `timer.rs`: the time of each step of a message
//! - `record.rs`, `error.rs`: histograms, counters and errors of all workers
//! - `expect.rs`: expectations of the result
//! - `run.rs`: a run from the first message to the report
//! - `scope.rs`: servers and recipients that may be used without being asked for

// Counts are far below 2^52.
#![allow(clippy::cast_precision_loss)]

mod connect;
mod error;
mod expect;
mod message;
mod pace;
mod plan;
mod reactor;
mod record;
mod run;
mod scope;
mod session;
mod size;
mod timer;
mod worker;

pub use error::{ErrorCount, ErrorKind};
pub use expect::{LoadExpectation, LoadExpectationResult};
pub use message::{MessageTemplate, RecipientTemplate};
pub use plan::{LoadEnd, LoadPlan, Mix, Pace};
pub use record::{Interval, Latencies, Phase, per_second};
pub use run::{LoadReport, LoadTarget, run};
pub use scope::{is_public, is_reserved};
pub use size::Sizes;

use std::sync::{Mutex, MutexGuard, PoisonError};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
