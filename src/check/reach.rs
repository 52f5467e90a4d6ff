//! A connection to a server that is only asked.

use crate::deliver::Way;
use crate::exit::Exit;
use crate::outcome::Server;
use crate::peer::Peer;
use crate::route::Place;
use crate::watch::{Happening, Watch};
use crate::wire::{self, Unconnected, Wire};
use std::collections::VecDeque;

/// A server that has answered.
pub struct Reached {
    /// Which.
    pub server: Server,
    /// The connection to it.
    pub wire: Wire,
}

/// Why there is none.
#[derive(Debug)]
pub struct Unreached {
    /// The last one that was tried, if any was.
    pub server: Option<Server>,
    /// What went wrong, in a sentence.
    pub why: String,
    /// What that means for the run.
    pub exit: Exit,
}

impl Unreached {
    fn new(why: String, exit: Exit) -> Self {
        Self {
            server: None,
            why,
            exit,
        }
    }
}

/// The first of a server's addresses that answers.
pub fn reach(way: &Way<'_>, place: &Place, watch: &mut dyn Watch) -> Result<Reached, Unreached> {
    let host = &place.host;
    let peers = way.router.addresses(host, place.port, watch);
    let peers = peers.map_err(|error| {
        let exit = if error.may_pass() {
            Exit::Temporary
        } else {
            Exit::NoHost
        };
        Unreached::new(error.to_string(), exit)
    })?;
    watch.happened(Happening::Host {
        name: &host.to_string(),
        port: (!host.is_local()).then_some(place.port),
        recipients: &[],
    });
    let mut peers = VecDeque::from(peers);
    let mut failed = Unreached::new(format!("{host} has no address"), Exit::NoHost);
    while let Some(peer) = peers.pop_front() {
        failed = match wire::connect(peer, &mut peers, way.terms(), watch) {
            Ok(connection) => {
                return Ok(Reached {
                    server: server(place, connection.peer),
                    wire: connection.wire,
                });
            }
            Err(Unconnected::Unseen) => {
                let why = "the output cannot be written".to_owned();
                return Err(Unreached::new(why, Exit::Io));
            }
            Err(Unconnected::Failed { peer, why }) => {
                let server = server(place, peer);
                let why = format!("cannot connect to {server}: {why}");
                Unreached {
                    server: Some(server),
                    ..Unreached::new(why, Exit::Temporary)
                }
            }
        };
    }
    Err(failed)
}

fn server(place: &Place, address: Peer) -> Server {
    Server {
        host: place.host.to_string(),
        address,
    }
}
