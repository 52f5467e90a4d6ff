//! Expectations on a message that has arrived.

use crate::cli::roundtrip::report::Arrived;
use std::time::Duration;

/// Something that must be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The message is not in a mailbox for spam.
    Inbox,
    /// The receiving server has found that the method passes: `spf`, `dkim` or `dmarc`.
    Passes(&'static str),
    /// No hop is known to have had no TLS, and one had.
    Tls,
    /// Body and header fields are as they were sent.
    Unchanged,
    /// It arrived within this time.
    Within(Duration),
}

impl Expectation {
    /// Parses `inbox`, `spf`, `dkim`, `dmarc`, `tls`, `unchanged` or `within:TIME`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "inbox" => Self::Inbox,
            "spf" => Self::Passes("spf"),
            "dkim" => Self::Passes("dkim"),
            "dmarc" => Self::Passes("dmarc"),
            "tls" => Self::Tls,
            "unchanged" => Self::Unchanged,
            other => {
                let time = other
                    .strip_prefix("within:")
                    .ok_or("expected inbox, spf, dkim, dmarc, tls, unchanged or within:TIME")?;
                Self::Within(crate::cli::options::value::duration(time)?)
            }
        })
    }

    /// The sentence for an expectation that is not met; `None`: it is met.
    pub fn unmet(self, arrived: &Arrived) -> Option<String> {
        match self {
            Self::Inbox if arrived.is_junk => {
                let folder = arrived.folder.as_deref().unwrap_or_default();
                Some(format!("it is in the mailbox for spam, {folder}"))
            }
            Self::Passes(method) => match arrived.results.of(method) {
                Some(found) if found.result == "pass" => None,
                Some(found) => Some(format!("{method} is {}", found.result)),
                None => Some(format!("there is no result for {method}")),
            },
            Self::Tls => {
                let mut hops = arrived.hops.iter().map(|hop| (hop.is_tls(), hop));
                match hops.clone().find(|(tls, _)| *tls == Some(false)) {
                    Some((_, hop)) => Some(format!(
                        "the hop to {} had no TLS",
                        hop.by.as_deref().unwrap_or("an unnamed server")
                    )),
                    None if hops.any(|(tls, _)| tls == Some(true)) => None,
                    None => Some("no hop is known to have had TLS".to_owned()),
                }
            }
            Self::Unchanged if !arrived.changes.is_unchanged() => {
                Some(format!("it was changed: {}", arrived.changes_in_words()))
            }
            Self::Within(limit) if arrived.after > limit => Some(format!(
                "it arrived after {:.1} s, later than {:.1} s",
                arrived.after.as_secs_f64(),
                limit.as_secs_f64()
            )),
            Self::Inbox | Self::Unchanged | Self::Within(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_are_words() {
        assert_eq!(Expectation::parse("DKIM"), Ok(Expectation::Passes("dkim")));
        let within = Expectation::Within(Duration::from_secs(20));
        assert_eq!(Expectation::parse("within:20s"), Ok(within));
        for text in ["", "x", "within:", "within:20"] {
            assert!(Expectation::parse(text).is_err(), "{text}");
        }
    }
}
