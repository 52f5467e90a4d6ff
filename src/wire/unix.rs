//! Unix sockets.

use super::{Stream, Wire};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Connects. A listener whose queue is full is waited for, but not longer than `limit`.
pub fn connect(path: &Path, limit: Duration) -> io::Result<Wire> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(limit))?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => super::race::timed_out(),
        _ => error,
    })?;
    let stream = UnixStream::from(OwnedFd::from(socket));
    Ok(Wire::new(Box::new(stream)))
}

impl Stream for UnixStream {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(&*self, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(
            &*self,
            bytes,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        )?)
    }

    fn local_ip(&self) -> Option<IpAddr> {
        None
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(limit))
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(limit))
    }
}
