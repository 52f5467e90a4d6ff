//! Early end of a session, for testing.

use crate::client::session::dialogue::{Action, Dialogue, Output};
use crate::client::session::{EarlyStop, RecipientReply, StopMethod, StopPoint};
use crate::smtp::stage::Stage;

impl Dialogue<'_> {
    /// Replaces the next action if it lies after the stop.
    pub(super) fn stopped(&mut self, stop: EarlyStop, action: Action) -> Action {
        if self.leaving {
            let is_done =
                stop.behind == StopPoint::Dot && stop.how != StopMethod::Quit && self.has_carried();
            return if is_done { Action::Drop } else { action };
        }
        let Some(last) = self.last_point(&action) else {
            return action;
        };
        let is_unread = stop.how == StopMethod::DropUnread;
        match action {
            Action::Say(items) if is_unread && self.completes(stop.behind, &items) => {
                self.doubt_if_ended(&items);
                self.answer_rest(&RecipientReply::Stopped(stop));
                Action::SayAndDrop(items)
            }
            // These two stages have no command, only a reply, which is not awaited.
            Action::Read if is_unread && stop.behind <= StopPoint::Banner => self.end(stop),
            _ if last > stop.behind => self.end(stop),
            action => action,
        }
    }

    /// True if a stage comes after the stop.
    pub(super) fn is_behind_stop(&self, stage: Stage) -> bool {
        let stop = self.options.bench.stop;
        let point = self.point(stage);
        stop.zip(point)
            .is_some_and(|(stop, point)| point > stop.behind)
    }

    fn point(&self, stage: Stage) -> Option<StopPoint> {
        StopPoint::of(stage, self.secured.is_some() && !self.begins_in_tls())
    }

    /// True if a point is complete with these. Preliminary commands do not complete it: EHLO inside TLS,
    /// XCLIENT, XFORWARD, or one recipient of several.
    fn completes(&self, point: StopPoint, items: &[Output]) -> bool {
        let leads = |stage: Stage| {
            matches!(stage, Stage::Xclient | Stage::Xforward | Stage::Rset)
                || point == StopPoint::Auth && stage != Stage::Auth
        };
        let is_it = |stage: Stage| self.point(stage) == Some(point) && !leads(stage);
        let is_left = self.unsaid.iter().any(|&stage| is_it(stage));
        !is_left && items.iter().filter_map(stage).any(is_it)
    }

    fn has_carried(&self) -> bool {
        self.begun > 0 && self.open_answers() == 0
    }

    fn open_answers(&self) -> usize {
        let is_open = |answer: &&Option<RecipientReply>| answer.is_none();
        self.answers.iter().filter(is_open).count()
    }

    /// The last point that an action reaches.
    fn last_point(&self, action: &Action) -> Option<StopPoint> {
        match action {
            Action::Say(items) => {
                let stages = items.iter().filter_map(stage);
                stages.filter_map(|stage| self.point(stage)).max()
            }
            Action::Read => self.point(self.awaited()),
            // With implicit TLS, the greeting follows the handshake.
            Action::Secure if self.begins_in_tls() => Some(StopPoint::Banner),
            Action::Secure => Some(StopPoint::Starttls),
            _ => None,
        }
    }

    fn begins_in_tls(&self) -> bool {
        self.options.tls == crate::client::session::TlsDemand::Implicit
    }

    fn end(&mut self, stop: EarlyStop) -> Action {
        let is_odd = matches!(stop.behind, StopPoint::Connect | StopPoint::Data);
        self.unsaid.clear();
        self.awaiting.clear();
        self.answer_rest(&RecipientReply::Stopped(stop));
        match stop.how {
            StopMethod::Quit if is_odd => Action::BlurtQuit,
            StopMethod::Quit => self.leave(),
            StopMethod::Drop | StopMethod::DropUnread => Action::Drop,
        }
    }

    /// Marks the result as uncertain if the end of data was sent and its reply is not read.
    fn doubt_if_ended(&mut self, items: &[Output]) {
        let is_end = |stage| matches!(stage, Stage::Dot | Stage::Bdat { last: true });
        if items.iter().filter_map(stage).any(is_end) {
            self.doubt();
        }
    }
}

fn stage(item: &Output) -> Option<Stage> {
    match item {
        Output::Line(line) => Some(line.stage),
        _ => None,
    }
}
