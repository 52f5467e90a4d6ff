//! Commands that are put to a server.

use crate::client::deliver::Way;
use crate::client::events::Watch;
use crate::client::outcome::{Ending, Server};
use crate::client::route::Place;
use crate::probe::reach::converse;
use crate::smtp::reply::{Class, Reply};
use crate::system::exit::Exit;
use crate::system::text::shown;

/// What came of it.
#[derive(Debug)]
pub struct Answers {
    /// What went wrong before that, in a sentence.
    pub failure: Option<String>,
    /// A sentence for each command that was refused.
    pub refused: Vec<String>,
    /// How it ended.
    pub exit: Exit,
}

/// Says these commands one after the other, behind EHLO and whatever else begins a conversation.
pub fn ask(way: &Way<'_>, place: &Place, commands: &[String], watch: &mut dyn Watch) -> Answers {
    let (server, ended) = match converse(way, place, commands, watch) {
        Ok(conversation) => conversation,
        Err(unreached) => {
            return Answers {
                failure: Some(unreached.why),
                refused: Vec::new(),
                exit: unreached.exit,
            };
        }
    };
    let ending = Ending::of(&server, &ended);
    Answers {
        exit: ending
            .as_ref()
            .map_or_else(|| exit(&ended.replies), Ending::exit),
        failure: ending.map(|ending| ending.words + ending.advice),
        refused: refused(&server, commands, &ended.replies),
    }
}

fn refused(server: &Server, commands: &[String], replies: &[Reply]) -> Vec<String> {
    let sentence = |(command, reply): (&String, &Reply)| {
        let verb = match reply.class() {
            Class::ForGood => "refused",
            Class::ForNow => "deferred",
            Class::Success | Class::GoOn => return None,
        };
        let (command, words) = (shown(command), reply.whole());
        Some(format!("{server} {verb} {command}: {words}"))
    };
    commands.iter().zip(replies).filter_map(sentence).collect()
}

/// What the replies mean together.
fn exit(replies: &[Reply]) -> Exit {
    let any = |class| replies.iter().any(|reply| reply.class() == class);
    if any(Class::ForGood) {
        Exit::Refused
    } else if any(Class::ForNow) {
        Exit::Temporary
    } else {
        Exit::Ok
    }
}
