//! The state of an item, computed from the entries of its journal in their order.

use crate::client::outcome::RecipientStatus;
use crate::queue::store::{
    AttemptResult, History, Id, Item, ItemEvent, OnUncertain, RecipientState, Record,
};
use std::time::{Duration, SystemTime};

/// Maximum time counted between two attempts, so that items do not expire because the clock jumped or the
/// host was off for a month.
const LONGEST_GAP: Duration = Duration::from_secs(24 * 60 * 60);

impl History {
    /// The history of a new item with this number of recipients.
    #[must_use]
    pub fn new(recipients: usize) -> Self {
        Self {
            states: vec![RecipientState::default(); recipients],
            attempts: 0,
            uncounted: 0,
            crashes: 0,
            last_attempt: None,
            last_due: None,
            tried_for: Duration::ZERO,
            held: false,
            released: None,
            warned: false,
            reporting: None,
        }
    }

    /// Applies these entries in order. The error is an entry about a recipient that does not exist.
    #[doc(hidden)]
    pub fn told(recipients: usize, entries: &[Record]) -> Result<Self, String> {
        let mut history = Self::new(recipients);
        for noted in entries {
            history.check(&noted.entry)?;
            history.add(noted);
        }
        Ok(history)
    }

    /// Checks that an entry refers to existing recipients only.
    pub(super) fn check(&self, entry: &ItemEvent) -> Result<(), String> {
        let unknown = |recipient: &&usize| **recipient >= self.states.len();
        match recipients(entry).iter().find(unknown) {
            Some(place) => Err(format!(
                "its journal speaks of recipient {place} who is not there"
            )),
            None => Ok(()),
        }
    }

    /// Applies one more entry.
    pub(super) fn add(&mut self, noted: &Record) {
        match &noted.entry {
            ItemEvent::Attempt { recipients, early } => self.attempt(noted.at, recipients, *early),
            ItemEvent::Over { interrupted } => self.over(noted.at, *interrupted),
            ItemEvent::Held => self.held = true,
            ItemEvent::Released => self.release(noted.at),
            ItemEvent::Requeued => self.requeue(noted.at),
            ItemEvent::Warned => self.warned = true,
            ItemEvent::Reporting { recipients, report } => self.reporting(report, recipients),
            ItemEvent::Reported { recipients } => self.reported(recipients),
            ItemEvent::Dot { recipients } => self.for_each(recipients, RecipientState::dot),
            ItemEvent::Taken { recipients, reply } => {
                self.for_each(recipients, |recipient_state| {
                    recipient_state.end_with(AttemptResult::taken(reply));
                });
            }
            ItemEvent::Result { recipient, end } => {
                self.for_each(&[*recipient], |recipient_state| {
                    recipient_state.end_with(end.clone())
                });
            }
        }
    }

    fn for_each(&mut self, recipients: &[usize], change: impl Fn(&mut RecipientState)) {
        for &recipient in recipients {
            if let Some(recipient_state) = self.states.get_mut(recipient) {
                change(recipient_state);
            }
        }
    }

    fn attempt(&mut self, at: SystemTime, recipients: &[usize], early: bool) {
        if let Some(last) = self.last_attempt {
            let gap = at.duration_since(last).unwrap_or_default();
            self.tried_for += gap.min(LONGEST_GAP);
        }
        self.last_attempt = Some(at);
        self.attempts += 1;
        if early {
            self.uncounted += 1;
        } else {
            self.last_due = Some(at);
        }
        self.crashes += 1;
        self.released = None;
        // A retry settles the question, but the doubt remains until there is another result.
        self.for_each(recipients, |recipient_state| {
            recipient_state.may_have_arrived |= recipient_state.in_doubt;
        });
    }

    fn over(&mut self, at: SystemTime, interrupted: bool) {
        self.crashes = 0;
        if interrupted {
            self.uncounted += 1;
            self.released = Some(at);
        }
    }

    fn release(&mut self, at: SystemTime) {
        self.held = false;
        self.crashes = 0;
        self.released = Some(at);
        self.states.iter_mut().for_each(RecipientState::decide);
    }

    fn requeue(&mut self, at: SystemTime) {
        let states = std::mem::take(&mut self.states);
        let states = states.into_iter().map(RecipientState::renewed).collect();
        *self = Self {
            states,
            released: Some(at),
            ..Self::new(0)
        };
    }

    fn reporting(&mut self, report: &Id, recipients: &[usize]) {
        self.reporting = Some((report.clone(), recipients.to_vec()));
    }

    fn reported(&mut self, recipients: &[usize]) {
        self.for_each(recipients, |recipient_state| {
            recipient_state.reported = true
        });
        let is_told = |pending: &usize| self.states.get(*pending).is_none_or(|one| one.reported);
        if let Some((_, pending)) = &self.reporting
            && pending.iter().all(is_told)
        {
            self.reporting = None;
        }
    }

    /// The recipients that are to be tried.
    #[must_use]
    pub fn open(&self, on_uncertain: OnUncertain) -> Vec<usize> {
        self.those(|recipient_state| recipient_state.is_open(on_uncertain))
    }

    /// The recipients with a permanent failure that was not reported to the sender yet.
    #[must_use]
    pub fn failed_unreported(&self) -> Vec<usize> {
        self.those(RecipientState::is_failed_unreported)
    }

    /// The recipients that may have received the message and are not tried without a decision of the
    /// operator.
    #[must_use]
    pub fn undecided(&self, on_uncertain: OnUncertain) -> Vec<usize> {
        self.those(|recipient_state| recipient_state.is_undecided(on_uncertain))
    }

    fn those(&self, which: impl Fn(&RecipientState) -> bool) -> Vec<usize> {
        let states = self.states.iter().enumerate();
        states
            .filter(|(_, recipient_state)| which(recipient_state))
            .map(|(place, _)| place)
            .collect()
    }
}

/// The recipients that an entry is about.
fn recipients(entry: &ItemEvent) -> &[usize] {
    match entry {
        ItemEvent::Attempt { recipients, .. }
        | ItemEvent::Dot { recipients }
        | ItemEvent::Taken { recipients, .. }
        | ItemEvent::Reporting { recipients, .. }
        | ItemEvent::Reported { recipients } => recipients,
        ItemEvent::Result { recipient, .. } => std::slice::from_ref(recipient),
        ItemEvent::Over { .. }
        | ItemEvent::Held
        | ItemEvent::Released
        | ItemEvent::Requeued
        | ItemEvent::Warned => &[],
    }
}

impl RecipientState {
    /// There is no doubt about an earlier host in the same attempt: another host is tried only if the
    /// previous one has refused.
    fn dot(&mut self) {
        self.in_doubt = true;
    }

    fn end_with(&mut self, end: AttemptResult) {
        self.in_doubt = end.verdict == RecipientStatus::Uncertain;
        self.end = Some(end);
    }

    /// The operator decided to try again.
    fn decide(&mut self) {
        self.may_have_arrived |= self.in_doubt;
        self.in_doubt = false;
    }

    /// Resets the state, except that deliveries, certain or possible, are kept.
    fn renewed(mut self) -> Self {
        self.decide();
        if self.verdict() != Some(RecipientStatus::Accepted) {
            self.end = None;
            self.reported = false;
        }
        self
    }

    fn verdict(&self) -> Option<RecipientStatus> {
        self.end.as_ref().map(|end| end.verdict)
    }

    /// True if a delivery from here on may be a duplicate.
    #[must_use]
    pub fn may_arrive_twice(&self) -> bool {
        self.in_doubt || self.may_have_arrived
    }

    fn is_open(&self, on_uncertain: OnUncertain) -> bool {
        match self.verdict() {
            _ if self.reported => false,
            _ if self.in_doubt => on_uncertain == OnUncertain::Retry,
            Some(RecipientStatus::Accepted | RecipientStatus::Refused) => false,
            Some(
                RecipientStatus::Deferred
                | RecipientStatus::Uncertain
                | RecipientStatus::Queued
                | RecipientStatus::Skipped,
            )
            | None => true,
        }
    }

    fn is_failed_unreported(&self) -> bool {
        self.verdict() == Some(RecipientStatus::Refused) && !self.in_doubt && !self.reported
    }

    fn is_undecided(&self, on_uncertain: OnUncertain) -> bool {
        self.in_doubt && !self.reported && on_uncertain == OnUncertain::Hold
    }
}

impl AttemptResult {
    /// The server accepted it; details follow with the result.
    fn taken(reply: &str) -> Self {
        Self {
            verdict: RecipientStatus::Accepted,
            words: String::new(),
            reply: Some(reply.to_owned()),
            enhanced: None,
            server: None,
        }
    }
}

impl Item {
    /// The recipients that are to be tried.
    #[must_use]
    pub fn open(&self) -> Vec<usize> {
        self.history.open(self.metadata.on_uncertain)
    }

    /// The recipients with a permanent failure that was not reported to the sender yet.
    #[must_use]
    pub fn failed_unreported(&self) -> Vec<usize> {
        self.history.failed_unreported()
    }

    /// True if some recipients may have received the message and are not tried without a decision.
    #[must_use]
    pub fn waits_for_decision(&self) -> bool {
        !self
            .history
            .undecided(self.metadata.on_uncertain)
            .is_empty()
    }

    /// True if every recipient is finished, so that the item can be removed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.open().is_empty() && self.failed_unreported().is_empty() && !self.waits_for_decision()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::store::journal::moment;
    use ItemEvent::{Held, Released, Requeued, Warned};

    const HOUR: u64 = 60 * 60;

    fn end(verdict: RecipientStatus) -> AttemptResult {
        let (reply, enhanced, server) = (None, None, None);
        let words = verdict.word().to_owned();
        AttemptResult {
            verdict,
            words,
            reply,
            enhanced,
            server,
        }
    }

    fn attempt() -> ItemEvent {
        ItemEvent::Attempt {
            recipients: vec![0, 1],
            early: false,
        }
    }

    fn dot() -> ItemEvent {
        ItemEvent::Dot {
            recipients: vec![0],
        }
    }

    fn taken() -> ItemEvent {
        ItemEvent::Taken {
            recipients: vec![0],
            reply: "250 ok".to_owned(),
        }
    }

    fn result(verdict: RecipientStatus) -> ItemEvent {
        let recipient = 0;
        ItemEvent::Result {
            recipient,
            end: end(verdict),
        }
    }

    fn report() -> Id {
        Id::parse("1234567890abc").unwrap()
    }

    /// The history of two recipients, an hour between entries.
    fn told(entries: impl IntoIterator<Item = ItemEvent>) -> History {
        let entries = entries.into_iter().zip(1_u64..);
        let noted = entries.map(|(entry, hour)| Record {
            at: moment(hour * HOUR * 1000),
            entry,
        });
        History::told(2, &noted.collect::<Vec<_>>()).unwrap()
    }

    fn at_hours(hours: &[u64]) -> History {
        let noted = hours.iter().map(|hour| Record {
            at: moment(hour * HOUR * 1000),
            entry: attempt(),
        });
        History::told(2, &noted.collect::<Vec<_>>()).unwrap()
    }

    fn hour(hour: u64) -> SystemTime {
        moment(hour * HOUR * 1000)
    }

    #[test]
    fn a_new_item_is_open_for_all_and_was_never_tried() {
        let history = told([]);
        assert_eq!(history, History::new(2));
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
    }

    #[test]
    fn from_the_dot_on_nobody_knows_until_the_server_took_it() {
        let dotted = told([attempt(), dot()]);
        assert!(dotted.states[0].in_doubt && !dotted.states[1].in_doubt);
        let after = told([attempt(), dot(), taken()]);
        assert!(!after.states[0].may_arrive_twice());
        let end = after.states[0].end.as_ref().unwrap();
        assert_eq!(end.verdict, RecipientStatus::Accepted);
        assert_eq!(end.reply.as_deref(), Some("250 ok"));
        assert_eq!(after.open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn a_refusal_of_the_dot_leaves_no_doubt() {
        for verdict in [
            RecipientStatus::Refused,
            RecipientStatus::Deferred,
            RecipientStatus::Accepted,
        ] {
            let recipient_state =
                &told([attempt(), dot(), result(verdict), ItemEvent::OVER]).states[0];
            assert!(!recipient_state.may_arrive_twice(), "{verdict:?}");
            assert_eq!(recipient_state.end, Some(end(verdict)));
        }
    }

    #[test]
    fn a_lost_connection_at_the_dot_and_a_crash_there_are_the_same_doubt() {
        let lost = told([
            attempt(),
            dot(),
            result(RecipientStatus::Uncertain),
            ItemEvent::OVER,
        ]);
        let crashed = told([attempt(), dot()]);
        for history in [lost, crashed] {
            assert!(history.states[0].in_doubt);
            assert_eq!(history.open(OnUncertain::Retry), [0, 1]);
            assert_eq!(history.open(OnUncertain::Hold), [1]);
            assert_eq!(history.undecided(OnUncertain::Hold), [0]);
            assert!(history.undecided(OnUncertain::Retry).is_empty());
        }
    }

    #[test]
    fn a_doubt_is_not_forgotten_when_a_later_attempt_ends_before_the_dot() {
        let uncertain = [
            attempt(),
            dot(),
            result(RecipientStatus::Uncertain),
            ItemEvent::OVER,
            attempt(),
        ];
        let later = told(
            uncertain
                .into_iter()
                .chain([result(RecipientStatus::Deferred), ItemEvent::OVER]),
        );
        assert!(!later.states[0].in_doubt);
        assert!(later.states[0].may_arrive_twice());
    }

    #[test]
    fn a_second_host_that_is_asked_because_the_first_said_no_is_no_reason_for_doubt() {
        let history = told([
            attempt(),
            dot(),
            dot(),
            result(RecipientStatus::Deferred),
            ItemEvent::OVER,
        ]);
        assert!(!history.states[0].may_arrive_twice());
        let crashed = told([attempt(), dot(), dot()]);
        assert!(crashed.states[0].in_doubt);
    }

    #[test]
    fn two_dots_without_a_reply_may_have_brought_it_twice() {
        let history = told([attempt(), dot(), attempt(), dot(), taken()]);
        assert!(!history.states[0].in_doubt);
        assert!(history.states[0].may_have_arrived);
        assert_eq!(history.open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn what_was_refused_or_taken_is_not_open_and_all_else_is() {
        let open = |verdict| told([attempt(), result(verdict)]).open(OnUncertain::Retry);
        assert_eq!(open(RecipientStatus::Accepted), [1]);
        assert_eq!(open(RecipientStatus::Refused), [1]);
        for verdict in [
            RecipientStatus::Deferred,
            RecipientStatus::Skipped,
            RecipientStatus::Uncertain,
        ] {
            assert_eq!(open(verdict), [0, 1]);
        }
    }

    #[test]
    fn attempts_without_an_end_are_crashes_until_one_has_an_end() {
        let crashes = |entries: Vec<ItemEvent>| told(entries).crashes;
        assert_eq!(crashes(vec![]), 0);
        assert_eq!(crashes(vec![attempt()]), 1);
        assert_eq!(crashes(vec![attempt(), ItemEvent::OVER]), 0);
        assert_eq!(crashes(vec![attempt(), attempt(), attempt()]), 3);
        assert_eq!(
            crashes(vec![attempt(), attempt(), ItemEvent::OVER, attempt()]),
            1
        );
        assert_eq!(told([attempt(), ItemEvent::OVER, attempt()]).attempts, 2);
    }

    #[test]
    fn the_time_of_trying_is_the_time_between_attempts() {
        assert_eq!(at_hours(&[]).tried_for, Duration::ZERO);
        assert_eq!(at_hours(&[7]).tried_for, Duration::ZERO);
        assert_eq!(
            at_hours(&[7, 8, 10]).tried_for,
            Duration::from_secs(3 * HOUR)
        );
        assert_eq!(at_hours(&[7, 8, 10]).last_attempt, Some(hour(10)));
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_old_and_nothing_young() {
        let ten_years = 10 * 365 * 24;
        let forward = at_hours(&[1, 2, 2 + ten_years, 3 + ten_years]);
        assert_eq!(forward.tried_for, Duration::from_secs(26 * HOUR));
        let back = at_hours(&[ten_years, ten_years + 1, 1, 2]);
        assert_eq!(back.tried_for, Duration::from_secs(2 * HOUR));
    }

    #[test]
    fn who_is_held_waits_until_it_is_released() {
        assert!(told([Held]).held);
        let released = told([attempt(), attempt(), Held, Released]);
        assert!(!released.held);
        assert_eq!((released.crashes, released.released), (0, Some(hour(4))));
    }

    #[test]
    fn an_attempt_uses_a_release_up() {
        assert_eq!(told([Released, attempt()]).released, None);
    }

    #[test]
    fn a_release_decides_what_was_in_doubt() {
        let history = told([
            attempt(),
            dot(),
            result(RecipientStatus::Uncertain),
            ItemEvent::OVER,
            Released,
        ]);
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
        assert!(history.states[0].may_arrive_twice());
        assert!(!history.states[1].may_arrive_twice());
    }

    #[test]
    fn a_refusal_is_reported_once() {
        let refused = [attempt(), result(RecipientStatus::Refused), ItemEvent::OVER];
        assert_eq!(told(refused.clone()).failed_unreported(), [0]);
        let (recipients, report) = (vec![0], report());
        let reporting = ItemEvent::Reporting {
            recipients: recipients.clone(),
            report: report.clone(),
        };
        let pending = told(refused.iter().cloned().chain([reporting.clone()]));
        assert_eq!(pending.reporting, Some((report, vec![0])));
        assert_eq!(pending.failed_unreported(), [0]);
        let reported = [reporting, ItemEvent::Reported { recipients }];
        let done = told(refused.into_iter().chain(reported));
        assert_eq!(done.reporting, None);
        assert!(done.failed_unreported().is_empty());
    }

    #[test]
    fn a_report_about_others_does_not_end_one_that_is_pending() {
        let reporting = ItemEvent::Reporting {
            recipients: vec![0, 1],
            report: report(),
        };
        let one = ItemEvent::Reported {
            recipients: vec![1],
        };
        assert!(told([reporting.clone(), one.clone()]).reporting.is_some());
        let other = ItemEvent::Reported {
            recipients: vec![0],
        };
        assert!(told([reporting, one, other]).reporting.is_none());
    }

    #[test]
    fn who_was_reported_is_not_tried_again() {
        let entries = [
            attempt(),
            result(RecipientStatus::Deferred),
            ItemEvent::Reported {
                recipients: vec![0],
            },
        ];
        assert_eq!(told(entries).open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn what_is_requeued_is_as_new_but_for_what_was_delivered() {
        let two = ItemEvent::Result {
            recipient: 1,
            end: end(RecipientStatus::Refused),
        };
        let reported = ItemEvent::Reported {
            recipients: vec![1],
        };
        let entries = [
            attempt(),
            taken(),
            two,
            attempt(),
            Warned,
            Held,
            reported,
            Requeued,
        ];
        let history = told(entries);
        assert_eq!(history.open(OnUncertain::Retry), [1]);
        assert!(history.failed_unreported().is_empty());
        assert_eq!(history.states[1], RecipientState::default());
        let expected = History {
            states: history.states.clone(),
            released: Some(hour(8)),
            ..History::new(2)
        };
        assert_eq!(history, expected);
    }

    #[test]
    fn a_doubt_outlives_a_requeueing() {
        let history = told([attempt(), dot(), Requeued]);
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
        assert!(history.states[0].may_arrive_twice());
    }

    #[test]
    fn a_recipient_who_is_not_there_is_an_error() {
        for entry in [
            ItemEvent::Dot {
                recipients: vec![0, 2],
            },
            ItemEvent::Result {
                recipient: usize::MAX,
                end: end(RecipientStatus::Accepted),
            },
        ] {
            let noted = Record {
                at: moment(0),
                entry,
            };
            assert!(History::told(2, &[noted]).is_err());
        }
    }

    #[test]
    fn an_item_is_done_when_nobody_is_open_unreported_or_in_doubt() {
        let metadata = crate::queue::store::tests::metadata(&["a@example.org", "b@example.org"]);
        let done = |on_uncertain, entries: Vec<ItemEvent>| {
            let mut metadata = metadata.clone();
            metadata.on_uncertain = on_uncertain;
            let history = told(entries);
            let item = Item {
                id: report(),
                metadata,
                size: 1,
                history,
                dead: None,
            };
            (item.is_done(), item.waits_for_decision())
        };
        let second = ItemEvent::Result {
            recipient: 1,
            end: end(RecipientStatus::Accepted),
        };
        let retry = OnUncertain::Retry;
        assert_eq!(done(retry, vec![]), (false, false));
        assert_eq!(done(retry, vec![taken(), second.clone()]), (true, false));
        assert_eq!(
            done(
                retry,
                vec![result(RecipientStatus::Refused), second.clone()]
            ),
            (false, false)
        );
        assert_eq!(done(retry, vec![dot(), second.clone()]), (false, false));
        assert_eq!(done(OnUncertain::Hold, vec![dot(), second]), (false, true));
    }
}
