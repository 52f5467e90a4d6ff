//! The SMTP dialogue as a state machine: takes events and returns actions. It has no socket, clock or
//! terminal.

mod ahead;
mod commands;
mod greeting;
mod login;
mod transaction;

use crate::client::session::Step;
use crate::client::session::auth::{Bindings, Mask};
use crate::client::session::{
    Options, RecipientReply, ServerOffers, TlsDemand, Transaction, Unmet,
};
use crate::client::session::{TransactionIndex, TransactionList};
use crate::smtp::blocks::Shape;
use crate::smtp::reply::{Class, Reply};
use crate::system::secret::Login;
use ahead::CommandsAhead;
use greeting::Greeting;
use login::Authentication;
use std::collections::VecDeque;
use std::mem;
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
    Unsolicited(Reply),
    /// A rejection arrived while the message was being sent, and sending was aborted.
    Aborted(Reply),
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
    Send(Vec<Output>),
    /// These were sent with the end of the transaction before: report them, then read the reply to the first.
    Sent(Vec<Output>),
    Read,
    /// Run the TLS handshake; no data may have arrived before it.
    Secure,
    /// The transaction is finished and the session becomes idle.
    Rest,
    /// The dialogue is over.
    Finish,
    /// Write these together, and close the connection without reading anything.
    SendAndDrop(Vec<Output>),
    /// Close the connection without QUIT.
    Drop,
    /// Send QUIT out of sequence, read the reply, and close the connection.
    QuitOutOfSequence,
    /// The server violated the protocol in this step; the text describes it. Nothing more may be sent.
    Abort(Step, String),
}

/// Part of a group that is written together.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// A command, or the end of data.
    Line(CommandLine),
    /// A command of the next transaction, which is reported when that begins.
    Ahead(CommandLine),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub step: Step,
    pub wire: Zeroizing<Vec<u8>>,
    /// The text for transcripts.
    pub shown: String,
    /// True if the last word is a secret.
    pub hides: bool,
}

impl CommandLine {
    /// Appends the line with its CRLF to an outbox, and its secret to those that are masked.
    pub fn put(&self, outbox: &mut Vec<u8>, mask: &mut Mask) {
        if self.hides {
            // Growing in between would leave a copy of the secret in memory.
            outbox.reserve_exact(self.wire.len() + 2);
            let secret = self.wire.rsplit(|&byte| byte == b' ').next();
            mask.add(String::from_utf8_lossy(secret.unwrap_or_default()));
        }
        outbox.extend_from_slice(&self.wire);
        outbox.extend_from_slice(b"\r\n");
    }
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
    transactions: usize,
    is_verified: bool,
    /// Commands of the next transaction that were sent, and whose replies are outstanding.
    ahead: CommandsAhead,
}

/// The dialogue of one session, from the greeting to QUIT.
pub struct Dialogue<'a> {
    transaction: &'a Transaction<'a>,
    helo: String,
    options: Options,
    offers: ServerOffers,
    /// The properties of the message in the form for this server.
    shape: Option<Shape>,
    answers: TransactionList<Option<RecipientReply>>,
    /// The answer to the whole session, if there was no transaction.
    refusal: Option<RecipientReply>,
    /// Recipients that have not been in a transaction.
    todo: VecDeque<TransactionIndex>,
    /// Recipients that the server accepts in another transaction only (RFC 5321 §4.5.3.1.10).
    postponed: Vec<TransactionIndex>,
    /// Recipients of this transaction, or of the last one.
    current: Vec<TransactionIndex>,
    /// The recipients among them that the server accepted.
    accepted: Vec<TransactionIndex>,
    unsent: VecDeque<Step>,
    awaiting: VecDeque<Step>,
    /// True if the next transaction needs RSET first: MAIL was accepted and neither end of data nor RSET
    /// ended the transaction, or a chunk failed.
    open: bool,
    is_quitting: bool,
    /// Number of transactions in this session.
    transactions: usize,
    /// Replies to the requested commands.
    replies: Vec<Reply>,
    /// Commands of the next transaction that were sent with the end of this one.
    ahead: CommandsAhead,
    /// Number of replies that have no effect, and the action after them.
    skipped: Option<(usize, Action)>,
    greeting: Greeting,
    authentication: Authentication<'a>,
}

impl<'a> Dialogue<'a> {
    /// A dialogue for one transaction. `helo` is the name or address literal for EHLO; without a `login`, no
    /// AUTH is sent.
    pub fn new(
        transaction: &'a Transaction<'a>,
        helo: String,
        options: Options,
        login: Option<&'a Login>,
    ) -> Self {
        let recipients = || transaction.recipients.indices();
        Self {
            transaction,
            helo,
            options,
            offers: ServerOffers::default(),
            shape: None,
            answers: recipients().map(|_| None).collect(),
            refusal: None,
            todo: recipients().collect(),
            postponed: Vec::new(),
            current: Vec::new(),
            accepted: Vec::new(),
            unsent: VecDeque::new(),
            awaiting: VecDeque::new(),
            open: false,
            is_quitting: false,
            transactions: 0,
            replies: Vec::new(),
            ahead: CommandsAhead::new(),
            skipped: None,
            greeting: Greeting::default(),
            authentication: Authentication::new(login),
        }
    }

    /// A dialogue for another transaction in an idle session.
    pub fn resumed(transaction: &'a Transaction<'a>, server: ServerState) -> Self {
        Self {
            offers: server.offers,
            open: server.open,
            transactions: server.transactions,
            ahead: server.ahead,
            greeting: Greeting {
                is_verified: server.is_verified,
                ..Greeting::default()
            },
            ..Self::new(transaction, server.helo, server.options, None)
        }
    }

    /// Takes the state that the next transaction needs, at the end of this one.
    pub fn take_server_state(&mut self) -> ServerState {
        ServerState {
            helo: mem::take(&mut self.helo),
            options: mem::take(&mut self.options),
            offers: mem::take(&mut self.offers),
            open: self.open,
            transactions: self.transactions,
            is_verified: self.greeting.is_verified,
            ahead: mem::take(&mut self.ahead),
        }
    }

    /// Handles an event and returns the next action.
    pub fn step(&mut self, event: WireEvent) -> Action {
        let action = self.handle(event);
        match self.options.testing.stop {
            Some(stop) => self.stopped(stop, action),
            None => action,
        }
    }

    fn handle(&mut self, event: WireEvent) -> Action {
        match event {
            WireEvent::Started if self.options.tls == TlsDemand::Implicit => Action::Secure,
            WireEvent::Started => self.await_greeting(),
            WireEvent::Resumed => self.resume(),
            WireEvent::Secured(privacy) => self.secured(privacy),
            WireEvent::Replied(reply) => self.replied(reply),
            WireEvent::Unsolicited(reply) => {
                let step = self.next_step();
                self.closed_by_server(step, &reply)
            }
            // A message whose transfer has begun cannot be withdrawn, so the connection is closed. Recipients
            // of later transactions are left for another session.
            WireEvent::Aborted(reply) => {
                self.awaiting.clear();
                self.refuse_transaction(Step::Body, &reply);
                Action::Drop
            }
        }
    }

    /// The step of the next expected reply.
    pub fn awaited(&self) -> Step {
        self.awaiting.front().copied().unwrap_or(Step::Quit)
    }

    /// The next step in the pipeline.
    pub fn next_step(&self) -> Step {
        let next = self.awaiting.front().or(self.unsent.front());
        next.copied().unwrap_or(Step::Quit)
    }

    /// True if the reply to an end of data is outstanding.
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
        mem::take(&mut self.replies)
    }

    /// True if no later reply can change a result.
    pub fn is_quitting(&self) -> bool {
        self.is_quitting
    }

    /// True if the server accepted the message for this recipient.
    pub fn is_accepted(&self, recipient: TransactionIndex) -> bool {
        matches!(self.answers[recipient], Some(RecipientReply::Accepted(_)))
    }

    /// Marks the recipients accepted in the last transaction as uncertain, because an extra reply shows that
    /// the replies to it were out of step. Earlier transactions were each closed by their own reply with no
    /// unread data, and remain unchanged.
    pub fn mark_out_of_step(&mut self) {
        for &recipient in &self.current {
            let answer = &mut self.answers[recipient];
            if matches!(answer, Some(RecipientReply::Accepted(_))) {
                *answer = Some(RecipientReply::Uncertain);
            }
        }
    }

    /// The reply or the condition that prevented any transaction.
    pub fn refusal(&self) -> Option<&RecipientReply> {
        self.refusal.as_ref()
    }

    /// The results, by recipient.
    pub fn into_answers(self) -> TransactionList<Option<RecipientReply>> {
        self.answers
    }

    fn replied(&mut self, reply: Reply) -> Action {
        if let Some(skipped) = self.skipped.take() {
            return self.skip_reply(skipped, &reply);
        }
        let step = self.awaiting.pop_front().unwrap_or(Step::Quit);
        // RFC 5321 §3.8: 421 may be the reply to any command, and ends the session.
        if reply.code == 421 && step != Step::Quit {
            return self.closed_by_server(step, &reply);
        }
        match step {
            Step::Banner => self.banner_answered(&reply),
            Step::Ehlo | Step::Lhlo => self.ehlo_answered(step, &reply),
            Step::Helo => self.helo_answered(&reply),
            Step::Xclient => self.xclient_answered(&reply),
            Step::Xforward => self.xforward_answered(&reply),
            Step::Asked(_) => self.command_answered(step, reply),
            Step::Starttls => self.starttls_answered(reply),
            Step::Auth => self.auth_answered(&reply),
            Step::Mail => self.sender_answered(&reply),
            Step::Rcpt(recipient) => self.recipient_answered(recipient, reply),
            Step::Data => self.data_answered(&reply),
            Step::Dot | Step::Bdat { last: true } => self.end_answered(step, &reply),
            Step::DotFor(recipient) => self.end_answered_for(recipient, reply),
            Step::Bdat { last: false } => self.chunk_answered(step, &reply),
            Step::Rset | Step::Body | Step::Tls => self.proceed(),
            Step::Quit => Action::Finish,
        }
    }

    /// Sends the next requested command, or QUIT after the last.
    fn command(&mut self) -> Action {
        let next = self.replies.len();
        if next == self.transaction.commands.len() {
            return self.quit();
        }
        self.send_one(Step::Asked(next))
    }

    fn command_answered(&mut self, step: Step, reply: Reply) -> Action {
        if reply.class() == Class::Intermediate {
            return abort(step, &reply);
        }
        self.replies.push(reply);
        self.command()
    }

    /// The server does not meet a requirement: fails all recipients and sends QUIT.
    fn fail_unmet(&mut self, unmet: Unmet) -> Action {
        self.answer_rest(&RecipientReply::Unmet(unmet));
        self.quit()
    }

    fn send_one(&mut self, step: Step) -> Action {
        self.awaiting.push_back(step);
        Action::Send(vec![self.command_for(step)])
    }

    fn quit(&mut self) -> Action {
        self.is_quitting = true;
        self.send_one(Step::Quit)
    }

    /// Fails all recipients with the same refusal and sends QUIT.
    fn give_up(&mut self, step: Step, reply: &Reply) -> Action {
        self.refuse_rest(step, reply);
        self.quit()
    }

    fn closed_by_server(&mut self, step: Step, reply: &Reply) -> Action {
        let is_quit_sent = self.awaiting.contains(&Step::Quit);
        self.unsent.clear();
        self.awaiting.clear();
        self.refuse_rest(step, reply);
        if is_quit_sent {
            self.awaiting.push_back(Step::Quit);
            return Action::Read;
        }
        if self.is_ahead() {
            // The reply to QUIT would be mistaken for one to these commands.
            return Action::Drop;
        }
        self.quit()
    }

    fn refuse_rest(&mut self, step: Step, reply: &Reply) {
        self.answer_rest(&RecipientReply::Replied(step, reply.clone()));
    }

    /// Records this reply for recipients of the current transaction without a result. Other recipients were
    /// not part of it.
    fn refuse_transaction(&mut self, step: Step, reply: &Reply) {
        self.accepted.clear();
        for &recipient in &self.current {
            self.answers[recipient]
                .get_or_insert_with(|| RecipientReply::Replied(step, reply.clone()));
        }
    }

    /// Records this answer for all recipients without one.
    fn answer_rest(&mut self, all: &RecipientReply) {
        if self.current.is_empty() {
            self.refusal.get_or_insert_with(|| all.clone());
        }
        self.todo.clear();
        self.postponed.clear();
        self.accepted.clear();
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
fn with_output_first(item: Output, action: Action) -> Action {
    match action {
        Action::Send(mut items) => {
            items.insert(0, item);
            Action::Send(items)
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
