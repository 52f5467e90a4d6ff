//! The one loop that drives a dialogue over a wire. What is said and heard passes here, above TLS and
//! below the dialogue, so that nothing is said unseen.

use super::dots::Dots;
use super::reply::Gathering;
use super::{Action, Class, Dialogue, Ended, Errand, Event, Failure, Line, Options, Reply, Stage};
use crate::blocks::Block;
use crate::text::printable;
use crate::watch::{Happening, Watch};
use crate::wire::{Deadline, Early, Wire, WireError};
use std::net::IpAddr;
use std::time::Duration;

/// A block is written when so much has gathered: few system calls, and no more memory than that.
const WRITE_SIZE: usize = 64 * 1024;

/// Holds one session over a wire and says what became of every recipient. The wire is closed after it.
pub fn run(wire: Wire, errand: &Errand<'_>, options: &Options, watch: &mut dyn Watch) -> Ended {
    let helo = options.helo.clone().unwrap_or_else(|| own_name(&wire));
    let mut session = Session {
        wire,
        errand,
        timeout: options.timeout,
        dialogue: Dialogue::new(errand, helo, !options.no_pipelining),
        watch,
        in_doubt: false,
        quit_code: None,
    };
    let failure = session.converse().err();
    if failure.is_some() && session.in_doubt {
        session.dialogue.doubt();
    }
    session.watch.happened(Happening::Closed);
    Ended {
        answers: session.dialogue.into_answers(),
        failure,
    }
}

/// R3: the qualified name of this host, else the address of this end of the connection.
fn own_name(wire: &Wire) -> String {
    crate::host::fqdn().unwrap_or_else(|| match wire.local_ip() {
        Some(IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
        Some(IpAddr::V4(ip)) => format!("[{ip}]"),
        None => "localhost".to_owned(),
    })
}

struct Session<'a, 'w> {
    wire: Wire,
    errand: &'a Errand<'a>,
    timeout: Option<Duration>,
    dialogue: Dialogue<'a>,
    watch: &'w mut dyn Watch,
    /// Whether an end of data went out whose reply has not come.
    in_doubt: bool,
    /// What QUIT was answered with.
    quit_code: Option<u16>,
}

/// The beginning of what a server sent, printable.
fn excerpt(bytes: &[u8]) -> String {
    printable(&bytes[..bytes.len().min(80)])
}

impl Session<'_, '_> {
    fn converse(&mut self) -> Result<(), Failure> {
        let mut event = Event::Started;
        loop {
            let action = self.dialogue.step(event);
            event = match action {
                Action::Read => Event::Replied(self.reply()?),
                Action::Say(lines) if self.dialogue.is_leaving() => return self.farewell(&lines),
                Action::Say(lines) => self.say(&lines)?,
                Action::SendBody(behind) => self.send_body(&behind)?,
                Action::Finish => return self.check_the_end(),
                Action::Abort(what) => {
                    return Err(Failure::Protocol(self.dialogue.next_stage(), what));
                }
            };
        }
    }

    /// QUIT, which may fail in any way: it un-sends nothing (R24).
    fn farewell(&mut self, lines: &[Line]) -> Result<(), Failure> {
        match self.wire.early() {
            Early::Closed => return Ok(()),
            Early::Bytes(bytes) if !bytes.starts_with(b"421") => {
                let words = excerpt(bytes);
                return Err(self.out_of_step(&words));
            }
            Early::Bytes(_) | Early::Quiet => {}
        }
        self.put(lines);
        if self.wire.flush(self.limit(Stage::Body)).is_ok() && self.reply().is_ok() {
            return self.check_the_end();
        }
        Ok(())
    }

    /// One reply too many means that an earlier one was not the answer to what it seemed to answer
    /// (R15): then nothing was delivered for sure. A refusal where a goodbye was due is suspicious
    /// enough to wait for what follows it.
    fn check_the_end(&mut self) -> Result<(), Failure> {
        let is_goodbye = |code| matches!(code, 421 | 200..=299);
        let words = if self.quit_code.is_none_or(is_goodbye) {
            match self.wire.early() {
                Early::Bytes(bytes) if !bytes.starts_with(b"421") => excerpt(bytes),
                _ => return Ok(()),
            }
        } else {
            match self.wire.line(Deadline::after(self.limit(Stage::Quit))) {
                Ok(line) if !line.starts_with(b"421") => excerpt(line),
                _ => return Ok(()),
            }
        };
        Err(self.out_of_step(&words))
    }

    fn out_of_step(&mut self, words: &str) -> Failure {
        self.dialogue.distrust();
        let what = format!("sent one reply too many, \"{words}\"");
        Failure::Protocol(Stage::Quit, what)
    }

    /// Writes a group and reads the reply to its first line.
    fn say(&mut self, lines: &[Line]) -> Result<Event, Failure> {
        if let Some(event) = self.unasked()? {
            return Ok(event);
        }
        self.put(lines);
        let stage = self.dialogue.awaited();
        match self.wire.flush(self.limit(Stage::Body)) {
            // The server may have said why it closed before we wrote.
            Ok(()) | Err(WireError::Closed) => Ok(Event::Replied(self.reply()?)),
            Err(error) => Err(Failure::Wire(stage, error)),
        }
    }

    fn put(&mut self, lines: &[Line]) {
        for line in lines {
            self.wire.outbox.extend_from_slice(&line.wire);
            self.wire.outbox.extend_from_slice(b"\r\n");
            self.watch.happened(Happening::Sent {
                line: &line.shown,
                stage: line.stage.name(),
            });
        }
    }

    /// The rule of faults.md: nothing may be unread before we speak. An unasked 421 is a goodbye.
    fn unasked(&mut self) -> Result<Option<Event>, Failure> {
        let stage = self.dialogue.next_stage();
        match self.wire.early() {
            Early::Quiet => Ok(None),
            Early::Closed => Err(Failure::Wire(stage, WireError::Closed)),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => {
                Ok(Some(Event::Unasked(self.reply()?)))
            }
            Early::Bytes(bytes) => {
                let what = format!("sent \"{}\" before it was asked", excerpt(bytes));
                Err(Failure::Protocol(stage, what))
            }
        }
    }

    /// Streams the message, its end and the lines behind it.
    fn send_body(&mut self, behind: &[Line]) -> Result<Event, Failure> {
        if let Some(event) = self.unasked()? {
            return Ok(event);
        }
        match self.stream() {
            Ok(()) => {}
            Err(Failure::Wire(Stage::Body, WireError::Closed)) => return self.broken_off(),
            Err(failure) => return Err(failure),
        }
        // Last look before the point of no return: a refusal that is already there counts, an early
        // 250 is a lie, and nobody is there to take the message behind a closed connection.
        if self.wire.early() != Early::Quiet {
            return self.broken_off();
        }
        self.watch.happened(Happening::Sent {
            line: ".",
            stage: Stage::Dot.name(),
        });
        self.wire.outbox.extend_from_slice(b".\r\n");
        let with_dot = self.wire.outbox.len();
        self.put(behind);
        let behind_dot = self.wire.outbox.len() - with_dot;
        let written = self.wire.flush(self.limit(Stage::Body));
        let unsent = std::mem::take(&mut self.wire.outbox).len();
        self.in_doubt = unsent <= behind_dot;
        match written {
            _ if self.in_doubt => Ok(Event::BodySent),
            Err(WireError::Closed) => self.broken_off(),
            Err(error) => Err(Failure::Wire(Stage::Body, error)),
            Ok(()) => Ok(Event::BodySent),
        }
    }

    /// Writes all but the last block, which waits in the outbox for the end of data.
    fn stream(&mut self) -> Result<(), Failure> {
        let mut blocks = self.errand.message.blocks();
        let mut dots = Dots::new();
        let mut bytes = 0;
        let limit = self.limit(Stage::Body);
        loop {
            let start = self.wire.outbox.len();
            if start >= WRITE_SIZE {
                let written = self.wire.flush(limit);
                written.map_err(|error| Failure::Wire(Stage::Body, error))?;
                continue;
            }
            let block = blocks.append(&mut self.wire.outbox);
            let block = block.map_err(Failure::Message)?;
            bytes += self.wire.outbox.len() - start;
            match block {
                Block::Lines => dots.stuff(&mut self.wire.outbox, start),
                Block::DotFree => dots.passed(&self.wire.outbox[start..]),
                Block::End => break,
            }
        }
        if !dots.at_line_start() {
            self.wire.outbox.extend_from_slice(b"\r\n");
        }
        self.watch.happened(Happening::Data {
            bytes: bytes as u64,
        });
        Ok(())
    }

    /// The server has spoken in the middle of the message, or closed. Only a refusal counts; the end
    /// of data was not sent, so the message cannot have been taken.
    fn broken_off(&mut self) -> Result<Event, Failure> {
        self.wire.outbox.clear();
        let deadline = Deadline::after(self.limit(Stage::Quit));
        let reply = self.reply_by(deadline, Stage::Body)?;
        match reply.class() {
            Class::ForNow | Class::ForGood => Ok(Event::BrokenOff(reply)),
            Class::Success | Class::GoOn => Err(Failure::Protocol(
                Stage::Body,
                format!("said {} before the message had ended", reply.whole()),
            )),
        }
    }

    fn reply(&mut self) -> Result<Reply, Failure> {
        let stage = self.dialogue.awaited();
        let reply = self.reply_by(Deadline::after(self.limit(stage)), stage)?;
        match stage {
            Stage::Dot => self.in_doubt = false,
            Stage::Quit => self.quit_code = Some(reply.code),
            _ => {}
        }
        Ok(reply)
    }

    /// Reads one reply, showing each of its lines as it comes.
    fn reply_by(&mut self, deadline: Deadline, stage: Stage) -> Result<Reply, Failure> {
        let mut gathering = Gathering::default();
        loop {
            let line = match self.wire.line(deadline) {
                Ok(line) => line,
                Err(WireError::LongLine) => {
                    let what = format!("sent {}", WireError::LongLine);
                    return Err(Failure::Protocol(stage, what));
                }
                Err(error) => return Err(Failure::Wire(stage, error)),
            };
            self.watch.happened(Happening::Line(&printable(line)));
            let reply = gathering.add(line);
            let reply = reply.map_err(|error| Failure::Protocol(stage, error.to_string()))?;
            if let Some(reply) = reply {
                self.watch.happened(Happening::Received {
                    code: reply.code,
                    enhanced: reply.enhanced(),
                    lines: &reply.lines,
                    stage: stage.name(),
                });
                return Ok(reply);
            }
        }
    }

    fn limit(&self, stage: Stage) -> Duration {
        let own = stage.timeout();
        match self.timeout {
            Some(timeout) if stage == Stage::Quit => timeout.min(own),
            Some(timeout) => timeout,
            None => own,
        }
    }
}
