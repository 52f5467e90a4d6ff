//! The system's resolver: the hosts file, DNS and other sources, as other programs look up a relay. It does
//! not use hickory.

use crate::client::events::{DnsAnswer, Event, Observer};
use crate::client::route::{RouteError, SLOW};
use crate::system::text;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Maximum additional time for the system's lookup after it was reported as slow.
const PATIENCE: Duration = Duration::from_secs(7);

/// The addresses of a relay. The lookup is reported to the observer.
pub fn addresses(name: &str, observer: &mut dyn Observer) -> Result<Vec<IpAddr>, RouteError> {
    let kind = "host";
    observer.on_event(Event::Lookup { kind, name });
    let answer = found(name, observer);
    let records = answer.as_deref().unwrap_or_default();
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    let error = answer.as_ref().err().map(reason);
    observer.on_event(Event::Answer(DnsAnswer {
        kind,
        name,
        records: &records,
        ttl: None,
        secure: false,
        error,
    }));
    answer
}

fn reason(error: &RouteError) -> &str {
    match error {
        RouteError::Address { why, .. } => why,
        _ => "",
    }
}

/// The system's lookup has no time limit, so it runs in a separate thread, which is abandoned after a
/// timeout.
fn found(name: &str, observer: &mut dyn Observer) -> Result<Vec<IpAddr>, RouteError> {
    // A name in the hosts file is found without a thread or the system's resolver.
    let listed = in_hosts(name, &crate::system::host::hosts_file());
    if !listed.is_empty() {
        return Ok(listed);
    }
    let failed = |why: String| RouteError::Address {
        host: name.to_owned(),
        why,
        may_pass: true,
    };
    let (sender, receiver) = mpsc::channel();
    let question = name.to_owned();
    let started = thread::Builder::new().spawn(move || {
        let _ = sender.send(look_up(&question));
    });
    started.map_err(|error| {
        let why = text::reason(&error);
        failed(format!("cannot start a thread for the lookup: {why}"))
    })?;
    let answer = receiver.recv_timeout(SLOW).or_else(|error| {
        if error == RecvTimeoutError::Timeout {
            let note = format!("waiting for the system resolver to find the address of {name}...");
            observer.on_event(Event::Note(&note));
        }
        receiver.recv_timeout(PATIENCE)
    });
    match answer {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(failed(text::reason(&error))),
        Err(_) => Err(failed("no answer from the system resolver".to_owned())),
    }
}

/// The addresses of a name in a hosts file, in file order (hosts(5)).
fn in_hosts(name: &str, hosts: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in hosts.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        if let Some(address) = address
            && words.any(|word| word.eq_ignore_ascii_case(name))
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    addresses
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_gives_all_addresses_of_a_name_and_no_others() {
        let hosts = "127.0.0.1\tlocalhost\n# 10.0.0.1 mail\n::1 ip6-localhost LocalHost # mail\n\
                     fe80::1%lo0 localhost\n10.0.0.2 mail.example.org mail\n";
        let ips = |name| {
            let found = in_hosts(name, hosts);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(ips("localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(ips("MAIL"), ["10.0.0.2"]);
        assert!(ips("mail.example").is_empty());
    }
}
