//! Early end of a session, for testing.

use crate::client::session::dialogue::{Action, Dialogue, Output};
use crate::client::session::testing::stop_point;
use crate::client::session::{EarlyStop, RecipientReply, Step, StopMethod};
use crate::smtp::stage::Stage;

impl Dialogue<'_> {
    /// Replaces the next action if it lies after the stop.
    pub(super) fn stopped(&mut self, stop: EarlyStop, action: Action) -> Action {
        if self.is_quitting {
            let is_done =
                stop.after == Stage::Dot && stop.method != StopMethod::Quit && self.has_carried();
            return if is_done { Action::Drop } else { action };
        }
        let Some(last) = self.last_point(&action) else {
            return action;
        };
        let is_unread = stop.method == StopMethod::DropUnread;
        match action {
            Action::Send(items) if is_unread && self.completes(stop.after, &items) => {
                self.mark_uncertain_if_ended(&items);
                self.answer_rest(&RecipientReply::Stopped(stop));
                Action::SendAndDrop(items)
            }
            // These two stages have no command, only a reply, which is not awaited.
            Action::Read if is_unread && stop.after <= Stage::Banner => self.end(stop),
            _ if last > stop.after => self.end(stop),
            action => action,
        }
    }

    pub(super) fn is_after_stop(&self, step: Step) -> bool {
        let stop = self.options.testing.stop;
        let point = self.point(step);
        stop.zip(point)
            .is_some_and(|(stop, point)| point > stop.after)
    }

    fn point(&self, step: Step) -> Option<Stage> {
        stop_point(step, self.secured.is_some() && !self.begins_in_tls())
    }

    /// True if a point is complete with these. Preliminary commands do not complete it: EHLO inside TLS,
    /// XCLIENT, XFORWARD, or one recipient of several.
    fn completes(&self, point: Stage, items: &[Output]) -> bool {
        let leads = |step: Step| {
            matches!(step, Step::Xclient | Step::Xforward | Step::Rset)
                || point == Stage::Auth && step != Step::Auth
        };
        let is_it = |step: Step| self.point(step) == Some(point) && !leads(step);
        let is_left = self.unsent.iter().any(|&step| is_it(step));
        !is_left && items.iter().filter_map(step).any(is_it)
    }

    fn has_carried(&self) -> bool {
        self.transactions > 0 && self.open_answers() == 0
    }

    fn open_answers(&self) -> usize {
        let is_open = |answer: &&Option<RecipientReply>| answer.is_none();
        self.answers.iter().filter(is_open).count()
    }

    /// The last point that an action reaches.
    fn last_point(&self, action: &Action) -> Option<Stage> {
        match action {
            Action::Send(items) => {
                let stages = items.iter().filter_map(step);
                stages.filter_map(|step| self.point(step)).max()
            }
            Action::Read => self.point(self.awaited()),
            // With implicit TLS, the greeting follows the handshake.
            Action::Secure if self.begins_in_tls() => Some(Stage::Banner),
            Action::Secure => Some(Stage::Starttls),
            _ => None,
        }
    }

    fn begins_in_tls(&self) -> bool {
        self.options.tls == crate::client::session::TlsDemand::Implicit
    }

    fn end(&mut self, stop: EarlyStop) -> Action {
        let is_odd = matches!(stop.after, Stage::Connect | Stage::Data);
        self.unsent.clear();
        self.awaiting.clear();
        self.answer_rest(&RecipientReply::Stopped(stop));
        match stop.method {
            StopMethod::Quit if is_odd => Action::QuitOutOfSequence,
            StopMethod::Quit => self.quit(),
            StopMethod::Drop | StopMethod::DropUnread => Action::Drop,
        }
    }

    /// Marks the result as uncertain if the end of data was sent and its reply is not read.
    fn mark_uncertain_if_ended(&mut self, items: &[Output]) {
        let is_end = |step| matches!(step, Step::Dot | Step::Bdat { last: true });
        if items.iter().filter_map(step).any(is_end) {
            self.mark_uncertain();
        }
    }
}

fn step(item: &Output) -> Option<Step> {
    match item {
        Output::Line(line) => Some(line.step),
        _ => None,
    }
}
