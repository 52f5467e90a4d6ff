//! Connecting to a server that is named by the user: the first of its addresses that answers.

use crate::client::events::{Event, Observer};
use crate::client::outcome::{Cause, ContactedServer, RecipientStatus, exit_of};
use crate::client::peer::PeerAddress;
use crate::client::route::{Endpoint, RouteError, Router};
use crate::client::status::Hint;
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Terms, Wire};
use crate::system::exit::Exit;
use std::collections::VecDeque;

/// A server that accepted a connection.
pub struct Connected {
    pub server: ContactedServer,
    pub wire: Wire,
}

/// The reason that there is no connection.
#[derive(Debug)]
pub struct ConnectError {
    /// The address that was tried last; `None`: none was.
    pub server: Option<ContactedServer>,
    /// The error, in a sentence.
    pub why: String,
    pub hint: Option<Hint>,
    /// The result for the recipients.
    pub verdict: RecipientStatus,
    pub cause: Cause,
}

impl ConnectError {
    fn new(why: String, verdict: RecipientStatus, cause: Cause) -> Self {
        Self {
            server: None,
            why,
            hint: None,
            verdict,
            cause,
        }
    }

    fn no_address(why: String) -> Self {
        Self::new(why, RecipientStatus::Refused, Cause::Domain)
    }

    /// The exit status of a session that could not begin.
    pub fn exit(&self) -> Exit {
        exit_of(self.verdict, self.cause)
    }
}

impl From<&RouteError> for ConnectError {
    fn from(error: &RouteError) -> Self {
        let why = error.to_string();
        let failed = if error.may_pass() {
            Self::new(why, RecipientStatus::Deferred, Cause::Network)
        } else {
            Self::no_address(why)
        };
        Self {
            hint: error.hint(),
            ..failed
        }
    }
}

/// Connects to the first address that answers.
pub fn connect(
    router: &Router<'_>,
    endpoint: &Endpoint,
    terms: Terms,
    observer: &mut dyn Observer,
) -> Result<Connected, ConnectError> {
    let host = &endpoint.host;
    let peers = router.addresses(host, endpoint.port, observer);
    let peers = peers.map_err(|error| ConnectError::from(&error))?;
    connect_to_peers(endpoint, peers, terms, observer)
}

/// Connects to the first of these addresses of a server that answers.
pub fn connect_to_peers(
    endpoint: &Endpoint,
    peers: Vec<PeerAddress>,
    terms: Terms,
    observer: &mut dyn Observer,
) -> Result<Connected, ConnectError> {
    let host = &endpoint.host;
    let mut others = VecDeque::from(peers);
    observer.on_event(Event::Host {
        name: &host.to_string(),
        port: (!host.is_local()).then_some(endpoint.port),
        recipients: &[],
    });
    let Some(first) = others.pop_front() else {
        let why = format!("{host} has no IP address");
        return Err(ConnectError::no_address(why));
    };
    match wire::connect(first, &mut others, terms, observer) {
        Ok(connection) => Ok(Connected {
            server: server(endpoint, connection.peer),
            wire: connection.wire,
        }),
        Err(ConnectFailure::OutputFailed) => {
            let why = "cannot write the output".to_owned();
            Err(ConnectError::new(
                why,
                RecipientStatus::Skipped,
                Cause::Output,
            ))
        }
        Err(ConnectFailure::Failed {
            peer,
            why,
            is_login_refused,
        }) => {
            let server = server(endpoint, peer);
            let why = format!("cannot connect to {server}: {why}");
            let (verdict, cause) = if is_login_refused {
                (RecipientStatus::Refused, Cause::Policy)
            } else {
                (RecipientStatus::Deferred, Cause::Network)
            };
            Err(ConnectError {
                server: Some(server),
                ..ConnectError::new(why, verdict, cause)
            })
        }
    }
}

fn server(endpoint: &Endpoint, address: PeerAddress) -> ContactedServer {
    ContactedServer {
        host: endpoint.host.to_string(),
        address,
    }
}
