//! An end before its time, as testers ask for it.

use super::{Action, Dialogue, Item};
use crate::session::{Answer, How, Point, Stage, Stop};

impl Dialogue<'_> {
    /// What is done in place of the next action, where that lies behind the stop.
    pub(super) fn stopped(&mut self, stop: Stop, action: Action) -> Action {
        if self.leaving {
            let is_done = stop.behind == Point::Dot && stop.how != How::Quit && self.has_carried();
            return if is_done { Action::Drop } else { action };
        }
        let Some(last) = self.last_point(&action) else {
            return action;
        };
        let is_unread = stop.how == How::DropUnread;
        match action {
            Action::Say(items) if is_unread && last == stop.behind => {
                self.doubt_if_ended(&items);
                self.answer_rest(&Answer::Stopped(stop));
                Action::SayAndDrop(items)
            }
            // Nothing is said for these two; there is only a reply, and it is not waited for.
            Action::Read if is_unread && stop.behind <= Point::Banner => self.end(stop),
            _ if last > stop.behind => self.end(stop),
            action => action,
        }
    }

    /// Whether a stage comes behind the stop.
    pub(super) fn is_behind_stop(&self, stage: Stage) -> bool {
        let stop = self.options.bench.stop;
        let point = Point::of(stage, self.secured.is_some());
        stop.zip(point)
            .is_some_and(|(stop, point)| point > stop.behind)
    }

    fn has_carried(&self) -> bool {
        self.begun > 0 && self.open_answers() == 0
    }

    fn open_answers(&self) -> usize {
        let is_open = |answer: &&Option<Answer>| answer.is_none();
        self.answers.iter().filter(is_open).count()
    }

    /// The furthest point that an action leads to.
    fn last_point(&self, action: &Action) -> Option<Point> {
        let in_tls = self.secured.is_some();
        match action {
            Action::Say(items) => items
                .iter()
                .filter_map(|item| match item {
                    Item::Line(line) => Point::of(line.stage, in_tls),
                    _ => None,
                })
                .max(),
            Action::Read => Point::of(self.awaited(), in_tls),
            // With the greeting still to come, it is encrypted from the beginning.
            Action::Secure if self.begins_in_tls() => Some(Point::Banner),
            Action::Secure => Some(Point::Starttls),
            _ => None,
        }
    }

    fn begins_in_tls(&self) -> bool {
        self.options.tls == crate::session::Encryption::Implicit
    }

    fn end(&mut self, stop: Stop) -> Action {
        let is_odd = matches!(stop.behind, Point::Connect | Point::Data);
        self.unsaid.clear();
        self.awaiting.clear();
        self.answer_rest(&Answer::Stopped(stop));
        match stop.how {
            How::Quit if is_odd => Action::BlurtQuit,
            How::Quit => self.leave(),
            How::Drop | How::DropUnread => Action::Drop,
        }
    }

    /// Once the end of data is out and its reply is not read, nobody knows.
    fn doubt_if_ended(&mut self, items: &[Item]) {
        let is_end = |item: &Item| match item {
            Item::Line(line) => matches!(line.stage, Stage::Dot | Stage::Bdat { last: true }),
            _ => false,
        };
        if items.iter().any(is_end) {
            self.doubt();
        }
    }
}
