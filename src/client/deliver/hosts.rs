//! The hosts that a run has found down.

use crate::client::deliver::Hosts;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time for which a host is not tried again.
const REST: Duration = Duration::from_secs(5 * 60);

/// A host, or a host and a user, and the port.
type Key = (String, Option<u16>);

/// The hosts that were found down within a run, for all of its threads. Otherwise each message would wait for
/// them.
#[derive(Debug, Default)]
pub struct HostsOfRun(Mutex<HashMap<Key, (Instant, String)>>);

impl HostsOfRun {
    fn hosts(&self) -> MutexGuard<'_, HashMap<Key, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts for HostsOfRun {
    fn down(&self, host: &str, port: Option<u16>) -> Option<String> {
        let hosts = self.hosts();
        let (since, why) = hosts.get(&(host.to_owned(), port))?;
        (since.elapsed() < REST).then(|| why.clone())
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        let down = (Instant::now(), why.to_owned());
        self.hosts().insert((host.to_owned(), port), down);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.hosts().remove(&(host.to_owned(), port));
    }
}

/// No memory: each host is tried each time.
pub struct NoHostMemory;

impl Hosts for NoHostMemory {
    fn down(&self, _: &str, _: Option<u16>) -> Option<String> {
        None
    }

    fn went_down(&self, _: &str, _: Option<u16>, _: &str) {}

    fn came_up(&self, _: &str, _: Option<u16>) {}
}
