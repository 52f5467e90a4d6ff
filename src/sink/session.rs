//! One connection's conversation, a function for each verb.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use super::channel::{Channel, Line, Peer, within};
use super::command::{self, Chunk, Command, Mail};
use super::end::End;
use super::gate::Gate;
use super::receipt::Receipt;
use super::reply::{self, Refusal};
use super::unstuff::Unstuffer;
use super::{Envelope, Introduction, Limits, Store};

/// A whole message, or a whole chunk of one, may take this many times what a command may.
const IDLE_TIMES_PER_MESSAGE: u32 = 12;

/// What is the same for all conversations.
#[derive(Clone, Copy)]
pub struct House<'a> {
    pub introduction: Introduction<'a>,
    pub limits: &'a Limits,
    pub store: &'a dyn Store,
    pub gate: &'a Gate,
}

/// A conversation.
pub struct Session<'a, P> {
    house: House<'a>,
    address: SocketAddr,
    channel: Channel<P>,
    /// What the peer called itself; `None` before EHLO or HELO.
    helo: Option<String>,
    transaction: Option<Transaction<'a>>,
    reproaches: u32,
}

/// From MAIL to the end of the message.
struct Transaction<'a> {
    envelope: Envelope,
    chunks: Chunks<'a>,
}

/// How far BDAT has come (RFC 3030 §2).
enum Chunks<'a> {
    None,
    Some(Receipt<'a>),
    /// A chunk was refused; only RSET or EHLO helps.
    Dead,
}

type Turn = Result<(), End>;

impl<'a, P: Peer> Session<'a, P> {
    pub fn new(house: House<'a>, peer: P, address: SocketAddr) -> Session<'a, P> {
        let limits = house.limits;
        Session {
            house,
            address,
            channel: Channel::new(peer, limits.max_line_bytes, limits.idle),
            helo: None,
            transaction: None,
            reproaches: 0,
        }
    }

    /// Talks until one side has had enough. How it ended is nobody's business but the peer's.
    pub fn converse(mut self) {
        let Err(end) = self.talk();
        if let Some(words) = self.reason(end).last_words() {
            self.channel.say(words);
            let _ = self.channel.flush();
        }
    }

    // When everybody is sent home the input ends, too.
    fn reason(&self, end: End) -> End {
        match end {
            End::Gone if self.house.gate.is_full() => End::Full,
            _ => end,
        }
    }

    fn talk(&mut self) -> Result<Infallible, End> {
        self.check_gate()?;
        let Introduction { name, what } = self.house.introduction;
        let greeting = format!("220 {name} {what}");
        self.answer(&greeting)?;
        loop {
            let command = match self.channel.line()? {
                Line::Whole(line) => command::parse(line),
                Line::TooLong => Err(reply::LINE_TOO_LONG),
            };
            match command {
                Ok(command) => self.obey(command)?,
                Err(refusal) => self.answer(refusal)?,
            }
        }
    }

    fn obey(&mut self, command: Command) -> Turn {
        match command {
            Command::Ehlo(name) => self.ehlo(name),
            Command::Helo(name) => self.helo(name),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(address) => self.rcpt(address),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Rset => self.rset(),
            Command::Noop => self.answer(reply::OK),
            Command::Vrfy => self.answer(reply::CANNOT_VERIFY),
            Command::Help => self.answer(reply::HELP),
            Command::Quit => Err(End::Quit),
        }
    }

    fn answer(&mut self, reply: &str) -> Turn {
        if reply::is_reproach(reply) {
            self.reproaches += 1;
        }
        if self.reproaches > self.house.limits.max_reproaches {
            return Err(End::Reproached);
        }
        self.channel.say(reply);
        Ok(())
    }

    fn check_gate(&self) -> Turn {
        if self.house.gate.is_full() {
            return Err(End::Full);
        }
        Ok(())
    }

    fn ehlo(&mut self, name: String) -> Turn {
        self.meet(name);
        let offers = format!(
            "250-{}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-CHUNKING\r\n250 ENHANCEDSTATUSCODES",
            self.house.introduction.name, self.house.limits.max_message_bytes
        );
        self.answer(&offers)
    }

    fn helo(&mut self, name: String) -> Turn {
        self.meet(name);
        let greeting = format!("250 {}", self.house.introduction.name);
        self.answer(&greeting)
    }

    // RFC 5321 §4.1.4: a greeting also ends the transaction.
    fn meet(&mut self, name: String) {
        self.helo = Some(name);
        self.transaction = None;
    }

    fn mail(&mut self, mail: Mail) -> Turn {
        self.check_gate()?;
        let reply = match self.open(mail) {
            Ok(transaction) => {
                self.transaction = Some(transaction);
                reply::SENDER_OK
            }
            Err(refusal) => refusal,
        };
        self.answer(reply)
    }

    fn open(&self, mail: Mail) -> Result<Transaction<'a>, Refusal> {
        let helo = self.helo.clone().ok_or(reply::HELLO_FIRST)?;
        if self.transaction.is_some() {
            return Err(reply::NESTED_MAIL);
        }
        if mail.size > self.house.limits.max_message_bytes {
            return Err(reply::TOO_LARGE);
        }
        require_ascii(&mail.sender, mail.smtputf8)?;
        let envelope = Envelope {
            peer: self.address,
            helo,
            sender: mail.sender,
            recipients: Vec::new(),
            smtputf8: mail.smtputf8,
            body_8bit: mail.body_8bit,
        };
        Ok(Transaction {
            envelope,
            chunks: Chunks::None,
        })
    }

    fn rcpt(&mut self, address: String) -> Turn {
        let reply = self.add(address).err();
        self.answer(&reply.unwrap_or(reply::RECIPIENT_OK.into()))
    }

    fn add(&mut self, address: String) -> Result<(), Cow<'static, str>> {
        let House { limits, store, .. } = self.house;
        let transaction = self.transaction.as_mut().ok_or(reply::MAIL_FIRST)?;
        transaction.check(&address, limits.max_recipients)?;
        store.vet(&address).map_err(reply::declined)?;
        transaction.envelope.recipients.push(address);
        Ok(())
    }

    fn data(&mut self) -> Turn {
        self.check_gate()?;
        match self.receipt_for_data() {
            Ok(receipt) => self.receive_data(receipt),
            Err(refusal) => self.answer(refusal),
        }
    }

    fn receipt_for_data(&self) -> Result<Receipt<'a>, Refusal> {
        let transaction = self.transaction.as_ref().ok_or(reply::MAIL_FIRST)?;
        match transaction.chunks {
            Chunks::None => self.begin(&transaction.envelope),
            Chunks::Some(_) => Err(reply::CHUNKS_BEGUN),
            Chunks::Dead => Err(reply::TRANSACTION_DEAD),
        }
    }

    fn begin(&self, envelope: &Envelope) -> Result<Receipt<'a>, Refusal> {
        if envelope.recipients.is_empty() {
            return Err(reply::NO_RECIPIENTS);
        }
        let max_bytes = self.house.limits.max_message_bytes;
        Receipt::begin(self.house.store, envelope, max_bytes)
    }

    fn receive_data(&mut self, mut receipt: Receipt<'a>) -> Turn {
        let deadline = self.message_deadline();
        let mut unstuffer = Unstuffer::default();
        self.answer(reply::GO_AHEAD)?;
        loop {
            let piece = unstuffer.next(self.channel.block(deadline)?);
            receipt.take(piece.content);
            let (used, ended) = (piece.used, piece.ended);
            self.channel.consume(used);
            if ended {
                return self.finish(receipt);
            }
        }
    }

    fn message_deadline(&self) -> Instant {
        let idle = self.house.limits.idle;
        within(idle.saturating_mul(IDLE_TIMES_PER_MESSAGE))
    }

    fn finish(&mut self, receipt: Receipt<'a>) -> Turn {
        self.transaction = None;
        let reply = receipt.finish(self.house.gate)?;
        self.answer(&reply)
    }

    // The bytes of a chunk come whether we want them or not.
    fn bdat(&mut self, chunk: Chunk) -> Turn {
        self.check_gate()?;
        let mut receipt = self.receipt_for_chunk();
        self.receive_chunk(chunk.size, receipt.as_mut().ok())?;
        match receipt {
            Ok(receipt) if chunk.last => self.finish(receipt),
            Ok(receipt) => self.keep(receipt),
            Err(refusal) => self.answer(refusal),
        }
    }

    /// What earlier chunks have begun, or a new one. The transaction is dead until it is kept.
    fn receipt_for_chunk(&mut self) -> Result<Receipt<'a>, Refusal> {
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

    fn receive_chunk(&mut self, size: u64, mut receipt: Option<&mut Receipt<'a>>) -> Turn {
        let deadline = self.message_deadline();
        let mut left = size;
        while left > 0 {
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

    fn keep(&mut self, receipt: Receipt<'a>) -> Turn {
        let reply: Cow<'_, str> = match receipt.so_far() {
            Ok(reply) => {
                self.continue_with(Chunks::Some(receipt));
                reply.into()
            }
            Err(refusal) => refusal.into(),
        };
        self.answer(&reply)
    }

    fn continue_with(&mut self, chunks: Chunks<'a>) {
        if let Some(transaction) = &mut self.transaction {
            transaction.chunks = chunks;
        }
    }

    fn rset(&mut self) -> Turn {
        self.transaction = None;
        self.answer(reply::OK)
    }
}

impl Transaction<'_> {
    /// Whether there may be this recipient more.
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

#[cfg(test)]
mod tests;
