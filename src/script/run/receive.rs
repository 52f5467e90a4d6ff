//! Receiving replies, and checking that none arrives.

use crate::client::events::Event;
use crate::client::wire::{Deadline, WireError};
use crate::script::expectation::{Code, ReplyExpectation};
use crate::script::run::{Interpreter, LastHeard, StopReason};
use crate::smtp::reply::{Reply, ReplyError, ReplyReader};
use crate::smtp::stage::Stage;
use crate::system::text::printable;
use std::time::Duration;

/// Maximum number of characters of a reply that an error quotes.
const EXCERPT: usize = 300;

/// The reason why there is no reply.
enum NoReply {
    Wire(WireError),
    Nonsense(ReplyError),
    Stopped(StopReason),
}

impl Interpreter<'_, '_> {
    /// Waits for a reply, and checks it.
    pub(super) fn expect(&mut self, wanted: &ReplyExpectation) -> Result<(), StopReason> {
        let reply = match self.hear() {
            Ok(reply) => reply,
            Err(NoReply::Wire(WireError::Closed)) if wanted.allows_close() => {
                self.wire = None;
                self.heard = Some(LastHeard::Close);
                return Ok(());
            }
            Err(none) => return Err(self.none(none, &wanted.to_string())),
        };
        if let Some(expected) = wanted.differs(&reply, &reply) {
            return Err(StopReason::differs(expected, self.said(&reply)));
        }
        for (name, value) in wanted.captures(&reply) {
            self.variables.insert(name, value.into_bytes());
        }
        Ok(())
    }

    /// The next reply; `expected` describes it for the error.
    pub(super) fn reply(&mut self, expected: &str) -> Result<Reply, StopReason> {
        self.hear().map_err(|none| self.none(none, expected))
    }

    /// Reads one reply, showing each of its lines as it comes.
    fn hear(&mut self) -> Result<Reply, NoReply> {
        let deadline = Deadline::after(self.limit);
        let mut gathering = ReplyReader::default();
        loop {
            let wire = self.wire().map_err(NoReply::Stopped)?;
            let line = wire.line(deadline).map_err(NoReply::Wire)?.to_vec();
            let shown = self.mask.apply(printable(&line));
            self.observer.on_event(Event::Line(&shown));
            let Some(reply) = gathering.add(&line).map_err(NoReply::Nonsense)? else {
                continue;
            };
            self.received(&reply);
            return Ok(reply);
        }
    }

    fn received(&mut self, reply: &Reply) {
        let shown = self.mask.reply(reply.clone());
        self.observer.on_event(Event::Received {
            code: shown.code,
            enhanced: shown.enhanced(),
            lines: &shown.lines,
            stage: Stage::Script,
        });
        if std::mem::take(&mut self.said_ehlo) {
            self.offers = Some(reply.clone()).filter(|reply| reply.code / 100 == 2);
        }
        self.heard = Some(LastHeard::Reply(reply.clone()));
    }

    fn none(&self, none: NoReply, expected: &str) -> StopReason {
        let came = match none {
            NoReply::Wire(WireError::Closed) => "the server closed the connection".to_owned(),
            NoReply::Wire(WireError::Timeout(limit)) => {
                format!("no reply came within {} s", limit.as_secs_f32())
            }
            NoReply::Wire(error @ WireError::LongLine) => format!("the server sent {error}"),
            NoReply::Wire(error) => error.to_string(),
            NoReply::Nonsense(error) => format!("the server {}", self.excerpt(error.to_string())),
            NoReply::Stopped(stop) => return stop,
        };
        StopReason::differs(expected, came)
    }

    /// The text of a reply, for an error.
    pub(super) fn said(&self, reply: &Reply) -> String {
        let reply = self.mask.reply(reply.clone());
        let text = self.excerpt(reply.lines.join(" / "));
        format!("the server said \"{} {text}\"", reply.code)
    }

    fn excerpt(&self, text: String) -> String {
        let text = self.mask.apply(text);
        if text.chars().count() <= EXCERPT {
            return text;
        }
        let beginning: String = text.chars().take(EXCERPT).collect();
        format!("{beginning}...")
    }

    /// Checks that nothing is received and that the server does not close.
    pub(super) fn expect_silence(&mut self, time: Duration) -> Result<(), StopReason> {
        let expected = format!("silence for {} s", time.as_secs_f32());
        match self.wire()?.heard(Deadline::after(time)) {
            Err(WireError::Timeout(_)) => Ok(()),
            Err(WireError::Closed) => Err(StopReason::differs(
                expected,
                "the server closed the connection",
            )),
            Err(error) => Err(StopReason::differs(expected, error.to_string())),
            Ok(octets) => {
                let words = printable(&octets[..octets.len().min(EXCERPT)]);
                let words = self.excerpt(words);
                Err(StopReason::differs(
                    expected,
                    format!("the server said \"{words}\""),
                ))
            }
        }
    }

    /// Checks that the server closes and sends nothing more.
    pub(super) fn expect_close(&mut self, limit: Duration) -> Result<(), StopReason> {
        let expected = "the end of the connection";
        match self.wire()?.heard(Deadline::after(limit)) {
            Err(WireError::Closed) => {
                self.wire = None;
                self.heard = Some(LastHeard::Close);
                self.observer.on_event(Event::Closed);
                Ok(())
            }
            Err(WireError::Timeout(_)) => {
                let came = format!("the server kept it open for {} s", limit.as_secs_f32());
                Err(StopReason::differs(expected, came))
            }
            Err(error) => Err(StopReason::differs(expected, error.to_string())),
            Ok(octets) => {
                let words = printable(&octets[..octets.len().min(EXCERPT)]);
                let words = self.excerpt(words);
                Err(StopReason::differs(
                    expected,
                    format!("the server said \"{words}\""),
                ))
            }
        }
    }

    /// True if the last reply meets a condition.
    pub(super) fn is_so(&self, condition: &ReplyExpectation) -> bool {
        let nothing = Reply {
            code: 0,
            lines: Vec::new(),
        };
        let offers = self.offers.as_ref().unwrap_or(&nothing);
        match &self.heard {
            Some(LastHeard::Close) => condition.codes.contains(&Code::Close),
            Some(LastHeard::Reply(reply)) => condition.differs(reply, offers).is_none(),
            None => condition.differs(&nothing, offers).is_none(),
        }
    }
}
