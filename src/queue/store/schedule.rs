//! The retry schedule of an item.

use crate::queue::store::history::{History, Item};
use std::time::{Duration, SystemTime};

/// The retry schedule: times of the attempts, and their total duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// The times between attempts, in order; the last one is repeated.
    pub gaps: Vec<Duration>,
    /// Random extension of a gap in percent of its length, so that attempts do not coincide.
    pub spread: u8,
    /// Total time of attempts before a recipient is given up.
    pub give_up: Duration,
    /// Total time of attempts before the sender is warned; `None`: never.
    pub warn_after: Option<Duration>,
    /// Time before a host that was down is tried again.
    pub host_down: Duration,
    /// Maximum number of connections at the same time.
    pub connections: usize,
    /// Maximum number of connections to one host, or for one domain, at the same time.
    pub per_host: usize,
    /// A report of failure has the whole message up to this many octets, else only its header.
    pub bounce_size: u64,
}

impl Default for RetrySettings {
    /// RFC 5321 §4.5.4.1: twice in the first hour, then with growing gaps, for five days.
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self {
            gaps: [15, 30, 60, 120, 180].map(minutes).to_vec(),
            spread: 10,
            give_up: minutes(5 * 24 * 60),
            warn_after: None,
            host_down: minutes(5),
            connections: 16,
            per_host: 4,
            bounce_size: 1 << 20,
        }
    }
}

/// The interval if the settings contain none.
const DEFAULT_GAP: Duration = Duration::from_secs(30 * 60);

/// Upper limit of the interval, regardless of the settings.
const MAX_GAP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

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
pub fn next_attempt(item: &Item, settings: &RetrySettings) -> Option<SystemTime> {
    match next_step(item, settings) {
        NextStep::Never => None,
        NextStep::Since(time) | NextStep::At(time) => Some(time),
    }
}

/// True if there is something to do for an item now.
pub fn is_due(item: &Item, settings: &RetrySettings, now: SystemTime) -> bool {
    match next_step(item, settings) {
        NextStep::Never => false,
        NextStep::Since(_) => true,
        // If the clock went back, the time since the last attempt is unknown.
        NextStep::At(time) => time <= now || item.history.last_attempt > Some(now),
    }
}

/// True if the item has been tried for the whole period after which it is given up.
pub fn is_expired(history: &History, settings: &RetrySettings) -> bool {
    history.tried_for >= settings.give_up
}

/// True if the sender is to be warned of the delay now.
pub fn needs_warning(history: &History, settings: &RetrySettings) -> bool {
    let is_late = |after| history.tried_for >= after;
    !history.warned && settings.warn_after.is_some_and(is_late)
}

fn next_step(item: &Item, settings: &RetrySettings) -> NextStep {
    let history = &item.history;
    let is_open = !item.open().is_empty();
    let waits_only = item.waits_for_decision() && item.failed_unreported().is_empty();
    if history.held || (!is_open && waits_only) {
        return NextStep::Never;
    }
    let Some(last) = history.last_attempt else {
        return NextStep::Since(history.released.unwrap_or(item.metadata.queued));
    };
    match history.released {
        Some(released) => NextStep::Since(released),
        // It is to be reported or removed only.
        None if !is_open => NextStep::Since(last),
        // The process that tried it crashed and has learned nothing about the server. The caller counts
        // the crashes and decides when to stop.
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
    let index = attempts.saturating_sub(1);
    let gap = settings.gaps.get(index).or(settings.gaps.last());
    let gap = gap.copied().unwrap_or(DEFAULT_GAP).min(MAX_GAP);
    let hash = crc32fast::hash(format!("{} {attempts}", item.id).as_bytes());
    let fraction = f64::from(hash) / f64::from(u32::MAX) * f64::from(settings.spread) / 100.0;
    gap + gap.mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::outcome::RecipientStatus;
    use crate::mail::envelope::RecipientIndex;
    use crate::queue::store::item::{
        AttemptResult, Id, ItemEvent, Metadata, OnUncertain, Record, from_milliseconds,
    };

    const MINUTE: u64 = 60;

    fn at(minute: u64) -> SystemTime {
        from_milliseconds((1_000_000 + minute * MINUTE) * 1000)
    }

    fn item_named(id: &str, events: &[(u64, ItemEvent)]) -> Item {
        let records = events.iter().map(|(minute, event)| Record {
            at: at(*minute),
            event: event.clone(),
        });
        let metadata = crate::queue::store::item::tests::metadata(&["a@example.org"]);
        Item {
            id: Id::parse(id).unwrap(),
            history: History::replay(1, &records.collect::<Vec<_>>()).unwrap(),
            metadata: Metadata {
                queued: at(0),
                ..metadata
            },
            size: 1,
            failed: None,
        }
    }

    fn item(events: &[(u64, ItemEvent)]) -> Item {
        item_named("1234567890abc", events)
    }

    fn attempt() -> ItemEvent {
        ItemEvent::Attempt {
            recipients: vec![RecipientIndex(0)],
            early: false,
        }
    }

    fn result(verdict: RecipientStatus) -> ItemEvent {
        let result = AttemptResult {
            verdict,
            words: String::new(),
            reply: None,
            enhanced: None,
            server: None,
        };
        ItemEvent::Result {
            recipient: RecipientIndex(0),
            result,
        }
    }

    fn deferred_at(minutes: &[u64]) -> Vec<(u64, ItemEvent)> {
        let one = |&minute| {
            [
                (minute, attempt()),
                (minute, result(RecipientStatus::Deferred)),
                (minute, ItemEvent::ENDED),
            ]
        };
        minutes.iter().flat_map(one).collect()
    }

    fn without_spread() -> RetrySettings {
        RetrySettings {
            spread: 0,
            ..RetrySettings::default()
        }
    }

    fn is_due_at(item: &Item, minute: u64) -> bool {
        is_due(item, &without_spread(), at(minute))
    }

    #[test]
    fn an_untried_item_is_due_regardless_of_the_clock() {
        let new = item(&[]);
        assert!(is_due_at(&new, 0));
        assert!(is_due(
            &new,
            &without_spread(),
            at(0) - Duration::from_secs(99_999)
        ));
        assert_eq!(next_attempt(&new, &without_spread()), Some(at(0)));
    }

    #[test]
    fn the_last_gap_is_repeated() {
        let mut minutes = vec![0];
        for gap in [15, 30, 60, 120, 180, 180, 180] {
            let tried = item(&deferred_at(&minutes));
            let next = minutes.last().unwrap() + gap;
            assert_eq!(next_attempt(&tried, &without_spread()), Some(at(next)));
            assert!(!is_due_at(&tried, next - 1) && is_due_at(&tried, next));
            minutes.push(next);
        }
    }

    #[test]
    fn the_spread_depends_on_the_item_only() {
        let settings = RetrySettings {
            spread: 10,
            ..RetrySettings::default()
        };
        let events = deferred_at(&[0]);
        let next = |id| next_attempt(&item_named(id, &events), &settings).unwrap();
        assert_eq!(next("1234567890abc"), next("1234567890abc"));
        assert_ne!(next("1234567890abc"), next("1234567890abd"));
        for id in ["0000000000000", "1234567890abc", "zzzzzzzzzzzzz"] {
            let gap = next(id).duration_since(at(0)).unwrap().as_secs_f64() / 60.0;
            assert!((15.0..=16.5).contains(&gap), "{id}: {gap}");
        }
    }

    #[test]
    fn an_item_is_due_after_the_clock_went_back() {
        let tried = item(&deferred_at(&[1000]));
        assert!(is_due_at(&tried, 999));
        assert!(!is_due_at(&tried, 1001));
    }

    #[test]
    fn a_held_item_is_not_due_and_a_released_one_is_due_at_once() {
        let mut events = deferred_at(&[0, 15]);
        events.push((16, ItemEvent::Held));
        assert!(!is_due_at(&item(&events), 9999));
        assert_eq!(next_attempt(&item(&events), &without_spread()), None);
        events.push((17, ItemEvent::Released));
        assert!(is_due_at(&item(&events), 17));
        events.extend(deferred_at(&[17]));
        assert!(!is_due_at(&item(&events), 18));
    }

    #[test]
    fn an_item_is_due_at_once_after_a_crash() {
        assert!(is_due_at(&item(&[(0, attempt())]), 0));
    }

    #[test]
    fn an_item_that_waits_for_a_decision_is_not_due() {
        let mut waits = item(&[
            (0, attempt()),
            (0, result(RecipientStatus::Uncertain)),
            (0, ItemEvent::ENDED),
        ]);
        assert!(is_due_at(&waits, 15));
        waits.metadata.on_uncertain = OnUncertain::Hold;
        assert!(!is_due_at(&waits, 9999));
        assert_eq!(next_attempt(&waits, &without_spread()), None);
    }

    #[test]
    fn an_item_to_be_reported_or_removed_is_due_at_once() {
        for verdict in [RecipientStatus::Refused, RecipientStatus::Accepted] {
            let ended = item(&[(0, attempt()), (0, result(verdict)), (0, ItemEvent::ENDED)]);
            assert!(is_due_at(&ended, 0), "{verdict:?}");
        }
    }

    #[test]
    fn an_item_expires_after_five_days_of_attempts() {
        let day = 24 * 60;
        let four = item(&deferred_at(&[0, day, 2 * day, 3 * day, 4 * day]));
        assert!(!is_expired(&four.history, &without_spread()));
        let five = item(&deferred_at(&[0, day, 2 * day, 3 * day, 4 * day, 5 * day]));
        assert!(is_expired(&five.history, &without_spread()));
    }

    #[test]
    fn a_warning_is_sent_once_and_only_if_configured() {
        let mut events = deferred_at(&[0, 239, 241]);
        let settings = RetrySettings {
            warn_after: Some(Duration::from_secs(240 * MINUTE)),
            ..without_spread()
        };
        let warning =
            |events: &[_], settings: &RetrySettings| needs_warning(&item(events).history, settings);
        assert!(!warning(&events[..6], &settings));
        assert!(warning(&events, &settings));
        assert!(!warning(&events, &without_spread()));
        events.push((242, ItemEvent::Warned));
        assert!(!warning(&events, &settings));
    }

    /// Ten years forward and back, in minutes.
    const ANY_CLOCK: std::ops::Range<u64> = 0..2 * 10 * 365 * 24 * 60;

    proptest::proptest! {
        #[test]
        fn no_item_waits_longer_than_the_longest_gap(
            minutes in proptest::collection::vec(ANY_CLOCK, 0..12),
            now in ANY_CLOCK,
        ) {
            let tried = item(&deferred_at(&minutes));
            proptest::prop_assert!(is_due_at(&tried, now) || is_due_at(&tried, now + 180));
        }

        #[test]
        fn no_item_expires_before_its_sixth_attempt(
            minutes in proptest::collection::vec(ANY_CLOCK, 0..6),
        ) {
            // Five gaps of a day, and no gap counts for more.
            let tried = item(&deferred_at(&minutes));
            proptest::prop_assert!(!is_expired(&tried.history, &without_spread()));
        }
    }

    #[test]
    fn settings_without_gaps_use_the_default() {
        let settings = RetrySettings {
            gaps: Vec::new(),
            ..without_spread()
        };
        let tried = item(&deferred_at(&[0]));
        assert!(!is_due(&tried, &settings, at(29)) && is_due(&tried, &settings, at(30)));
    }

    #[test]
    fn an_early_attempt_does_not_move_the_next_one() {
        let settings = RetrySettings {
            spread: 0,
            ..RetrySettings::default()
        };
        let mut events = deferred_at(&[0, 15]);
        let due = next_attempt(&item(&events), &settings);
        assert_eq!(due, Some(at(45)));
        for minute in [20, 30] {
            let early = ItemEvent::Attempt {
                recipients: vec![RecipientIndex(0)],
                early: true,
            };
            events.extend([
                (minute, early),
                (minute, result(RecipientStatus::Deferred)),
                (minute, ItemEvent::ENDED),
            ]);
        }
        assert_eq!(next_attempt(&item(&events), &settings), due);
        events.extend(deferred_at(&[45]));
        assert_eq!(next_attempt(&item(&events), &settings), Some(at(105)));
    }

    #[test]
    fn an_interrupted_attempt_is_repeated_at_once() {
        let mut events = deferred_at(&[0, 15]);
        events.extend([
            (45, attempt()),
            (46, ItemEvent::Ended { interrupted: true }),
            (46, ItemEvent::ENDED),
        ]);
        let history = item(&events).history;
        assert_eq!(
            (history.crashes, history.attempts, history.uncounted),
            (0, 3, 1)
        );
        let due = next_attempt(&item(&events), &RetrySettings::default());
        assert_eq!(due, Some(at(46)));
    }
}
