//! Commands of the next transaction that are sent with the end of this one, which saves a round trip.
//!
//! RFC 2920 §3.1 allows MAIL in the group of the content of the message before. The next message itself is not sent
//! before the replies to its own commands. If the end of data is refused, or if another message follows than the one
//! that was announced, the replies to these commands have no effect, and RSET comes before the next MAIL.

use crate::client::session::dialogue::{Action, CommandLine, Dialogue, Output, ServerState};
use crate::client::session::{AfterTransaction, Protocol, Step};
use crate::smtp::reply::Reply;
use std::mem;

/// Commands that were sent ahead.
pub(super) type CommandsAhead = Vec<CommandLine>;

impl Dialogue<'_> {
    /// True if replies to commands of the next transaction are outstanding.
    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// The first group of the next transaction; empty if it cannot follow the end of data.
    pub(super) fn next_group(&mut self) -> Vec<Output> {
        let Some(next) = self.transaction.next.filter(|_| self.may_go_ahead()) else {
            return Vec::new();
        };
        let mut upcoming = Dialogue::resumed(next, self.take_server_state());
        // The end of data ends the open transaction.
        upcoming.open = false;
        let action = upcoming.transact();
        let is_quitting = upcoming.is_quitting;
        let ServerState {
            helo,
            options,
            offers,
            open: _,
            transactions: _,
            is_verified: _,
            ahead: _,
        } = upcoming.take_server_state();
        (self.helo, self.options, self.offers) = (helo, options, offers);
        let Action::Send(items) = action else {
            return Vec::new();
        };
        let commands = items.into_iter().map(|item| match item {
            Output::Line(line) if is_envelope(line.step) => Some(line),
            _ => None,
        });
        let commands: Option<Vec<_>> = commands.collect();
        let commands = commands.filter(|_| !is_quitting).unwrap_or_default();
        self.ahead.clone_from(&commands);
        commands.into_iter().map(Output::Ahead).collect()
    }

    /// True if this is the last transaction of the message, and the server accepts another one behind it.
    fn may_go_ahead(&self) -> bool {
        let mails = self.offers.limits().mails;
        self.transaction.then == AfterTransaction::Rest
            && self.pipelines()
            && self.options.protocol == Protocol::Smtp
            // The message would follow before the replies.
            && !self.options.eager
            && self.options.testing.stop.is_none()
            && self.todo.is_empty()
            && self.postponed.is_empty()
            && mails.is_none_or(|most| self.transactions < most)
            // Nothing follows the first message: a server that sends a reply too many is noticed there.
            && self.transactions > 1
    }

    /// Begins the transaction in a session that was idle.
    pub(super) fn resume(&mut self) -> Action {
        let sent = mem::take(&mut self.ahead);
        let action = self.transact();
        if sent.is_empty() {
            return action;
        }
        match action {
            Action::Send(items) if is_same(&items, &sent) => Action::Sent(items),
            Action::Rest => {
                self.ahead = sent;
                Action::Rest
            }
            // After DATA, the server may wait for a message, which must not be empty.
            _ if sent.last().is_some_and(|line| line.step == Step::Data) => Action::Drop,
            Action::Send(items) => {
                // The server has counted the MAIL that was sent ahead, too (RFC 9422).
                self.transactions += 1;
                let items = self.with_reset(items);
                self.skip_all(sent, Action::Send(items))
            }
            action => self.skip_all(sent, action),
        }
    }

    /// RSET before a group that begins another transaction.
    fn with_reset(&mut self, mut items: Vec<Output>) -> Vec<Output> {
        if !self.is_quitting && self.awaiting.front() != Some(&Step::Rset) {
            self.awaiting.push_front(Step::Rset);
            items.insert(0, self.command_for(Step::Rset));
        }
        items
    }

    /// Reads the replies to these commands, which have no effect, before an action.
    fn skip_all(&mut self, sent: CommandsAhead, action: Action) -> Action {
        self.skipped = Some((sent.len(), action));
        Action::Sent(sent.into_iter().map(Output::Line).collect())
    }

    /// Handles a reply that has no effect, unless it ends the session.
    pub(super) fn skip_reply(&mut self, (left, action): (usize, Action), reply: &Reply) -> Action {
        if reply.code == 421 {
            self.awaiting.clear();
            self.refuse_rest(Step::Mail, reply);
            return Action::Drop;
        }
        match left {
            0 | 1 => action,
            left => {
                self.skipped = Some((left - 1, action));
                Action::Read
            }
        }
    }
}

fn is_envelope(step: Step) -> bool {
    matches!(step, Step::Mail | Step::Rcpt(_) | Step::Data)
}

fn is_same(items: &[Output], sent: &CommandsAhead) -> bool {
    let commands = items.iter().map(|item| match item {
        Output::Line(line) => Some(&line.wire),
        _ => None,
    });
    commands.eq(sent.iter().map(|line| Some(&line.wire)))
}
