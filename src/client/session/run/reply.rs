//! Reads replies, and prepares the server's text for display.

use crate::client::events::{ClosedBy, ConnectionClose, Event};
use crate::client::session::auth::Mask;
use crate::client::session::run::SessionLoop;
use crate::client::session::{Output, SessionFailure, Step};
use crate::client::wire::{Deadline, Early, LastWords, WireError, without_end};
use crate::smtp::reply::{Reply, ReplyError, ReplyReader};
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

impl SessionLoop<'_, '_> {
    /// Sends QUIT. A failed write or a missing reply is ignored, because it does not affect the message
    /// (RFC 5321 §4.1.1.10).
    pub(super) fn farewell(&mut self, items: &[Output]) -> Result<(), SessionFailure> {
        match self.wire.early() {
            Early::Closed | Early::Broken(_) => return Ok(()),
            Early::Bytes(bytes) if !bytes.starts_with(b"421") => {
                let words = excerpt(&self.mask, bytes);
                return Err(self.out_of_step(&words));
            }
            Early::Bytes(_) | Early::Quiet => {}
        }
        for item in items {
            match item {
                Output::Line(line) => self.put(line),
                Output::Note(_) => self.remark(item),
                // Only remarks about commands are reported here.
                Output::Ahead(_) | Output::Detail(_) | Output::Message(_) | Output::Chunk(..) => {}
            }
        }
        if self.wire.flush(self.limit(Step::Body)).is_err() {
            return Ok(());
        }
        match self.reply() {
            Ok(_) => return self.check_the_end(),
            Err(failure) if failure.is_hang_up() => {
                self.observer
                    .on_event(Event::Parting(ConnectionClose::HungUp));
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// An extra reply means that an earlier reply belonged to another command (RFC 5321 §4.2): then no delivery is
    /// certain. A rejection in reply to QUIT is suspicious enough to wait for a further line.
    pub(super) fn check_the_end(&mut self) -> Result<(), SessionFailure> {
        let is_goodbye = |code| matches!(code, 421 | 200..=299);
        let words = if self.quit_code.is_none_or(is_goodbye) {
            match self.wire.early() {
                Early::Bytes(bytes) if !bytes.starts_with(b"421") => excerpt(&self.mask, bytes),
                _ => return Ok(()),
            }
        } else {
            match self.wire.line(Deadline::after(self.limit(Step::Quit))) {
                Ok(line) if !line.starts_with(b"421") => excerpt(&self.mask, line),
                _ => return Ok(()),
            }
        };
        Err(self.out_of_step(&words))
    }

    pub(super) fn out_of_step(&mut self, words: &str) -> SessionFailure {
        self.dialogue.mark_out_of_step();
        let what = format!("sent an unexpected reply: \"{words}\"");
        SessionFailure::Protocol(Step::Quit, what)
    }

    /// Reports the end of the session and closes the connection.
    pub(super) fn send_end_of_data(&mut self, failure: Option<&SessionFailure>) {
        if let Some(failure) = failure {
            self.observer.on_event(Event::Failed {
                stage: failure.step().stage(),
                why: &self.mask.apply(failure.to_string()),
                hung_up: failure.is_hang_up(),
            });
        }
        let LastWords { asides, ended } = self.wire.end();
        for words in asides {
            self.observer.on_event(Event::Note(&words));
        }
        if let Some(words) = ended {
            let parting = ConnectionClose::Command(&words);
            self.observer.on_event(Event::Parting(parting));
        }
        self.observer.on_event(Event::Closed);
    }
}
