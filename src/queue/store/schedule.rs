//! The retry schedule of an item. The caller reads the clock once, and the result depends on it as little
//! as possible.

use crate::queue::store::{History, Item, RetrySettings};
use std::time::{Duration, SystemTime};

/// The interval if the settings contain none.
const USUAL_GAP: Duration = Duration::from_secs(30 * 60);

/// Upper limit of the interval, regardless of the settings.
const LONGEST_GAP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The time of the next action for an item.
enum NextStep {
    /// Not before the item is released.
    Never,
    /// At once, since this time.
    Since(SystemTime),
    At(SystemTime),
}

/// The time of the next action for an item, in the past if the action is overdue. `None`: the item waits
/// for a decision.
#[must_use]
pub fn next_attempt(item: &Item, settings: &RetrySettings) -> Option<SystemTime> {
    match when(item, settings) {
        NextStep::Never => None,
        NextStep::Since(time) | NextStep::At(time) => Some(time),
    }
}

/// True if there is something to do for an item now.
#[must_use]
pub fn is_due(item: &Item, settings: &RetrySettings, now: SystemTime) -> bool {
    match when(item, settings) {
        NextStep::Never => false,
        NextStep::Since(_) => true,
        // The clock went back: the time that it has waited is unknown.
        NextStep::At(time) => time <= now || item.history.last_attempt > Some(now),
    }
}

/// True if the item has been tried for the full period.
#[must_use]
pub fn is_spent(history: &History, settings: &RetrySettings) -> bool {
    history.tried_for >= settings.give_up
}

/// True if the sender is due to be warned of the delay.
#[must_use]
pub fn wants_warning(history: &History, settings: &RetrySettings) -> bool {
    let is_late = |after| history.tried_for >= after;
    !history.warned && settings.warn_after.is_some_and(is_late)
}

fn when(item: &Item, settings: &RetrySettings) -> NextStep {
    let history = &item.history;
    let is_open = !item.open().is_empty();
    let only_waits = item.waits_for_decision() && item.failed_unreported().is_empty();
    if history.held || (!is_open && only_waits) {
        return NextStep::Never;
    }
    let Some(last) = history.last_attempt else {
        return NextStep::Since(history.released.unwrap_or(item.metadata.queued));
    };
    match history.released {
        Some(released) => NextStep::Since(released),
        // All that is left is to report, or to remove it.
        None if !is_open => NextStep::Since(last),
        // The process that tried it crashed and learned nothing about the server. The caller counts the
        // crashes and decides when to stop.
        None if history.crashes > 0 => NextStep::Since(last),
        None => history
            .last_due
            .unwrap_or(last)
            .checked_add(gap(item, settings))
            .map_or(NextStep::Since(last), NextStep::At),
    }
}

/// The time from the last attempt to the next. The spread is derived from the item and the attempt, so that
/// the result is always the same.
fn gap(item: &Item, settings: &RetrySettings) -> Duration {
    let attempts = item.history.attempts.saturating_sub(item.history.uncounted);
    let attempts = usize::try_from(attempts).unwrap_or(usize::MAX);
    let place = attempts.saturating_sub(1);
    let gap = settings.gaps.get(place).or(settings.gaps.last());
    let gap = gap.copied().unwrap_or(USUAL_GAP).min(LONGEST_GAP);
    let chance = crc32fast::hash(format!("{} {attempts}", item.id).as_bytes());
    let part = f64::from(chance) / f64::from(u32::MAX) * f64::from(settings.spread) / 100.0;
    gap + gap.mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientStatus;
    use crate::queue::store::journal::moment;
    use crate::queue::store::{AttemptResult, Id, ItemEvent, OnUncertain, Record};

    const MINUTE: u64 = 60;

    fn at(minute: u64) -> SystemTime {
        moment((1_000_000 + minute * MINUTE) * 1000)
    }

    fn item_called(id: &str, entries: &[(u64, ItemEvent)]) -> Item {
        let noted = entries.iter().map(|(minute, entry)| Record {
            at: at(*minute),
            entry: entry.clone(),
        });
        let metadata = crate::queue::store::tests::metadata(&["a@example.org"]);
        Item {
            id: Id::parse(id).unwrap(),
            history: History::told(1, &noted.collect::<Vec<_>>()).unwrap(),
            metadata: crate::queue::store::Metadata {
                queued: at(0),
                ..metadata
            },
            size: 1,
            dead: None,
        }
    }

    fn item(entries: &[(u64, ItemEvent)]) -> Item {
        item_called("1234567890abc", entries)
    }

    fn attempt() -> ItemEvent {
        ItemEvent::Attempt {
            recipients: vec![0],
            early: false,
        }
    }

    fn end(verdict: RecipientStatus) -> ItemEvent {
        let end = AttemptResult {
            verdict,
            words: String::new(),
            reply: None,
            enhanced: None,
            server: None,
        };
        ItemEvent::Result { recipient: 0, end }
    }

    fn deferred_at(minutes: &[u64]) -> Vec<(u64, ItemEvent)> {
        let one = |&minute| {
            [
                (minute, attempt()),
                (minute, end(RecipientStatus::Deferred)),
                (minute, ItemEvent::OVER),
            ]
        };
        minutes.iter().flat_map(one).collect()
    }

    fn punctual() -> RetrySettings {
        RetrySettings {
            spread: 0,
            ..RetrySettings::default()
        }
    }

    fn is_due_at(item: &Item, minute: u64) -> bool {
        is_due(item, &punctual(), at(minute))
    }

    #[test]
    fn what_was_never_tried_is_due_whatever_the_clock_says() {
        let new = item(&[]);
        assert!(is_due_at(&new, 0));
        assert!(is_due(
            &new,
            &punctual(),
            at(0) - Duration::from_secs(99_999)
        ));
        assert_eq!(next_attempt(&new, &punctual()), Some(at(0)));
    }

    #[test]
    fn the_gaps_grow_and_the_last_goes_on() {
        let mut minutes = vec![0];
        for gap in [15, 30, 60, 120, 180, 180, 180] {
            let tried = item(&deferred_at(&minutes));
            let next = minutes.last().unwrap() + gap;
            assert_eq!(next_attempt(&tried, &punctual()), Some(at(next)));
            assert!(!is_due_at(&tried, next - 1) && is_due_at(&tried, next));
            minutes.push(next);
        }
    }

    #[test]
    fn the_spread_differs_from_item_to_item_and_not_from_look_to_look() {
        let settings = RetrySettings {
            spread: 10,
            ..RetrySettings::default()
        };
        let entries = deferred_at(&[0]);
        let next = |id| next_attempt(&item_called(id, &entries), &settings).unwrap();
        assert_eq!(next("1234567890abc"), next("1234567890abc"));
        assert_ne!(next("1234567890abc"), next("1234567890abd"));
        for id in ["0000000000000", "1234567890abc", "zzzzzzzzzzzzz"] {
            let gap = next(id).duration_since(at(0)).unwrap().as_secs_f64() / 60.0;
            assert!((15.0..=16.5).contains(&gap), "{id}: {gap}");
        }
    }

    #[test]
    fn a_clock_that_went_back_does_not_make_it_wait_for_years() {
        let tried = item(&deferred_at(&[1000]));
        assert!(is_due_at(&tried, 999));
        assert!(!is_due_at(&tried, 1001));
    }

    #[test]
    fn what_is_held_is_not_due_and_what_was_released_is_at_once() {
        let mut entries = deferred_at(&[0, 15]);
        entries.push((16, ItemEvent::Held));
        assert!(!is_due_at(&item(&entries), 9999));
        assert_eq!(next_attempt(&item(&entries), &punctual()), None);
        entries.push((17, ItemEvent::Released));
        assert!(is_due_at(&item(&entries), 17));
        entries.extend(deferred_at(&[17]));
        assert!(!is_due_at(&item(&entries), 18));
    }

    #[test]
    fn what_crashed_is_due_at_once() {
        assert!(is_due_at(&item(&[(0, attempt())]), 0));
    }

    #[test]
    fn what_waits_for_a_decision_is_not_due_until_there_is_one() {
        let mut waits = item(&[
            (0, attempt()),
            (0, end(RecipientStatus::Uncertain)),
            (0, ItemEvent::OVER),
        ]);
        assert!(is_due_at(&waits, 15));
        waits.metadata.on_uncertain = OnUncertain::Hold;
        assert!(!is_due_at(&waits, 9999));
        assert_eq!(next_attempt(&waits, &punctual()), None);
    }

    #[test]
    fn what_is_only_to_be_reported_or_removed_is_due_at_once() {
        for verdict in [RecipientStatus::Refused, RecipientStatus::Accepted] {
            let ended = item(&[(0, attempt()), (0, end(verdict)), (0, ItemEvent::OVER)]);
            assert!(is_due_at(&ended, 0), "{verdict:?}");
        }
    }

    #[test]
    fn it_is_given_up_after_five_days_of_trying() {
        let day = 24 * 60;
        let four = item(&deferred_at(&[0, day, 2 * day, 3 * day, 4 * day]));
        assert!(!is_spent(&four.history, &punctual()));
        let five = item(&deferred_at(&[0, day, 2 * day, 3 * day, 4 * day, 5 * day]));
        assert!(is_spent(&five.history, &punctual()));
    }

    #[test]
    fn a_warning_is_sent_once_and_only_if_wanted() {
        let mut entries = deferred_at(&[0, 239, 241]);
        let wanted = RetrySettings {
            warn_after: Some(Duration::from_secs(240 * MINUTE)),
            ..punctual()
        };
        let warning = |entries: &[_], settings: &RetrySettings| {
            wants_warning(&item(entries).history, settings)
        };
        assert!(!warning(&entries[..6], &wanted));
        assert!(warning(&entries, &wanted));
        assert!(!warning(&entries, &punctual()));
        entries.push((242, ItemEvent::Warned));
        assert!(!warning(&entries, &wanted));
    }

    /// Ten years forward and back, in minutes.
    const ANY_CLOCK: std::ops::Range<u64> = 0..2 * 10 * 365 * 24 * 60;

    proptest::proptest! {
        #[test]
        fn whatever_the_clock_does_nothing_waits_for_longer_than_the_longest_gap(
            minutes in proptest::collection::vec(ANY_CLOCK, 0..12),
            now in ANY_CLOCK,
        ) {
            let tried = item(&deferred_at(&minutes));
            proptest::prop_assert!(is_due_at(&tried, now) || is_due_at(&tried, now + 180));
        }

        #[test]
        fn whatever_the_clock_does_nothing_expires_before_it_was_tried_six_times(
            minutes in proptest::collection::vec(ANY_CLOCK, 0..6),
        ) {
            // Five gaps of a day, and no gap counts for more.
            let tried = item(&deferred_at(&minutes));
            proptest::prop_assert!(!is_spent(&tried.history, &punctual()));
        }
    }

    #[test]
    fn settings_without_gaps_still_wait() {
        let settings = RetrySettings {
            gaps: Vec::new(),
            ..punctual()
        };
        let tried = item(&deferred_at(&[0]));
        assert!(!is_due(&tried, &settings, at(29)) && is_due(&tried, &settings, at(30)));
    }

    #[test]
    fn an_attempt_before_it_is_due_does_not_change_when_the_next_is_due() {
        let settings = RetrySettings {
            spread: 0,
            ..RetrySettings::default()
        };
        let mut entries = deferred_at(&[0, 15]);
        let due = next_attempt(&item(&entries), &settings);
        assert_eq!(due, Some(at(45)));
        for minute in [20, 30] {
            let early = ItemEvent::Attempt {
                recipients: vec![0],
                early: true,
            };
            entries.extend([
                (minute, early),
                (minute, end(RecipientStatus::Deferred)),
                (minute, ItemEvent::OVER),
            ]);
        }
        assert_eq!(next_attempt(&item(&entries), &settings), due);
        entries.extend(deferred_at(&[45]));
        assert_eq!(next_attempt(&item(&entries), &settings), Some(at(105)));
    }

    #[test]
    fn an_attempt_that_was_interrupted_is_made_again_at_once() {
        let mut entries = deferred_at(&[0, 15]);
        entries.extend([
            (45, attempt()),
            (46, ItemEvent::Over { interrupted: true }),
            (46, ItemEvent::OVER),
        ]);
        let history = item(&entries).history;
        assert_eq!(
            (history.crashes, history.attempts, history.uncounted),
            (0, 3, 1)
        );
        let due = next_attempt(&item(&entries), &RetrySettings::default());
        assert_eq!(due, Some(at(46)));
    }
}
