//! A connected socket as a stream, of whichever family.

use super::Stream;
use rustix::net::{RecvFlags, SendFlags};
use socket2::Socket;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

impl Stream for Socket {
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(&*self, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(rustix::net::send(&*self, bytes, flags)?)
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let local = self.local_addr().ok()?.as_socket()?;
        let peer = self.peer_addr().ok()?.as_socket()?;
        Some((local, peer))
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(limit))
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(limit))
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn end_with_reset(&mut self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }
}
