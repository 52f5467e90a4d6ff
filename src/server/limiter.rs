//! Limits on connections and messages, and the shutdown of open connections.

use socket2::Socket;
use std::collections::HashMap;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time that sessions get to notice that their input was closed.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// Time that clients get when the server is to end.
#[derive(Debug, Clone, Copy)]
pub struct Grace {
    /// To send the rest of a message, and until it is stored.
    pub messages: Duration,
    /// To end the session then.
    pub sessions: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self {
            messages: Duration::ZERO,
            sessions: Duration::from_secs(2),
        }
    }
}

impl Grace {
    pub const NONE: Grace = Grace {
        messages: Duration::ZERO,
        sessions: Duration::ZERO,
    };
}

/// The state shared by all sessions.
pub struct ConnectionLimiter {
    /// Number of messages to accept; `None`: no limit.
    count: Option<u64>,
    max_connections: usize,
    /// Wakes the loop that accepts connections.
    waker: Option<UnixStream>,
    /// True when the server is to end: no message is begun.
    is_ending: AtomicBool,
    /// Messages whose end has not been received, or that are being stored.
    in_progress: AtomicUsize,
    state: Mutex<LimiterState>,
    /// A session has ended, or a message after the server was to end.
    has_ended: Condvar,
    closing: Condvar,
}

#[derive(Default)]
struct LimiterState {
    connections: HashMap<u64, Arc<Socket>>,
    last_number: u64,
    is_closing: bool,
    /// Messages accepted or being committed.
    reserved: u64,
    accepted: u64,
}

impl ConnectionLimiter {
    /// Without a `waker`, no loop is woken.
    pub fn new(
        count: Option<u64>,
        max_connections: usize,
        waker: Option<UnixStream>,
    ) -> ConnectionLimiter {
        ConnectionLimiter {
            count,
            max_connections,
            waker,
            is_ending: AtomicBool::new(false),
            in_progress: AtomicUsize::new(0),
            state: Mutex::default(),
            has_ended: Condvar::new(),
            closing: Condvar::new(),
        }
    }

    /// True if all expected messages were accepted.
    pub fn is_complete(&self) -> bool {
        self.count.is_some_and(|count| self.accepted() >= count)
    }

    /// True if all sessions are to end.
    pub fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst) || self.is_complete()
    }

    /// Sleeps for this time. Returns false if the server closes before that.
    pub fn pause(&self, time: Duration) -> bool {
        let state = self.state();
        let waited = self
            .closing
            .wait_timeout_while(state, time, |state| !state.is_closing);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.is_closing
    }

    pub fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Registers a connection; `None`: too many connections.
    pub fn register(&self, stream: &Arc<Socket>) -> Option<ConnectionSlot<'_>> {
        let mut state = self.state();
        if state.connections.len() >= self.max_connections {
            return None;
        }
        state.last_number += 1;
        let number = state.last_number;
        state.connections.insert(number, Arc::clone(stream));
        Some(ConnectionSlot {
            limiter: self,
            number,
        })
    }

    /// The right to accept one message; `None`: no more are accepted. Dropped without being kept, it
    /// becomes available to another session.
    pub fn reserve(&self) -> Option<MessageSlot<'_>> {
        let mut state = self.state();
        if self.count.is_some_and(|count| state.reserved >= count) {
            return None;
        }
        state.reserved += 1;
        Some(MessageSlot {
            limiter: self,
            kept: false,
        })
    }

    /// Counts a message until the returned value is dropped.
    pub fn begin_message(&self) -> MessageInProgress<'_> {
        self.in_progress.fetch_add(1, Ordering::SeqCst);
        MessageInProgress { limiter: self }
    }

    /// Waits for the messages that have begun, then for all connections, each for a limited time; then closes those
    /// that remain.
    pub fn shut_down(&self, grace: Grace) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.wait(grace.messages, |_| {
            self.in_progress.load(Ordering::SeqCst) > 0
        });
        self.wait_for_sessions(grace.sessions);
        self.state().is_closing = true;
        self.closing.notify_all();
        self.close(Shutdown::Read);
        self.wait_for_sessions(CLOSE_GRACE);
        self.close(Shutdown::Both);
    }

    fn wait_for_sessions(&self, limit: Duration) {
        self.wait(limit, |state| !state.connections.is_empty());
    }

    fn wait(&self, limit: Duration, is_needed: impl Fn(&LimiterState) -> bool) {
        let state = self.state();
        let waited = self
            .has_ended
            .wait_timeout_while(state, limit, |state| is_needed(state));
        drop(waited);
    }

    // An error means that the client has already closed.
    fn close(&self, how: Shutdown) {
        for stream in self.state().connections.values() {
            let _ = stream.shutdown(how);
        }
    }

    /// Wakes the loop that accepts connections.
    fn wake(&self) {
        // If the pipe is full, the loop is woken anyway.
        let _ = self.waker.as_ref().map(|mut waker| waker.write(b"!"));
    }

    // A thread that panicked with the lock has left the counts unchanged.
    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct ConnectionSlot<'a> {
    limiter: &'a ConnectionLimiter,
    /// The number of the connection, counted from 1.
    pub number: u64,
}

impl Drop for ConnectionSlot<'_> {
    fn drop(&mut self) {
        self.limiter.state().connections.remove(&self.number);
        self.limiter.has_ended.notify_all();
    }
}

/// A message that is being received or stored.
pub struct MessageInProgress<'a> {
    limiter: &'a ConnectionLimiter,
}

impl Drop for MessageInProgress<'_> {
    fn drop(&mut self) {
        let limiter = self.limiter;
        limiter.in_progress.fetch_sub(1, Ordering::SeqCst);
        if limiter.is_ending.load(Ordering::SeqCst) {
            // With the lock, so that a thread that has just looked is waiting by now.
            drop(limiter.state());
            limiter.has_ended.notify_all();
        }
    }
}

/// The right to accept one message.
pub struct MessageSlot<'a> {
    limiter: &'a ConnectionLimiter,
    kept: bool,
}

impl MessageSlot<'_> {
    /// Records that the message was accepted, and returns its number, counted from 1.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        let mut state = self.limiter.state();
        state.accepted += 1;
        let number = state.accepted;
        drop(state);
        if self.limiter.is_complete() {
            self.limiter.wake();
        }
        number
    }
}

impl Drop for MessageSlot<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.limiter.state().reserved -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};

    fn limiter(count: u64) -> ConnectionLimiter {
        ConnectionLimiter::new(Some(count), 1, None)
    }

    #[test]
    fn no_more_slots_than_the_count_are_reserved() {
        let limiter = limiter(2);
        let first = limiter.reserve().unwrap();
        let second = limiter.reserve().unwrap();
        assert!(limiter.reserve().is_none());
        first.keep();
        assert!(!limiter.is_complete());
        second.keep();
        assert!(limiter.is_complete() && limiter.reserve().is_none());
        assert_eq!(limiter.accepted(), 2);
    }

    #[test]
    fn dropped_slot_is_available_again() {
        let limiter = limiter(1);
        drop(limiter.reserve().unwrap());
        assert_eq!(limiter.accepted(), 0);
        assert!(limiter.reserve().is_some());
    }

    #[test]
    fn pause_ends_at_shutdown() {
        let limiter = limiter(1);
        assert!(limiter.pause(Duration::from_millis(1)));
        limiter.shut_down(Grace::NONE);
        assert!(!limiter.pause(Duration::from_secs(3600)) && limiter.is_ending());
    }

    #[test]
    fn ended_connection_frees_its_slot() {
        let (stream, _other) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        let stream = Arc::new(stream);
        let limiter = limiter(1);
        let slot = limiter.register(&stream).unwrap();
        assert!(limiter.register(&stream).is_none());
        drop(slot);
        assert!(limiter.register(&stream).is_some());
    }
}
