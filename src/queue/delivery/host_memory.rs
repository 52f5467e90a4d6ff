//! Hosts that were down recently, as recorded in the spool.

use crate::client::deliver::Hosts;
use crate::queue::store::Spool;
use std::time::Duration;

pub struct Remembered<'a> {
    pub spool: &'a Spool,
    /// Maximum age of a record.
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
