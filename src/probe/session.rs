//! Sessions without a message: connecting, and sending commands.

use crate::client::events::{Event, Observer};
use crate::client::outcome::{ContactedServer, SessionEnd};
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::session::{SessionResult, Transaction};
use crate::client::status::{Hint, with_hint};
use crate::client::transport::OpenTransport;
use crate::client::wire::{ConnectFailure, Wire};
use crate::client::{session, wire};
use crate::smtp::blocks::Nothing;
use crate::smtp::reply::{Class, Reply};
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::collections::VecDeque;

#[derive(Debug)]
pub struct AskResult {
    /// Error before the first command, in a sentence.
    pub failure: Option<String>,
    /// A sentence for each command that was refused.
    pub refused: Vec<String>,
    pub exit: Exit,
}

/// Sends these commands one after the other, after EHLO and the other commands that begin a session.
pub fn ask(
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
    commands: &[String],
    observer: &mut dyn Observer,
) -> AskResult {
    let (server, ended) = match run_session(transport, endpoint, commands, observer) {
        Ok(conversation) => conversation,
        Err(error) => {
            return AskResult {
                failure: Some(with_hint(&error.why, error.hint)),
                refused: Vec::new(),
                exit: error.exit,
            };
        }
    };
    let ending = SessionEnd::of(&server, &ended);
    AskResult {
        exit: ending
            .as_ref()
            .map_or_else(|| exit(&ended.replies), SessionEnd::exit),
        failure: ending.map(|ending| ending.explanation()),
        refused: refused(&server, commands, &ended.replies),
    }
}

fn refused(server: &ContactedServer, commands: &[String], replies: &[Reply]) -> Vec<String> {
    let sentence = |(command, reply): (&String, &Reply)| {
        let verb = match reply.class() {
            Class::Permanent => "refused",
            Class::Transient => "deferred",
            Class::Success | Class::Intermediate => return None,
        };
        let (command, words) = (shown(command), reply.whole());
        Some(format!("{server} {verb} {command}: {words}"))
    };
    commands.iter().zip(replies).filter_map(sentence).collect()
}

/// The exit status for all replies.
fn exit(replies: &[Reply]) -> Exit {
    let any = |class| replies.iter().any(|reply| reply.class() == class);
    if any(Class::Permanent) {
        Exit::Refused
    } else if any(Class::Transient) {
        Exit::Temporary
    } else {
        Exit::Ok
    }
}

/// A server that has answered.
struct Connected {
    server: ContactedServer,
    /// The connection to it.
    wire: Wire,
}

/// The reason that there is no session.
#[derive(Debug)]
pub struct ConnectError {
    /// The last one that was tried, if any was.
    pub server: Option<ContactedServer>,
    /// The error, in a sentence.
    pub why: String,
    pub hint: Option<Hint>,
    /// The exit status for it.
    pub exit: Exit,
}

impl ConnectError {
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
fn connect(
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
    observer: &mut dyn Observer,
) -> Result<Connected, ConnectError> {
    let host = &endpoint.host;
    let peers = transport
        .router
        .addresses(host, endpoint.port, observer)
        .map_err(|error| {
            let exit = if error.may_pass() {
                Exit::Temporary
            } else {
                Exit::NoHost
            };
            ConnectError {
                hint: error.hint(),
                ..ConnectError::new(error.to_string(), exit)
            }
        })?;
    observer.on_event(Event::Host {
        name: &host.to_string(),
        port: (!host.is_local()).then_some(endpoint.port),
        recipients: &[],
    });
    let mut others = VecDeque::from(peers);
    let Some(first) = others.pop_front() else {
        let why = format!("{host} has no IP address");
        return Err(ConnectError::new(why, Exit::NoHost));
    };
    match wire::connect(first, &mut others, transport.terms(), observer) {
        Ok(connection) => Ok(Connected {
            server: server(endpoint, connection.peer),
            wire: connection.wire,
        }),
        Err(ConnectFailure::OutputFailed) => {
            let why = "cannot write the output".to_owned();
            Err(ConnectError::new(why, Exit::Io))
        }
        Err(ConnectFailure::Failed { peer, why }) => {
            let server = server(endpoint, peer);
            let why = format!("cannot connect to {server}: {why}");
            Err(ConnectError {
                server: Some(server),
                ..ConnectError::new(why, Exit::Temporary)
            })
        }
    }
}

/// A session without a message: EHLO, TLS and login, then these commands, and QUIT.
pub fn run_session(
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
    commands: &[String],
    observer: &mut dyn Observer,
) -> Result<(ContactedServer, SessionResult), ConnectError> {
    let Connected { server, wire } = connect(transport, endpoint, observer)?;
    let transaction = Transaction {
        commands,
        ..Transaction::new(None, Vec::new(), &Nothing)
    };
    let name = endpoint.host.name();
    let ended = session::run(wire, &transaction, &transport.context(&name), observer);
    Ok((server, ended))
}

fn server(endpoint: &Endpoint, address: PeerAddress) -> ContactedServer {
    ContactedServer {
        host: endpoint.host.to_string(),
        address,
    }
}
