//! The SMTP dialogue as a state machine: takes events and returns actions. It has no socket, clock or
//! terminal.

mod commands;
mod login;
mod parameters;
mod stop;
mod transaction;

use crate::client::session::Step;
use crate::client::session::auth::Bindings;
use crate::client::session::requests::attribute_lack;
use crate::client::session::{
    Options, Protocol, RecipientReply, ServerOffers, TlsDemand, Transaction, Unmet,
};
use crate::smtp::blocks::Shape;
use crate::smtp::extension::Extension;
use crate::smtp::reply::{Class, Reply};
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
    /// The reply to the awaited step arrived.
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
    /// The server violated the protocol in this step; the text describes it. Nothing more may be sent.
    Abort(Step, String),
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
    pub step: Step,
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
    unsaid: VecDeque<Step>,
    awaiting: VecDeque<Step>,
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
        match self.options.testing.stop {
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
                let step = self.next_step();
                self.goodbye(step, &reply)
            }
            // A message whose transfer has begun cannot be withdrawn, so the connection is closed. Recipients
            // of later transactions are left for another session.
            WireEvent::BrokenOff(reply) => {
                self.awaiting.clear();
                self.refuse_transaction(Step::Body, &reply);
                Action::Drop
            }
        }
    }

    /// The step of the next expected reply.
    #[must_use]
    pub fn awaited(&self) -> Step {
        self.awaiting.front().copied().unwrap_or(Step::Quit)
    }

    /// The next step in the pipeline.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let said = self.awaiting.front().or(self.unsaid.front());
        said.copied().unwrap_or(Step::Quit)
    }

    /// True if the reply to an end of data is outstanding.
    #[must_use]
    pub fn awaits_end(&self) -> bool {
        let is_end = |step: &Step| {
            matches!(
                step,
                Step::Dot | Step::DotFor(_) | Step::Bdat { last: true }
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
        let step = self.awaiting.pop_front().unwrap_or(Step::Quit);
        // RFC 5321 §3.8: 421 may be the reply to any command, and ends the session.
        if reply.code == 421 && step != Step::Quit {
            return self.goodbye(step, &reply);
        }
        match step {
            Step::Banner => self.greeted(&reply),
            Step::Ehlo | Step::Lhlo => self.offered(step, &reply),
            Step::Helo => self.tolerated(&reply),
            Step::Xclient => self.introduced(&reply),
            Step::Xforward => self.forwarded(&reply),
            Step::Asked(_) => self.command_answered(step, reply),
            Step::Starttls => self.starttls_answered(reply),
            Step::Auth => self.auth_answered(&reply),
            Step::Mail => self.sender_answered(&reply),
            Step::Rcpt(recipient) => self.recipient_answered(recipient, reply),
            Step::Data => self.data_answered(&reply),
            Step::Dot | Step::Bdat { last: true } => self.end_answered(step, &reply),
            Step::DotFor(recipient) => self.end_answered_for(recipient, reply),
            Step::Bdat { last: false } => self.chunk_answered(step, &reply),
            Step::Rset | Step::Body | Step::Tls => self.go_on(),
            Step::Quit => Action::Finish,
        }
    }

    fn await_greeting(&mut self) -> Action {
        self.awaiting.push_back(Step::Banner);
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
            Class::Intermediate => abort(Step::Banner, reply),
            // R1: QUIT, and no MAIL.
            Class::Transient | Class::Permanent => self.give_up(Step::Banner, reply),
        }
    }

    fn say_hello(&mut self) -> Action {
        self.say_one(match self.options.protocol {
            Protocol::Smtp => Step::Ehlo,
            Protocol::Lmtp => Step::Lhlo,
        })
    }

    fn offered(&mut self, step: Step, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.offers = ServerOffers::from_reply(reply);
                for line in &self.options.testing.forced {
                    self.offers.add(line);
                }
                if self.options.no_smtputf8 {
                    self.offers.remove(Extension::SmtpUtf8);
                }
                self.encrypt()
            }
            // R2: servers older than RFC 1869 know only HELO.
            Class::Permanent if step == Step::Ehlo => self.say_one(Step::Helo),
            Class::Intermediate => abort(step, reply),
            Class::Transient | Class::Permanent => self.give_up(step, reply),
        }
    }

    fn tolerated(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.encrypt(),
            Class::Intermediate => abort(Step::Helo, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Helo, reply),
        }
    }

    /// Starts TLS if it is required and offered; called when the extensions are known.
    fn encrypt(&mut self) -> Action {
        match self.options.tls {
            _ if self.secured.is_some() => self.introduce(),
            TlsDemand::Off | TlsDemand::Implicit => self.introduce(),
            _ if self.offers.has(Extension::Starttls) => self.say_one(Step::Starttls),
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
            Class::Success | Class::Intermediate => abort(Step::Starttls, &reply),
            _ if self.options.tls == TlsDemand::Opportunistic => {
                let note = format!(
                    "STARTTLS was refused ({}); going on in clear",
                    reply.whole()
                );
                said_first(Output::Note(note), self.introduce())
            }
            Class::Transient | Class::Permanent => self.demand(Unmet::StarttlsRefused(reply)),
        }
    }

    /// Sends the requested XCLIENT commands, each followed by a new EHLO; then AUTH.
    fn introduce(&mut self) -> Action {
        if self.introduced == self.options.testing.xclient.len() {
            return self.log_in();
        }
        let attributes = &self.options.testing.xclient[self.introduced];
        match attribute_lack(&self.offers, Extension::Xclient, "--xclient", attributes) {
            Some(lack) => self.demand(Unmet::Request(lack)),
            None => self.say_one(Step::Xclient),
        }
    }

    fn introduced(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.introduced += 1;
                self.offers = ServerOffers::default();
                self.say_hello()
            }
            Class::Intermediate => abort(Step::Xclient, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Xclient, reply),
        }
    }

    /// Sends the requested XFORWARD commands; then the requested commands, or the transactions.
    fn forward(&mut self) -> Action {
        if self.forwarded == self.options.testing.xforward.len() {
            return self.transact();
        }
        let attributes = &self.options.testing.xforward[self.forwarded];
        match attribute_lack(&self.offers, Extension::Xforward, "--xforward", attributes) {
            Some(lack) => self.demand(Unmet::Request(lack)),
            None => self.say_one(Step::Xforward),
        }
    }

    fn forwarded(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.forwarded += 1;
                self.forward()
            }
            Class::Intermediate => abort(Step::Xforward, reply),
            Class::Transient | Class::Permanent => self.give_up(Step::Xforward, reply),
        }
    }

    /// Sends the next requested command, or QUIT after the last.
    fn command(&mut self) -> Action {
        let next = self.replies.len();
        if next == self.transaction.commands.len() {
            return self.leave();
        }
        self.say_one(Step::Asked(next))
    }

    fn command_answered(&mut self, step: Step, reply: Reply) -> Action {
        if reply.class() == Class::Intermediate {
            return abort(step, &reply);
        }
        self.replies.push(reply);
        self.command()
    }

    /// The server does not meet a requirement: fails all recipients and sends QUIT.
    fn demand(&mut self, unmet: Unmet) -> Action {
        self.answer_rest(&RecipientReply::Unmet(unmet));
        self.leave()
    }

    fn say_one(&mut self, step: Step) -> Action {
        self.awaiting.push_back(step);
        Action::Say(vec![self.item(step)])
    }

    fn leave(&mut self) -> Action {
        self.leaving = true;
        self.say_one(Step::Quit)
    }

    /// Fails all recipients with the same refusal and sends QUIT.
    fn give_up(&mut self, step: Step, reply: &Reply) -> Action {
        self.refuse_rest(step, reply);
        self.leave()
    }

    fn goodbye(&mut self, step: Step, reply: &Reply) -> Action {
        let has_said_quit = self.awaiting.contains(&Step::Quit);
        self.unsaid.clear();
        self.awaiting.clear();
        self.refuse_rest(step, reply);
        if has_said_quit {
            self.awaiting.push_back(Step::Quit);
            return Action::Read;
        }
        self.leave()
    }

    fn refuse_rest(&mut self, step: Step, reply: &Reply) {
        self.answer_rest(&RecipientReply::Said(step, reply.clone()));
    }

    /// Records this reply for recipients of the current transaction without a result. Other recipients were
    /// not part of it.
    fn refuse_transaction(&mut self, step: Step, reply: &Reply) {
        self.taken.clear();
        for &recipient in &self.current {
            self.answers[recipient]
                .get_or_insert_with(|| RecipientReply::Said(step, reply.clone()));
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

fn line(step: Step, text: String) -> Output {
    Output::Line(CommandLine {
        step,
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

fn abort(step: Step, reply: &Reply) -> Action {
    let what = format!("answered {} with {}", step.words(), reply.whole());
    Action::Abort(step, what)
}

#[cfg(test)]
mod tests;
