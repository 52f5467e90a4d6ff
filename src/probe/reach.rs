//! A connection to a server, for a session without a message.

use crate::client::events::{Event, Observer};
use crate::client::hint::Hint;
use crate::client::outcome::Server;
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::session;
use crate::client::session::{SessionResult, Transaction};
use crate::client::transport::OpenTransport;
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Wire};
use crate::smtp::blocks::Nothing;
use crate::system::exit::Exit;
use std::collections::VecDeque;

/// A server that has answered.
struct Reached {
    server: Server,
    /// The connection to it.
    wire: Wire,
}

/// The reason that there is no session.
#[derive(Debug)]
pub struct Unreached {
    /// The last one that was tried, if any was.
    pub server: Option<Server>,
    /// The error, in a sentence.
    pub why: String,
    pub hint: Option<Hint>,
    /// The exit status for it.
    pub exit: Exit,
}

impl Unreached {
    fn new(why: String, exit: Exit) -> Self {
        Self {
            server: None,
            why,
            hint: None,
            exit,
        }
    }
}

/// The first of a server's addresses that answers.
fn reach(
    transport: &OpenTransport<'_>,
    place: &Endpoint,
    observer: &mut dyn Observer,
) -> Result<Reached, Unreached> {
    let host = &place.host;
    let peers = transport.router.addresses(host, place.port, observer);
    let peers = peers.map_err(|error| {
        let exit = if error.may_pass() {
            Exit::Temporary
        } else {
            Exit::NoHost
        };
        Unreached {
            hint: error.hint(),
            ..Unreached::new(error.to_string(), exit)
        }
    })?;
    observer.on_event(Event::Host {
        name: &host.to_string(),
        port: (!host.is_local()).then_some(place.port),
        recipients: &[],
    });
    let mut others = VecDeque::from(peers);
    let Some(first) = others.pop_front() else {
        let why = format!("{host} has no address");
        return Err(Unreached::new(why, Exit::NoHost));
    };
    match wire::connect(first, &mut others, transport.terms(), observer) {
        Ok(connection) => Ok(Reached {
            server: server(place, connection.peer),
            wire: connection.wire,
        }),
        Err(ConnectFailure::Unseen) => {
            let why = "the output cannot be written".to_owned();
            Err(Unreached::new(why, Exit::Io))
        }
        Err(ConnectFailure::Failed { peer, why }) => {
            let server = server(place, peer);
            let why = format!("cannot connect to {server}: {why}");
            Err(Unreached {
                server: Some(server),
                ..Unreached::new(why, Exit::Temporary)
            })
        }
    }
}

/// A session without a message: EHLO, TLS and login, then these commands, and QUIT.
pub fn converse(
    transport: &OpenTransport<'_>,
    place: &Endpoint,
    commands: &[String],
    observer: &mut dyn Observer,
) -> Result<(Server, SessionResult), Unreached> {
    let Reached { server, wire } = reach(transport, place, observer)?;
    let transaction = Transaction {
        commands,
        ..Transaction::new(None, Vec::new(), &Nothing)
    };
    let name = place.host.name();
    let ended = session::run(wire, &transaction, &transport.context(&name), observer);
    Ok((server, ended))
}

fn server(place: &Endpoint, address: PeerAddress) -> Server {
    Server {
        host: place.host.to_string(),
        address,
    }
}
