//! The clock, as a header writes it.

use chrono::{DateTime, Local};
use std::time::{Duration, SystemTime};

/// A `Date:` value in the local zone, `Sun, 22 Nov 2026 22:15:30 +0100` (RFC 5322 §3.3).
#[must_use]
pub fn header_date(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// `20261122221530` in UTC: the readable half of a Message-ID.
#[must_use]
pub fn stamp(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at)
        .format("%Y%m%d%H%M%S")
        .to_string()
}

/// The seconds since 1970.
#[must_use]
pub fn now_in_seconds() -> i64 {
    chrono::Utc::now().timestamp()
}

/// `2026-11-22T22:15:30Z`, for programs (RFC 3339).
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// `Sun Nov 22 21:15:30 2026` in UTC, as the first line of a message in a mailbox has it (RFC 4155).
#[must_use]
pub fn asctime(at: SystemTime) -> String {
    DateTime::<chrono::Utc>::from(at)
        .format("%a %b %e %H:%M:%S %Y")
        .to_string()
}

/// A time as one speaks of it, rounded down: `1 minute`, `47 hours`, `5 days`.
#[must_use]
pub fn spoken(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (count, unit) = match minutes {
        0..120 => (minutes, "minute"),
        120..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A time as a line of a table has it: `0.8s`, `4m12s`, `3h05m`, `2d4h`.
#[must_use]
pub fn brief(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0 => format!("0.{}s", time.subsec_millis() / 100),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// `2026-11-22 22:15:30 +0100` in the local zone, for people.
#[must_use]
pub fn local(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%Y-%m-%d %H:%M:%S %z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_time_has_two_units_at_most() {
        let seconds = [0, 7, 252, 3 * 3600 + 300, 2 * 86400 + 4 * 3600 + 59];
        let said = seconds.map(|seconds| brief(Duration::from_secs(seconds)));
        assert_eq!(said, ["0.0s", "7s", "4m12s", "3h05m", "2d4h"]);
        assert_eq!(brief(Duration::from_millis(850)), "0.8s");
    }
}
