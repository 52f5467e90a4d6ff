//! Limits on connections and messages, and the shutdown of open connections.

use socket2::Socket;
use std::collections::HashMap;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time that sessions get to notice that their input was closed.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The state shared by all sessions.
pub struct ConnectionLimiter {
    /// Number of messages to accept; `None`: no limit.
    count: Option<u64>,
    max_guests: usize,
    /// Wakes the loop that accepts connections.
    bell: Option<UnixStream>,
    inside: Mutex<LimiterState>,
    somebody_left: Condvar,
    closing: Condvar,
}

#[derive(Default)]
struct LimiterState {
    guests: HashMap<u64, Arc<Socket>>,
    arrivals: u64,
    is_closing: bool,
    /// Messages accepted or being committed.
    claimed: u64,
    accepted: u64,
}

impl ConnectionLimiter {
    /// Without a `bell`, no loop is woken.
    pub fn new(
        count: Option<u64>,
        max_guests: usize,
        bell: Option<UnixStream>,
    ) -> ConnectionLimiter {
        ConnectionLimiter {
            count,
            max_guests,
            bell,
            inside: Mutex::default(),
            somebody_left: Condvar::new(),
            closing: Condvar::new(),
        }
    }

    /// True if all expected messages were accepted.
    pub fn is_full(&self) -> bool {
        self.count.is_some_and(|count| self.accepted() >= count)
    }

    /// True if all sessions are to end.
    pub fn is_over(&self) -> bool {
        self.is_full() || self.inside().is_closing
    }

    /// Sleeps for this time. Returns false if the server closes before that.
    pub fn pause(&self, time: Duration) -> bool {
        let inside = self.inside();
        let waited = self
            .closing
            .wait_timeout_while(inside, time, |inside| !inside.is_closing);
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !inside.is_closing
    }

    /// Messages accepted so far.
    pub fn accepted(&self) -> u64 {
        self.inside().accepted
    }

    /// Registers a connection; `None`: too many connections.
    pub fn enter(&self, stream: &Arc<Socket>) -> Option<ConnectionSlot<'_>> {
        let mut inside = self.inside();
        if inside.guests.len() >= self.max_guests {
            return None;
        }
        inside.arrivals += 1;
        let number = inside.arrivals;
        inside.guests.insert(number, Arc::clone(stream));
        Some(ConnectionSlot { gate: self, number })
    }

    /// The right to accept one message; `None`: no more are accepted. Dropped without being kept, it
    /// becomes available to another session.
    pub fn claim(&self) -> Option<MessageSlot<'_>> {
        let mut inside = self.inside();
        if self.count.is_some_and(|count| inside.claimed >= count) {
            return None;
        }
        inside.claimed += 1;
        Some(MessageSlot {
            gate: self,
            kept: false,
        })
    }

    /// Waits until all connections have ended, at most `grace`; then closes those that remain.
    pub fn see_off(&self, grace: Duration) {
        self.await_departures(grace);
        self.inside().is_closing = true;
        self.closing.notify_all();
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

    // An error means that the peer has already closed.
    fn close(&self, how: Shutdown) {
        for stream in self.inside().guests.values() {
            let _ = stream.shutdown(how);
        }
    }

    /// Wakes the loop that accepts connections.
    fn ring(&self) {
        // If the pipe is full, the loop is woken anyway.
        let _ = self.bell.as_ref().map(|mut bell| bell.write(b"!"));
    }

    // A thread that panicked with the lock has left the counts unchanged.
    fn inside(&self) -> MutexGuard<'_, LimiterState> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered connection; dropped when it ends.
pub struct ConnectionSlot<'a> {
    gate: &'a ConnectionLimiter,
    /// The number of the connection, counted from 1.
    pub number: u64,
}

impl Drop for ConnectionSlot<'_> {
    fn drop(&mut self) {
        self.gate.inside().guests.remove(&self.number);
        self.gate.somebody_left.notify_all();
    }
}

/// The right to accept one message.
pub struct MessageSlot<'a> {
    gate: &'a ConnectionLimiter,
    kept: bool,
}

impl MessageSlot<'_> {
    /// Records that the message was accepted, and returns its number, counted from 1.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        let mut inside = self.gate.inside();
        inside.accepted += 1;
        let number = inside.accepted;
        drop(inside);
        if self.gate.is_full() {
            self.gate.ring();
        }
        number
    }
}

impl Drop for MessageSlot<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.gate.inside().claimed -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};

    fn gate(count: u64) -> ConnectionLimiter {
        ConnectionLimiter::new(Some(count), 1, None)
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
    fn a_pause_ends_when_everybody_is_to_leave() {
        let gate = gate(1);
        assert!(gate.pause(Duration::from_millis(1)));
        gate.see_off(Duration::ZERO);
        assert!(!gate.pause(Duration::from_secs(3600)) && gate.is_over());
    }

    #[test]
    fn whoever_leaves_makes_room() {
        let (stream, _other) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        let stream = Arc::new(stream);
        let gate = gate(1);
        let guest = gate.enter(&stream).unwrap();
        assert!(gate.enter(&stream).is_none());
        drop(guest);
        assert!(gate.enter(&stream).is_some());
    }
}
