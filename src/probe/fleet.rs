//! Several servers: all addresses of the exchangers of a domain, and work on many at a time.

use crate::client::dns::{DnsError, Mx};
use crate::client::events::Observer;
use crate::client::peer::PeerAddress;
use crate::client::route::{Endpoint, Host, RouteError, Router};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

/// Maximum number of exchangers of a domain.
const MAX_EXCHANGERS: usize = 32;

/// Maximum number of addresses of an exchanger.
const MAX_ADDRESSES: usize = 16;

/// An exchanger at one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanger {
    pub endpoint: Endpoint,
    /// The lowest is preferred. `None`: the domain has no MX, and is its own host (RFC 5321 §5.1).
    pub preference: Option<u16>,
    /// True if the MX records are signed (DNSSEC), or the domain has none.
    pub is_mx_secure: bool,
    /// Where it can be reached, or the reason that it cannot.
    pub peer: Result<PeerAddress, RouteError>,
}

/// Finds the exchangers of a domain with all their addresses of both families, in the order of preference.
///
/// # Errors
/// The domain has none, or the lookup failed.
pub fn exchangers(
    router: &Router<'_>,
    (domain, port): (&str, u16),
    observer: &mut dyn Observer,
) -> Result<Vec<Exchanger>, RouteError> {
    let mut found = Vec::new();
    let (hosts, is_mx_secure) = hosts(router, domain, observer)?;
    for (host, preference) in hosts {
        let endpoint = Endpoint {
            host: Host::Exchanger(host.clone()),
            port,
        };
        let one = |peer| Exchanger {
            endpoint: endpoint.clone(),
            preference,
            is_mx_secure,
            peer,
        };
        match peers(router, &endpoint, observer) {
            Ok(peers) => found.extend(peers.into_iter().map(|peer| one(Ok(peer)))),
            Err(error) => found.push(one(Err(error))),
        }
    }
    Ok(found)
}

/// The names of exchangers and their preferences.
type Hosts = Vec<(String, Option<u16>)>;

/// The exchangers, and true if nothing about them is unsigned.
fn hosts(
    router: &Router<'_>,
    domain: &str,
    observer: &mut dyn Observer,
) -> Result<(Hosts, bool), RouteError> {
    let name = || domain.to_owned();
    let failed = |why| RouteError::Lookup {
        domain: name(),
        why,
    };
    let dns = router.dns().map_err(failed)?;
    let answer = dns.mx(&[name()], observer).pop();
    match answer {
        Some(Ok(answer)) => Ok((of_records(domain, answer.records)?, answer.secure)),
        Some(Err(DnsError::NoData)) => Ok((vec![(name(), None)], true)),
        Some(Err(DnsError::NoSuchName)) => Err(RouteError::NoSuchDomain(name())),
        Some(Err(DnsError::Failed(why))) => Err(failed(why)),
        None => Err(failed("no answer".to_owned())),
    }
}

fn of_records(domain: &str, mut records: Vec<Mx>) -> Result<Hosts, RouteError> {
    records.sort_by(|one, other| {
        let key = |record: &Mx| (record.preference, record.host.to_ascii_lowercase());
        key(one).cmp(&key(other))
    });
    let names = records.into_iter().map(|record| {
        let name = record.host.trim_end_matches('.').to_owned();
        (name, Some(record.preference))
    });
    // RFC 7505: the root is no host.
    let names: Vec<_> = names
        .filter(|(name, _)| !name.is_empty())
        .take(MAX_EXCHANGERS)
        .collect();
    if names.is_empty() {
        return Err(RouteError::NullMx(domain.to_owned()));
    }
    Ok(names)
}

fn peers(
    router: &Router<'_>,
    endpoint: &Endpoint,
    observer: &mut dyn Observer,
) -> Result<Vec<PeerAddress>, RouteError> {
    if router.is_redirected() {
        return router.addresses(&endpoint.host, endpoint.port, observer);
    }
    let found = router.exchanger_addresses(&endpoint.host.name(), observer)?;
    let addresses = found.records.into_iter().take(MAX_ADDRESSES);
    Ok(addresses
        .map(|ip| PeerAddress::from(SocketAddr::new(ip, endpoint.port)))
        .collect())
}

/// Works on items, at most this number at a time, and hands over the results in the order of the items.
pub fn in_order<'i, T: Sync, R: Send>(
    items: &'i [T],
    parallel: usize,
    work: impl Fn(&'i T) -> R + Sync,
    mut done: impl FnMut(R),
) {
    if parallel <= 1 || items.len() <= 1 {
        for item in items {
            done(work(item));
        }
        return;
    }
    let threads = parallel.min(items.len());
    let next = AtomicUsize::new(0);
    let run = |results: Sender<(usize, R)>| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            if results.send((index, work(item))).is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let (sender, results) = channel();
        let run = &run;
        let started = (0..threads).filter(|_| {
            let results = sender.clone();
            let start = Builder::new().spawn_scoped(scope, move || run(results));
            start.is_ok()
        });
        if started.count() == 0 {
            run(sender.clone());
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut expected = 0;
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&expected) {
                done(result);
                expected += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Condvar, Mutex};

    fn mx(preference: u16, host: &str) -> Mx {
        Mx {
            preference,
            host: host.to_owned(),
        }
    }

    #[test]
    fn exchangers_are_ordered_by_preference() {
        let found = of_records(
            "example.org",
            vec![mx(20, "b.example."), mx(10, "a.example.")],
        );
        let right = [
            ("a.example".to_owned(), Some(10)),
            ("b.example".to_owned(), Some(20)),
        ];
        assert_eq!(found.unwrap(), right);
        let null = of_records("example.org", vec![mx(0, "")]);
        assert_eq!(null, Err(RouteError::NullMx("example.org".to_owned())));
    }

    #[test]
    fn results_are_in_order_when_the_first_is_the_last_to_finish() {
        let finished = (Mutex::new(0), Condvar::new());
        let items: Vec<usize> = (0..6).collect();
        let work = |item: &usize| {
            let mut count = finished.0.lock().unwrap();
            while *item == 0 && *count < 5 {
                count = finished.1.wait(count).unwrap();
            }
            *count += 1;
            finished.1.notify_all();
            *item
        };
        let mut all = Vec::new();
        in_order(&items, 2, work, |result| all.push(result));
        assert_eq!(all, items);
        let mut none = Vec::new();
        in_order(&[], 2, work, |result| none.push(result));
        assert!(none.is_empty());
    }
}
