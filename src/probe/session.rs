//! Sessions without a message: connecting, and sending commands.

use crate::client::connect::{ConnectError, Connected, connect, connect_to_peers};
use crate::client::events::Observer;
use crate::client::outcome::{ContactedServer, SessionEnd};
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::session;
use crate::client::session::{SessionResult, Transaction};
use crate::client::status::with_hint;
use crate::client::transport::OpenTransport;
use crate::smtp::blocks::Nothing;
use crate::smtp::reply::{Class, Reply};
use crate::system::exit::Exit;
use crate::system::text::shown;

#[derive(Debug)]
pub struct AskResult {
    /// Error before the first command, in a sentence.
    pub failure: Option<String>,
    /// A sentence for each command that was refused.
    pub refused: Vec<String>,
    /// Part of the result: that of the end of the session, or of the replies.
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
                exit: error.exit(),
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

/// A session without a message: EHLO, TLS and login, then these commands, and QUIT.
pub fn run_session(
    transport: &OpenTransport<'_>,
    endpoint: &Endpoint,
    commands: &[String],
    observer: &mut dyn Observer,
) -> Result<(ContactedServer, SessionResult), ConnectError> {
    run(transport, (endpoint, None), commands, observer)
}

/// A session without commands at one address of a server.
pub fn run_session_at(
    transport: &OpenTransport<'_>,
    (endpoint, peer): (&Endpoint, &PeerAddress),
    observer: &mut dyn Observer,
) -> Result<(ContactedServer, SessionResult), ConnectError> {
    run(transport, (endpoint, Some(peer)), &[], observer)
}

/// Runs the session, once more with another token if the server refuses the one of an OAuth login.
fn run(
    transport: &OpenTransport<'_>,
    (endpoint, peer): (&Endpoint, Option<&PeerAddress>),
    commands: &[String],
    observer: &mut dyn Observer,
) -> Result<(ContactedServer, SessionResult), ConnectError> {
    let transaction = Transaction {
        commands,
        ..Transaction::new(None, Vec::new(), &Nothing)
    };
    let name = endpoint.host.name();
    loop {
        let login = transport.login();
        let terms = transport.terms();
        let Connected { server, wire } = match peer {
            Some(peer) => connect_to_peers(endpoint, vec![peer.clone()], terms, observer)?,
            None => connect(&transport.router, endpoint, terms, observer)?,
        };
        let ended = session::run(wire, &transaction, &transport.context(&name), observer);
        if !transport.has_new_login(&server, (login, &ended), observer) {
            return Ok((server, ended));
        }
    }
}
