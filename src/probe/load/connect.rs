//! Connections that do not block the other connections of a thread.

use crate::client::events::Silent;
use crate::client::peer::PeerAddress;
use crate::client::wire::{ConnectFailure, Terms, Wire, begin_tcp, connect, finish_tcp, timed_out};
use crate::probe::load::reactor::Task;
use crate::probe::load::timer::PhaseTimer;
use crate::system::text::reason;
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Interval between two attempts for a Unix socket whose listener has a full queue.
const RETRY: Duration = Duration::from_millis(1);

/// Connects to the first of these addresses that answers, one after the other.
pub async fn connect_first<'p>(
    peers: impl Iterator<Item = &'p PeerAddress>,
    terms: Terms<'_>,
    (task, timer): (&Task, &mut PhaseTimer),
) -> Result<Wire, String> {
    let mut failed = "no address".to_owned();
    for peer in peers {
        timer.connecting();
        let connected = match peer {
            PeerAddress::Tcp(address) => tcp(*address, terms, task).await,
            PeerAddress::Unix(path) => unix(path, terms, task).await,
            // The dialogue with a proxy blocks: such connections are opened one at a time in a thread.
            PeerAddress::Proxied(_) | PeerAddress::Pipe(_) => {
                match connect(peer.clone(), &mut VecDeque::new(), terms, &mut Silent) {
                    Ok(connection) => Ok(connection.wire),
                    Err(ConnectFailure::Failed { why, .. }) => Err(io::Error::other(why)),
                    Err(ConnectFailure::OutputFailed) => Err(io::ErrorKind::NotConnected.into()),
                }
                .and_then(|wire| watched(wire, task))
            }
        };
        match connected {
            Ok(wire) => {
                timer.connected();
                return Ok(wire);
            }
            Err(error) => failed = reason(&error),
        }
    }
    Err(failed)
}

fn watched(wire: Wire, task: &Task) -> io::Result<Wire> {
    if let Some(socket) = wire.socket() {
        task.watch(socket)?;
    }
    Ok(wire)
}

async fn tcp(address: SocketAddr, terms: Terms<'_>, task: &Task) -> io::Result<Wire> {
    let socket = begin_tcp(address, (terms.source, terms.source_port))?;
    task.watch(&socket)?;
    let until = Instant::now() + terms.limit;
    while socket.peer_addr().is_err() {
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        if !task.event(until).await {
            return Err(timed_out());
        }
    }
    finish_tcp(socket)
}

async fn unix(path: &Path, terms: Terms<'_>, task: &Task) -> io::Result<Wire> {
    let until = Instant::now() + terms.limit;
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    loop {
        match socket.connect(&address) {
            Ok(()) => break,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if Instant::now() >= until => return Err(timed_out()),
            Err(_) => while task.event(Instant::now() + RETRY).await {},
        }
    }
    task.watch(&socket)?;
    Ok(Wire::new(Box::new(socket)))
}
