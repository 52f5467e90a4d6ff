//! The dialogue: what to say when, and what a reply means. No socket, no clock, no terminal.

mod login;
mod parameters;

use super::auth::{Bindings, Candidate, Exchange};
use super::{Answer, Class, Encryption, Errand, Offers, Options, Reply, Stage, Then, Unfit, Unmet};
use crate::address::Address;
use crate::blocks::{Shape, Transport};
use crate::envelope::Dsn;
use crate::secret::Login;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// The most recipients in one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;

/// The largest message that goes out with its commands, before their replies are known.
const SMALL: u64 = 32 * 1024;

/// The most octets in one chunk, where chunks can be pipelined (RFC 3030 §2).
const CHUNK: u64 = 16 * 1024 * 1024;

/// What happened on the wire.
#[derive(Debug)]
pub enum Event {
    /// The connection is there.
    Started,
    /// The session had come to rest, and there is another errand.
    Resumed,
    /// The connection is encrypted, and AUTH may be bound to it.
    Secured(Bindings),
    /// A reply came for the stage that was waited for.
    Replied(Reply),
    /// A 421 came that nobody had asked for, before we spoke (RFC 5321 §3.8).
    Unasked(Reply),
    /// A refusal came while the message was being sent, and the sending was broken off.
    BrokenOff(Reply),
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these in one go, as far as memory allows, then read the reply to the first.
    Say(Vec<Item>),
    /// Read a reply.
    Read,
    /// Hold the TLS handshake; nothing may have come before it.
    Secure,
    /// The errand is done, and nothing more is said for now.
    Rest,
    /// The dialogue is over.
    Finish,
    /// The server broke the protocol in this stage, in these words; nothing more may be said.
    Abort(Stage, String),
}

/// A piece of what is written in one go.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A command, or the end of data.
    Line(Line),
    /// The whole message in this shape, dot-stuffed, without its end.
    Message(Shape),
    /// The next so many octets of the message in this shape, as they are.
    Chunk(Shape, u64),
    /// Nothing for the server; something that whoever looks on should know.
    Note(String),
    /// Something for those who look closely.
    Detail(String),
}

/// One line of ours: the bytes for the wire and the text to show.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What it belongs to.
    pub stage: Stage,
    /// Without its CRLF.
    pub wire: Zeroizing<Vec<u8>>,
    /// What a transcript may show of it.
    pub shown: String,
    /// Whether it has something that must not be seen: its last word.
    pub hides: bool,
}

/// What is known of a server when a session rests.
#[derive(Debug)]
pub struct Acquaintance {
    helo: String,
    options: Options,
    offers: Offers,
    /// Whether the next transaction wants RSET first.
    open: bool,
}

/// One session's conversation, from the greeting to QUIT.
pub struct Dialogue<'a> {
    errand: &'a Errand<'a>,
    helo: String,
    options: Options,
    offers: Offers,
    /// The message as this server can carry it.
    shape: Option<Shape>,
    answers: Vec<Option<Answer>>,
    /// The answer to the session as a whole, where there was no transaction.
    refusal: Option<Answer>,
    /// Recipients that no transaction has had yet.
    todo: VecDeque<usize>,
    /// Recipients that the server wants in another transaction, with its words.
    later: Vec<(usize, Reply)>,
    /// Recipients of this transaction.
    current: Vec<usize>,
    /// Those of them that were taken.
    taken: Vec<usize>,
    unsaid: VecDeque<Stage>,
    awaiting: VecDeque<Stage>,
    /// Whether the next transaction wants RSET first: MAIL was accepted and neither end of data nor
    /// RSET ended the transaction, or a chunk failed.
    open: bool,
    leaving: bool,
    /// What AUTH can be bound to; `None` while the conversation is in clear.
    secured: Option<Bindings>,
    login: Option<&'a Login>,
    /// The exchange that is going on.
    exchange: Option<Exchange>,
    /// Other ways to log in, should this one be refused.
    candidates: VecDeque<Candidate>,
    /// How many challenges were answered in this session.
    challenges: u8,
    /// Why the exchange was cancelled.
    cancelled: Option<String>,
    /// A first response, in base64, that did not fit into the AUTH command.
    unsaid_response: Option<Zeroizing<String>>,
}

impl<'a> Dialogue<'a> {
    /// A dialogue for one errand. `helo` is the name or address literal for EHLO; without a `login`,
    /// nobody logs in.
    #[must_use]
    pub fn new(
        errand: &'a Errand<'a>,
        helo: String,
        options: &Options,
        login: Option<&'a Login>,
    ) -> Self {
        let count = errand.recipients.len();
        Self {
            errand,
            helo,
            options: options.clone(),
            offers: Offers::default(),
            shape: None,
            answers: vec![None; count],
            refusal: None,
            todo: (0..count).collect(),
            later: Vec::new(),
            current: Vec::new(),
            taken: Vec::new(),
            unsaid: VecDeque::new(),
            awaiting: VecDeque::new(),
            open: false,
            leaving: false,
            secured: None,
            login,
            exchange: None,
            candidates: VecDeque::new(),
            challenges: 0,
            cancelled: None,
            unsaid_response: None,
        }
    }

    /// A dialogue for one errand more, with a server that has rested.
    #[must_use]
    pub fn resumed(errand: &'a Errand<'a>, server: Acquaintance) -> Self {
        Self {
            offers: server.offers,
            open: server.open,
            ..Self::new(errand, server.helo, &server.options, None)
        }
    }

    /// What is known of the server now.
    #[must_use]
    pub fn acquaintance(&self) -> Acquaintance {
        Acquaintance {
            helo: self.helo.clone(),
            options: self.options.clone(),
            offers: self.offers.clone(),
            open: self.open,
        }
    }

    /// What to do after this event.
    pub fn step(&mut self, event: Event) -> Action {
        match event {
            Event::Started if self.options.tls == Encryption::Implicit => Action::Secure,
            Event::Started => self.await_greeting(),
            Event::Resumed => self.transact(),
            Event::Secured(bindings) => self.secured(bindings),
            Event::Replied(reply) => self.replied(reply),
            Event::Unasked(reply) => {
                let stage = self.next_stage();
                self.goodbye(stage, &reply)
            }
            Event::BrokenOff(reply) => {
                self.awaiting.clear();
                self.refuse_rest(Stage::Body, &reply);
                Action::Finish
            }
        }
    }

    /// The stage whose reply is waited for.
    #[must_use]
    pub fn awaited(&self) -> Stage {
        self.awaiting.front().copied().unwrap_or(Stage::Quit)
    }

    /// The stage that would be said next.
    #[must_use]
    pub fn next_stage(&self) -> Stage {
        let said = self.awaiting.front().or(self.unsaid.front());
        said.copied().unwrap_or(Stage::Quit)
    }

    /// Whether nothing that comes now can change a verdict.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Those for whom the end of data that is about to go out may mean that they get the message.
    #[must_use]
    pub fn at_stake(&self) -> Vec<usize> {
        let is_later = |recipient| self.later.iter().any(|(other, _)| *other == recipient);
        let open = |&&recipient: &&usize| self.answers[recipient].is_none() && !is_later(recipient);
        self.current.iter().filter(open).copied().collect()
    }

    /// Whether this recipient's message was taken.
    #[must_use]
    pub fn is_accepted(&self, recipient: usize) -> bool {
        matches!(self.answers[recipient], Some(Answer::Accepted(_)))
    }

    /// Takes back acceptances that the server's further replies have made worthless.
    pub fn distrust(&mut self) {
        for answer in &mut self.answers {
            if matches!(answer, Some(Answer::Accepted(_))) {
                *answer = Some(Answer::InDoubt);
            }
        }
    }

    /// The end of data went out, and its reply will never come.
    pub fn doubt(&mut self) {
        self.settle_the_later();
        for recipient in self.current.drain(..) {
            self.answers[recipient].get_or_insert(Answer::InDoubt);
        }
    }

    /// What the server said, or did not do, so that there was no transaction for anybody.
    #[must_use]
    pub fn refusal(&self) -> Option<&Answer> {
        self.refusal.as_ref()
    }

    /// What became of the recipients.
    #[must_use]
    pub fn into_answers(self) -> Vec<Option<Answer>> {
        self.answers
    }

    fn replied(&mut self, reply: Reply) -> Action {
        let stage = self.awaiting.pop_front().unwrap_or(Stage::Quit);
        // RFC 5321 §3.8: 421 may answer any command, and then the session is over.
        if reply.code == 421 && stage != Stage::Quit {
            return self.goodbye(stage, &reply);
        }
        match stage {
            Stage::Banner => self.greeted(&reply),
            Stage::Ehlo => self.offered(&reply),
            Stage::Helo => self.tolerated(&reply),
            Stage::Starttls => self.starttls_answered(reply),
            Stage::Auth => self.auth_answered(&reply),
            Stage::Mail => self.sender_answered(&reply),
            Stage::Rcpt(recipient) => self.recipient_answered(recipient, reply),
            Stage::Data => self.data_answered(&reply),
            Stage::Dot | Stage::Bdat { last: true } => self.end_answered(stage, &reply),
            Stage::Bdat { last: false } => self.chunk_answered(stage, &reply),
            Stage::Rset | Stage::Body | Stage::Tls => self.go_on(),
            Stage::Quit => Action::Finish,
        }
    }

    fn await_greeting(&mut self) -> Action {
        self.awaiting.push_back(Stage::Banner);
        Action::Read
    }

    /// RFC 3207 §4.2: what was said before TLS is forgotten.
    fn secured(&mut self, bindings: Bindings) -> Action {
        self.secured = Some(bindings);
        self.offers = Offers::default();
        if self.options.tls == Encryption::Implicit {
            return self.await_greeting();
        }
        self.say_one(Stage::Ehlo)
    }

    fn greeted(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.say_one(Stage::Ehlo),
            Class::GoOn => abort(Stage::Banner, reply),
            // R1: QUIT, and no MAIL.
            Class::ForNow | Class::ForGood => self.give_up(Stage::Banner, reply),
        }
    }

    fn offered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.offers = Offers::from_reply(reply);
                self.encrypt()
            }
            // R2: servers of before RFC 1869 know only HELO.
            Class::ForGood => self.say_one(Stage::Helo),
            Class::GoOn => abort(Stage::Ehlo, reply),
            Class::ForNow => self.give_up(Stage::Ehlo, reply),
        }
    }

    fn tolerated(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.encrypt(),
            Class::GoOn => abort(Stage::Helo, reply),
            Class::ForNow | Class::ForGood => self.give_up(Stage::Helo, reply),
        }
    }

    /// Once it is known what is offered: encryption, as it is asked for.
    fn encrypt(&mut self) -> Action {
        match self.options.tls {
            _ if self.secured.is_some() => self.log_in(),
            Encryption::Off | Encryption::Implicit => self.log_in(),
            _ if self.offers.starttls => self.say_one(Stage::Starttls),
            Encryption::Starttls => self.demand(Unmet::NoStarttls),
            Encryption::Opportunistic | Encryption::IfOffered => {
                let detail = "STARTTLS is not offered; going on in clear".to_owned();
                said_first(Item::Detail(detail), self.log_in())
            }
        }
    }

    fn starttls_answered(&mut self, reply: Reply) -> Action {
        match reply.class() {
            Class::Success if reply.code == 220 => Action::Secure,
            // Another 2yz is no leave to begin.
            Class::Success | Class::GoOn => abort(Stage::Starttls, &reply),
            _ if self.options.tls == Encryption::Opportunistic => {
                let note = format!(
                    "STARTTLS was refused ({}); going on in clear",
                    reply.whole()
                );
                said_first(Item::Note(note), self.log_in())
            }
            Class::ForNow | Class::ForGood => self.demand(Unmet::StarttlsRefused(reply)),
        }
    }

    /// The server does not do what is asked of it, so nobody gets anything; QUIT.
    fn demand(&mut self, unmet: Unmet) -> Action {
        self.answer_rest(&Answer::Unmet(unmet));
        self.leave()
    }

    /// The transactions, as far as this server can serve them.
    fn transact(&mut self) -> Action {
        self.sort_out_the_unfit();
        self.begin()
    }

    fn sender_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.open = true,
            Class::GoOn => return abort(Stage::Mail, reply),
            Class::ForNow | Class::ForGood => {
                // What was pipelined behind it is answered too, but nothing hangs on those replies.
                self.refuse_rest(Stage::Mail, reply);
                self.unsaid.clear();
            }
        }
        self.go_on()
    }

    fn recipient_answered(&mut self, recipient: usize, reply: Reply) -> Action {
        let stage = Stage::Rcpt(recipient);
        match reply.class() {
            _ if self.answers[recipient].is_some() => {}
            Class::Success if self.errand.asks_only => {
                self.answers[recipient] = Some(Answer::Accepted(reply));
            }
            Class::Success => self.taken.push(recipient),
            Class::GoOn => return abort(stage, &reply),
            _ if reply.is_too_many_recipients() && !self.taken.is_empty() => {
                self.later.push((recipient, reply));
            }
            Class::ForNow | Class::ForGood => {
                self.answers[recipient] = Some(Answer::Said(stage, reply));
            }
        }
        self.go_on()
    }

    fn data_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            // R8: 2yz to DATA is no leave to send the message.
            Class::Success => return abort(Stage::Data, reply),
            // R52: the server waits for a message, but nobody is to have it.
            Class::GoOn if self.taken.is_empty() => return self.say_one(Stage::Dot),
            Class::GoOn => return self.send_message(),
            Class::ForNow | Class::ForGood => {
                if !self.taken.is_empty() {
                    self.refuse_rest(Stage::Data, reply);
                }
            }
        }
        self.go_on()
    }

    fn chunk_answered(&mut self, stage: Stage, reply: &Reply) -> Action {
        match reply.class() {
            Class::GoOn => return abort(stage, reply),
            Class::Success => {}
            // What follows in the pipeline is answered too, but nothing hangs on those replies.
            Class::ForNow | Class::ForGood => {
                self.open = true;
                self.refuse_rest(stage, reply);
            }
        }
        self.go_on()
    }

    fn end_answered(&mut self, stage: Stage, reply: &Reply) -> Action {
        // RFC 3030 §2: behind a chunk that failed, with or without a transaction, only RSET helps.
        if stage != Stage::Dot && matches!(reply.class(), Class::ForNow | Class::ForGood) {
            self.open = true;
        }
        match reply.class() {
            // What the server made of the message, it does not say.
            Class::GoOn => {
                self.doubt();
                return abort(stage, reply);
            }
            // Nobody was taken, or all were refused in the meantime: a lone dot, a chunk for nobody.
            _ if self.taken.is_empty() => self.open &= stage != Stage::Dot,
            // A farewell is the answer to QUIT, which may stand behind; this one's answer is lost.
            Class::Success if reply.code == 221 => {
                self.doubt();
                return abort(stage, reply);
            }
            Class::Success => {
                self.open = false;
                for recipient in self.taken.drain(..) {
                    self.answers[recipient] = Some(Answer::Accepted(reply.clone()));
                }
                // R19: those that were too many come with the next transaction.
                let later = self.later.drain(..).rev().map(|(recipient, _)| recipient);
                for recipient in later {
                    self.todo.push_front(recipient);
                }
            }
            Class::ForNow | Class::ForGood => {
                self.open &= stage != Stage::Dot;
                self.refuse_rest(stage, reply);
            }
        }
        self.go_on()
    }

    /// Says what is still unsaid, reads what is still unread, else begins the next transaction.
    fn go_on(&mut self) -> Action {
        if !self.awaiting.is_empty() {
            return Action::Read;
        }
        if self.taken.is_empty()
            && matches!(self.unsaid.front(), Some(Stage::Data | Stage::Bdat { .. }))
        {
            self.unsaid.clear();
        }
        if self.unsaid.is_empty() {
            return self.begin();
        }
        self.say_unsaid()
    }

    /// The next transaction, or QUIT when there is none.
    fn begin(&mut self) -> Action {
        self.settle_the_later();
        self.taken.clear();
        if self.todo.is_empty() {
            return match self.errand.then {
                Then::Quit => self.leave(),
                Then::Rest => Action::Rest,
            };
        }
        // R7: no MAIL while a transaction is open.
        if std::mem::take(&mut self.open) {
            self.unsaid.push_back(Stage::Rset);
        }
        self.unsaid.push_back(Stage::Mail);
        let count = self.todo.len().min(MAX_RECIPIENTS);
        self.current = self.todo.drain(..count).collect();
        self.unsaid
            .extend(self.current.iter().copied().map(Stage::Rcpt));
        match (self.errand.asks_only, self.chunks()) {
            (true, _) => {}
            (false, true) => self.unsaid.push_back(Stage::Bdat { last: true }),
            (false, false) => self.unsaid.push_back(Stage::Data),
        }
        self.say_unsaid()
    }

    /// Recipients that were "too many" in a transaction that came to nothing keep that answer.
    fn settle_the_later(&mut self) {
        for (recipient, reply) in self.later.drain(..) {
            self.answers[recipient].get_or_insert(Answer::Said(Stage::Rcpt(recipient), reply));
        }
    }

    /// One write: everything up to DATA where the server takes groups, else one command.
    fn say_unsaid(&mut self) -> Action {
        if let Some(Stage::Bdat { .. }) = self.unsaid.front() {
            self.unsaid.clear();
            return Action::Say(self.chunked());
        }
        let count = if self.pipelines() {
            self.unsaid.len()
        } else {
            1
        };
        let mut group: Vec<Stage> = self.unsaid.drain(..count).collect();
        let chunks = group.pop_if(|stage| matches!(stage, Stage::Bdat { .. }));
        let mut items: Vec<Item> = group.iter().map(|&stage| self.item(stage)).collect();
        self.awaiting.extend(group);
        if let Some(chunks) = chunks {
            // A small message goes with its commands; before a large one, it should be known
            // whether anybody takes it.
            if self.shape.is_some_and(|shape| shape.size <= SMALL) {
                items.extend(self.chunked());
            } else {
                self.unsaid.push_back(chunks);
            }
        }
        Action::Say(items)
    }

    fn say_one(&mut self, stage: Stage) -> Action {
        self.awaiting.push_back(stage);
        Action::Say(vec![self.item(stage)])
    }

    /// The message and the end of data.
    fn send_message(&mut self) -> Action {
        let Some(shape) = self.shape else {
            return self.leave();
        };
        self.awaiting.push_back(Stage::Dot);
        let mut items = vec![Item::Message(shape), self.item(Stage::Dot)];
        items.extend(self.early_quit());
        Action::Say(items)
    }

    /// The message in chunks, all of them in one go where the server takes groups.
    fn chunked(&mut self) -> Vec<Item> {
        let Some(shape) = self.shape else {
            return Vec::new();
        };
        let chunk = if self.pipelines() { CHUNK } else { u64::MAX };
        let mut items = Vec::new();
        let mut left = shape.size;
        loop {
            let octets = left.min(chunk);
            left -= octets;
            let stage = Stage::Bdat { last: left == 0 };
            let end = if left == 0 { " LAST" } else { "" };
            items.push(line(stage, format!("BDAT {octets}{end}")));
            items.push(Item::Chunk(shape, octets));
            self.awaiting.push_back(stage);
            if left == 0 {
                break;
            }
        }
        items.extend(self.early_quit());
        items
    }

    /// QUIT right behind the message, where the server takes groups and nothing else is to come
    /// (RFC 2920 §3.1). As long as a recipient's reply may be "too many", something is; and where books
    /// are kept, the reply is written down before QUIT.
    fn early_quit(&mut self) -> Option<Item> {
        if self.errand.then == Then::Rest || self.errand.ledger.is_some() {
            return None;
        }
        let asked = |stage: &Stage| matches!(stage, Stage::Rcpt(_));
        let open = self.awaiting.iter().filter(|stage| asked(stage)).count();
        let last = self.todo.is_empty() && self.later.is_empty() && open < 2;
        (last && self.pipelines()).then(|| {
            self.awaiting.push_back(Stage::Quit);
            self.item(Stage::Quit)
        })
    }

    fn leave(&mut self) -> Action {
        self.leaving = true;
        self.say_one(Stage::Quit)
    }

    /// The same refusal for everybody, and QUIT.
    fn give_up(&mut self, stage: Stage, reply: &Reply) -> Action {
        self.refuse_rest(stage, reply);
        self.leave()
    }

    fn goodbye(&mut self, stage: Stage, reply: &Reply) -> Action {
        let has_said_quit = self.awaiting.contains(&Stage::Quit);
        self.unsaid.clear();
        self.awaiting.clear();
        self.refuse_rest(stage, reply);
        if has_said_quit {
            self.awaiting.push_back(Stage::Quit);
            return Action::Read;
        }
        self.leave()
    }

    fn refuse_rest(&mut self, stage: Stage, reply: &Reply) {
        self.answer_rest(&Answer::Said(stage, reply.clone()));
    }

    /// Gives this answer to all who have none.
    fn answer_rest(&mut self, all: &Answer) {
        if self.current.is_empty() {
            self.refusal.get_or_insert_with(|| all.clone());
        }
        self.settle_the_later();
        self.todo.clear();
        self.taken.clear();
        for answer in &mut self.answers {
            answer.get_or_insert_with(|| all.clone());
        }
    }

    /// Answers for those whom this server cannot serve, before anything is said about them.
    fn sort_out_the_unfit(&mut self) {
        self.shape = self.errand.message.shape(self.able());
        for recipient in std::mem::take(&mut self.todo) {
            match self.unfit(self.errand.recipients[recipient]) {
                Some(unfit) => self.answers[recipient] = Some(Answer::Unfit(unfit)),
                None => self.todo.push_back(recipient),
            }
        }
    }

    fn unfit(&self, recipient: &Address) -> Option<Unfit> {
        let utf8 = self.message_needs_utf8() || recipient.needs_utf8();
        if utf8 && !self.offers.smtputf8 {
            return Some(Unfit::NeedsUtf8);
        }
        let Some(Shape { size, .. }) = self.shape else {
            return Some(Unfit::NeedsEightBit);
        };
        let limit = self.offers.size_limit.filter(|&limit| limit < size)?;
        Some(Unfit::TooLarge { size, limit })
    }

    /// What this server can carry.
    fn able(&self) -> Transport {
        if self.chunks() && self.offers.binary_mime {
            Transport::Binary
        } else if self.offers.eight_bit_mime {
            Transport::EightBit
        } else {
            Transport::SevenBit
        }
    }

    fn message_needs_utf8(&self) -> bool {
        self.errand.utf8_header || self.errand.sender.is_some_and(Address::needs_utf8)
    }

    fn pipelines(&self) -> bool {
        self.offers.pipelining && !self.options.no_pipelining
    }

    fn chunks(&self) -> bool {
        self.offers.chunking && !self.options.no_chunking
    }

    fn item(&self, stage: Stage) -> Item {
        let text = match stage {
            Stage::Ehlo => format!("EHLO {}", self.helo),
            Stage::Helo => format!("HELO {}", self.helo),
            Stage::Mail => self.mail(),
            Stage::Rcpt(recipient) => self.rcpt(recipient),
            Stage::Data => "DATA".to_owned(),
            Stage::Rset => "RSET".to_owned(),
            Stage::Dot => ".".to_owned(),
            Stage::Starttls => "STARTTLS".to_owned(),
            // The greeting is not ours to say, chunks have a size, and the others say more than this.
            Stage::Quit
            | Stage::Banner
            | Stage::Body
            | Stage::Tls
            | Stage::Auth
            | Stage::Bdat { .. } => "QUIT".to_owned(),
        };
        line(stage, text)
    }

    /// MAIL with the parameters of what is offered and needed (R5).
    fn mail(&self) -> String {
        let mut line = match self.errand.sender {
            Some(sender) => format!("MAIL FROM:<{sender}>"),
            None => "MAIL FROM:<>".to_owned(),
        };
        if let Some(shape) = self.shape {
            if self.offers.size {
                line.push_str(&format!(" SIZE={}", shape.size));
            }
            line.push_str(match shape.transport {
                Transport::SevenBit => "",
                Transport::EightBit => " BODY=8BITMIME",
                Transport::Binary => " BODY=BINARYMIME",
            });
        }
        let recipients = &self.errand.recipients;
        if self.message_needs_utf8()
            || self.offers.smtputf8 && recipients.iter().any(|recipient| recipient.needs_utf8())
        {
            line.push_str(" SMTPUTF8");
        }
        if let Some(dsn) = self.dsn() {
            line.push_str(&parameters::of_mail(dsn));
        }
        line
    }

    fn rcpt(&self, recipient: usize) -> String {
        let address = self.errand.recipients[recipient];
        let parameters = self.dsn().map(|dsn| parameters::of_rcpt(dsn, address));
        format!("RCPT TO:<{address}>{}", parameters.unwrap_or_default())
    }

    /// The reports that are asked for, if this server makes any.
    fn dsn(&self) -> Option<&'a Dsn> {
        self.errand.dsn.filter(|_| self.offers.dsn)
    }
}

fn line(stage: Stage, text: String) -> Item {
    Item::Line(Line {
        stage,
        shown: crate::text::shown(&text),
        wire: Zeroizing::new(text.into_bytes()),
        hides: false,
    })
}

/// The same, with something in front of it.
fn said_first(item: Item, action: Action) -> Action {
    match action {
        Action::Say(mut items) => {
            items.insert(0, item);
            Action::Say(items)
        }
        other => other,
    }
}

fn abort(stage: Stage, reply: &Reply) -> Action {
    let what = format!("answered {} with {}", stage.words(), reply.whole());
    Action::Abort(stage, what)
}

#[cfg(test)]
mod tests;
