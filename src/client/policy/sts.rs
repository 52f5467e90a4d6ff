//! MTA-STS policies of recipient domains (RFC 8461).

use crate::client::events::Observer;
use crate::client::policy::PolicyContext;
use std::fmt;
use std::sync::Arc;

/// A policy in mode `enforce`. Policies in other modes demand nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsPolicy {
    /// The recipient domain, in lower case.
    pub domain: String,
    /// The id of its TXT record.
    pub id: String,
    /// The patterns of its `mx` fields, in lower case; at least one.
    pub patterns: Vec<String>,
}

impl StsPolicy {
    /// True if a host matches one of the patterns (RFC 8461 §4.1). `*.` stands for exactly one label.
    pub fn allows(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let matches = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(rest) => host.split_once('.').is_some_and(|(first, others)| {
                !first.is_empty() && others.eq_ignore_ascii_case(rest)
            }),
            None => pattern.eq_ignore_ascii_case(host),
        };
        self.patterns.iter().any(matches)
    }
}

impl fmt::Display for StsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the MTA-STS policy of {} (id {})", self.domain, self.id)
    }
}

/// The policy of a recipient domain in mode `enforce`; `None`: it has none.
///
/// It is called once for each destination and domain, before the first host is tried, so that a result must be kept
/// by this function. The resolver is `context.router.dns()`, with `txt` for the record.
pub fn find(
    _domain: &str,
    _context: &PolicyContext<'_>,
    _observer: &mut dyn Observer,
) -> Option<Arc<StsPolicy>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        let policy = StsPolicy {
            domain: "example.org".to_owned(),
            id: "1".to_owned(),
            patterns: vec!["mx.example.org".to_owned(), "*.example.net".to_owned()],
        };
        for host in ["mx.example.org", "MX.Example.org.", "a.example.net"] {
            assert!(policy.allows(host), "{host}");
        }
        for host in [
            "example.net",
            "a.b.example.net",
            ".example.net",
            "mx2.example.org",
        ] {
            assert!(!policy.allows(host), "{host}");
        }
    }
}
