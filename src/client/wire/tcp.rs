//! TCP.

use crate::client::wire::Wire;
use crate::system::text::reason;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Begins to connect, from `source` if given. The socket is non-blocking; the attempt is complete when the
/// socket is writable.
pub fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if let Some(ip) = source {
        bind(&socket, ip)?;
    }
    socket.set_nonblocking(true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

fn bind(socket: &Socket, ip: IpAddr) -> io::Result<()> {
    let bound = socket.bind(&SocketAddr::new(ip, 0).into());
    bound.map_err(|error| {
        let words = format!(
            "cannot use {ip} as the local address (--bind): {}",
            reason(&error)
        );
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
