//! The end of a session: QUIT, and data after the last reply.

use crate::client::events::{ConnectionClose, Event};
use crate::client::session::Step;
use crate::client::session::run::SessionLoop;
use crate::client::session::run::reply::excerpt;
use crate::client::session::{Output, SessionFailure};
use crate::client::wire::{Deadline, Early, LastWords};

impl SessionLoop<'_, '_> {
    /// Sends QUIT. A failed write or a missing reply is ignored, because it does not affect the message
    /// (R24).
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
                Output::Detail(_) | Output::Message(_) | Output::Chunk(..) => {}
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

    /// An extra reply means that an earlier reply belonged to another command (R15): then no delivery is
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
