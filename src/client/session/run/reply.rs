//! Reads replies, and prepares the server's text for display.

use crate::client::events::{ClosedBy, Event};
use crate::client::session::SessionFailure;
use crate::client::session::Step;
use crate::client::session::auth::Mask;
use crate::client::session::run::SessionLoop;
use crate::client::wire::{Deadline, WireError, without_end};
use crate::smtp::reply::ReplyReader;
use crate::smtp::reply::{Reply, ReplyError};
use crate::system::text::printable;

/// Maximum length of a server's text in an error, in characters.
const EXCERPT: usize = 80;

/// The beginning of a server's line, printable and with secrets masked.
pub(super) fn excerpt(mask: &Mask, bytes: &[u8]) -> String {
    beginning(&mask.apply(printable(bytes)))
}

fn beginning(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

impl SessionLoop<'_, '_> {
    pub(super) fn reply(&mut self) -> Result<Reply, SessionFailure> {
        let step = self.dialogue.awaited();
        let reply = self.reply_by(Deadline::after(self.limit(step)), step)?;
        match step {
            Step::Dot | Step::DotFor(_) | Step::Bdat { last: true } => {
                self.end_reply = Some(reply.clone());
            }
            Step::Quit => self.quit_code = Some(reply.code),
            _ => {}
        }
        Ok(reply)
    }

    /// Reads one reply, and reports each of its lines when it arrives.
    pub(super) fn reply_by(
        &mut self,
        deadline: Deadline,
        step: Step,
    ) -> Result<Reply, SessionFailure> {
        let mut gathering = ReplyReader::default();
        loop {
            let octets = match self.wire.line_as_it_is(deadline) {
                Ok(octets) => octets,
                Err(WireError::LongLine) => {
                    let what = format!("sent {}", WireError::LongLine);
                    return Err(SessionFailure::Protocol(step, what));
                }
                Err(error) => return Err(SessionFailure::Wire(step, error)),
            };
            let line = without_end(octets);
            let shown = self.mask.apply(printable(line));
            if self.interests.octets {
                let hides = shown != printable(line);
                let masked = hides.then(|| format!("{shown}\r\n").into_bytes());
                self.observer.on_event(Event::Octets {
                    from: ClosedBy::Server,
                    bytes: masked.as_deref().unwrap_or(octets),
                });
            }
            self.observer.on_event(Event::Line(&shown));
            let reply = gathering.add(line);
            let reply =
                reply.map_err(|error| SessionFailure::Protocol(step, self.shown(&error)))?;
            if let Some(reply) = reply {
                let shown = self.mask.reply(reply.clone());
                self.observer.on_event(Event::Received {
                    code: shown.code,
                    enhanced: shown.enhanced(),
                    lines: &shown.lines,
                    stage: step.stage(),
                });
                return Ok(reply);
            }
        }
    }

    /// The text of a malformed reply, with only the beginning of the server's line.
    fn shown(&self, error: &ReplyError) -> String {
        match error {
            ReplyError::NoReply(line) => {
                let line = beginning(&self.mask.apply(line.clone()));
                ReplyError::NoReply(line).to_string()
            }
            other => other.to_string(),
        }
    }
}
