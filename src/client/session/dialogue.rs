//! The SMTP dialogue as a state machine: takes events and returns actions. It has no socket, clock or
//! terminal.

mod commands;
mod login;
mod parameters;
mod stop;
mod transaction;

pub use parameters::xtext;

use crate::client::session::auth::Bindings;
use crate::client::session::requests::attribute_lack;
use crate::client::session::{
    Options, Protocol, RecipientReply, ServerOffers, TlsDemand, Transaction, Unmet,
};
use crate::smtp::blocks::Shape;
use crate::smtp::reply::{Class, Reply};
use crate::smtp::stage::Stage;
use crate::system::secret::Login;
use login::Authentication;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// An event on the wire.
#[derive(Debug)]
pub enum WireEvent {
    /// The connection is established.
    Started,
    /// An idle session gets another transaction.
    Resumed,
    /// The connection is encrypted.
    Secured(Privacy),
    /// The reply to the awaited stage arrived.
    Replied(Reply),
    /// An unsolicited 421 came before the client sent anything (RFC 5321 §3.8).
    Unasked(Reply),
    /// A rejection arrived while the message was being sent, and sending was aborted.
    BrokenOff(Reply),
}

/// Result of a TLS handshake that the dialogue needs.
#[derive(Clone, Debug, Default)]
pub struct Privacy {
    /// Channel bindings for AUTH.
    pub bindings: Bindings,
    /// True if the server is authenticated.
    pub verified: bool,
}

/// The next step of the session.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these together, within the memory limit, then read the reply to the first.
    Say(Vec<Output>),
    Read,
    /// Run the TLS handshake; no data may have arrived before it.
    Secure,
    /// The transaction is finished and the session becomes idle.
    Rest,
    /// The dialogue is over.
    Finish,
    /// Write these together, and close the connection without reading anything.
    SayAndDrop(Vec<Output>),
    /// Close the connection without QUIT.
    Drop,
    /// Send QUIT out of sequence, read the reply, and close the connection.
    BlurtQuit,
    /// The server violated the protocol in this stage; the text describes it. Nothing more may be sent.
    Abort(Stage, String),
}

/// Part of a group that is written together.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// A command, or the end of data.
    Line(CommandLine),
    /// The whole message in this shape, dot-stuffed, without the end of data.
    Message(Shape),
    /// A chunk of this many octets of the message in this shape, unchanged.
    Chunk(Shape, u64),
    /// A remark for observers; nothing is sent.
    Note(String),
    /// A remark for `--verbose`.
    Detail(String),
}

/// A command line: the bytes for the wire and the text to show.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub stage: Stage,
    pub wire: Zeroizing<Vec<u8>>,
    /// The text for transcripts.
    pub shown: String,
    /// True if the last word is a secret.
    pub hides: bool,
}

/// State of an idle session that the next transaction needs.
#[derive(Debug)]
pub struct ServerState {
    helo: String,
    options: Options,
    offers: ServerOffers,
    /// True if the next transaction needs RSET first.
    open: bool,
    /// Number of transactions in this session.
    begun: usize,
    verified: bool,
}

/// The dialogue of one session, from the greeting to QUIT.
pub struct Dialogue<'a> {
    transaction: &'a Transaction<'a>,
    helo: String,
    options: Options,
    offers: ServerOffers,
    /// The properties of the message in the form for this server.
    shape: Option<Shape>,
    answers: Vec<Option<RecipientReply>>,
    /// The answer to the whole session, if there was no transaction.
    refusal: Option<RecipientReply>,
    /// Recipients that have not been in a transaction.
    todo: VecDeque<usize>,
    /// Recipients that the server accepts in another transaction only (RFC 5321 §4.5.3.1.10).
    later: Vec<usize>,
    /// Recipients of this transaction, or of the last one.
    current: Vec<usize>,
    /// The recipients among them that the server accepted.
    taken: Vec<usize>,
    unsaid: VecDeque<Stage>,
    awaiting: VecDeque<Stage>,
    /// True if the next transaction needs RSET first: MAIL was accepted and neither end of data nor RSET
    /// ended the transaction, or a chunk failed.
    open: bool,
    leaving: bool,
    /// Number of transactions in this session.
    begun: usize,
    /// Result of the TLS handshake; `None` while the session is in clear.
    secured: Option<Privacy>,
    /// True if the server is authenticated over TLS.
    verified: bool,
    /// Number of XCLIENT and XFORWARD commands sent.
    introduced: usize,
    forwarded: usize,
    /// Replies to the requested commands.
    replies: Vec<Reply>,
    authentication: Authentication<'a>,
}

impl<'a> Dialogue<'a> {
    /// A dialogue for one transaction. `helo` is the name or address literal for EHLO; without a `login`, no
    /// AUTH is sent.
    #[must_use]
    pub fn new(
        transaction: &'a Transaction<'a>,
        helo: String,
        options: &Options,
        login: Option<&'a Login>,
    ) -> Self {
        let count = transaction.recipients.len();
        Self {
            transaction,
            helo,
            options: options.clone(),
            offers: ServerOffers::default(),
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
            begun: 0,
            secured: None,
            verified: false,
            introduced: 0,
            forwarded: 0,
            replies: Vec::new(),
            authentication: Authentication::new(login),
        }
    }

    /// A dialogue for another transaction in an idle session.
    #[must_use]
    pub fn resumed(transaction: &'a Transaction<'a>, server: ServerState) -> Self {
        Self {
            offers: server.offers,
            open: server.open,
            begun: server.begun,
            verified: server.verified,
            ..Self::new(transaction, server.helo, &server.options, None)
        }
    }

    #[must_use]
    pub fn acquaintance(&self) -> ServerState {
        ServerState {
            helo: self.helo.clone(),
            options: self.options.clone(),
            offers: self.offers.clone(),
            open: self.open,
            begun: self.begun,
            verified: self.verified,
        }
    }

    /// Handles an event and returns the next action.
    pub fn step(&mut self, event: WireEvent) -> Action {
        let action = self.go_on_with(event);
        match self.options.bench.stop {
            Some(stop) => self.stopped(stop, action),
            None => action,
        }
    }

    fn go_on_with(&mut self, event: WireEvent) -> Action {
        match event {
            WireEvent::Started if self.options.tls == TlsDemand::Implicit => Action::Secure,
            WireEvent::Started => self.await_greeting(),
            WireEvent::Resumed => self.transact(),
            WireEvent::Secured(privacy) => self.secured(privacy),
            WireEvent::Replied(reply) => self.replied(reply),
            WireEvent::Unasked(reply) => {
                let stage = self.next_stage();
                self.goodbye(stage, &reply)
            }
            // A message whose transfer has begun cannot be withdrawn, so the connection is closed. Recipients
            // of later transactions are left for another session.
            WireEvent::BrokenOff(reply) => {
                self.awaiting.clear();
                self.refuse_transaction(Stage::Body, &reply);
                Action::Drop
            }
        }
    }

    /// The stage of the next expected reply.
    #[must_use]
    pub fn awaited(&self) -> Stage {
        self.awaiting.front().copied().unwrap_or(Stage::Quit)
    }

    /// The next stage in the pipeline.
    #[must_use]
    pub fn next_stage(&self) -> Stage {
        let said = self.awaiting.front().or(self.unsaid.front());
        said.copied().unwrap_or(Stage::Quit)
    }

    /// True if the reply to an end of data is outstanding.
    #[must_use]
    pub fn awaits_end(&self) -> bool {
        let is_end = |stage: &Stage| {
            matches!(
                stage,
                Stage::Dot | Stage::DotFor(_) | Stage::Bdat { last: true }
            )
        };
        self.awaiting.iter().any(is_end)
    }

    /// Takes the replies to the requested commands received so far.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// True if no later reply can change a result.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// True if the server accepted the message for this recipient.
    #[must_use]
    pub fn is_accepted(&self, recipient: usize) -> bool {
        matches!(self.answers[recipient], Some(RecipientReply::Accepted(_)))
    }

    /// Marks the recipients accepted in the last transaction as uncertain, because an extra reply shows that
    /// the replies to it were out of step. Earlier transactions were each closed by their own reply with no
    /// unread data, and remain unchanged.
    pub fn distrust(&mut self) {
        for &recipient in &self.current {
            let answer = &mut self.answers[recipient];
            if matches!(answer, Some(RecipientReply::Accepted(_))) {
                *answer = Some(RecipientReply::InDoubt);
            }
        }
    }

    /// The reply or the condition that prevented any transaction.
    #[must_use]
    pub fn refusal(&self) -> Option<&RecipientReply> {
        self.refusal.as_ref()
    }

    /// The results, by recipient.
    #[must_use]
    pub fn into_answers(self) -> Vec<Option<RecipientReply>> {
        self.answers
    }

    fn replied(&mut self, reply: Reply) -> Action {
        let stage = self.awaiting.pop_front().unwrap_or(Stage::Quit);
        // RFC 5321 §3.8: 421 may be the reply to any command, and ends the session.
        if reply.code == 421 && stage != Stage::Quit {
            return self.goodbye(stage, &reply);
        }
        match stage {
            Stage::Banner => self.greeted(&reply),
            Stage::Ehlo | Stage::Lhlo => self.offered(stage, &reply),
            Stage::Helo => self.tolerated(&reply),
            Stage::Xclient => self.introduced(&reply),
            Stage::Xforward => self.forwarded(&reply),
            Stage::Asked(_) => self.command_answered(stage, reply),
            Stage::Starttls => self.starttls_answered(reply),
            Stage::Auth => self.auth_answered(&reply),
            Stage::Mail => self.sender_answered(&reply),
            Stage::Rcpt(recipient) => self.recipient_answered(recipient, reply),
            Stage::Data => self.data_answered(&reply),
            Stage::Dot | Stage::Bdat { last: true } => self.end_answered(stage, &reply),
            Stage::DotFor(recipient) => self.end_answered_for(recipient, reply),
            Stage::Bdat { last: false } => self.chunk_answered(stage, &reply),
            Stage::Rset | Stage::Body | Stage::Tls => self.go_on(),
            Stage::Quit => Action::Finish,
        }
    }

    fn await_greeting(&mut self) -> Action {
        self.awaiting.push_back(Stage::Banner);
        Action::Read
    }

    /// RFC 3207 §4.2: everything learned before TLS is discarded.
    fn secured(&mut self, privacy: Privacy) -> Action {
        self.verified = privacy.verified;
        self.secured = Some(privacy);
        self.offers = ServerOffers::default();
        if self.options.tls == TlsDemand::Implicit {
            return self.await_greeting();
        }
        self.say_hello()
    }

    fn greeted(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.say_hello(),
            Class::GoOn => abort(Stage::Banner, reply),
            // R1: QUIT, and no MAIL.
            Class::ForNow | Class::ForGood => self.give_up(Stage::Banner, reply),
        }
    }

    fn say_hello(&mut self) -> Action {
        self.say_one(match self.options.protocol {
            Protocol::Smtp => Stage::Ehlo,
            Protocol::Lmtp => Stage::Lhlo,
        })
    }

    fn offered(&mut self, stage: Stage, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.offers = ServerOffers::from_reply(reply);
                for line in &self.options.bench.pretended {
                    self.offers.add(line);
                }
                self.offers.smtputf8 &= !self.options.no_smtputf8;
                self.encrypt()
            }
            // R2: servers older than RFC 1869 know only HELO.
            Class::ForGood if stage == Stage::Ehlo => self.say_one(Stage::Helo),
            Class::GoOn => abort(stage, reply),
            Class::ForNow | Class::ForGood => self.give_up(stage, reply),
        }
    }

    fn tolerated(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.encrypt(),
            Class::GoOn => abort(Stage::Helo, reply),
            Class::ForNow | Class::ForGood => self.give_up(Stage::Helo, reply),
        }
    }

    /// Starts TLS if it is required and offered; called when the extensions are known.
    fn encrypt(&mut self) -> Action {
        match self.options.tls {
            _ if self.secured.is_some() => self.introduce(),
            TlsDemand::Off | TlsDemand::Implicit => self.introduce(),
            _ if self.offers.starttls => self.say_one(Stage::Starttls),
            TlsDemand::Starttls => self.demand(Unmet::NoStarttls),
            TlsDemand::Opportunistic | TlsDemand::IfOffered => {
                let detail = "STARTTLS is not offered; going on in clear".to_owned();
                said_first(Output::Detail(detail), self.introduce())
            }
        }
    }

    fn starttls_answered(&mut self, reply: Reply) -> Action {
        match reply.class() {
            Class::Success if reply.code == 220 => Action::Secure,
            // Another 2yz does not permit the handshake.
            Class::Success | Class::GoOn => abort(Stage::Starttls, &reply),
            _ if self.options.tls == TlsDemand::Opportunistic => {
                let note = format!(
                    "STARTTLS was refused ({}); going on in clear",
                    reply.whole()
                );
                said_first(Output::Note(note), self.introduce())
            }
            Class::ForNow | Class::ForGood => self.demand(Unmet::StarttlsRefused(reply)),
        }
    }

    /// Sends the requested XCLIENT commands, each followed by a new EHLO; then AUTH.
    fn introduce(&mut self) -> Action {
        if self.introduced == self.options.bench.xclient.len() {
            return self.log_in();
        }
        let attributes = &self.options.bench.xclient[self.introduced];
        let offered = self.offers.xclient.as_deref();
        match attribute_lack("XCLIENT", "--xclient", offered, attributes) {
            Some(lack) => self.demand(Unmet::Request(lack)),
            None => self.say_one(Stage::Xclient),
        }
    }

    fn introduced(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.introduced += 1;
                self.offers = ServerOffers::default();
                self.say_hello()
            }
            Class::GoOn => abort(Stage::Xclient, reply),
            Class::ForNow | Class::ForGood => self.give_up(Stage::Xclient, reply),
        }
    }

    /// Sends the requested XFORWARD commands; then the requested commands, or the transactions.
    fn forward(&mut self) -> Action {
        if self.forwarded == self.options.bench.xforward.len() {
            return self.transact();
        }
        let attributes = &self.options.bench.xforward[self.forwarded];
        let offered = self.offers.xforward.as_deref();
        match attribute_lack("XFORWARD", "--xforward", offered, attributes) {
            Some(lack) => self.demand(Unmet::Request(lack)),
            None => self.say_one(Stage::Xforward),
        }
    }

    fn forwarded(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.forwarded += 1;
                self.forward()
            }
            Class::GoOn => abort(Stage::Xforward, reply),
            Class::ForNow | Class::ForGood => self.give_up(Stage::Xforward, reply),
        }
    }

    /// Sends the next requested command, or QUIT after the last.
    fn command(&mut self) -> Action {
        let next = self.replies.len();
        if next == self.transaction.commands.len() {
            return self.leave();
        }
        self.say_one(Stage::Asked(next))
    }

    fn command_answered(&mut self, stage: Stage, reply: Reply) -> Action {
        if reply.class() == Class::GoOn {
            return abort(stage, &reply);
        }
        self.replies.push(reply);
        self.command()
    }

    /// The server does not meet a requirement: fails all recipients and sends QUIT.
    fn demand(&mut self, unmet: Unmet) -> Action {
        self.answer_rest(&RecipientReply::Unmet(unmet));
        self.leave()
    }

    fn say_one(&mut self, stage: Stage) -> Action {
        self.awaiting.push_back(stage);
        Action::Say(vec![self.item(stage)])
    }

    fn leave(&mut self) -> Action {
        self.leaving = true;
        self.say_one(Stage::Quit)
    }

    /// Fails all recipients with the same refusal and sends QUIT.
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
        self.answer_rest(&RecipientReply::Said(stage, reply.clone()));
    }

    /// Records this reply for recipients of the current transaction without a result. Other recipients were
    /// not part of it.
    fn refuse_transaction(&mut self, stage: Stage, reply: &Reply) {
        self.taken.clear();
        for &recipient in &self.current {
            self.answers[recipient]
                .get_or_insert_with(|| RecipientReply::Said(stage, reply.clone()));
        }
    }

    /// Records this answer for all recipients without one.
    fn answer_rest(&mut self, all: &RecipientReply) {
        if self.current.is_empty() {
            self.refusal.get_or_insert_with(|| all.clone());
        }
        self.todo.clear();
        self.later.clear();
        self.taken.clear();
        for answer in &mut self.answers {
            answer.get_or_insert_with(|| all.clone());
        }
    }
}

fn line(stage: Stage, text: String) -> Output {
    Output::Line(CommandLine {
        stage,
        shown: crate::system::text::shown(&text),
        wire: Zeroizing::new(text.into_bytes()),
        hides: false,
    })
}

/// The action, with this output before it.
fn said_first(item: Output, action: Action) -> Action {
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
