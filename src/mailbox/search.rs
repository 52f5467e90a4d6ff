//! Conditions on messages: keys of SEARCH at an IMAP server (RFC 3501 §6.4.4), and the same over the header of a
//! message at a POP3 server, which cannot search.

use crate::mail::address::decoded;
use crate::mailbox::imap::SearchKey;
use crate::system::text::forbidden;
use chrono::{DateTime, NaiveDate};

/// The expected form, for errors.
const FORM: &str = "expected from=, to=, cc=, subject=, message-id=, header=NAME:, body= or text= with a text, since= or \
                    before= with a date, larger= or smaller= with a size, or seen, unseen, flagged, answered or draft";

/// A condition on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A header field contains a text, in any case.
    Field {
        name: String,
        text: String,
    },
    /// The text of the message contains a text.
    Body(String),
    /// Header or text of the message contains a text.
    Anywhere(String),
    /// Received on this day or later.
    Since(NaiveDate),
    /// Received before this day.
    Before(NaiveDate),
    Larger(u64),
    Smaller(u64),
    /// A flag in the words of SEARCH: `SEEN`, `UNSEEN`.
    Flag(&'static str),
}

const FLAGS: [(&str, &str); 9] = [
    ("seen", "SEEN"),
    ("unseen", "UNSEEN"),
    ("flagged", "FLAGGED"),
    ("unflagged", "UNFLAGGED"),
    ("answered", "ANSWERED"),
    ("unanswered", "UNANSWERED"),
    ("draft", "DRAFT"),
    ("deleted", "DELETED"),
    ("undeleted", "UNDELETED"),
];

impl Condition {
    /// Parses `from=TEXT` and the others.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, key)) = FLAGS.iter().find(|(name, _)| *name == lower) {
            return Ok(Self::Flag(key));
        }
        let (key, value) = text.split_once('=').ok_or(FORM)?;
        if value.is_empty() || forbidden(value).is_some() {
            return Err(format!("{key}= needs a text of one line"));
        }
        let field = |name: &str| Self::Field {
            name: name.to_owned(),
            text: value.to_owned(),
        };
        let date = || {
            let date = NaiveDate::parse_from_str(value, "%Y-%m-%d");
            date.map_err(|_| format!("{key}= needs a date such as 2026-12-01"))
        };
        let size = || {
            let size = value.parse::<u64>();
            size.map_err(|_| format!("{key}= needs a number of bytes"))
        };
        Ok(match key.to_ascii_lowercase().as_str() {
            name @ ("from" | "to" | "cc" | "bcc" | "subject" | "message-id") => field(name),
            "header" => {
                let (name, text) = value.split_once(':').ok_or("header= needs NAME:TEXT")?;
                let is_name = |c: char| c.is_ascii_graphic() && c != ':';
                if name.is_empty() || !name.chars().all(is_name) {
                    return Err("header= needs the name of a field before the colon".to_owned());
                }
                Self::Field {
                    name: name.to_ascii_lowercase(),
                    text: text.trim().to_owned(),
                }
            }
            "body" => Self::Body(value.to_owned()),
            "text" => Self::Anywhere(value.to_owned()),
            "since" => Self::Since(date()?),
            "before" => Self::Before(date()?),
            "larger" => Self::Larger(size()?),
            "smaller" => Self::Smaller(size()?),
            _ => return Err(FORM.to_owned()),
        })
    }

    /// The keys of SEARCH.
    pub fn keys(&self) -> Vec<SearchKey<'_>> {
        let words = |words: String| vec![SearchKey::Words(words)];
        let with =
            |word: &str, text| vec![SearchKey::Words(word.to_owned()), SearchKey::Text(text)];
        let day = |date: &NaiveDate| date.format("%-d-%b-%Y").to_string();
        match self {
            Self::Field { name, text } => match name.as_str() {
                "from" | "to" | "cc" | "bcc" | "subject" => with(&name.to_ascii_uppercase(), text),
                name => vec![
                    SearchKey::Words(format!("HEADER {name}")),
                    SearchKey::Text(text),
                ],
            },
            Self::Body(text) => with("BODY", text),
            Self::Anywhere(text) => with("TEXT", text),
            Self::Since(date) => words(format!("SINCE {}", day(date))),
            Self::Before(date) => words(format!("BEFORE {}", day(date))),
            Self::Larger(size) => words(format!("LARGER {size}")),
            Self::Smaller(size) => words(format!("SMALLER {size}")),
            Self::Flag(key) => words((*key).to_owned()),
        }
    }

    /// True if a POP3 server has what the condition needs: the header and the size.
    pub fn needs_only_header(&self) -> bool {
        !matches!(self, Self::Body(_) | Self::Anywhere(_) | Self::Flag(_))
    }

    /// True if a message with this header and size meets it. Dates are those of the field Date.
    pub fn is_met(&self, header: &[u8], size: Option<u64>) -> bool {
        match self {
            Self::Field { name, text } => {
                let text = text.to_lowercase();
                let mut values = fields(header).filter(|(key, _)| key.eq_ignore_ascii_case(name));
                values.any(|(_, value)| decoded(&value).to_lowercase().contains(&text))
            }
            Self::Since(day) => date(header).is_some_and(|date| date >= *day),
            Self::Before(day) => date(header).is_some_and(|date| date < *day),
            Self::Larger(limit) => size.is_some_and(|size| size > *limit),
            Self::Smaller(limit) => size.is_some_and(|size| size < *limit),
            Self::Body(_) | Self::Anywhere(_) | Self::Flag(_) => false,
        }
    }
}

fn date(header: &[u8]) -> Option<NaiveDate> {
    let (_, value) = fields(header).find(|(name, _)| name.eq_ignore_ascii_case("date"))?;
    let date = DateTime::parse_from_rfc2822(value.trim()).ok()?;
    Some(date.date_naive())
}

/// The fields of a header, unfolded. Octets that are not UTF-8 are replaced.
pub fn fields(header: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text = String::from_utf8_lossy(header).into_owned();
    let mut all: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = all.last_mut() {
                value.push_str(line.replace('\t', " ").trim_end_matches('\r'));
            }
            continue;
        }
        if let Some((name, value)) = line.split_once(':') {
            let value = value.trim_matches([' ', '\t', '\r']);
            all.push((name.trim().to_owned(), value.to_owned()));
        }
    }
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: =?utf-8?q?Gr=C3=BCn?= <g@crepes.fr>\r\nSubject: Lunch\r\n \
        at noon\r\nDate: Tue, 1 Dec 2026 05:44:00 +0000\r\n\r\n";

    fn condition(text: &str) -> Condition {
        Condition::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn conditions_become_keys_of_search() {
        let keys = |text: &str| {
            let condition = condition(text);
            let keys = condition.keys().into_iter();
            let keys = keys.map(|key| match key {
                SearchKey::Words(words) => words,
                SearchKey::Text(text) => format!("'{text}'"),
            });
            keys.collect::<Vec<_>>().join(" ")
        };
        for (text, key) in [
            ("from=alice", "FROM 'alice'"),
            ("message-id=<x@y>", "HEADER message-id '<x@y>'"),
            ("header=List-Id: crepes", "HEADER list-id 'crepes'"),
            ("since=2026-12-01", "SINCE 1-Dec-2026"),
            ("larger=1000", "LARGER 1000"),
            ("UNSEEN", "UNSEEN"),
        ] {
            assert_eq!(keys(text), key);
        }
    }

    #[test]
    fn the_header_of_a_message_is_searched() {
        for text in [
            "from=grün",
            "from=CREPES",
            "subject=lunch at noon",
            "since=2026-12-01",
            "before=2026-12-02",
            "larger=9",
        ] {
            assert!(condition(text).is_met(HEADER, Some(10)), "{text}");
        }
        for text in [
            "to=g",
            "subject=dinner",
            "since=2026-12-02",
            "before=2026-12-01",
        ] {
            assert!(!condition(text).is_met(HEADER, Some(10)), "{text}");
        }
    }

    #[test]
    fn conditions_that_are_not_understood_are_errors() {
        for text in [
            "",
            "x",
            "from",
            "from=",
            "since=today",
            "larger=x",
            "header=x",
            "a\r\n=b",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }
}
