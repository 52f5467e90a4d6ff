//! The state of an item, computed from the records of its journal in their order.

use crate::client::outcome::{LOGIN_REQUIRED, RecipientStatus};
use crate::mail::envelope::RecipientIndex;
use crate::queue::store::item::{AttemptResult, Id, ItemEvent, Metadata, OnUncertain, Record};
use std::time::{Duration, SystemTime};

/// An item in its current state.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: Id,
    pub metadata: Metadata,
    /// Octets of the message.
    pub size: u64,
    pub history: History,
    /// The reason why it failed; `None`: not failed.
    pub failed: Option<String>,
}

/// The state of an item according to its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// One for each recipient, in the order of the envelope.
    pub states: Vec<RecipientState>,
    /// Delivery attempts that were begun.
    pub attempts: u32,
    /// Attempts that do not count for the time of the next one: they were interrupted, or made before they
    /// were due.
    pub uncounted: u32,
    /// The number of consecutive last attempts without an end: the process that made them crashed.
    pub crashes: u32,
    /// Start of the last attempt.
    pub last_attempt: Option<SystemTime>,
    /// Start of the last attempt that was due.
    pub last_due: Option<SystemTime>,
    /// The total time between attempts. No interval counts for more than a day, so that a clock that jumps or
    /// a host that sleeps does not let the item expire.
    pub tried_for: Duration,
    /// True if the item is not tried until it is released.
    pub held: bool,
    /// Time of the release, if no attempt was made since. The item is due, regardless of the schedule.
    pub released: Option<SystemTime>,
    /// True if a warning was sent.
    pub warned: bool,
    /// A report that may or may not have been committed, and the recipients in it.
    pub reporting: Option<(Id, Vec<RecipientIndex>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientState {
    /// The result of the last attempt; `None`: not tried.
    pub result: Option<AttemptResult>,
    /// True if the reply to the last end of data is unknown, and the operator has not decided how to
    /// proceed.
    pub in_doubt: bool,
    /// True if the reply to an earlier end of data is unknown: whatever the current result is, the message
    /// may have arrived then.
    pub may_have_arrived: bool,
    /// True if the sender was notified of the failure, or no notification is needed.
    pub reported: bool,
}

/// Maximum time counted between two attempts, so that items do not expire because the clock jumped or the
/// host was off for a month.
const MAX_COUNTED: Duration = Duration::from_secs(24 * 60 * 60);

impl History {
    /// The history of a new item with this number of recipients.
    pub fn new(recipients: usize) -> Self {
        Self {
            states: vec![RecipientState::default(); recipients],
            ..Self::default()
        }
    }

    /// Applies these records in order. The error is a record about a recipient that does not exist.
    #[doc(hidden)]
    pub fn replay(recipients: usize, records: &[Record]) -> Result<Self, String> {
        let mut history = Self::new(recipients);
        for record in records {
            history.check(&record.event)?;
            history.apply(record);
        }
        Ok(history)
    }

    /// Checks that an event refers to existing recipients only.
    pub(super) fn check(&self, event: &ItemEvent) -> Result<(), String> {
        let unknown = |recipient: &&RecipientIndex| recipient.0 >= self.states.len();
        match recipients(event).iter().find(unknown) {
            Some(RecipientIndex(index)) => Err(format!(
                "its journal refers to recipient {index}, which does not exist"
            )),
            None => Ok(()),
        }
    }

    /// Applies one more record.
    pub(super) fn apply(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            ItemEvent::Attempt { recipients, early } => self.attempt(at, recipients, *early),
            ItemEvent::Ended { interrupted } => self.end(at, *interrupted),
            ItemEvent::Held => self.held = true,
            ItemEvent::Released => self.release(at),
            ItemEvent::Requeued => self.requeue(at),
            ItemEvent::Warned => self.warned = true,
            ItemEvent::Reporting { recipients, report } => self.reporting(report, recipients),
            ItemEvent::Reported { recipients } => self.reported(recipients),
            ItemEvent::EndOfData { recipients } => {
                self.for_each(recipients, RecipientState::end_of_data);
            }
            ItemEvent::Accepted { recipients, reply } => {
                self.for_each(recipients, |state| {
                    state.set_result(AttemptResult::accepted(reply));
                });
            }
            ItemEvent::Result { recipient, result } => {
                self.for_each(&[*recipient], |state| state.set_result(result.clone()));
            }
        }
    }

    fn for_each(&mut self, recipients: &[RecipientIndex], change: impl Fn(&mut RecipientState)) {
        for &recipient in recipients {
            if let Some(state) = self.states.get_mut(recipient.0) {
                change(state);
            }
        }
    }

    fn attempt(&mut self, at: SystemTime, recipients: &[RecipientIndex], early: bool) {
        if let Some(last) = self.last_attempt {
            let gap = at.duration_since(last).unwrap_or_default();
            self.tried_for += gap.min(MAX_COUNTED);
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
        // The attempt may end before the end of data: the message may still have arrived earlier.
        self.for_each(recipients, |state| {
            state.may_have_arrived |= state.in_doubt;
        });
    }

    fn end(&mut self, at: SystemTime, interrupted: bool) {
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
        self.states
            .iter_mut()
            .for_each(RecipientState::resolve_doubt);
    }

    fn requeue(&mut self, at: SystemTime) {
        let states = std::mem::take(&mut self.states);
        let states = states.into_iter().map(RecipientState::requeued).collect();
        *self = Self {
            states,
            released: Some(at),
            ..Self::default()
        };
    }

    fn reporting(&mut self, report: &Id, recipients: &[RecipientIndex]) {
        self.reporting = Some((report.clone(), recipients.to_vec()));
    }

    fn reported(&mut self, recipients: &[RecipientIndex]) {
        self.for_each(recipients, |state| state.reported = true);
        let is_done =
            |index: &RecipientIndex| self.states.get(index.0).is_none_or(|state| state.reported);
        if let Some((_, pending)) = &self.reporting
            && pending.iter().all(is_done)
        {
            self.reporting = None;
        }
    }

    /// The recipients to try.
    pub fn open(&self, on_uncertain: OnUncertain) -> Vec<RecipientIndex> {
        self.select(|state| state.is_open(on_uncertain))
    }

    /// The recipients with a permanent failure that was not reported to the sender yet.
    pub fn failed_unreported(&self) -> Vec<RecipientIndex> {
        self.select(RecipientState::is_failed_unreported)
    }

    /// The recipients that may have received the message and are not tried without a decision of the
    /// operator.
    pub fn undecided(&self, on_uncertain: OnUncertain) -> Vec<RecipientIndex> {
        self.select(|state| state.is_undecided(on_uncertain))
    }

    fn select(&self, is_selected: impl Fn(&RecipientState) -> bool) -> Vec<RecipientIndex> {
        let states = self.states.iter().enumerate();
        let selected = states.filter(|(_, state)| is_selected(state));
        selected.map(|(index, _)| RecipientIndex(index)).collect()
    }
}

/// The recipients that an event is about.
fn recipients(event: &ItemEvent) -> &[RecipientIndex] {
    match event {
        ItemEvent::Attempt { recipients, .. }
        | ItemEvent::EndOfData { recipients }
        | ItemEvent::Accepted { recipients, .. }
        | ItemEvent::Reporting { recipients, .. }
        | ItemEvent::Reported { recipients } => recipients,
        ItemEvent::Result { recipient, .. } => std::slice::from_ref(recipient),
        ItemEvent::Ended { .. }
        | ItemEvent::Held
        | ItemEvent::Released
        | ItemEvent::Requeued
        | ItemEvent::Warned => &[],
    }
}

impl RecipientState {
    /// There is no doubt about an earlier host in the same attempt: another host is tried only if the
    /// previous one has refused.
    fn end_of_data(&mut self) {
        self.in_doubt = true;
    }

    fn set_result(&mut self, result: AttemptResult) {
        self.in_doubt = result.verdict == RecipientStatus::Uncertain;
        self.result = Some(result);
    }

    /// The operator decided to try again.
    fn resolve_doubt(&mut self) {
        self.may_have_arrived |= self.in_doubt;
        self.in_doubt = false;
    }

    /// Resets the state, except that deliveries, certain or possible, are kept.
    fn requeued(mut self) -> Self {
        self.resolve_doubt();
        if self.verdict() != Some(RecipientStatus::Accepted) {
            self.result = None;
            self.reported = false;
        }
        self
    }

    fn verdict(&self) -> Option<RecipientStatus> {
        self.result.as_ref().map(|result| result.verdict)
    }

    /// True if a delivery from here on may be a duplicate.
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
    /// True if a person must log in at a provider before the message can be sent.
    pub fn waits_for_login(&self) -> bool {
        self.reply.is_none() && self.enhanced.as_deref() == Some(LOGIN_REQUIRED)
    }

    /// The server accepted it; details follow with the result.
    fn accepted(reply: &str) -> Self {
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
    /// The recipients to try.
    pub fn open(&self) -> Vec<RecipientIndex> {
        self.history.open(self.metadata.on_uncertain)
    }

    /// The recipients with a permanent failure that was not reported to the sender yet.
    pub fn failed_unreported(&self) -> Vec<RecipientIndex> {
        self.history.failed_unreported()
    }

    /// True if some recipients may have received the message and are not tried without a decision.
    pub fn waits_for_decision(&self) -> bool {
        !self
            .history
            .undecided(self.metadata.on_uncertain)
            .is_empty()
    }

    /// True if every recipient is finished, so that the item can be removed.
    pub fn is_done(&self) -> bool {
        self.open().is_empty() && self.failed_unreported().is_empty() && !self.waits_for_decision()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::store::item::from_milliseconds;
    use ItemEvent::{Held, Released, Requeued, Warned};

    const HOUR: u64 = 60 * 60;

    fn result_of(verdict: RecipientStatus) -> AttemptResult {
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
            recipients: vec![RecipientIndex(0), RecipientIndex(1)],
            early: false,
        }
    }

    fn end_of_data() -> ItemEvent {
        ItemEvent::EndOfData {
            recipients: vec![RecipientIndex(0)],
        }
    }

    fn accepted() -> ItemEvent {
        ItemEvent::Accepted {
            recipients: vec![RecipientIndex(0)],
            reply: "250 ok".to_owned(),
        }
    }

    fn result(verdict: RecipientStatus) -> ItemEvent {
        ItemEvent::Result {
            recipient: RecipientIndex(0),
            result: result_of(verdict),
        }
    }

    fn report() -> Id {
        Id::parse("1234567890abc").unwrap()
    }

    /// The history of two recipients, an hour between events.
    fn history_of(events: impl IntoIterator<Item = ItemEvent>) -> History {
        let events = events.into_iter().zip(1_u64..);
        let records = events.map(|(event, at)| Record {
            at: hour(at),
            event,
        });
        History::replay(2, &records.collect::<Vec<_>>()).unwrap()
    }

    fn at_hours(hours: &[u64]) -> History {
        let records = hours.iter().map(|&at| Record {
            at: hour(at),
            event: attempt(),
        });
        History::replay(2, &records.collect::<Vec<_>>()).unwrap()
    }

    fn hour(hour: u64) -> SystemTime {
        from_milliseconds(hour * HOUR * 1000)
    }

    #[test]
    fn a_new_item_is_open_for_all_recipients() {
        let history = history_of([]);
        assert_eq!(history, History::new(2));
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
    }

    #[test]
    fn delivery_is_in_doubt_from_the_end_of_data_to_its_reply() {
        let sent = history_of([attempt(), end_of_data()]);
        assert!(sent.states[0].in_doubt && !sent.states[1].in_doubt);
        let after = history_of([attempt(), end_of_data(), accepted()]);
        assert!(!after.states[0].may_arrive_twice());
        let result = after.states[0].result.as_ref().unwrap();
        assert_eq!(result.verdict, RecipientStatus::Accepted);
        assert_eq!(result.reply.as_deref(), Some("250 ok"));
        assert_eq!(after.open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn a_reply_to_the_end_of_data_leaves_no_doubt() {
        for verdict in [
            RecipientStatus::Refused,
            RecipientStatus::Deferred,
            RecipientStatus::Accepted,
        ] {
            let state = &history_of([attempt(), end_of_data(), result(verdict), ItemEvent::ENDED])
                .states[0];
            assert!(!state.may_arrive_twice(), "{verdict:?}");
            assert_eq!(state.result, Some(result_of(verdict)));
        }
    }

    #[test]
    fn a_lost_connection_and_a_crash_at_the_end_of_data_are_the_same_doubt() {
        let lost = history_of([
            attempt(),
            end_of_data(),
            result(RecipientStatus::Uncertain),
            ItemEvent::ENDED,
        ]);
        let crashed = history_of([attempt(), end_of_data()]);
        for history in [lost, crashed] {
            assert!(history.states[0].in_doubt);
            assert_eq!(history.open(OnUncertain::Retry), [0, 1]);
            assert_eq!(history.open(OnUncertain::Hold), [1]);
            assert_eq!(history.undecided(OnUncertain::Hold), [0]);
            assert!(history.undecided(OnUncertain::Retry).is_empty());
        }
    }

    #[test]
    fn a_doubt_remains_when_a_later_attempt_ends_before_the_end_of_data() {
        let uncertain = [
            attempt(),
            end_of_data(),
            result(RecipientStatus::Uncertain),
            ItemEvent::ENDED,
            attempt(),
        ];
        let later = history_of(
            uncertain
                .into_iter()
                .chain([result(RecipientStatus::Deferred), ItemEvent::ENDED]),
        );
        assert!(!later.states[0].in_doubt);
        assert!(later.states[0].may_arrive_twice());
    }

    #[test]
    fn a_second_host_after_a_refusal_is_not_a_reason_for_doubt() {
        let history = history_of([
            attempt(),
            end_of_data(),
            end_of_data(),
            result(RecipientStatus::Deferred),
            ItemEvent::ENDED,
        ]);
        assert!(!history.states[0].may_arrive_twice());
        let crashed = history_of([attempt(), end_of_data(), end_of_data()]);
        assert!(crashed.states[0].in_doubt);
    }

    #[test]
    fn two_ends_of_data_without_a_reply_may_be_two_deliveries() {
        let history = history_of([
            attempt(),
            end_of_data(),
            attempt(),
            end_of_data(),
            accepted(),
        ]);
        assert!(!history.states[0].in_doubt);
        assert!(history.states[0].may_have_arrived);
        assert_eq!(history.open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn a_recipient_is_open_unless_refused_or_accepted() {
        let open = |verdict| history_of([attempt(), result(verdict)]).open(OnUncertain::Retry);
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
        let crashes = |events: Vec<ItemEvent>| history_of(events).crashes;
        assert_eq!(crashes(vec![]), 0);
        assert_eq!(crashes(vec![attempt()]), 1);
        assert_eq!(crashes(vec![attempt(), ItemEvent::ENDED]), 0);
        assert_eq!(crashes(vec![attempt(), attempt(), attempt()]), 3);
        assert_eq!(
            crashes(vec![attempt(), attempt(), ItemEvent::ENDED, attempt()]),
            1
        );
        assert_eq!(
            history_of([attempt(), ItemEvent::ENDED, attempt()]).attempts,
            2
        );
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
    fn a_clock_that_jumps_counts_for_at_most_a_day() {
        let ten_years = 10 * 365 * 24;
        let forward = at_hours(&[1, 2, 2 + ten_years, 3 + ten_years]);
        assert_eq!(forward.tried_for, Duration::from_secs(26 * HOUR));
        let back = at_hours(&[ten_years, ten_years + 1, 1, 2]);
        assert_eq!(back.tried_for, Duration::from_secs(2 * HOUR));
    }

    #[test]
    fn a_held_item_waits_until_it_is_released() {
        assert!(history_of([Held]).held);
        let released = history_of([attempt(), attempt(), Held, Released]);
        assert!(!released.held);
        assert_eq!((released.crashes, released.released), (0, Some(hour(4))));
    }

    #[test]
    fn an_attempt_ends_a_release() {
        assert_eq!(history_of([Released, attempt()]).released, None);
    }

    #[test]
    fn a_release_opens_recipients_in_doubt() {
        let history = history_of([
            attempt(),
            end_of_data(),
            result(RecipientStatus::Uncertain),
            ItemEvent::ENDED,
            Released,
        ]);
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
        assert!(history.states[0].may_arrive_twice());
        assert!(!history.states[1].may_arrive_twice());
    }

    #[test]
    fn a_refusal_is_reported_once() {
        let refused = [
            attempt(),
            result(RecipientStatus::Refused),
            ItemEvent::ENDED,
        ];
        assert_eq!(history_of(refused.clone()).failed_unreported(), [0]);
        let (recipients, report) = (vec![RecipientIndex(0)], report());
        let reporting = ItemEvent::Reporting {
            recipients: recipients.clone(),
            report: report.clone(),
        };
        let pending = history_of(refused.iter().cloned().chain([reporting.clone()]));
        assert_eq!(pending.reporting, Some((report, recipients.clone())));
        assert_eq!(pending.failed_unreported(), [0]);
        let reported = [reporting, ItemEvent::Reported { recipients }];
        let done = history_of(refused.into_iter().chain(reported));
        assert_eq!(done.reporting, None);
        assert!(done.failed_unreported().is_empty());
    }

    #[test]
    fn a_report_about_others_does_not_end_one_that_is_pending() {
        let reporting = ItemEvent::Reporting {
            recipients: vec![RecipientIndex(0), RecipientIndex(1)],
            report: report(),
        };
        let one = ItemEvent::Reported {
            recipients: vec![RecipientIndex(1)],
        };
        assert!(
            history_of([reporting.clone(), one.clone()])
                .reporting
                .is_some()
        );
        let other = ItemEvent::Reported {
            recipients: vec![RecipientIndex(0)],
        };
        assert!(history_of([reporting, one, other]).reporting.is_none());
    }

    #[test]
    fn a_reported_recipient_is_not_tried_again() {
        let events = [
            attempt(),
            result(RecipientStatus::Deferred),
            ItemEvent::Reported {
                recipients: vec![RecipientIndex(0)],
            },
        ];
        assert_eq!(history_of(events).open(OnUncertain::Retry), [1]);
    }

    #[test]
    fn a_requeued_item_is_new_except_for_deliveries() {
        let two = ItemEvent::Result {
            recipient: RecipientIndex(1),
            result: result_of(RecipientStatus::Refused),
        };
        let reported = ItemEvent::Reported {
            recipients: vec![RecipientIndex(1)],
        };
        let events = [
            attempt(),
            accepted(),
            two,
            attempt(),
            Warned,
            Held,
            reported,
            Requeued,
        ];
        let history = history_of(events);
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
    fn a_doubt_is_kept_by_requeue() {
        let history = history_of([attempt(), end_of_data(), Requeued]);
        assert_eq!(history.open(OnUncertain::Hold), [0, 1]);
        assert!(history.states[0].may_arrive_twice());
    }

    #[test]
    fn an_unknown_recipient_is_an_error() {
        for event in [
            ItemEvent::EndOfData {
                recipients: vec![RecipientIndex(0), RecipientIndex(2)],
            },
            ItemEvent::Result {
                recipient: RecipientIndex(usize::MAX),
                result: result_of(RecipientStatus::Accepted),
            },
        ] {
            let at = hour(0);
            assert!(History::replay(2, &[Record { at, event }]).is_err());
        }
    }

    #[test]
    fn an_item_is_done_if_no_recipient_is_open_unreported_or_in_doubt() {
        let metadata =
            crate::queue::store::item::tests::metadata(&["a@example.org", "b@example.org"]);
        let done = |on_uncertain, events: Vec<ItemEvent>| {
            let mut metadata = metadata.clone();
            metadata.on_uncertain = on_uncertain;
            let history = history_of(events);
            let item = Item {
                id: report(),
                metadata,
                size: 1,
                history,
                failed: None,
            };
            (item.is_done(), item.waits_for_decision())
        };
        let second = ItemEvent::Result {
            recipient: RecipientIndex(1),
            result: result_of(RecipientStatus::Accepted),
        };
        let retry = OnUncertain::Retry;
        assert_eq!(done(retry, vec![]), (false, false));
        assert_eq!(done(retry, vec![accepted(), second.clone()]), (true, false));
        assert_eq!(
            done(
                retry,
                vec![result(RecipientStatus::Refused), second.clone()]
            ),
            (false, false)
        );
        assert_eq!(
            done(retry, vec![end_of_data(), second.clone()]),
            (false, false)
        );
        assert_eq!(
            done(OnUncertain::Hold, vec![end_of_data(), second]),
            (false, true)
        );
    }
}
