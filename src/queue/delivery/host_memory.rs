//! Hosts that were down a moment ago, as the spool remembers them.

use crate::client::deliver::Hosts;
use crate::queue::store::Spool;
use std::time::Duration;

/// What the spool remembers.
pub struct Remembered<'a> {
    pub spool: &'a Spool,
    /// For how long it counts.
    pub memory: Duration,
}

impl Hosts for Remembered<'_> {
    fn down(&self, host: &str, port: Option<u16>) -> Option<String> {
        self.spool
            .host_down(host, port.unwrap_or_default(), self.memory)
    }

    fn went_down(&self, host: &str, port: Option<u16>, why: &str) {
        self.spool
            .set_host_down(host, port.unwrap_or_default(), why);
    }

    fn came_up(&self, host: &str, port: Option<u16>) {
        self.spool.set_host_up(host, port.unwrap_or_default());
    }
}
