//! From MAIL to the end of the message.

use crate::server::arguments;
use crate::server::command::{Chunk, MailCommand, RcptCommand};
use crate::server::events::ServerEvent;
use crate::server::fault::FaultAction;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::{CommandResult, PendingReply, ServerContext, ServerSession};
use crate::server::store::{Receipt, ReceivedEnvelope, StoreResult, StoredAt, failure_reply};
use crate::server::stream::{ByteStream, within};
use crate::smtp::blocks::BodyType;
use crate::smtp::dot_stuffing::DotUnstuffer;
use crate::smtp::extension::Extension;
use crate::smtp::stage::Stage;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// Time limit of a whole message, or of a chunk, as a multiple of that of a command.
const IDLE_TIMES_PER_MESSAGE: u32 = 12;

/// From MAIL to the end of the message.
pub struct ReceivedTransaction<'a> {
    envelope: ReceivedEnvelope,
    chunks: Chunks<'a>,
    /// The reply to the message that a fault has sent before its end.
    early: Option<Arc<FaultAction>>,
    /// True if the fault for the first part of the message was already determined.
    is_begun: bool,
}

/// The progress of BDAT (RFC 3030 §2).
enum Chunks<'a> {
    None,
    Some(Receipt<'a>),
    /// A chunk was refused. The transaction must be ended by RSET or EHLO.
    Failed,
}

impl<'a, P: ByteStream> ServerSession<'a, P> {
    pub(super) fn mail(&mut self, mail: MailCommand) -> CommandResult {
        self.check_open()?;
        let sender = mail.sender.clone();
        self.step_for((Stage::Mail, &sender), |session| {
            Ok(match session.begin_transaction(mail) {
                Ok(transaction) => {
                    session.transaction = Some(transaction);
                    reply::SENDER_OK.into()
                }
                Err(refusal) => refusal,
            })
        })
    }

    fn begin_transaction(
        &self,
        mail: MailCommand,
    ) -> Result<ReceivedTransaction<'a>, Cow<'static, str>> {
        let helo = self.helo.clone().ok_or(reply::EHLO_FIRST)?;
        self.check_requirements()?;
        if self.transaction.is_some() {
            return Err(reply::NESTED_MAIL.into());
        }
        if mail.size > self.context.limits.max_message_bytes {
            return Err(reply::TOO_LARGE.into());
        }
        require_ascii(&mail.sender, mail.smtputf8)?;
        let envelope = ReceivedEnvelope {
            sender: mail.sender,
            smtputf8: mail.smtputf8,
            body_8bit: mail.body_8bit,
            mail_parameters: mail.parameters,
            user: self.user.clone(),
            connection: self.client.number,
            peer: self.client.from,
            uid: self.client.uid,
            helo,
            ..ReceivedEnvelope::default()
        };
        let checked = self.context.store.check_sender(&envelope);
        checked.map_err(|refusal| refusal.reply())?;
        Ok(ReceivedTransaction {
            envelope,
            chunks: Chunks::None,
            early: None,
            is_begun: false,
        })
    }

    pub(super) fn rcpt(&mut self, rcpt: RcptCommand) -> CommandResult {
        let recipient = rcpt.address.clone();
        self.step_for((Stage::Rcpt, &recipient), |session| {
            let refusal = session.add(rcpt).err();
            Ok(refusal.unwrap_or(reply::RECIPIENT_OK.into()))
        })
    }

    fn add(&mut self, rcpt: RcptCommand) -> Result<(), Cow<'static, str>> {
        let ServerContext { limits, store, .. } = self.context;
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        transaction.check(&rcpt.address, limits.max_recipients)?;
        store
            .check_recipient(&rcpt.address)
            .map_err(|refusal| refusal.reply())?;
        let envelope = &mut transaction.envelope;
        envelope.recipients.push(rcpt.address);
        envelope.rcpt_parameters.push(rcpt.parameters);
        Ok(())
    }

    pub(super) fn data(&mut self) -> CommandResult {
        self.check_open()?;
        let fault = self.due_fault(Stage::Data)?;
        let fault = fault.as_deref();
        if let Some(FaultAction::Reply(reply)) = fault
            && reply.code / 100 != 3
        {
            return self.respond(fault, "");
        }
        match self.receipt_for_data() {
            Ok(receipt) => {
                self.respond(fault, reply::GO_AHEAD)?;
                self.receive_data(receipt)
            }
            Err(refusal) => self.respond(fault, refusal),
        }
    }

    fn receipt_for_data(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        let parameters = &transaction.envelope.mail_parameters;
        let body = arguments::value(parameters, "BODY").and_then(BodyType::parse);
        if body == Some(BodyType::Binary) {
            return Err(reply::BINARY_NEEDS_BDAT);
        }
        match transaction.chunks {
            Chunks::None => self.begin(&transaction.envelope),
            Chunks::Some(_) => Err(reply::CHUNKS_BEGUN),
            Chunks::Failed => Err(reply::TRANSACTION_FAILED),
        }
    }

    fn begin(&self, envelope: &ReceivedEnvelope) -> Result<Receipt<'a>, Refusal> {
        if envelope.recipients.is_empty() {
            // RFC 2033 §4.2 has a different code for this than RFC 5321.
            return Err(if self.context.behavior.lmtp {
                reply::NO_RECIPIENTS_OF_LMTP
            } else {
                reply::NO_RECIPIENTS
            });
        }
        let max_bytes = self.context.limits.max_message_bytes;
        let ServerContext { store, limiter, .. } = self.context;
        Receipt::begin((store, limiter), envelope, max_bytes).map_err(|error| {
            self.report_failure(Some(&error));
            failure_reply(&error)
        })
    }

    fn receive_data(&mut self, mut receipt: Receipt<'a>) -> CommandResult {
        let deadline = self.message_deadline();
        let mut unstuffer = DotUnstuffer::default();
        self.connection.block(deadline)?;
        self.body_fault()?;
        loop {
            let block = unstuffer.next(self.connection.block(deadline)?);
            receipt.take(block.content);
            let (used, ended) = (block.used, block.ended);
            self.connection.consume(used);
            if ended {
                return self.finish(receipt, None);
            }
        }
    }

    fn message_deadline(&self) -> Instant {
        let idle = self.context.limits.idle;
        within(idle.saturating_mul(IDLE_TIMES_PER_MESSAGE))
    }

    /// Applies the fault for the first part of a message. A reply in it becomes the reply to the whole
    /// message.
    fn body_fault(&mut self) -> CommandResult {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        if std::mem::replace(&mut transaction.is_begun, true) {
            return Ok(());
        }
        let fault = self.due_fault(Stage::Body)?;
        if fault.is_none() {
            return Ok(());
        }
        self.respond(fault.as_deref(), "")?;
        if let (Some(FaultAction::Reply(_)), Some(transaction)) =
            (fault.as_deref(), &mut self.transaction)
        {
            transaction.early = fault;
        }
        self.connection.flush()
    }

    /// Finishes a complete message. `chunk` is the fault that is due for its last BDAT.
    fn finish(
        &mut self,
        mut receipt: Receipt<'a>,
        chunk: Option<Arc<FaultAction>>,
    ) -> CommandResult {
        let Some(transaction) = self.transaction.take() else {
            return Ok(());
        };
        self.report_failure(receipt.failure().as_ref());
        let ReceivedTransaction {
            envelope, early, ..
        } = transaction;
        if let Some(early) = early {
            if early.refusal().is_none() {
                self.store_message(receipt, &envelope)?;
            }
            return Ok(());
        }
        let parameters = &envelope.mail_parameters;
        let is_prdr = arguments::value(parameters, "PRDR").is_some();
        if self.context.behavior.lmtp || is_prdr {
            return self.finish_for_each(receipt, &envelope, chunk.as_ref());
        }
        let fault = match chunk {
            None => {
                let recipients = envelope.recipients.iter().map(String::as_str);
                self.due_fault_for(Stage::Dot, &recipients.collect::<Vec<_>>())?
            }
            some => some,
        };
        let fault = fault.as_deref();
        if fault.and_then(FaultAction::refusal).is_some() {
            return self.respond(fault, "");
        }
        let reply = self.store_message(receipt, &envelope)?;
        self.respond(fault, &reply)
    }

    /// Sends a reply for each recipient: LMTP (RFC 2033 §4.2), and PRDR with one more before and one after.
    fn finish_for_each(
        &mut self,
        receipt: Receipt<'a>,
        envelope: &ReceivedEnvelope,
        chunk: Option<&Arc<FaultAction>>,
    ) -> CommandResult {
        let mut faults = Vec::with_capacity(envelope.recipients.len());
        for recipient in &envelope.recipients {
            let due = match chunk {
                None => self.due_fault_for(Stage::Dot, &[recipient])?,
                some => some.cloned(),
            };
            faults.push(due);
        }
        let is_taken = |fault: &Option<Arc<FaultAction>>| {
            fault.as_deref().and_then(FaultAction::refusal).is_none()
        };
        let mut reply = Cow::Borrowed(reply::ALL_RECIPIENTS_REFUSED);
        if faults.iter().any(is_taken) {
            let mut taken = envelope.clone();
            taken.keep_only(|place| is_taken(&faults[place]));
            reply = self.store_message(receipt, &taken)?;
        }
        if !self.context.behavior.lmtp {
            self.answer(reply::PRDR_REPLIES)?;
        }
        for fault in faults {
            self.respond(fault.as_deref(), &reply)?;
        }
        if self.context.behavior.lmtp {
            return Ok(());
        }
        self.answer(&reply)
    }

    /// Puts the message into the store, and returns the reply.
    fn store_message(&mut self, receipt: Receipt<'a>, envelope: &ReceivedEnvelope) -> PendingReply {
        let finished: StoreResult = receipt.finish(self.context.limiter)?;
        self.report_failure(finished.failure.as_ref());
        if let Some(stored) = finished.stored {
            self.on_event(&ServerEvent::Message {
                envelope,
                bytes: stored.bytes,
                path: match &stored.place {
                    StoredAt::File(path) => Some(path),
                    StoredAt::Queue(_) | StoredAt::Elsewhere => None,
                },
                number: stored.number,
            });
        }
        Ok(finished.reply)
    }

    // RFC 3030 §2: the client sends the octets of a chunk even if it is refused.
    pub(super) fn bdat(&mut self, chunk: Chunk) -> CommandResult {
        self.check_open()?;
        let mut receipt = self.receipt_for_chunk();
        self.receive_chunk(chunk.size, receipt.as_mut().ok())?;
        let fault = self.due_fault(Stage::Bdat)?;
        match receipt {
            Ok(_) if fault.as_deref().and_then(FaultAction::refusal).is_some() => {
                self.respond(fault.as_deref(), "")
            }
            Ok(receipt) if chunk.last => self.finish(receipt, fault),
            Ok(receipt) => {
                let due = self.keep_chunk(receipt);
                self.respond(fault.as_deref(), &due)
            }
            Err(refusal) => self.respond(fault.as_deref(), refusal),
        }
    }

    /// The message begun by earlier chunks, or a new one. The transaction counts as failed until it is
    /// kept.
    fn receipt_for_chunk(&mut self) -> Result<Receipt<'a>, Refusal> {
        if !self.context.behavior.offers.has(Extension::Chunking) {
            return Err(reply::NOT_IMPLEMENTED);
        }
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        match std::mem::replace(&mut transaction.chunks, Chunks::Failed) {
            Chunks::None => self.receipt_for_first_chunk(),
            Chunks::Some(receipt) => Ok(receipt),
            Chunks::Failed => Err(reply::TRANSACTION_FAILED),
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
            self.connection.block(deadline)?;
            self.body_fault()?;
            let block = self.connection.block(deadline)?;
            let count = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
            if let Some(receipt) = &mut receipt {
                receipt.take(&block[..count]);
            }
            self.connection.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    fn keep_chunk(&mut self, mut receipt: Receipt<'a>) -> Cow<'static, str> {
        self.report_failure(receipt.failure().as_ref());
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
    pub fn recipients(&self) -> &[String] {
        &self.envelope.recipients
    }

    fn check(&self, address: &str, max: usize) -> Result<(), Refusal> {
        match self.chunks {
            Chunks::None => {}
            Chunks::Some(_) => return Err(reply::CHUNKS_BEGUN),
            Chunks::Failed => return Err(reply::TRANSACTION_FAILED),
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
