//! The system's own way from a name to addresses: hosts file, DNS and whatever else it is told to
//! use, as other programs find a relay. Without our resolver and its runtime.

use super::{RouteError, SLOW};
use crate::watch::{Happening, Watch};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// The most that the system may take after it has become slow.
const PATIENCE: Duration = Duration::from_secs(7);

/// The addresses of a relay. The system's lookup cannot be told how long it may take, so it runs
/// aside, and is left to itself when it takes too long.
pub fn addresses(name: &str, watch: &mut dyn Watch) -> Result<Vec<IpAddr>, RouteError> {
    watch.happened(Happening::Lookup { kind: "host", name });
    let (sender, receiver) = mpsc::channel();
    let question = name.to_owned();
    std::thread::spawn(move || {
        let _ = sender.send(look_up(&question));
    });
    let answer = receiver.recv_timeout(SLOW).or_else(|error| {
        if error == RecvTimeoutError::Timeout {
            let note = format!("waiting for the system to find the address of {name}...");
            watch.happened(Happening::Note(&note));
        }
        receiver.recv_timeout(PATIENCE)
    });
    let failed = |why: String, may_pass| RouteError::Address {
        host: name.to_owned(),
        why,
        may_pass,
    };
    match answer {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(failed(error.to_string(), true)),
        Err(_) => Err(failed("the system has no answer".to_owned(), true)),
    }
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}
