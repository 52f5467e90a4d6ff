//! Who is inside, how many messages may still be accepted, and how everybody leaves.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long sessions get to notice that their input was closed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What all sessions share.
pub struct Gate {
    /// How many messages are wanted; `None` is no limit.
    count: Option<u64>,
    max_guests: usize,
    /// Where to knock so that the loop that accepts connections looks up.
    door: SocketAddr,
    inside: Mutex<Inside>,
    somebody_left: Condvar,
}

#[derive(Default)]
struct Inside {
    guests: HashMap<u64, Arc<TcpStream>>,
    arrivals: u64,
    /// Messages accepted, and those that are just being committed.
    claimed: u64,
    accepted: u64,
}

impl Gate {
    pub fn new(count: Option<u64>, max_guests: usize, door: SocketAddr) -> Gate {
        Gate {
            count,
            max_guests,
            door,
            inside: Mutex::default(),
            somebody_left: Condvar::new(),
        }
    }

    /// Whether all the messages that were wanted have been accepted.
    pub fn is_full(&self) -> bool {
        self.count.is_some_and(|count| self.accepted() >= count)
    }

    /// Messages accepted so far.
    pub fn accepted(&self) -> u64 {
        self.inside().accepted
    }

    /// Lets a connection in; `None` when there are too many.
    pub fn enter(&self, stream: &Arc<TcpStream>) -> Option<Guest<'_>> {
        let mut inside = self.inside();
        if inside.guests.len() >= self.max_guests {
            return None;
        }
        inside.arrivals += 1;
        let number = inside.arrivals;
        inside.guests.insert(number, Arc::clone(stream));
        Some(Guest { gate: self, number })
    }

    /// The right to accept one message; `None` when no more are wanted. Dropped without being kept,
    /// it goes to the next who asks.
    pub fn claim(&self) -> Option<Claim<'_>> {
        let mut inside = self.inside();
        if self.count.is_some_and(|count| inside.claimed >= count) {
            return None;
        }
        inside.claimed += 1;
        Some(Claim {
            gate: self,
            kept: false,
        })
    }

    /// Waits until everybody has left, `grace` at most; then says that it is time to go.
    pub fn see_off(&self, grace: Duration) {
        self.await_departures(grace);
        self.close(Shutdown::Read);
        self.await_departures(LAST_WORDS);
        self.close(Shutdown::Both);
    }

    fn await_departures(&self, patience: Duration) {
        let inside = self.inside();
        let waited = self
            .somebody_left
            .wait_timeout_while(inside, patience, |inside| !inside.guests.is_empty());
        drop(waited);
    }

    // One that the peer has closed already is no matter.
    fn close(&self, how: Shutdown) {
        for stream in self.inside().guests.values() {
            let _ = stream.shutdown(how);
        }
    }

    /// Wakes the loop that accepts connections: there is no other way to end an `accept`.
    fn knock(&self) {
        let ip = match self.door.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let door = SocketAddr::new(ip, self.door.port());
        // Without a file descriptor to spare this fails; then the next connection does it.
        let _ = TcpStream::connect_timeout(&door, LAST_WORDS);
    }

    // Whoever panicked with the lock has left the counts as they were.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is inside; dropped when it leaves.
pub struct Guest<'a> {
    gate: &'a Gate,
    number: u64,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.gate.inside().guests.remove(&self.number);
        self.gate.somebody_left.notify_all();
    }
}

/// The right to accept one message.
pub struct Claim<'a> {
    gate: &'a Gate,
    kept: bool,
}

impl Claim<'_> {
    /// The message was accepted.
    pub fn keep(mut self) {
        self.kept = true;
        self.gate.inside().accepted += 1;
        if self.gate.is_full() {
            self.gate.knock();
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.gate.inside().claimed -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(count: u64) -> Gate {
        Gate::new(Some(count), 1, SocketAddr::from(([127, 0, 0, 1], 9)))
    }

    #[test]
    fn no_more_messages_are_claimed_than_wanted() {
        let gate = gate(2);
        let first = gate.claim().unwrap();
        let second = gate.claim().unwrap();
        assert!(gate.claim().is_none());
        first.keep();
        assert!(!gate.is_full());
        second.keep();
        assert!(gate.is_full() && gate.claim().is_none());
        assert_eq!(gate.accepted(), 2);
    }

    #[test]
    fn a_claim_that_came_to_nothing_is_free_again() {
        let gate = gate(1);
        drop(gate.claim().unwrap());
        assert_eq!(gate.accepted(), 0);
        assert!(gate.claim().is_some());
    }

    #[test]
    fn whoever_leaves_makes_room() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let gate = gate(1);
        let guest = gate.enter(&stream).unwrap();
        assert!(gate.enter(&stream).is_none());
        drop(guest);
        assert!(gate.enter(&stream).is_some());
    }
}
