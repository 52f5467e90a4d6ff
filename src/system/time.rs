//! Formatting and parsing of times and dates.

use chrono::{DateTime, Local, NaiveTime, TimeDelta};
use std::time::{Duration, SystemTime};

/// A `Date:` value in the local zone, `Sun, 22 Nov 2026 22:15:30 +0100` (RFC 5322 §3.3).
pub fn header_date(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// `20261122221530` in UTC: the readable half of a Message-ID.
pub fn stamp(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at)
        .format("%Y%m%d%H%M%S")
        .to_string()
}

/// `20261122231530` in the local zone.
pub fn local_stamp(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%Y%m%d%H%M%S")
        .to_string()
}

/// The seconds since 1970.
pub fn now_in_seconds() -> i64 {
    chrono::Utc::now().timestamp()
}

/// `2026-11-22T22:15:30Z`, for programs (RFC 3339).
pub fn rfc3339(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Parses a time such as `2026-11-22T22:15:30Z` (RFC 3339). `None`: not valid.
pub fn from_rfc3339(text: &str) -> Option<SystemTime> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(SystemTime::from(at))
}

/// `Sun Nov 22 21:15:30 2026` in UTC, for the first line of a message in a mailbox (RFC 4155).
pub fn asctime(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at)
        .format("%a %b %e %H:%M:%S %Y")
        .to_string()
}

/// `Nov  1 22:15:30` in the local zone, as in the files of syslog (RFC 3164 §4.1.2).
pub fn of_log(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%b %e %H:%M:%S")
        .to_string()
}

/// A duration for a sentence, rounded down: `20 seconds`, `47 hours`, `5 days`.
pub fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    crate::system::figures::counted(count, unit)
}

/// A duration for lines and columns, in two units at most: `340ms`, `2.5s`, `12s`, `4m12s`, `1h02m`,
/// `3d04h`.
pub fn brief(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        _ if seconds < 60 && time.subsec_nanos() == 0 => format!("{seconds}s"),
        0 => format!("{}ms", time.subsec_millis()),
        1..10 => format!("{}.{}s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// Time since `then` in whole seconds. Zero if the clock was set back.
pub fn since(then: SystemTime, now: SystemTime) -> Duration {
    let passed = now.duration_since(then).unwrap_or_default();
    Duration::from_secs(passed.as_secs())
}

/// A stored time may be ahead of the clock by this much and is still trusted. Clocks are usually corrected
/// by less.
pub const SKEW: Duration = Duration::from_secs(60);

/// True if a time of day, in minutes since local midnight, is after `then` and not after `now`. A `then` in
/// the future was written while the clock was wrong, and is treated as long ago.
pub fn has_come(minute: u16, then: SystemTime, now: SystemTime) -> bool {
    if then.duration_since(now).is_ok_and(|ahead| ahead > SKEW) {
        return true;
    }
    let (then, now) = (DateTime::<Local>::from(then), DateTime::<Local>::from(now));
    let of_day = TimeDelta::minutes(minute.into());
    let today = now.date_naive().and_time(NaiveTime::MIN) + of_day;
    let last = if today <= now.naive_local() {
        today
    } else {
        today - TimeDelta::days(1)
    };
    then.naive_local() < last
}

/// `2026-11-22 22:15:30 +0100` in the local zone, for people.
pub fn local(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%Y-%m-%d %H:%M:%S %z")
        .to_string()
}

/// Parses `30s`, `500ms`, `2m`, `1h`, `5d`. A number without a unit is not valid: `6` may be meant as six
/// hours.
pub fn parsed(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "s" => number,
        "ms" => number / 1000.0,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_has_at_most_two_units() {
        let said = |millis| brief(Duration::from_millis(millis));
        let all = [340, 9_999, 12_300, 252_000, 3_720_000, 273_600_000].map(said);
        assert_eq!(all, ["340ms", "9.9s", "12s", "4m12s", "1h02m", "3d04h"]);
        // A duration in whole seconds has no fraction.
        assert_eq!([0, 5_000].map(said), ["0s", "5s"]);
    }

    #[test]
    fn clock_set_back_gives_no_negative_age() {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(since(then, SystemTime::UNIX_EPOCH), Duration::ZERO);
        let later = then + Duration::from_millis(2_300);
        assert_eq!(since(then, later), Duration::from_secs(2));
    }

    #[test]
    fn time_of_day_occurs_once_a_day() {
        let local = |day, hour, minute| {
            let date = chrono::NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
            let time = date.and_hms_opt(hour, minute, 0).unwrap();
            SystemTime::from(time.and_local_timezone(Local).unwrap())
        };
        let seven = 7 * 60;
        let begun = local(22, 20, 0);
        for (now, is_due) in [
            (local(22, 23, 0), false),
            (local(23, 6, 59), false),
            (local(23, 7, 0), true),
            (local(23, 9, 0), true),
            (local(25, 3, 0), true),
        ] {
            assert_eq!(has_come(seven, begun, now), is_due, "{now:?}");
        }
        assert!(!has_come(seven, local(23, 7, 0), local(24, 6, 0)));
        // The clock was ahead when the time was stored.
        assert!(has_come(seven, local(24, 6, 2), local(24, 6, 0)));
        assert!(!has_come(seven, local(24, 6, 1), local(24, 6, 0)));
    }
}
