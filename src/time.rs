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

/// `Sun Nov 22 22:15:30 2026` in UTC: the first line of a message in an mbox (RFC 4155).
#[must_use]
pub fn mbox_date(at: SystemTime) -> String {
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

/// `2026-11-22 22:15:30 +0100` in the local zone, for people.
#[must_use]
pub fn local(at: SystemTime) -> String {
    DateTime::<Local>::from(at)
        .format("%Y-%m-%d %H:%M:%S %z")
        .to_string()
}
