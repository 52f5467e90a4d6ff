//! Sends groups of lines that are written together, including the message.

use crate::client::events::{ClosedBy, ConnectionClose, Event};
use crate::client::session::run::reply::excerpt;
use crate::client::session::run::transfer::Carried;
use crate::client::session::run::{Opening, SessionLoop};
use crate::client::session::{CommandLine, Output, Proxy, SessionFailure, Step, WireEvent};
use crate::client::wire::{Deadline, Early, WireError};
use crate::smtp::stage::Stage;
use zeroize::{Zeroize, Zeroizing};

impl SessionLoop<'_, '_> {
    /// Writes a group, and reads the reply to its first line.
    pub(super) fn send_items(&mut self, items: &[Output]) -> Result<WireEvent, SessionFailure> {
        match self.gather(items)? {
            Some(event) => Ok(event),
            None => self.finish_group(),
        }
    }

    /// Copies a group to the outbox, and writes the outbox when it is full. Returns an event if one
    /// interrupts the group.
    pub(super) fn gather(&mut self, items: &[Output]) -> Result<Option<WireEvent>, SessionFailure> {
        if let Some(event) = self.not_attempted()? {
            return Ok(Some(event));
        }
        let mut message = None;
        self.end_at = None;
        for item in items {
            let stopped = match item {
                Output::Line(line) => {
                    let stopped = match line.step {
                        Step::Dot => self.last_look()?,
                        Step::Bdat { .. } => self.replies_to_chunks()?,
                        _ => None,
                    };
                    if stopped.is_none() {
                        self.put(line);
                    }
                    stopped
                }
                Output::Ahead(line) => {
                    line.put(&mut self.wire.outbox, &mut self.mask);
                    None
                }
                Output::Note(_) | Output::Detail(_) => {
                    self.remark(item);
                    None
                }
                Output::Message(shape) => {
                    self.transfer(message.insert(Carried::new(self.transaction, *shape)), None)?
                }
                Output::Chunk(shape, octets) => {
                    let carried =
                        message.get_or_insert_with(|| Carried::new(self.transaction, *shape));
                    self.transfer(carried, Some(*octets))?
                }
            };
            if stopped.is_some() {
                return Ok(stopped);
            }
            if ends_message(item, message.as_ref()) {
                self.end_at = Some(self.wire.outbox.len());
            }
        }
        Ok(None)
    }

    /// Writes the outbox. If it contains the end of a message, the result is uncertain from here on until the
    /// reply arrives.
    fn finish_group(&mut self) -> Result<WireEvent, SessionFailure> {
        let after_end = self.end_at.map(|end| self.wire.outbox.len() - end);
        if self.end_at.is_some()
            && let Some(stop) = &mut self.stop
            && !stop.suspend()
        {
            return Err(SessionFailure::Wire(
                self.dialogue.awaited(),
                WireError::Closed,
            ));
        }
        if let (Some(_), Some(log)) = (self.end_at, self.transaction.log) {
            let at_stake = self.dialogue.at_stake();
            if !at_stake.is_empty() {
                log.ending(&at_stake).map_err(SessionFailure::Ledger)?;
            }
            self.ending = at_stake;
        }
        let step = self.dialogue.awaited();
        let written = self.write_block(self.limit(Step::Body));
        let unsent = self.wire.outbox.len();
        self.wipe();
        self.in_doubt |= after_end.is_some_and(|after| unsent <= after);
        match written {
            // The server may have sent a reason before it closed the connection.
            Ok(()) | Err(WireError::Closed) => Ok(WireEvent::Replied(self.reply()?)),
            Err(_) if self.in_doubt => Ok(WireEvent::Replied(self.reply()?)),
            Err(error) => Err(SessionFailure::Wire(step, error)),
        }
    }

    /// Checks for unsolicited data before anything is sent. An unsolicited 421 ends the session.
    fn not_attempted(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        // A server that has ended the session since, as after a long pause, was given nothing of this message.
        let is_untouched = std::mem::take(&mut self.is_untouched);
        let step = if is_untouched {
            Step::Mail
        } else {
            self.dialogue.next_step()
        };
        match self.wire.early() {
            Early::Quiet => Ok(None),
            Early::Bytes(bytes) if is_untouched && bytes.starts_with(b"421") => {
                Err(SessionFailure::Wire(step, WireError::Closed))
            }
            Early::Closed => Err(SessionFailure::Wire(step, WireError::Closed)),
            Early::Broken(error) => Err(SessionFailure::Wire(step, error)),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => {
                Ok(Some(WireEvent::Unsolicited(self.reply()?)))
            }
            Early::Bytes(bytes) => {
                let words = excerpt(&self.mask, bytes);
                let what = format!("sent \"{words}\" before a command was sent");
                Err(SessionFailure::Protocol(step, what))
            }
        }
    }

    pub(super) fn put(&mut self, line: &CommandLine) {
        line.put(&mut self.wire.outbox, &mut self.mask);
        self.holds_secret |= line.hides;
        self.report(line);
    }

    /// Reports commands that were sent with the end of the transaction before.
    pub(super) fn report_sent(&mut self, items: &[Output]) {
        for item in items {
            if let Output::Line(line) = item {
                self.report(line);
            }
        }
    }

    fn report(&mut self, line: &CommandLine) {
        self.observer.on_event(Event::Sent {
            line: &line.shown,
            stage: line.step.stage(),
        });
        if self.interests.octets {
            let shown = if line.hides {
                line.shown.as_bytes()
            } else {
                &line.wire
            };
            self.observer.on_event(Event::Octets {
                from: ClosedBy::Client,
                bytes: &[shown, b"\r\n"].concat(),
            });
        }
    }

    /// Reports a remark, with secrets masked.
    pub(super) fn remark(&mut self, item: &Output) {
        match item {
            Output::Note(text) => {
                let text = self.mask.apply(text.clone());
                self.observer.on_event(Event::Note(&text));
            }
            Output::Detail(text) => {
                let text = self.mask.apply(text.clone());
                self.observer.on_event(Event::Detail(&text));
            }
            Output::Line(_) | Output::Ahead(_) | Output::Message(_) | Output::Chunk(..) => {}
        }
    }

    /// Discards unsent data, and wipes it if it contains a secret.
    pub(super) fn wipe(&mut self) {
        let mut rest = std::mem::take(&mut self.wire.outbox);
        if std::mem::take(&mut self.holds_secret) {
            rest.zeroize();
        }
    }
}

/// True for the end of data, and for the last chunk of a message.
fn ends_message(item: &Output, message: Option<&Carried<'_>>) -> bool {
    match item {
        Output::Line(line) => line.step == Step::Dot,
        Output::Chunk(shape, _) => message.is_some_and(|carried| carried.octets == shape.size),
        Output::Ahead(_) | Output::Message(_) | Output::Note(_) | Output::Detail(_) => false,
    }
}

impl SessionLoop<'_, '_> {
    /// Sends the PROXY header, before anything else and outside TLS.
    pub(super) fn send_proxy_header(&mut self, proxy: &Proxy) -> Result<(), SessionFailure> {
        let header = proxy.header(self.wire.ends());
        let encoded = header.encode();
        self.wire.outbox.extend_from_slice(&encoded);
        self.observer.on_event(Event::Sent {
            line: &header.to_string(),
            stage: Stage::Proxy,
        });
        if self.interests.octets {
            self.observer.on_event(Event::Octets {
                from: ClosedBy::Client,
                bytes: &encoded,
            });
        }
        let written = self.wire.flush(self.limit(Step::Banner));
        written.map_err(|error| SessionFailure::Wire(Step::Banner, error))
    }

    /// Sends the last commands without waiting for their replies.
    pub(super) fn send_and_drop(&mut self, items: &[Output]) -> Result<Opening, SessionFailure> {
        if self.gather(items)?.is_some() {
            return Ok(Opening::Over);
        }
        let written = self.wire.flush(self.limit(Step::Body));
        self.wipe();
        let step = self.dialogue.awaited();
        written.map_err(|error| SessionFailure::Wire(step, error))?;
        self.observer
            .on_event(Event::Parting(ConnectionClose::Dropped));
        Ok(Opening::Over)
    }

    /// Sends QUIT out of sequence, and reports replies that arrive soon.
    pub(super) fn quit_out_of_sequence(&mut self) {
        self.put(&CommandLine {
            step: Step::Quit,
            wire: Zeroizing::new(b"QUIT".to_vec()),
            shown: "QUIT".to_owned(),
            hides: false,
        });
        let limit = self.limit(Step::Quit);
        if self.wire.flush(limit).is_ok() {
            let deadline = Deadline::after(limit);
            while self.reply_by(deadline, Step::Quit).is_ok() {}
        }
    }
}
