//! TCP.

use super::{Stream, Wire};
use rustix::net::RecvFlags;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Connects, or says why not within `limit`.
pub fn connect(address: SocketAddr, limit: Duration) -> io::Result<Wire> {
    let stream = TcpStream::connect_timeout(&address, limit)?;
    // Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms a message.
    stream.set_nodelay(true)?;
    Ok(Wire::new(Box::new(stream)))
}

impl Stream for TcpStream {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(&*self, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    fn local_ip(&self) -> Option<IpAddr> {
        self.local_addr().ok().map(|address| address.ip())
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(limit))
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(limit))
    }
}
