//! Item names: the time in milliseconds and some random bits, in digits and letters that cannot be confused
//! (no i, l, o and u), short enough to type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// In the order of ASCII, so that names sort by time.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 45 bits of milliseconds: until the year 3084.
const TIME: usize = 9;

/// 20 random bits make collisions rare; the file system prevents that a name is used twice.
const CHANCE: usize = 4;

/// The name of an item: digits and letters that sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(String);

impl Id {
    /// Parses a name; `None`: not a valid name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_id = name.len() == TIME + CHANCE && name.bytes().all(|byte| DIGITS.contains(&byte));
        is_id.then(|| Self(name.to_owned()))
    }

    pub(super) fn new(now: SystemTime) -> Self {
        let passed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let mut name = String::with_capacity(TIME + CHANCE);
        push(&mut name, time, TIME);
        push(&mut name, fastrand::u64(..), CHANCE);
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The last `count` digits of a number to the base of 32.
fn push(name: &mut String, number: u64, count: usize) {
    for place in (0..count).rev() {
        let digit = (number >> (5 * place)) & 31;
        name.push(char::from(DIGITS[usize::try_from(digit).unwrap_or(0)]));
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or("not the name of an item")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(milliseconds: u64) -> Id {
        Id::new(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    #[test]
    fn names_sort_by_time_and_can_be_read_back() {
        let times = [0, 1, 31, 32, 1_790_000_000_000, 1_790_000_000_001, 1 << 44];
        let ids: Vec<Id> = times.into_iter().map(at).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        for id in ids {
            assert_eq!(Id::parse(id.as_str()), Some(id));
        }
    }

    #[test]
    fn names_of_one_moment_differ() {
        assert_ne!((at(7), at(7), at(7)), (at(7), at(7), at(7)));
    }

    #[test]
    fn a_clock_before_1970_still_makes_a_name() {
        let id = Id::new(UNIX_EPOCH - Duration::from_secs(1));
        assert!(Id::parse(id.as_str()).is_some());
    }

    #[test]
    fn nothing_that_leads_out_of_a_directory_is_a_name() {
        for name in [
            "",
            "..",
            "../../../etc/p",
            "1234567890ab",
            "1234567890abi",
            "1234567890ABC",
        ] {
            assert_eq!(Id::parse(name), None, "{name}");
        }
    }
}
