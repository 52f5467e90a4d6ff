//! Sending of replies, with injected faults.

use crate::server::connection::SessionEnding;
use crate::server::events::ServerEvent;
use crate::server::fault::{FaultAction, FaultReply};
use crate::server::session::message::ReceivedTransaction;
use crate::server::session::{CommandResult, PendingReply, ServerSession};
use crate::server::stream::{ByteStream, within};
use crate::smtp::stage::Stage;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of random bytes sent.
const GARBAGE: usize = 512;

/// Size of the blocks of an endless reply. The time limit is checked after each block.
const FLOOD: usize = 16 * 1024;

/// The replacement of a secret.
pub const MASK: &[u8] = b"********";

/// A command in a form that may be shown: the part after the mechanism of AUTH is replaced.
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

/// True if it is AUTH, even if malformed.
pub fn is_login(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let verb = line.get(..4);
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"))
        && !line.get(4).is_some_and(u8::is_ascii_alphanumeric)
}

/// The fault that is due, if any.
pub type DueFault = Result<Option<Arc<FaultAction>>, SessionEnding>;

impl<P: ByteStream> ServerSession<'_, P> {
    /// Waits for the delay of this stage, and returns the fault that is due for any recipient of the message.
    pub(super) fn due_fault(&mut self, stage: Stage) -> DueFault {
        let transaction = self.transaction.as_ref();
        let recipients = transaction.map(ReceivedTransaction::recipients);
        let recipients: Vec<String> = match recipients {
            Some(recipients) if self.context.behavior.faults.has_addresses(stage) => {
                recipients.to_vec()
            }
            _ => Vec::new(),
        };
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        self.due_fault_for(stage, &recipients)
    }

    /// The same for one of these addresses.
    pub(super) fn due_fault_for(&mut self, stage: Stage, addresses: &[&str]) -> DueFault {
        let faults = &self.context.behavior.faults;
        self.wait(faults.delay(stage))?;
        let due = faults.due(stage, addresses);
        if let Some(what) = due.as_deref() {
            self.on_event(&ServerEvent::Fault { stage, what });
        }
        Ok(due)
    }

    /// Executes the action of a stage, unless a fault refuses it, and sends the reply.
    pub(super) fn step(
        &mut self,
        stage: Stage,
        act: impl FnOnce(&mut Self) -> PendingReply,
    ) -> CommandResult {
        let fault = self.due_fault(stage)?;
        self.act(fault.as_deref(), act)
    }

    /// The same for a stage that concerns this address.
    pub(super) fn step_for(
        &mut self,
        (stage, address): (Stage, &str),
        act: impl FnOnce(&mut Self) -> PendingReply,
    ) -> CommandResult {
        let fault = self.due_fault_for(stage, &[address])?;
        self.act(fault.as_deref(), act)
    }

    fn act(
        &mut self,
        fault: Option<&FaultAction>,
        act: impl FnOnce(&mut Self) -> PendingReply,
    ) -> CommandResult {
        if fault.and_then(FaultAction::refusal).is_some() {
            return self.respond(fault, "");
        }
        let due = act(self)?;
        self.respond(fault, &due)
    }

    /// Sends the regular reply, or the result of a fault.
    pub(super) fn respond(&mut self, fault: Option<&FaultAction>, due: &str) -> CommandResult {
        match fault {
            None => self.answer(due),
            Some(FaultAction::Reply(reply)) => self.send_fault_reply(reply),
            Some(FaultAction::Close) => Err(SessionEnding::Dropped),
            Some(FaultAction::Reset) => Err(SessionEnding::Reset),
            Some(FaultAction::Hang) => self.hang(),
            Some(FaultAction::Drip(gap)) => self.drip(due, *gap),
            Some(FaultAction::Garbage) => self.send_garbage(),
            Some(FaultAction::FloodLine) => self.flood(&[b'x'; FLOOD]),
            Some(FaultAction::FloodReply) => self.flood(&b"250-and so on\r\n".repeat(FLOOD / 15)),
            Some(FaultAction::Double) => {
                self.answer(due)?;
                self.answer(due)
            }
            Some(FaultAction::Slow(time)) => {
                self.wait(*time)?;
                match due {
                    "" => Ok(()),
                    due => self.answer(due),
                }
            }
        }
    }

    fn send_fault_reply(&mut self, reply: &FaultReply) -> CommandResult {
        self.on_event(&ServerEvent::Reply { text: &reply.text });
        self.connection.queue_reply(&reply.text);
        match reply.code {
            421 => Err(SessionEnding::Unavailable),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, time: Duration) -> CommandResult {
        if time.is_zero() {
            return Ok(());
        }
        self.connection.flush()?;
        if self.context.limiter.pause(time) {
            Ok(())
        } else {
            Err(SessionEnding::Full)
        }
    }

    fn hang(&mut self) -> CommandResult {
        self.connection
            .drain(within(self.context.behavior.hang_time));
        Err(SessionEnding::Dropped)
    }

    fn drip(&mut self, due: &str, gap: Duration) -> CommandResult {
        self.on_event(&ServerEvent::Reply { text: due });
        for byte in due.bytes().chain(*b"\r\n") {
            self.connection.send_now(&[byte])?;
            self.wait(gap)?;
        }
        Ok(())
    }

    fn send_garbage(&mut self) -> CommandResult {
        let mut bytes: Vec<u8> = (0..GARBAGE).map(|_| fastrand::u8(..)).collect();
        bytes.extend_from_slice(b"\r\n");
        self.connection.send_now(&bytes)
    }

    fn flood(&mut self, block: &[u8]) -> CommandResult {
        let deadline = within(self.context.behavior.hang_time);
        while Instant::now() < deadline && !self.context.limiter.is_ending() {
            self.connection.send_now(block)?;
        }
        Err(SessionEnding::Dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_after_the_mechanism_is_not_shown() {
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
