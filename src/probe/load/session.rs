//! A session of a run: the dialogue of `client/session` over a connection that does not block.

use crate::client::session::auth::Mask;
use crate::client::session::{
    Action, Carried, CommandLine, Dialogue, IdleSession, Output, Reply, ReplyReader,
    SessionContext, SessionFailure, SessionResult, Step, TlsDemand, Transaction, WRITE_SIZE,
    WireEvent, own_name,
};
use crate::client::wire::tls::TlsServer;
use crate::client::wire::{Early, TlsError, Wire, WireError, without_end};
use crate::probe::load::reactor::Task;
use crate::probe::load::timer::PhaseTimer;
use crate::smtp::blocks::Nothing;
use std::time::{Duration, Instant};
use zeroize::Zeroize as _;

/// Time limit of a step without another one.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A session that carries one message. Boxed, because the future would otherwise reserve space for each move.
pub struct Talk<'a> {
    wire: Wire,
    mask: Mask,
    transaction: &'a Transaction<'a>,
    context: &'a SessionContext<'a>,
    dialogue: Dialogue<'a>,
    task: &'a Task,
    timer: &'a mut PhaseTimer,
    is_encrypted: bool,
    /// True if the outbox contains a secret that must be wiped.
    holds_secret: bool,
}

impl<'a> Talk<'a> {
    pub fn new(
        wire: Wire,
        (transaction, context): (&'a Transaction<'a>, &'a SessionContext<'a>),
        (task, timer): (&'a Task, &'a mut PhaseTimer),
    ) -> Box<Self> {
        let options = context.options.clone();
        let helo = options.helo.clone().unwrap_or_else(|| own_name(&wire));
        let dialogue = Dialogue::new(transaction, helo, options, context.login);
        let ends = (wire, Mask::of(context.login));
        Self::boxed(ends, dialogue, (transaction, context), (task, timer))
    }

    /// The next message in a session that was kept.
    pub fn resumed(
        kept: IdleSession,
        (transaction, context): (&'a Transaction<'a>, &'a SessionContext<'a>),
        (task, timer): (&'a Task, &'a mut PhaseTimer),
    ) -> Box<Self> {
        let dialogue = Dialogue::resumed(transaction, kept.server);
        let ends = (kept.wire, kept.mask);
        Self::boxed(ends, dialogue, (transaction, context), (task, timer))
    }

    fn boxed(
        (wire, mask): (Wire, Mask),
        dialogue: Dialogue<'a>,
        (transaction, context): (&'a Transaction<'a>, &'a SessionContext<'a>),
        (task, timer): (&'a Task, &'a mut PhaseTimer),
    ) -> Box<Self> {
        Box::new(Self {
            wire,
            mask,
            dialogue,
            transaction,
            context,
            task,
            timer,
            is_encrypted: false,
            holds_secret: false,
        })
    }

    /// Runs the session until it ends or is kept for another message.
    pub async fn run(
        mut self: Box<Self>,
        first: WireEvent,
    ) -> (SessionResult, Option<IdleSession>) {
        let ended = self.converse(first).await;
        self.end(ended)
    }

    fn end(mut self, ended: Result<bool, SessionFailure>) -> (SessionResult, Option<IdleSession>) {
        let (failure, is_kept) = match ended {
            Ok(is_kept) => (None, is_kept),
            Err(failure) => (Some(failure), false),
        };
        let server = is_kept.then(|| self.dialogue.take_server_state());
        let refusal = self.dialogue.refusal().cloned();
        let result = SessionResult {
            answers: self.dialogue.into_answers(),
            failure,
            interrupted: false,
            refusal,
            replies: Vec::new(),
            rest: None,
            is_encrypted: self.is_encrypted,
        };
        let (wire, mask) = (self.wire, self.mask);
        let kept = server.map(|server| IdleSession { wire, mask, server });
        (result, kept)
    }

    /// Returns true if the session is kept.
    async fn converse(&mut self, first: WireEvent) -> Result<bool, SessionFailure> {
        let mut event = first;
        loop {
            event = match self.dialogue.step(event) {
                Action::Read | Action::Sent(_) => WireEvent::Replied(self.reply().await?),
                Action::Send(items) if self.dialogue.is_quitting() => {
                    self.quit(&items).await;
                    return Ok(false);
                }
                Action::Send(items) => match self.send(&items).await? {
                    Some(event) => event,
                    None => WireEvent::Replied(self.reply().await?),
                },
                Action::Secure => self.secure().await?,
                Action::Rest => {
                    self.wire.free_buffers();
                    return Ok(true);
                }
                Action::Finish | Action::Drop => return Ok(false),
                Action::SendAndDrop(items) => return self.send(&items).await.map(|_| false),
                Action::QuitOutOfSequence => {
                    self.wire.outbox.extend_from_slice(b"QUIT\r\n");
                    let _ = self.flush().await;
                    return Ok(false);
                }
                Action::Abort(step, what) => return Err(SessionFailure::Protocol(step, what)),
            };
        }
    }

    /// QUIT and its reply do not affect the message (RFC 5321 §4.1.1.10).
    async fn quit(&mut self, items: &[Output]) {
        if let Ok(None) = self.send(items).await {
            let _ = self.reply().await;
        }
    }

    /// Writes a group. Returns an event if one interrupts it.
    async fn send(&mut self, items: &[Output]) -> Result<Option<WireEvent>, SessionFailure> {
        if let Some(event) = self.unsolicited().await? {
            return Ok(Some(event));
        }
        let mut message = None;
        for item in items {
            let aborted = match item {
                Output::Line(line) | Output::Ahead(line) => {
                    self.put(line);
                    None
                }
                Output::Note(_) | Output::Detail(_) => None,
                Output::Message(shape) => {
                    let carried = message.insert(Carried::new(self.transaction, *shape));
                    self.transfer(carried, None).await?
                }
                Output::Chunk(shape, octets) => {
                    let carried =
                        message.get_or_insert_with(|| Carried::new(self.transaction, *shape));
                    self.transfer(carried, Some(*octets)).await?
                }
            };
            if aborted.is_some() {
                return Ok(aborted);
            }
        }
        self.flush().await
    }

    /// Checks for data that no command has caused. A 421 ends the session.
    async fn unsolicited(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        let step = self.dialogue.next_step();
        match self.wire.early() {
            Early::Quiet => return Ok(None),
            Early::Closed => return Err(SessionFailure::Wire(step, WireError::Closed)),
            Early::Broken(error) => return Err(SessionFailure::Wire(step, error)),
            Early::Bytes(bytes) if bytes.starts_with(b"421") => {}
            Early::Bytes(_) => {
                let what = "sent a reply before a command".to_owned();
                return Err(SessionFailure::Protocol(step, what));
            }
        }
        Ok(Some(WireEvent::Unsolicited(self.reply().await?)))
    }

    fn put(&mut self, line: &CommandLine) {
        line.put(&mut self.wire.outbox, &mut self.mask);
        self.holds_secret |= line.hides;
        self.timer.sent(line.step.stage());
    }

    /// Copies the message, or the next octets of it, to the outbox, and writes that when it is full.
    async fn transfer(
        &mut self,
        carried: &mut Carried<'_>,
        octets: Option<u64>,
    ) -> Result<Option<WireEvent>, SessionFailure> {
        let mut left = octets.unwrap_or(u64::MAX);
        while left > 0 {
            if self.wire.outbox.len() >= WRITE_SIZE
                && let Some(event) = self.flush().await?
            {
                return Ok(Some(event));
            }
            let more = carried.append(&mut self.wire.outbox, &mut left, octets.is_none());
            if !more.map_err(SessionFailure::Message)? {
                break;
            }
        }
        if octets.is_some() && carried.octets >= carried.shape.size {
            carried.end().map_err(SessionFailure::Message)?;
        }
        Ok(None)
    }

    /// Writes the outbox, with a maximum rate in ten pieces a second.
    async fn flush(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        let Some(rate) = self.context.options.rate else {
            return self.write().await;
        };
        let most = usize::try_from(rate.get() / 10).unwrap_or(usize::MAX);
        while !self.wire.outbox.is_empty() {
            let octets = self.wire.outbox.len().min(most.max(1));
            let rest = self.wire.outbox.split_off(octets);
            if let Some(event) = self.write().await? {
                return Ok(Some(event));
            }
            self.wire.outbox = rest;
            let time = octets as f64 / rate.get() as f64;
            let until = Instant::now() + Duration::from_secs_f64(time);
            while self.task.event(until).await {}
        }
        Ok(None)
    }

    /// Writes the outbox. A server that does not read on may have refused the message already.
    async fn write(&mut self) -> Result<Option<WireEvent>, SessionFailure> {
        let step = self.dialogue.awaited();
        let limit = self.limit(Step::Body);
        let until = Instant::now() + limit;
        loop {
            match self.wire.flush_now() {
                // If it was closed, the server may have sent a reason before.
                Ok(true) | Err(WireError::Closed) => break,
                Ok(false) => {}
                Err(error) => return Err(SessionFailure::Wire(step, error)),
            }
            if let Early::Bytes([b'4' | b'5', ..]) = self.wire.early() {
                self.wire.outbox.clear();
                return Ok(Some(WireEvent::Aborted(self.reply().await?)));
            }
            if !self.task.event(until).await {
                return Err(SessionFailure::Wire(step, WireError::Timeout(limit)));
            }
        }
        if std::mem::take(&mut self.holds_secret) {
            self.wire.outbox.zeroize();
        }
        Ok(None)
    }

    async fn reply(&mut self) -> Result<Reply, SessionFailure> {
        let step = self.dialogue.awaited();
        let limit = self.limit(step);
        let until = Instant::now() + limit;
        let failed = |error| SessionFailure::Wire(step, error);
        let mut reader = ReplyReader::default();
        loop {
            match self.wire.line_now() {
                Ok(Some(line)) => {
                    let reply = reader.add(without_end(line)).map_err(|error| {
                        SessionFailure::Protocol(step, self.mask.apply(error.to_string()))
                    })?;
                    if let Some(reply) = reply {
                        self.timer.received(step.stage(), reply.code);
                        return Ok(self.mask.reply(reply));
                    }
                }
                Ok(None) => {
                    self.wire.free_buffers();
                    if !self.task.event(until).await {
                        return Err(failed(WireError::Timeout(limit)));
                    }
                }
                Err(WireError::LongLine) => {
                    let what = format!("sent {}", WireError::LongLine);
                    return Err(SessionFailure::Protocol(step, what));
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Runs the TLS handshake. Data that arrived in clear before it is an error (CVE-2011-0411).
    async fn secure(&mut self) -> Result<WireEvent, SessionFailure> {
        let failed = |error| SessionFailure::Tls(TlsError::Wire(error));
        if self.context.options.tls != TlsDemand::Implicit {
            match self.wire.early() {
                Early::Quiet => {}
                Early::Closed => return Err(failed(WireError::Closed)),
                Early::Broken(error) => return Err(failed(error)),
                Early::Bytes(_) => return Err(failed(WireError::Injected)),
            }
        }
        let limit = self.limit(Step::Tls);
        let until = Instant::now() + limit;
        let server = TlsServer {
            tls: self.context.tls,
            host: self.context.host,
            check: self.context.check,
        };
        let begun = self.wire.begin_handshake(server);
        let mut handshake = Box::new(begun.map_err(SessionFailure::Tls)?);
        while !handshake.advance().map_err(SessionFailure::Tls)? {
            if !self.task.event(until).await {
                return Err(failed(WireError::Timeout(limit)));
            }
        }
        let secured = handshake.complete(&mut self.wire);
        let secured = secured.map_err(SessionFailure::Tls)?;
        self.timer.secured();
        self.is_encrypted = true;
        Ok(WireEvent::Secured(self.context.privacy(secured)))
    }

    fn limit(&self, step: Step) -> Duration {
        let limit = self.context.options.timeout.unwrap_or(TIMEOUT);
        match step {
            Step::Quit => limit.min(step.timeout()),
            _ => limit,
        }
    }
}

/// Ends a session that was kept.
pub async fn quit(
    kept: IdleSession,
    context: &SessionContext<'_>,
    (task, timer): (&Task, &mut PhaseTimer),
) {
    let nothing = Transaction::new(None, Vec::new(), &Nothing);
    let talk = Talk::resumed(kept, (&nothing, context), (task, timer));
    talk.run(WireEvent::Resumed).await;
}
