//! From MAIL to the end of the message.

use crate::server::command::{Chunk, MailCommand, RcptCommand};
use crate::server::connection::{Transmission, within};
use crate::server::events::ServerEvent;
use crate::server::fault::FaultAction;
use crate::server::parameters;
use crate::server::receipt::{Receipt, StoreResult};
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::{CommandResult, PendingReply, ServerContext, ServerSession};
use crate::server::{ReceivedEnvelope, Whereabouts};
use crate::smtp::dot_stuffing::DotUnstuffer;
use crate::smtp::extension::Extension;
use crate::smtp::stage::Stage;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

/// Time limit of a whole message, or of a chunk, as a multiple of that of a command.
const IDLE_TIMES_PER_MESSAGE: u32 = 12;

/// From MAIL to the end of the message.
pub struct ReceivedTransaction<'a> {
    envelope: ReceivedEnvelope,
    chunks: Chunks<'a>,
    /// The reply to the message that a fault has sent before its end.
    early: Option<&'a FaultAction>,
    /// True if the fault for the first part of the message was already drawn.
    is_begun: bool,
}

/// The progress of BDAT (RFC 3030 §2).
enum Chunks<'a> {
    None,
    Some(Receipt<'a>),
    /// A chunk was refused. The transaction must be ended by RSET or EHLO.
    Dead,
}

impl<'a, P: Transmission> ServerSession<'a, P> {
    pub(super) fn mail(&mut self, mail: MailCommand) -> CommandResult {
        self.check_gate()?;
        self.step(Stage::Mail, |session| {
            Ok(match session.begin_with(mail) {
                Ok(transaction) => {
                    session.transaction = Some(transaction);
                    reply::SENDER_OK.into()
                }
                Err(refusal) => refusal.into(),
            })
        })
    }

    fn begin_with(&self, mail: MailCommand) -> Result<ReceivedTransaction<'a>, Refusal> {
        let helo = self.helo.clone().ok_or(reply::HELLO_FIRST)?;
        self.check_demands()?;
        if self.transaction.is_some() {
            return Err(reply::NESTED_MAIL);
        }
        if mail.size > self.house.limits.max_message_bytes {
            return Err(reply::TOO_LARGE);
        }
        require_ascii(&mail.sender, mail.smtputf8)?;
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let envelope = ReceivedEnvelope {
            sender: mail.sender,
            smtputf8: mail.smtputf8,
            body_8bit: mail.body_8bit,
            mail_parameters: mail.parameters,
            user: self.user.clone(),
            ..ReceivedEnvelope::of(self.visitor.from.unwrap_or(nowhere), &helo)
        };
        Ok(ReceivedTransaction {
            envelope,
            chunks: Chunks::None,
            early: None,
            is_begun: false,
        })
    }

    pub(super) fn rcpt(&mut self, rcpt: RcptCommand) -> CommandResult {
        self.step(Stage::Rcpt, |session| {
            let refusal = session.add(rcpt).err();
            Ok(refusal.unwrap_or(reply::RECIPIENT_OK.into()))
        })
    }

    fn add(&mut self, rcpt: RcptCommand) -> Result<(), Cow<'static, str>> {
        let ServerContext { limits, store, .. } = self.house;
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        transaction.check(&rcpt.address, limits.max_recipients)?;
        store.vet(&rcpt.address).map_err(reply::declined)?;
        let envelope = &mut transaction.envelope;
        envelope.recipients.push(rcpt.address);
        envelope.rcpt_parameters.push(rcpt.parameters);
        Ok(())
    }

    pub(super) fn data(&mut self) -> CommandResult {
        self.check_gate()?;
        let fault = self.draw(Stage::Data)?;
        if let Some(FaultAction::Reply(reply)) = fault
            && reply.code / 100 != 3
        {
            return self.say(fault, "");
        }
        match self.receipt_for_data() {
            Ok(receipt) => {
                self.say(fault, reply::GO_AHEAD)?;
                self.receive_data(receipt)
            }
            Err(refusal) => self.say(fault, refusal),
        }
    }

    fn receipt_for_data(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        let parameters = &transaction.envelope.mail_parameters;
        let body = parameters::value(parameters, "BODY").unwrap_or_default();
        if body.eq_ignore_ascii_case("BINARYMIME") {
            return Err(reply::BINARY_IS_CHUNKED);
        }
        match transaction.chunks {
            Chunks::None => self.begin(&transaction.envelope),
            Chunks::Some(_) => Err(reply::CHUNKS_BEGUN),
            Chunks::Dead => Err(reply::TRANSACTION_DEAD),
        }
    }

    fn begin(&self, envelope: &ReceivedEnvelope) -> Result<Receipt<'a>, Refusal> {
        if envelope.recipients.is_empty() {
            // RFC 2033 §4.2 has a different code for this than RFC 5321.
            return Err(if self.house.manner.lmtp {
                reply::NO_RECIPIENTS_OF_LMTP
            } else {
                reply::NO_RECIPIENTS
            });
        }
        let max_bytes = self.house.limits.max_message_bytes;
        Receipt::begin(self.house.store, envelope, max_bytes).map_err(|error| {
            self.has_trouble(Some(&error));
            reply::failed(&error)
        })
    }

    fn receive_data(&mut self, mut receipt: Receipt<'a>) -> CommandResult {
        let deadline = self.message_deadline();
        let mut unstuffer = DotUnstuffer::default();
        self.channel.block(deadline)?;
        self.in_the_middle()?;
        loop {
            let piece = unstuffer.next(self.channel.block(deadline)?);
            receipt.take(piece.content);
            let (used, ended) = (piece.used, piece.ended);
            self.channel.consume(used);
            if ended {
                return self.finish(receipt, None);
            }
        }
    }

    fn message_deadline(&self) -> Instant {
        let idle = self.house.limits.idle;
        within(idle.saturating_mul(IDLE_TIMES_PER_MESSAGE))
    }

    /// Applies the fault for the first part of a message. A reply in it becomes the reply to the whole
    /// message.
    fn in_the_middle(&mut self) -> CommandResult {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        if std::mem::replace(&mut transaction.is_begun, true) {
            return Ok(());
        }
        let fault = self.draw(Stage::Body)?;
        if fault.is_none() {
            return Ok(());
        }
        self.say(fault, "")?;
        if let (Some(FaultAction::Reply(_)), Some(transaction)) = (fault, &mut self.transaction) {
            transaction.early = fault;
        }
        self.channel.flush()
    }

    /// Finishes a complete message. `chunk` is the fault that is due for its last BDAT.
    fn finish(
        &mut self,
        mut receipt: Receipt<'a>,
        chunk: Option<&'a FaultAction>,
    ) -> CommandResult {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        self.has_trouble(receipt.trouble().as_ref());
        let ReceivedTransaction {
            envelope, early, ..
        } = transaction;
        if let Some(early) = early {
            if early.refusal().is_none() {
                self.keep_whole(receipt, &envelope)?;
            }
            return Ok(());
        }
        let parameters = &envelope.mail_parameters;
        let is_prdr = parameters::value(parameters, "PRDR").is_some();
        if self.house.manner.lmtp || is_prdr {
            return self.finish_for_each(receipt, &envelope, chunk);
        }
        let fault = match chunk {
            None => self.draw(Stage::Dot)?,
            some => some,
        };
        if fault.and_then(FaultAction::refusal).is_some() {
            return self.say(fault, "");
        }
        let reply = self.keep_whole(receipt, &envelope)?;
        self.say(fault, &reply)
    }

    /// Sends a reply for each recipient: LMTP (RFC 2033 §4.2), and PRDR with one more before and one after.
    fn finish_for_each(
        &mut self,
        receipt: Receipt<'a>,
        envelope: &ReceivedEnvelope,
        chunk: Option<&'a FaultAction>,
    ) -> CommandResult {
        let mut faults = Vec::with_capacity(envelope.recipients.len());
        for _ in &envelope.recipients {
            let due = match chunk {
                None => self.draw(Stage::Dot)?,
                some => some,
            };
            faults.push(due);
        }
        let is_taken = |fault: Option<&FaultAction>| fault.and_then(FaultAction::refusal).is_none();
        let mut reply = Cow::Borrowed(reply::NOBODY_TAKES_IT);
        if faults.iter().copied().any(is_taken) {
            let mut taken = envelope.clone();
            taken.keep_only(|place| is_taken(faults[place]));
            reply = self.keep_whole(receipt, &taken)?;
        }
        if !self.house.manner.lmtp {
            self.answer(reply::ANALYSING)?;
        }
        for fault in faults {
            self.say(fault, &reply)?;
        }
        if self.house.manner.lmtp {
            return Ok(());
        }
        self.answer(&reply)
    }

    /// Puts the message into the store, and returns the reply.
    fn keep_whole(&mut self, receipt: Receipt<'a>, envelope: &ReceivedEnvelope) -> PendingReply {
        let finished: StoreResult = receipt.finish(self.house.gate)?;
        self.has_trouble(finished.trouble.as_ref());
        if let Some(kept) = finished.kept {
            self.saw(&ServerEvent::Message {
                envelope,
                bytes: kept.bytes,
                path: match &kept.place {
                    Whereabouts::At(path) => Some(path),
                    Whereabouts::Gone => None,
                },
                number: kept.number,
            });
        }
        Ok(finished.reply)
    }

    // The bytes of a chunk arrive even if it is refused.
    pub(super) fn bdat(&mut self, chunk: Chunk) -> CommandResult {
        self.check_gate()?;
        let mut receipt = self.receipt_for_chunk();
        self.receive_chunk(chunk.size, receipt.as_mut().ok())?;
        let fault = self.draw(Stage::Bdat)?;
        match receipt {
            Ok(_) if fault.and_then(FaultAction::refusal).is_some() => self.say(fault, ""),
            Ok(receipt) if chunk.last => self.finish(receipt, fault),
            Ok(receipt) => {
                let due = self.keep(receipt);
                self.say(fault, &due)
            }
            Err(refusal) => self.say(fault, refusal),
        }
    }

    /// The message begun by earlier chunks, or a new one. The transaction counts as failed until it is
    /// kept.
    fn receipt_for_chunk(&mut self) -> Result<Receipt<'a>, Refusal> {
        if !self.house.manner.offers.has(Extension::Chunking) {
            return Err(reply::NOT_IMPLEMENTED);
        }
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        match std::mem::replace(&mut transaction.chunks, Chunks::Dead) {
            Chunks::None => self.receipt_for_first_chunk(),
            Chunks::Some(receipt) => Ok(receipt),
            Chunks::Dead => Err(reply::TRANSACTION_DEAD),
        }
    }

    fn receipt_for_first_chunk(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        self.begin(&transaction.envelope)
    }

    fn receive_chunk(&mut self, size: u64, mut receipt: Option<&mut Receipt<'a>>) -> CommandResult {
        let deadline = self.message_deadline();
        let mut left = size;
        while left > 0 {
            self.channel.block(deadline)?;
            self.in_the_middle()?;
            let block = self.channel.block(deadline)?;
            let count = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
            if let Some(receipt) = &mut receipt {
                receipt.take(&block[..count]);
            }
            self.channel.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    fn keep(&mut self, mut receipt: Receipt<'a>) -> Cow<'static, str> {
        self.has_trouble(receipt.trouble().as_ref());
        match receipt.so_far() {
            Ok(reply) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunks = Chunks::Some(receipt);
                }
                reply.into()
            }
            Err(refusal) => refusal.into(),
        }
    }
}

impl ReceivedTransaction<'_> {
    /// Checks that this recipient may be added.
    fn check(&self, address: &str, max: usize) -> Result<(), Refusal> {
        match self.chunks {
            Chunks::None => {}
            Chunks::Some(_) => return Err(reply::CHUNKS_BEGUN),
            Chunks::Dead => return Err(reply::TRANSACTION_DEAD),
        }
        if self.envelope.recipients.len() >= max {
            return Err(reply::TOO_MANY_RECIPIENTS);
        }
        require_ascii(address, self.envelope.smtputf8)
    }
}

fn require_ascii(address: &str, smtputf8: bool) -> Result<(), Refusal> {
    if smtputf8 || address.is_ascii() {
        return Ok(());
    }
    Err(reply::NEEDS_SMTPUTF8)
}
