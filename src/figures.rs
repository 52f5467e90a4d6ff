//! Sizes, ages and counts, as short as people say them.

use std::time::{Duration, SystemTime};

/// Octets like `ls -h` writes them: `312`, `1.2K`, `35M`.
#[must_use]
pub fn size(octets: u64) -> String {
    const LETTERS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let power = octets.checked_ilog2().unwrap_or_default() / 10;
    let letter = LETTERS[power as usize];
    // Rounded down, so that nothing seems to be larger than a limit that it has kept to.
    let tenths = (u128::from(octets) * 10) >> (10 * power);
    if power == 0 || tenths >= 100 {
        return format!("{}{letter}", tenths / 10);
    }
    format!("{}.{}{letter}", tenths / 10, tenths % 10)
}

/// A time in its greatest unit: `42s`, `5m`, `3h`, `2d`.
#[must_use]
pub fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// For how long something has been; nothing where the clock was set back.
#[must_use]
pub fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

/// `1 item`, `3 items`: for things whose plural has an s.
#[must_use]
pub fn counted(count: u64, thing: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_two_digits_and_a_letter_or_a_few_more() {
        let shown = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1229, "1.2K"),
            (10_239, "9.9K"),
            (10_240, "10K"),
            (1_048_575, "1023K"),
            (1_048_576, "1.0M"),
            (36_700_160, "35M"),
            (u64::MAX, "15E"),
        ];
        for (octets, text) in shown {
            assert_eq!(size(octets), text, "{octets}");
        }
    }

    #[test]
    fn a_time_is_shown_in_its_greatest_unit() {
        let shown = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (3600, "1h"),
            (86_399, "23h"),
            (172_800, "2d"),
        ];
        for (seconds, text) in shown {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_older() {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(since(then, SystemTime::UNIX_EPOCH), Duration::ZERO);
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!(counted(0, "item"), "0 items");
    }
}
