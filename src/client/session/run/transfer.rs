//! Sends the message, and handles replies that arrive meanwhile.

use crate::client::events::Event;
use crate::client::session::run::SessionLoop;
use crate::client::session::{Action, SessionFailure, Step, Transaction, WireEvent};
use crate::client::wire::{Deadline, Early, WireError};
use crate::smtp::blocks::{Block, Blocks, Shape};
use crate::smtp::dot_stuffing::DotStuffer;
use crate::smtp::reply::{Class, Reply};
use std::io;
use std::time::Duration;

/// Data is written in pieces of this size, to limit both system calls and memory.
pub const WRITE_SIZE: usize = 64 * 1024;

impl SessionLoop<'_, '_> {
    /// Copies the message, or the next octets of it, to the outbox, and writes the outbox when it is full.
    /// The last part is sent together with the commands that follow.
    pub(super) fn transfer(
        &mut self,
        carried: &mut Carried<'_>,
        octets: Option<u64>,
    ) -> Result<Option<WireEvent>, SessionFailure> {
        let limit = self.limit(Step::Body);
        let mut left = octets.unwrap_or(u64::MAX);
        while left > 0 {
            if self.wire.outbox.len() >= WRITE_SIZE {
                match self.write_block(limit) {
                    Ok(()) => self.observer.on_event(Event::Progress {
                        octets: carried.octets,
                        of: carried.shape.size,
                    }),
                    Err(WireError::Closed) => return self.broken_off().map(Some),
                    Err(error) => return Err(SessionFailure::Wire(Step::Body, error)),
                }
            }
            let start = self.wire.outbox.len();
            let more = carried.append(&mut self.wire.outbox, &mut left, octets.is_none());
            if self.interests.message {
                let part = &self.wire.outbox[start..];
                self.observer.on_event(Event::Carried(part));
            }
            if !more.map_err(SessionFailure::Message)? {
                break;
            }
        }
        self.gathered += u32::from(octets.is_some());
        if carried.octets < carried.shape.size {
            return Ok(None);
        }
        if octets.is_some() {
            carried.end().map_err(SessionFailure::Message)?;
        }
        self.observer.on_event(Event::Data {
            bytes: carried.octets,
        });
        match octets {
            Some(_) => self.replies_to_chunks(),
            None => Ok(None),
        }
    }

    /// Writes the outbox, at the configured rate if there is one.
    pub(super) fn write_block(&mut self, limit: Duration) -> Result<(), WireError> {
        match self.context.options.rate {
            None => self.wire.flush(limit)?,
            Some(rate) => self.write_slowly(rate.get(), limit)?,
        }
        self.owed += std::mem::take(&mut self.gathered);
        Ok(())
    }

    /// Writes ten pieces a second, so that the flow is even and the server never waits for long.
    fn write_slowly(&mut self, rate: u64, limit: Duration) -> Result<(), WireError> {
        let most = usize::try_from(rate / 10).unwrap_or(usize::MAX).max(1);
        while !self.wire.outbox.is_empty() {
            let octets = self.wire.outbox.len().min(most);
            self.wire.flush_some(most, limit)?;
            let nanos = octets as u64 * 1_000_000_000 / rate;
            std::thread::sleep(Duration::from_nanos(nanos));
        }
        Ok(())
    }

    /// Last check before the end of data: a rejection that has arrived is valid, but an early 250 is not.
    pub(super) fn last_look(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        if matches!(self.wire.early(), Early::Quiet) {
            return Ok(None);
        }
        self.broken_off().map(Some)
    }

    /// Reads the replies to chunks that arrived while others were sent, so that a rejection is noticed early.
    /// Only a chunk that was sent can have a reply.
    pub(super) fn replies_to_chunks(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        loop {
            let awaits = self.awaits_chunk();
            match self.wire.early() {
                Early::Quiet => return Ok(None),
                Early::Bytes(_) if awaits => {}
                Early::Bytes(_) | Early::Closed | Early::Broken(_) => {
                    return self.broken_off().map(Some);
                }
            }
            let reply = self.reply()?;
            match reply.class() {
                Class::Transient | Class::Permanent => {
                    return Ok(Some(WireEvent::Aborted(reply)));
                }
                Class::Success | Class::Intermediate => self.chunk_taken(reply)?,
            }
        }
    }

    /// True if the reply to a chunk other than the last is outstanding.
    fn awaits_chunk(&self) -> bool {
        self.owed > 0 && self.dialogue.awaited() == Step::Bdat { last: false }
    }

    /// Handles the acceptance of a chunk while others are being sent.
    fn chunk_taken(&mut self, reply: Reply) -> Result<(), SessionFailure> {
        self.owed -= 1;
        let step = self.dialogue.awaited();
        match self.dialogue.step(WireEvent::Replied(reply)) {
            Action::Abort(_, what) => Err(SessionFailure::Protocol(step, what)),
            _ => Ok(()),
        }
    }

    /// Handles a reply or a close by the server in the middle of the message. Only a rejection counts; the
    /// end of data was not sent, so the message cannot have been accepted.
    fn broken_off(&mut self) -> Result<WireEvent, SessionFailure> {
        self.wire.outbox.clear();
        loop {
            let deadline = Deadline::after(self.limit(Step::Quit));
            let reply = self.reply_by(deadline, Step::Body)?;
            match reply.class() {
                Class::Transient | Class::Permanent => return Ok(WireEvent::Aborted(reply)),
                Class::Success if self.awaits_chunk() => self.chunk_taken(reply)?,
                Class::Success | Class::Intermediate => {
                    let what = format!("replied {} before the end of the message", reply.whole());
                    return Err(SessionFailure::Protocol(Step::Body, what));
                }
            }
        }
    }
}

/// A message that is being sent.
pub struct Carried<'m> {
    /// Its properties in the form sent to this server.
    pub shape: Shape,
    blocks: Box<dyn Blocks + 'm>,
    dots: DotStuffer,
    /// Octets copied to the outbox.
    pub octets: u64,
    /// Data that was read and belongs to the next chunk.
    rest: Vec<u8>,
}

impl<'m> Carried<'m> {
    pub fn new(transaction: &Transaction<'m>, shape: Shape) -> Self {
        Self {
            shape,
            blocks: transaction.message.blocks(shape),
            dots: DotStuffer::new(),
            octets: 0,
            rest: Vec::new(),
        }
    }

    /// Appends the next block, or as much of it as `left` allows; false at the end of the message.
    pub fn append(&mut self, out: &mut Vec<u8>, left: &mut u64, stuffed: bool) -> io::Result<bool> {
        let start = out.len();
        let block = if self.rest.is_empty() {
            self.blocks.append(out)?
        } else {
            out.append(&mut self.rest);
            Block::Lines
        };
        let allowed = usize::try_from(*left).unwrap_or(usize::MAX);
        if out.len() - start > allowed {
            self.rest = out.split_off(start + allowed);
        }
        let count = (out.len() - start) as u64;
        self.octets += count;
        *left -= count;
        match block {
            Block::End if stuffed && !self.dots.at_line_start() => out.extend_from_slice(b"\r\n"),
            Block::Lines if stuffed => self.dots.stuff(out, start),
            Block::DotFree => self.dots.passed(&out[start..]),
            Block::End | Block::Lines => {}
        }
        Ok(block != Block::End)
    }

    /// Checks that the message has its announced length. A change of the source may be noticed only at its
    /// end, and the last octets of the last chunk complete the message for the server.
    pub fn end(&mut self) -> io::Result<()> {
        let mut more = std::mem::take(&mut self.rest);
        while more.is_empty() {
            if self.blocks.append(&mut more)? == Block::End {
                return Ok(());
            }
        }
        let why = "the message is longer than announced";
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}
