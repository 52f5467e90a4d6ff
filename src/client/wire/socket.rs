//! A connected socket of any family as a stream.

use crate::client::wire::{Stream, Wire};
use crate::system::text::reason;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
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

    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }

    fn set_read_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(limit))
    }

    fn set_write_timeout(&mut self, limit: Duration) -> io::Result<()> {
        Self::set_write_timeout(self, Some(limit))
    }

    fn acknowledge_at_once(&self) {
        // The kernel leaves this mode by itself, and other sockets than TCP do not have it.
        let _ = rustix::net::sockopt::set_tcp_quickack(self, true);
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn end_with_reset(&mut self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::client::wire::{Deadline, Wire};
    use rustix::net::sockopt::tcp_quickack;
    use socket2::Socket;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn each_wait_for_a_line_is_acknowledged_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let socket = Socket::from(stream.try_clone().unwrap());
        let mut wire = Wire::new(Box::new(socket));
        // A reply that follows a command at once switches the kernel to delayed acknowledgements.
        let mut answer = [0; 4];
        let mut is_delayed = || {
            server.write_all(b"ask\n").unwrap();
            wire.line(Deadline::after(Duration::from_secs(10))).unwrap();
            (&stream).write_all(b"say\n").unwrap();
            server.read_exact(&mut answer).unwrap();
            !tcp_quickack(&stream).unwrap()
        };
        assert!((0..100).any(|_| is_delayed()), "the kernel never delays");
        server.write_all(b"ask\n").unwrap();
        wire.line(Deadline::after(Duration::from_secs(10))).unwrap();
        assert!(tcp_quickack(&stream).unwrap());
        // A command acknowledges what was read before; the wait for the second piece of its reply does so again.
        wire.outbox.extend_from_slice(b"ask\n");
        wire.flush(Duration::from_secs(10)).unwrap();
        let mut answer = [0; 4];
        server.read_exact(&mut answer).unwrap();
        for piece in [b"250-one\n", b"250 two\n"] {
            server.write_all(piece).unwrap();
            wire.line(Deadline::after(Duration::from_secs(10))).unwrap();
        }
        assert!(tcp_quickack(&stream).unwrap());
    }
}

/// Begins to connect, from the address and the port in `source`, as far as they are given. The socket is non-blocking;
/// the attempt is complete when the socket is writable.
pub fn begin(address: SocketAddr, source: (Option<IpAddr>, u16)) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    match source {
        (Some(ip), port) => bind(&socket, SocketAddr::new(ip, port))?,
        (None, 0) => {}
        (None, port) => {
            let any = match address {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            bind(&socket, SocketAddr::new(any, port))?;
        }
    }
    socket.set_nonblocking(true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

fn bind(socket: &Socket, local: SocketAddr) -> io::Result<()> {
    if local.port() != 0 {
        // A test repeats a run with the same port.
        socket.set_reuse_address(true)?;
    }
    let bound = socket.bind(&local.into());
    bound.map_err(|error| {
        let words = match local.port() {
            0 => format!(
                "cannot use {} as the local address (--bind): {}",
                local.ip(),
                reason(&error)
            ),
            _ => format!(
                "cannot use {local} as the local address: {}",
                reason(&error)
            ),
        };
        io::Error::new(error.kind(), words)
    })
}

/// Creates a wire from a completed attempt, or returns the error of the attempt.
pub fn finish(socket: Socket) -> io::Result<Wire> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    socket.set_nonblocking(false)?;
    // Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms for each message.
    socket.set_tcp_nodelay(true)?;
    Ok(Wire::new(Box::new(socket)))
}
