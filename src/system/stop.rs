//! A request to stop, which also ends sessions that wait for a server.

use rustix::net::{Shutdown, shutdown};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Set by a signal: no new work is started. Sessions that are registered here can be disconnected.
#[derive(Debug, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    is_closed: bool,
    next: u64,
    sockets: Vec<(u64, Arc<OwnedFd>)>,
}

impl Stop {
    /// The flag alone, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Disconnects all registered sessions, and those that are registered later.
    pub fn disconnect(&self) {
        let mut connections = self.connections();
        connections.is_closed = true;
        for (_, socket) in connections.sockets.drain(..) {
            let _ = shutdown(socket, Shutdown::Both);
        }
    }

    /// Registers the session on this socket, of which this is a duplicate.
    pub fn register(self: &Arc<Self>, socket: Arc<OwnedFd>) -> Registered {
        let mut registered = Registered {
            stop: Arc::clone(self),
            socket,
            number: None,
        };
        registered.resume();
        registered
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that can be disconnected until this is dropped.
#[derive(Debug)]
pub struct Registered {
    stop: Arc<Stop>,
    socket: Arc<OwnedFd>,
    /// `None`: it must not be disconnected.
    number: Option<u64>,
}

impl Registered {
    /// Prevents disconnection from here on. Returns false if it was disconnected already.
    pub fn suspend(&mut self) -> bool {
        let mut connections = self.stop.connections();
        if let Some(number) = self.number.take() {
            connections.sockets.retain(|(other, _)| *other != number);
        }
        !connections.is_closed
    }

    /// Allows disconnection again.
    pub fn resume(&mut self) {
        if self.number.is_some() {
            return;
        }
        let mut connections = self.stop.connections();
        if connections.is_closed {
            let _ = shutdown(&self.socket, Shutdown::Both);
        } else {
            connections.next += 1;
            let number = connections.next;
            let socket = Arc::clone(&self.socket);
            connections.sockets.push((number, socket));
            self.number = Some(number);
        }
    }

    /// True after it was disconnected.
    pub fn is_closed(&self) -> bool {
        self.stop.connections().is_closed
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = self.suspend();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn only_registered_sessions_are_disconnected() {
        let stop = Arc::new(Stop::default());
        let (mut one, _one) = UnixStream::pair().unwrap();
        let (mut other, mut far) = UnixStream::pair().unwrap();
        let mut registered = [&one, &other].map(|end| {
            let duplicate = end.as_fd().try_clone_to_owned().unwrap();
            stop.register(Arc::new(duplicate))
        });
        assert!(registered[1].suspend());
        stop.disconnect();
        assert_eq!(one.read(&mut [0]).unwrap(), 0);
        far.write_all(b"x").unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 1);
        assert!(!registered[0].suspend());
        registered[1].resume();
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
    }
}
