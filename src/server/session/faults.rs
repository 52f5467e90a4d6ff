//! What is said, and how it goes wrong on purpose.

use crate::server::connection::{Peer, within};
use crate::server::end::End;
use crate::server::events::Seen;
use crate::server::fault::{Reply, What};
use crate::server::session::{Due, Session, Turn};
use crate::server::stage::Stage;
use std::time::{Duration, Instant};

/// How many random bytes are said.
const GARBAGE: usize = 512;

/// What an endless line is made of, and how often a peer that does not read is looked at.
const FLOOD: usize = 16 * 1024;

/// What stands for a secret.
pub const STARS: &[u8] = b"********";

/// A command as it may be shown: without what is behind the mechanism of AUTH.
pub fn without_secret(line: &[u8]) -> &[u8] {
    if !is_login(line) {
        return line;
    }
    let is_gap = |byte: &u8| matches!(byte, b' ' | b'\t' | b'=');
    let verb = line.iter().position(is_gap).unwrap_or(line.len());
    let gap = line[verb..].iter().position(|byte| !is_gap(byte));
    let mechanism = gap.map_or(line.len(), |gap| verb + gap);
    let end = line[mechanism..].iter().position(is_gap);
    end.map_or(line, |end| &line[..mechanism + end])
}

/// Whether it is AUTH, perhaps badly written.
pub fn is_login(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let verb = line.get(..4);
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"))
        && !line.get(4).is_some_and(u8::is_ascii_alphanumeric)
}

impl<'a, P: Peer> Session<'a, P> {
    /// What goes wrong now that the peer has come to this stage, after the time that all replies take.
    pub(super) fn draw(&mut self, stage: Stage) -> Result<Option<&'a What>, End> {
        let mischief = &self.house.manner.mischief;
        self.wait(mischief.delay(stage))?;
        let due = mischief.due(stage);
        if let Some(what) = due {
            self.saw(&Seen::Fault { stage, what });
        }
        Ok(due)
    }

    /// Does what is to be done at a stage, unless it is refused on purpose, and says how it went.
    pub(super) fn step(&mut self, stage: Stage, act: impl FnOnce(&mut Self) -> Due) -> Turn {
        let fault = self.draw(stage)?;
        if fault.and_then(What::refusal).is_some() {
            return self.say(fault, "");
        }
        let due = act(self)?;
        self.say(fault, &due)
    }

    /// Says what is due, or what a fault makes of it.
    pub(super) fn say(&mut self, fault: Option<&What>, due: &str) -> Turn {
        match fault {
            None => self.answer(due),
            Some(What::Reply(reply)) => self.make_up(reply),
            Some(What::Close) => Err(End::Dropped),
            Some(What::Reset) => Err(End::Reset),
            Some(What::Hang) => self.hang(),
            Some(What::Drip(gap)) => self.drip(due, *gap),
            Some(What::Garbage) => self.send_garbage(),
            Some(What::FloodLine) => self.flood(&[b'x'; FLOOD]),
            Some(What::FloodReply) => self.flood(&b"250-and so on\r\n".repeat(FLOOD / 15)),
            Some(What::Double) => {
                self.answer(due)?;
                self.answer(due)
            }
            Some(What::Slow(time)) => {
                self.wait(*time)?;
                match due {
                    "" => Ok(()),
                    due => self.answer(due),
                }
            }
        }
    }

    fn make_up(&mut self, reply: &Reply) -> Turn {
        self.saw(&Seen::Reply { text: &reply.text });
        self.channel.say(&reply.text);
        match reply.code {
            421 => Err(End::Unavailable),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, time: Duration) -> Turn {
        if time.is_zero() {
            return Ok(());
        }
        self.channel.flush()?;
        if self.house.gate.pause(time) {
            Ok(())
        } else {
            Err(End::Full)
        }
    }

    fn hang(&mut self) -> Turn {
        self.channel.drain(within(self.house.manner.hang_time));
        Err(End::Dropped)
    }

    fn drip(&mut self, due: &str, gap: Duration) -> Turn {
        self.saw(&Seen::Reply { text: due });
        for byte in due.bytes().chain(*b"\r\n") {
            self.channel.send_now(&[byte])?;
            self.wait(gap)?;
        }
        Ok(())
    }

    fn send_garbage(&mut self) -> Turn {
        let mut bytes: Vec<u8> = (0..GARBAGE).map(|_| fastrand::u8(..)).collect();
        bytes.extend_from_slice(b"\r\n");
        self.channel.send_now(&bytes)
    }

    fn flood(&mut self, block: &[u8]) -> Turn {
        let deadline = within(self.house.manner.hang_time);
        while Instant::now() < deadline && !self.house.gate.is_over() {
            self.channel.send_now(block)?;
        }
        Err(End::Dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_mechanism_is_not_shown() {
        for (line, shown) in [
            ("AUTH PLAIN AGEAYg==", "AUTH PLAIN"),
            ("auth  plain  x", "auth  plain"),
            ("AUTH LOGIN", "AUTH LOGIN"),
            ("AUTH ", "AUTH "),
            ("AUTH=PLAIN AGEAYg==", "AUTH=PLAIN"),
            ("AUTH\tPLAIN\tAGEAYg==", "AUTH\tPLAIN"),
            (" AUTH PLAIN x", " AUTH"),
            ("AUTHX a b", "AUTHX a b"),
            ("MAIL FROM:<a@x> SIZE=1", "MAIL FROM:<a@x> SIZE=1"),
        ] {
            assert_eq!(without_secret(line.as_bytes()), shown.as_bytes());
        }
    }
}
