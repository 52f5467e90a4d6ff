//! The dialogue: what to say when, and what a reply means. No socket, no clock, no terminal.

use super::{Answer, Class, Errand, Offers, Reply, Stage, Unfit};
use crate::address::Address;
use std::collections::VecDeque;

/// The most recipients in one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;

/// What happened on the wire.
#[derive(Debug)]
pub enum Event {
    /// The connection is there.
    Started,
    /// A reply came for the stage that was waited for.
    Replied(Reply),
    /// A 421 came that nobody had asked for, before we spoke (RFC 5321 §3.8).
    Unasked(Reply),
    /// A refusal came while the message was being sent, and the sending was broken off.
    BrokenOff(Reply),
    /// The message and its end went out, with the lines behind it.
    BodySent,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Write these lines in one go, then read the reply to the first.
    Say(Vec<Line>),
    /// Read a reply.
    Read,
    /// Write the message, the end of data and these lines, then read.
    SendBody(Vec<Line>),
    /// The dialogue is over.
    Finish,
    /// The server broke the protocol, in these words; nothing more may be said.
    Abort(String),
}

/// One line of ours: the bytes for the wire and the text to show.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What it belongs to.
    pub stage: Stage,
    /// Without its CRLF.
    pub wire: Vec<u8>,
    /// What a transcript may show of it.
    pub shown: String,
}

/// One session's conversation, from the greeting to QUIT.
pub struct Dialogue<'a> {
    errand: &'a Errand<'a>,
    helo: String,
    may_pipeline: bool,
    offers: Offers,
    answers: Vec<Option<Answer>>,
    /// Recipients that no transaction has had yet.
    todo: VecDeque<usize>,
    /// Recipients that the server wants in another transaction, with its words.
    later: Vec<(usize, Reply)>,
    /// Recipients taken in this transaction.
    taken: Vec<usize>,
    unsaid: VecDeque<Stage>,
    awaiting: VecDeque<Stage>,
    /// Whether MAIL was accepted and neither end of data nor RSET ended the transaction.
    open: bool,
    leaving: bool,
}

impl<'a> Dialogue<'a> {
    /// A dialogue for one errand. `helo` is the name or address literal for EHLO.
    #[must_use]
    pub fn new(errand: &'a Errand<'a>, helo: String, may_pipeline: bool) -> Self {
        let count = errand.recipients.len();
        Self {
            errand,
            helo,
            may_pipeline,
            offers: Offers::default(),
            answers: vec![None; count],
            todo: (0..count).collect(),
            later: Vec::new(),
            taken: Vec::new(),
            unsaid: VecDeque::new(),
            awaiting: VecDeque::new(),
            open: false,
            leaving: false,
        }
    }

    /// What to do after this event.
    pub fn step(&mut self, event: Event) -> Action {
        match event {
            Event::Started => {
                self.awaiting.push_back(Stage::Banner);
                Action::Read
            }
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
            Event::BodySent => Action::Read,
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
        for recipient in self.taken.drain(..) {
            self.answers[recipient].get_or_insert(Answer::InDoubt);
        }
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
            Stage::Mail => self.sender_answered(&reply),
            Stage::Rcpt(recipient) => self.recipient_answered(recipient, reply),
            Stage::Data => self.data_answered(&reply),
            Stage::Dot => self.end_answered(&reply),
            Stage::Rset | Stage::Body => self.go_on(),
            Stage::Quit => Action::Finish,
        }
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
                self.sort_out_the_unfit();
                self.begin()
            }
            // R2: servers of before RFC 1869 know only HELO.
            Class::ForGood => self.say_one(Stage::Helo),
            Class::GoOn => abort(Stage::Ehlo, reply),
            Class::ForNow => self.give_up(Stage::Ehlo, reply),
        }
    }

    fn tolerated(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => {
                self.sort_out_the_unfit();
                self.begin()
            }
            Class::GoOn => abort(Stage::Helo, reply),
            Class::ForNow | Class::ForGood => self.give_up(Stage::Helo, reply),
        }
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
            Class::GoOn => return self.send_body(),
            Class::ForNow | Class::ForGood => {
                if !self.taken.is_empty() {
                    self.refuse_rest(Stage::Data, reply);
                }
            }
        }
        self.go_on()
    }

    fn end_answered(&mut self, reply: &Reply) -> Action {
        self.open = false;
        match reply.class() {
            Class::GoOn => return abort(Stage::Dot, reply),
            _ if self.taken.is_empty() => {}
            // A farewell is the answer to QUIT, which may stand behind; this one's answer is lost.
            Class::Success if reply.code == 221 => {
                self.doubt();
                return abort(Stage::Dot, reply);
            }
            Class::Success => {
                for recipient in self.taken.drain(..) {
                    self.answers[recipient] = Some(Answer::Accepted(reply.clone()));
                }
                // R19: those that were too many come with the next transaction.
                let later = self.later.drain(..).rev().map(|(recipient, _)| recipient);
                for recipient in later {
                    self.todo.push_front(recipient);
                }
            }
            Class::ForNow | Class::ForGood => self.refuse_rest(Stage::Dot, reply),
        }
        self.go_on()
    }

    /// Says what is still unsaid, reads what is still unread, else begins the next transaction.
    fn go_on(&mut self) -> Action {
        if !self.awaiting.is_empty() {
            return Action::Read;
        }
        if self.taken.is_empty() && self.unsaid.front() == Some(&Stage::Data) {
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
            return self.leave();
        }
        // R7: no MAIL while a transaction is open.
        if std::mem::take(&mut self.open) {
            self.unsaid.push_back(Stage::Rset);
        }
        self.unsaid.push_back(Stage::Mail);
        let count = self.todo.len().min(MAX_RECIPIENTS);
        let recipients = self.todo.drain(..count).map(Stage::Rcpt);
        self.unsaid.extend(recipients);
        self.unsaid.push_back(Stage::Data);
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
        let count = if self.pipelines() {
            self.unsaid.len()
        } else {
            1
        };
        let group: Vec<Stage> = self.unsaid.drain(..count).collect();
        let lines = group.iter().map(|&stage| self.line(stage)).collect();
        self.awaiting.extend(group);
        Action::Say(lines)
    }

    fn say_one(&mut self, stage: Stage) -> Action {
        self.awaiting.push_back(stage);
        Action::Say(vec![self.line(stage)])
    }

    /// The message, and QUIT right behind it where the server takes groups and nothing else is to
    /// come (RFC 2920 §3.1).
    fn send_body(&mut self) -> Action {
        self.awaiting.push_back(Stage::Dot);
        let last = self.todo.is_empty() && self.later.is_empty();
        if !(last && self.pipelines()) {
            return Action::SendBody(Vec::new());
        }
        self.awaiting.push_back(Stage::Quit);
        Action::SendBody(vec![self.line(Stage::Quit)])
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
            return Action::Finish;
        }
        self.leave()
    }

    /// Gives this answer to all who have none.
    fn refuse_rest(&mut self, stage: Stage, reply: &Reply) {
        self.settle_the_later();
        self.todo.clear();
        self.taken.clear();
        for answer in &mut self.answers {
            answer.get_or_insert_with(|| Answer::Said(stage, reply.clone()));
        }
    }

    /// Answers for those whom this server cannot serve, before anything is said about them.
    fn sort_out_the_unfit(&mut self) {
        for recipient in std::mem::take(&mut self.todo) {
            match self.unfit(self.errand.recipients[recipient]) {
                Some(unfit) => self.answers[recipient] = Some(Answer::Unfit(unfit)),
                None => self.todo.push_back(recipient),
            }
        }
    }

    fn unfit(&self, recipient: &Address) -> Option<Unfit> {
        let errand = self.errand;
        if let Some(limit) = self.offers.size_limit.filter(|&limit| limit < errand.size) {
            let size = errand.size;
            return Some(Unfit::TooLarge { size, limit });
        }
        let utf8 = self.message_needs_utf8() || recipient.needs_utf8();
        if utf8 && !self.offers.smtputf8 {
            return Some(Unfit::NeedsUtf8);
        }
        (errand.eight_bit && !self.offers.eight_bit_mime).then_some(Unfit::NeedsEightBit)
    }

    fn message_needs_utf8(&self) -> bool {
        self.errand.utf8_header || self.errand.sender.is_some_and(Address::needs_utf8)
    }

    fn pipelines(&self) -> bool {
        self.may_pipeline && self.offers.pipelining
    }

    fn line(&self, stage: Stage) -> Line {
        let wire = match stage {
            Stage::Ehlo => format!("EHLO {}", self.helo),
            Stage::Helo => format!("HELO {}", self.helo),
            Stage::Mail => self.mail(),
            Stage::Rcpt(recipient) => format!("RCPT TO:<{}>", self.errand.recipients[recipient]),
            Stage::Data => "DATA".to_owned(),
            Stage::Rset => "RSET".to_owned(),
            Stage::Dot => ".".to_owned(),
            // The greeting is not ours to say, and the message goes out by itself.
            Stage::Quit | Stage::Banner | Stage::Body => "QUIT".to_owned(),
        };
        Line {
            stage,
            shown: crate::text::shown(&wire),
            wire: wire.into_bytes(),
        }
    }

    /// MAIL with the parameters of what is offered and needed (R5).
    fn mail(&self) -> String {
        let mut line = match self.errand.sender {
            Some(sender) => format!("MAIL FROM:<{sender}>"),
            None => "MAIL FROM:<>".to_owned(),
        };
        if self.offers.size {
            line.push_str(&format!(" SIZE={}", self.errand.size));
        }
        if self.errand.eight_bit && self.offers.eight_bit_mime {
            line.push_str(" BODY=8BITMIME");
        }
        let recipients = &self.errand.recipients;
        if self.message_needs_utf8()
            || self.offers.smtputf8 && recipients.iter().any(|recipient| recipient.needs_utf8())
        {
            line.push_str(" SMTPUTF8");
        }
        line
    }
}

fn abort(stage: Stage, reply: &Reply) -> Action {
    Action::Abort(format!("answered {} with {}", stage.words(), reply.whole()))
}

#[cfg(test)]
mod tests;
