//! TCP.

use super::{Stream, Wire};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Begins to connect, from `source` if that is given. The stream does not block; it is decided once it
/// can be written to.
pub fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if let Some(ip) = source {
        bind(&socket, ip)?;
    }
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    match rustix::net::connect(&stream, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(stream),
        Err(error) => Err(error.into()),
    }
}

fn bind(socket: &Socket, ip: IpAddr) -> io::Result<()> {
    let bound = socket.bind(&SocketAddr::new(ip, 0).into());
    bound.map_err(|error| {
        let words = format!("cannot use {ip} as our address (--bind): {error}");
        io::Error::new(error.kind(), words)
    })
}

/// The wire over a stream that is decided, or why it did not connect.
pub fn finish(stream: TcpStream) -> io::Result<Wire> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    stream.set_nonblocking(false)?;
    // Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms a message.
    stream.set_nodelay(true)?;
    Ok(Wire::new(Box::new(stream)))
}

impl Stream for TcpStream {
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
        self.local_addr().ok().map(|address| address.ip())
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(limit))
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(limit))
    }
}
