//! Unix sockets.

use crate::client::wire::Wire;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Connects. If the listener's queue is full, waits up to `limit`.
pub fn connect(path: &Path, limit: Duration) -> io::Result<Wire> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(limit))?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => crate::client::wire::race::timed_out(),
        _ => error,
    })?;
    Ok(Wire::new(Box::new(socket)))
}
