//! Transactions: MAIL, RCPT, and the message (RFC 5321 §3.3), in groups if the server offers PIPELINING.

use crate::client::session::Step;
use crate::client::session::TransactionIndex;
use crate::client::session::dialogue::{Action, Dialogue, Output, abort, line, with_output_first};
use crate::client::session::{
    AfterTransaction, Protocol, Purpose, RecipientReply, Unmet, Unsuitable, Unsupported,
};
use crate::mail::address::Address;
use crate::smtp::blocks::{Accepts, BodyType, Shape};
use crate::smtp::extension::Extension;
use crate::smtp::reply::{Class, Reply};
use std::collections::VecDeque;

/// Maximum number of recipients in one transaction: the minimum that every server must accept (RFC 5321
/// §4.5.3.1.8).
const MAX_RECIPIENTS: usize = 100;

/// Maximum size of a chunk in octets, if chunks can be pipelined (RFC 3030 §2).
const CHUNK: u64 = 16 * 1024 * 1024;

/// Maximum size of a message in octets that is sent together with MAIL and RCPT.
const MAX_EAGER: u64 = 64 * 1024;

impl Dialogue<'_> {
    pub(super) fn sender_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            Class::Success => self.open = true,
            Class::Intermediate => return abort(Step::Mail, reply),
            Class::Transient | Class::Permanent => {
                // Replies to commands pipelined after it are read but have no effect.
                self.refuse_rest(Step::Mail, reply);
                self.unsent.clear();
            }
        }
        self.proceed()
    }

    pub(super) fn recipient_answered(
        &mut self,
        recipient: TransactionIndex,
        reply: Reply,
    ) -> Action {
        let step = Step::Rcpt(recipient);
        match reply.class() {
            _ if self.answers[recipient].is_some() => {}
            Class::Success if self.transaction.purpose == Purpose::Question => {
                self.answers[recipient] = Some(RecipientReply::Accepted(reply));
            }
            Class::Success => self.accepted.push(recipient),
            Class::Intermediate => return abort(step, &reply),
            _ if reply.is_too_many_recipients()
                && !self.accepted.is_empty()
                && !self.options.all_recipients =>
            {
                self.postponed.push(recipient);
                self.current.retain(|&other| other != recipient);
            }
            _ if reply.is_too_many_recipients() => {
                self.answers[recipient] = Some(RecipientReply::TooMany(reply));
            }
            Class::Transient | Class::Permanent => {
                self.answers[recipient] = Some(RecipientReply::Replied(step, reply));
            }
        }
        self.proceed()
    }

    pub(super) fn data_answered(&mut self, reply: &Reply) -> Action {
        match reply.class() {
            // RFC 5321 §3.3: 2yz to DATA does not permit the message.
            Class::Success => return abort(Step::Data, reply),
            // RFC 2920 §3.1: the server waits for a message, but no recipient was accepted.
            Class::Intermediate if self.accepted.is_empty() => return self.send_one(Step::Dot),
            Class::Intermediate => return self.send_message(),
            Class::Transient | Class::Permanent => {
                if !self.accepted.is_empty() {
                    self.refuse_transaction(Step::Data, reply);
                }
            }
        }
        self.proceed()
    }

    pub(super) fn chunk_answered(&mut self, step: Step, reply: &Reply) -> Action {
        match reply.class() {
            Class::Intermediate => return abort(step, reply),
            Class::Success => {}
            // Replies to commands pipelined after it are read but have no effect.
            Class::Transient | Class::Permanent => {
                self.open = true;
                self.refuse_transaction(step, reply);
            }
        }
        self.proceed()
    }

    pub(super) fn end_answered(&mut self, step: Step, reply: &Reply) -> Action {
        // RFC 3030 §2: after a failed chunk, with or without a transaction, only RSET helps.
        if step != Step::Dot && matches!(reply.class(), Class::Transient | Class::Permanent) {
            self.open = true;
        }
        match reply.class() {
            // PRDR: a reply for each accepted recipient, and then one for all.
            Class::Intermediate if reply.code == 353 && self.grants(Extension::Prdr) => {
                let each = self
                    .accepted
                    .iter()
                    .map(|&recipient| Step::DotFor(recipient));
                self.awaiting = each.chain([step]).chain(self.awaiting.drain(..)).collect();
            }
            // The reply does not tell whether the message was accepted.
            Class::Intermediate => {
                self.mark_uncertain();
                return abort(step, reply);
            }
            // No recipient was accepted, or all were refused since: a lone dot or an empty chunk.
            _ if self.accepted.is_empty() => self.open &= step != Step::Dot,
            // A 221 is the reply to QUIT, which may be pipelined after it; the reply to the end of data is
            // lost.
            Class::Success if reply.code == 221 => {
                self.mark_uncertain();
                return abort(step, reply);
            }
            Class::Success => {
                self.open = false;
                for recipient in self.accepted.drain(..) {
                    self.answers[recipient] = Some(RecipientReply::Accepted(reply.clone()));
                }
            }
            Class::Transient | Class::Permanent => {
                self.open &= step != Step::Dot;
                self.refuse_transaction(step, reply);
            }
        }
        self.proceed()
    }

    /// The end of data has a reply for each recipient: in LMTP it is final, and with PRDR the last reply may
    /// overrule it.
    pub(super) fn end_answered_for(&mut self, recipient: TransactionIndex, reply: Reply) -> Action {
        let is_last_word = self.options.protocol == Protocol::Lmtp;
        match reply.class() {
            Class::Intermediate => {
                self.mark_uncertain();
                return abort(Step::Dot, &reply);
            }
            // A 221 is the reply to QUIT: there were fewer replies than recipients.
            Class::Success if reply.code == 221 => {
                self.mark_uncertain();
                return abort(Step::Dot, &reply);
            }
            Class::Success if !is_last_word => return Action::Read,
            Class::Success => self.answers[recipient] = Some(RecipientReply::Accepted(reply)),
            Class::Transient | Class::Permanent => {
                self.answers[recipient] =
                    Some(RecipientReply::Replied(Step::DotFor(recipient), reply));
            }
        }
        self.accepted.retain(|&other| other != recipient);
        if is_last_word && self.accepted.is_empty() {
            self.open = false;
        }
        self.proceed()
    }

    /// Recipients that exceeded the limit of the last transaction come first in the next one. This
    /// terminates, because each transaction that postpones a recipient gives a result for another.
    fn retry_postponed(&mut self) {
        for recipient in self.postponed.drain(..).rev() {
            self.todo.push_front(recipient);
        }
    }

    /// Sends pending commands, reads outstanding replies, else begins the next transaction.
    pub(super) fn proceed(&mut self) -> Action {
        if !self.awaiting.is_empty() {
            return Action::Read;
        }
        self.withhold_if_refused();
        if self.accepted.is_empty()
            && matches!(self.unsent.front(), Some(Step::Data | Step::Bdat { .. }))
        {
            self.unsent.clear();
        }
        if self.unsent.is_empty() {
            return self.begin();
        }
        self.send_unsent()
    }

    /// Sends the message to no recipient if all are required and one does not get it.
    fn withhold_if_refused(&mut self) {
        let is_refused = |answer: &RecipientReply| !matches!(answer, RecipientReply::Accepted(_));
        if !(self.options.all_recipients && self.answers.iter().flatten().any(is_refused)) {
            return;
        }
        self.accepted.clear();
        self.postponed.clear();
        self.todo.clear();
        for answer in &mut self.answers {
            answer.get_or_insert(RecipientReply::Withheld);
        }
    }

    /// The next transaction, or QUIT if there is none.
    pub(super) fn begin(&mut self) -> Action {
        self.retry_postponed();
        self.accepted.clear();
        let is_spent = self
            .offers
            .limits()
            .mails
            .is_some_and(|most| self.transactions >= most);
        if self.todo.is_empty() || is_spent {
            return match self.transaction.then {
                AfterTransaction::Rest if !is_spent => Action::Rest,
                _ => self.quit(),
            };
        }
        self.transactions += 1;
        // RFC 5321 §4.1.4: no MAIL while a transaction is open.
        if std::mem::take(&mut self.open) {
            self.unsent.push_back(Step::Rset);
        }
        self.unsent.push_back(Step::Mail);
        self.current = self.next_recipients();
        self.unsent
            .extend(self.current.iter().copied().map(Step::Rcpt));
        match (self.transaction.purpose, self.chunks()) {
            (Purpose::Question, _) => {}
            (_, true) => self.unsent.push_back(Step::Bdat { last: true }),
            (_, false) => self.unsent.push_back(Step::Data),
        }
        self.send_unsent()
    }

    /// Takes as many recipients as the server accepts in one transaction.
    fn next_recipients(&mut self) -> Vec<TransactionIndex> {
        let limits = self.offers.limits();
        let most = match limits.recipients {
            // Another transaction could not be taken back.
            _ if self.options.all_recipients => usize::MAX,
            most => most.unwrap_or(MAX_RECIPIENTS).min(MAX_RECIPIENTS),
        };
        let Some(most_domains) = limits.domains else {
            let count = self.todo.len().min(most);
            return self.todo.drain(..count).collect();
        };
        let mut domains = Vec::new();
        let (mut chosen, mut others) = (Vec::new(), VecDeque::new());
        for recipient in self.todo.drain(..) {
            let domain = self.transaction.recipients[recipient]
                .domain()
                .to_string()
                .to_ascii_lowercase();
            let is_known = domains.contains(&domain);
            if chosen.len() < most && (is_known || domains.len() < most_domains) {
                chosen.push(recipient);
                if !is_known {
                    domains.push(domain);
                }
            } else {
                others.push_back(recipient);
            }
        }
        self.todo = others;
        chosen
    }

    /// Sends one group: everything up to DATA if the server offers PIPELINING, else one command.
    pub(super) fn send_unsent(&mut self) -> Action {
        if let Some(Step::Bdat { .. }) = self.unsent.front() {
            self.unsent.clear();
            return Action::Send(self.chunked());
        }
        let count = self.group();
        let group: Vec<Step> = self.unsent.drain(..count).collect();
        let mut items: Vec<Output> = group.iter().map(|&step| self.command_for(step)).collect();
        self.awaiting.extend(group);
        if self.is_eager() && matches!(self.unsent.front(), Some(Step::Bdat { .. })) {
            self.unsent.clear();
            items.extend(self.chunked());
        }
        Action::Send(items)
    }

    /// True if the message follows MAIL and RCPT before their replies.
    fn is_eager(&self) -> bool {
        let is_small = self.shape.is_some_and(|shape| shape.size <= MAX_EAGER);
        self.options.eager && is_small && self.pipelines() && !self.options.all_recipients
    }

    /// The number of pending stages that are sent together.
    fn group(&self) -> usize {
        if !self.pipelines() {
            return 1;
        }
        let waits = |step: &Step| match step {
            // After the replies to RCPT, it is not sent if one is a refusal.
            Step::Data if self.options.all_recipients => true,
            // LMTP has a reply for each accepted recipient after the end of data: without any, DATA is not
            // sent.
            Step::Data => self.options.protocol == Protocol::Lmtp && self.accepted.is_empty(),
            // The last chunk ends the message. Sent before the replies to MAIL and RCPT, it would leave
            // the delivery uncertain if the server hangs up instead of answering them.
            Step::Bdat { .. } => true,
            _ => false,
        };
        let goes = |step: &&Step| !waits(step) && !self.is_after_stop(**step);
        self.unsent.iter().take_while(goes).count().max(1)
    }

    /// Sends the message and the end of data.
    pub(super) fn send_message(&mut self) -> Action {
        let Some(shape) = self.shape else {
            return self.quit();
        };
        match self.options.protocol {
            Protocol::Smtp => self.awaiting.push_back(Step::Dot),
            Protocol::Lmtp => {
                let each = self
                    .accepted
                    .iter()
                    .map(|&recipient| Step::DotFor(recipient));
                self.awaiting.extend(each);
            }
        }
        let mut items = vec![Output::Message(shape), self.command_for(Step::Dot)];
        items.extend(self.early_quit());
        items.extend(self.next_group());
        Action::Send(items)
    }

    /// The message in chunks, all of them together if the server offers PIPELINING.
    pub(super) fn chunked(&mut self) -> Vec<Output> {
        let Some(shape) = self.shape else {
            return Vec::new();
        };
        let chunk = if self.pipelines() { CHUNK } else { u64::MAX };
        let mut items = Vec::new();
        let mut left = shape.size;
        loop {
            let octets = left.min(chunk);
            left -= octets;
            let step = Step::Bdat { last: left == 0 };
            let end = if left == 0 { " LAST" } else { "" };
            items.push(line(step, format!("BDAT {octets}{end}")));
            items.push(Output::Chunk(shape, octets));
            self.awaiting.push_back(step);
            if left == 0 {
                break;
            }
        }
        items.extend(self.early_quit());
        items.extend(self.next_group());
        items
    }

    /// QUIT in one write with the end of the message, if the server accepts groups and no other transaction
    /// follows (RFC 2920 §3.1). With a ledger, the reply is recorded before QUIT.
    pub(super) fn early_quit(&mut self) -> Option<Output> {
        if self.transaction.then == AfterTransaction::Rest
            || self.transaction.log.is_some()
            || self.options.testing.stop.is_some()
        {
            return None;
        }
        let last = self.todo.is_empty() && self.postponed.is_empty();
        (last && self.pipelines()).then(|| {
            self.awaiting.push_back(Step::Quit);
            self.command_for(Step::Quit)
        })
    }

    /// Fails recipients that this server cannot serve, before any command for them is sent.
    pub(super) fn drop_unsuitable(&mut self) {
        self.shape = self.transaction.message.shape(self.accepts());
        for recipient in std::mem::take(&mut self.todo) {
            match self.unsuitable(self.transaction.recipients[recipient]) {
                Some(unsuitable) => {
                    self.answers[recipient] = Some(RecipientReply::Unsuitable(unsuitable));
                }
                None => self.todo.push_back(recipient),
            }
        }
    }

    pub(super) fn unsuitable(&self, recipient: &Address) -> Option<Unsuitable> {
        let utf8 = self.message_needs_utf8() || recipient.needs_utf8();
        if utf8 && !self.offers.has(Extension::SmtpUtf8) {
            return Some(Unsuitable::NeedsUtf8);
        }
        let Some(Shape { size, .. }) = self.shape else {
            let with_utf8 = self.transaction.message.shape(self.able().with_utf8());
            return Some(match with_utf8 {
                Some(_) => Unsuitable::NeedsUtf8,
                None => Unsuitable::NeedsEightBit,
            });
        };
        let limit = self.offers.size_limit().filter(|&limit| limit < size)?;
        Some(Unsuitable::TooLarge { size, limit })
    }

    fn accepts(&self) -> Accepts {
        Accepts {
            transport: self.able(),
            utf8: self.offers.has(Extension::SmtpUtf8),
        }
    }

    /// The body type that this server can carry.
    pub(super) fn able(&self) -> BodyType {
        if let Some(body) = self.body() {
            body
        } else if self.chunks() && self.offers.has(Extension::BinaryMime) {
            BodyType::Binary
        } else if self.offers.has(Extension::EightBitMime) {
            BodyType::EightBit
        } else {
            BodyType::SevenBit
        }
    }

    pub(super) fn pipelines(&self) -> bool {
        self.offers.has(Extension::Pipelining) && !self.options.no_pipelining
    }

    /// True if the next message is sent by BDAT. A session that stops before the end of data uses DATA, which
    /// has a reply of its own.
    pub(super) fn chunks(&self) -> bool {
        self.uses_bdat() && !self.is_after_stop(Step::Dot)
    }

    /// True if messages are sent by BDAT in this session.
    pub(super) fn uses_bdat(&self) -> bool {
        let is_smtp = self.options.protocol == Protocol::Smtp;
        self.offers.has(Extension::Chunking) && is_smtp && !self.options.no_chunking
    }

    /// Marks the results as uncertain: the end of data was sent, and its reply is lost.
    pub fn mark_uncertain(&mut self) {
        for recipient in self.current.drain(..) {
            self.answers[recipient].get_or_insert(RecipientReply::Uncertain);
        }
    }

    /// Recipients that may get the message by the end of data that is about to be sent.
    pub fn at_stake(&self) -> Vec<TransactionIndex> {
        let open = |&&recipient: &&TransactionIndex| self.answers[recipient].is_none();
        self.current.iter().filter(open).copied().collect()
    }

    /// Sends the requested commands, or the transactions that this server supports.
    pub(super) fn transact(&mut self) -> Action {
        if !self.transaction.commands.is_empty() {
            return self.command();
        }
        if let Some(lack) = self.lacks() {
            return self.fail_unmet(Unmet::Request(lack));
        }
        self.drop_unsuitable();
        self.withhold_if_refused();
        let left_out = self.left_out();
        let action = self.begin();
        left_out.into_iter().rev().fold(action, |action, detail| {
            with_output_first(Output::Detail(detail), action)
        })
    }

    /// The first required extension that the server does not offer.
    fn lacks(&self) -> Option<Unsupported> {
        if self.transaction.recipients.is_empty() {
            return None;
        }
        let mut musts = self.requests().filter(|request| request.is_required);
        musts.find_map(|request| request.unmet(&self.conditions()))
    }

    /// Optional requests that are left out, as remarks.
    fn left_out(&self) -> Vec<String> {
        let lacks = self
            .requests()
            .filter_map(|request| request.unmet(&self.conditions()));
        lacks
            .map(|lack| format!("{} is omitted: the server {}", lack.option, lack.why))
            .collect()
    }
}
