//! An item of the queue: its name, its metadata, and the events that its journal records.

use crate::client::outcome::RecipientStatus;
use crate::mail::address::Address;
use crate::mail::envelope::{Envelope, RecipientIndex};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The part of an item that is written once, before the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub envelope: Envelope,
    /// True if the header contains raw UTF-8 (RFC 6532).
    pub utf8_header: bool,
    pub route_spec: RouteSpec,
    /// The action for recipients that may already have received the message.
    pub on_uncertain: OnUncertain,
    /// A shell command that receives the recipients that were given up, as JSON.
    pub on_failure: Option<String>,
    /// The reason why the item is in the queue.
    pub kind: ItemKind,
    /// The time of the commit.
    pub queued: SystemTime,
}

/// The stored form of a route: the name of a profile and the options given in addition. Never contains a
/// password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// The configuration file of the profile; `None`: no profile.
    pub config: Option<PathBuf>,
    pub profile: Option<String>,
    /// Options about route, session, TLS and login, as `--name=value` or `--name`.
    pub options: Vec<String>,
}

/// The action for a recipient that may already have received the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Tries again, and marks the message as a possible duplicate.
    #[default]
    Retry,
    /// Waits for a decision of the operator.
    Hold,
}

/// The reason why an item is in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ItemKind {
    #[default]
    Mail,
    /// It reports on another item (RFC 3464).
    Report(Id),
}

/// An event of an item. Recipients are indexes into its envelope. The serialized names are those in the
/// journal, so that a change of them needs a new version of the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum ItemEvent {
    /// A delivery to these recipients is about to begin.
    Attempt {
        recipients: Vec<RecipientIndex>,
        /// True if the user asked for this attempt before it was due. It does not move the time of the next
        /// attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        early: bool,
    },
    /// The end of data is about to be sent for these recipients. The result is unknown until there is a
    /// reply.
    #[serde(rename = "dot")]
    EndOfData { recipients: Vec<RecipientIndex> },
    /// The server accepted the message for these recipients.
    #[serde(rename = "taken")]
    Accepted {
        recipients: Vec<RecipientIndex>,
        /// The reply to the end of data, printable.
        reply: String,
    },
    /// The result for one recipient.
    Result {
        recipient: RecipientIndex,
        #[serde(flatten)]
        result: AttemptResult,
    },
    /// The attempt has ended, and the program that made it has not crashed.
    #[serde(rename = "over")]
    Ended {
        /// True if the attempt was asked to end before it had tried all recipients. It does not count, and
        /// the next attempt can follow at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// Not tried until it is released.
    Held,
    /// Released: tried again at once, including recipients in doubt.
    Released,
    /// Returned to the queue from the failed items, like a new item. Deliveries are not repeated.
    Requeued,
    /// A warning about the delay was sent.
    Warned,
    /// A report about these recipients, which is the item `report`, is about to be committed.
    Reporting {
        recipients: Vec<RecipientIndex>,
        report: Id,
    },
    /// The report was committed, or none is needed: these recipients are finished.
    Reported { recipients: Vec<RecipientIndex> },
}

impl ItemEvent {
    /// The usual end of an attempt.
    pub const ENDED: Self = Self::Ended { interrupted: false };
}

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The time, to the millisecond.
    pub at: SystemTime,
    pub event: ItemEvent,
}

/// The result of an attempt for one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    #[serde(with = "status_name")]
    pub verdict: RecipientStatus,
    /// The stored form of [`RecipientResult::sentence`](crate::client::outcome::RecipientResult::sentence). Text from
    /// the server is made printable.
    pub words: String,
    /// The server's reply, printable; `None`: the result does not come from a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// The enhanced status code (RFC 3463).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enhanced: Option<String>,
    /// The server's name and address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

impl AttemptResult {
    /// The words, without the recipient that the stored form may begin with.
    pub fn words_about(&self, recipient: &Address) -> &str {
        let name = format!("<{recipient}>: ");
        self.words.strip_prefix(&name).unwrap_or(&self.words)
    }
}

/// In the order of ASCII.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 45 bits of milliseconds: until the year 3084.
const TIME: usize = 9;

/// 20 random bits make collisions rare; the store prevents that a name is used twice.
const RANDOM: usize = 4;

/// The name of an item: the time in milliseconds and some random bits, in digits and letters that cannot be
/// confused (no i, l, o and u), short enough to type. Names sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(String);

impl Id {
    /// Parses a name; `None`: not a valid name.
    pub fn parse(name: &str) -> Option<Self> {
        let is_id = name.len() == TIME + RANDOM && name.bytes().all(|byte| DIGITS.contains(&byte));
        is_id.then(|| Self(name.to_owned()))
    }

    pub(super) fn new(now: SystemTime) -> Self {
        let mut name = String::with_capacity(TIME + RANDOM);
        push(&mut name, milliseconds(now), TIME);
        push(&mut name, fastrand::u64(..), RANDOM);
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends the last `count` digits of a number in base 32.
fn push(name: &mut String, number: u64, count: usize) {
    for index in (0..count).rev() {
        let digit = (number >> (5 * index)) & 31;
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
        Self::parse(&name).ok_or("not a queue ID")
    }
}

/// Milliseconds since 1970; none before.
pub fn milliseconds(at: SystemTime) -> u64 {
    let passed = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// The time this many milliseconds after 1970; 1970 if that is out of range.
pub fn from_milliseconds(milliseconds: u64) -> SystemTime {
    let passed = Duration::from_millis(milliseconds);
    UNIX_EPOCH.checked_add(passed).unwrap_or(UNIX_EPOCH)
}

/// Serializes a status as its name.
mod status_name {
    use crate::client::outcome::RecipientStatus;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde calls
    pub fn serialize<S: Serializer>(status: &RecipientStatus, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(status.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RecipientStatus, D::Error> {
        let name = String::deserialize(from)?;
        RecipientStatus::named(&name).ok_or_else(|| D::Error::custom("unknown verdict"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mail::address::Address;

    /// Metadata of a message from alice to these recipients.
    pub(in crate::queue) fn metadata(recipients: &[&str]) -> Metadata {
        let address = |text: &&str| Address::parse(text).unwrap();
        Metadata {
            envelope: Envelope {
                sender: Some(address(&"alice@crepes.fr")),
                recipients: recipients.iter().map(address).collect(),
                ..Envelope::default()
            },
            utf8_header: false,
            route_spec: RouteSpec::default(),
            on_uncertain: OnUncertain::Retry,
            on_failure: None,
            kind: ItemKind::Mail,
            queued: from_milliseconds(1_790_000_000_000),
        }
    }

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
    fn names_of_the_same_moment_differ() {
        assert_ne!((at(7), at(7), at(7)), (at(7), at(7), at(7)));
    }

    #[test]
    fn a_clock_before_1970_is_accepted() {
        let id = Id::new(UNIX_EPOCH - Duration::from_secs(1));
        assert!(Id::parse(id.as_str()).is_some());
    }

    #[test]
    fn a_path_is_not_a_name() {
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
