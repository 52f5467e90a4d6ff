//! Commands that are put to a server.

use super::reach::reach;
use crate::blocks::Nothing;
use crate::deliver::Way;
use crate::exit::Exit;
use crate::outcome::Ending;
use crate::route::Place;
use crate::session::{self, Class, Errand, Means, Reply};
use crate::watch::Watch;

/// What came of it.
#[derive(Debug)]
pub struct Answers {
    /// The replies to the commands, as far as it came.
    pub replies: Vec<Reply>,
    /// What went wrong before that, in a sentence.
    pub failure: Option<String>,
    /// How it ended.
    pub exit: Exit,
}

/// Says these commands one after the other, behind EHLO and whatever else begins a conversation.
pub fn ask(way: &Way<'_>, place: &Place, commands: &[String], watch: &mut dyn Watch) -> Answers {
    let reached = match reach(way, place, watch) {
        Ok(reached) => reached,
        Err(unreached) => {
            return Answers {
                replies: Vec::new(),
                failure: Some(unreached.why),
                exit: unreached.exit,
            };
        }
    };
    let errand = Errand {
        commands,
        ..Errand::new(None, Vec::new(), &Nothing)
    };
    let means = Means {
        options: way.session,
        tls: way.tls,
        host: &place.host.name(),
        login: way.login,
    };
    let ended = session::run(reached.wire, &errand, &means, watch);
    let ending = Ending::of(&reached.server, &ended);
    Answers {
        exit: ending
            .as_ref()
            .map_or_else(|| exit(&ended.replies), Ending::exit),
        failure: ending.map(|ending| ending.words + ending.advice),
        replies: ended.replies,
    }
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
