//! Commands that are put to a server.

use crate::client::events::Observer;
use crate::client::hint::with_hint;
use crate::client::outcome::{Server, SessionEnd};
use crate::client::route::Endpoint;
use crate::client::transport::OpenTransport;
use crate::probe::reach::converse;
use crate::smtp::reply::{Class, Reply};
use crate::system::exit::Exit;
use crate::system::text::shown;

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
    place: &Endpoint,
    commands: &[String],
    observer: &mut dyn Observer,
) -> AskResult {
    let (server, ended) = match converse(transport, place, commands, observer) {
        Ok(conversation) => conversation,
        Err(unreached) => {
            return AskResult {
                failure: Some(with_hint(&unreached.why, unreached.hint)),
                refused: Vec::new(),
                exit: unreached.exit,
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

fn refused(server: &Server, commands: &[String], replies: &[Reply]) -> Vec<String> {
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
