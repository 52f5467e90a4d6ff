//! MTA-STS policies of recipient domains (RFC 8461): found by a TXT record, fetched by HTTPS, and kept for their
//! lifetime.
//!
//! - `record.rs`: the TXT record.
//! - `text.rs`: the text of a policy.
//! - `cache.rs`: the policies that were fetched.
//! - `lookup.rs`: which policy applies now.

mod cache;
mod lookup;
mod record;
mod text;

pub use cache::{CacheError, Entry, Failure, FetchedPolicy, StsCache};
pub use lookup::{RefreshError, StsLookup, StsRecord, StsStatus};
pub use text::{Mode, PolicyText};

use std::fmt;

/// The policy of a domain in mode `enforce` or `testing`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsPolicy {
    /// The recipient domain, in lower case.
    pub domain: String,
    /// The id of its TXT record when it was fetched.
    pub id: String,
    pub text: PolicyText,
}

impl StsPolicy {
    /// True if mail may be sent to this host (RFC 8461 §4.1).
    pub fn allows(&self, host: &str) -> bool {
        self.text.allows(host)
    }
}

impl fmt::Display for StsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the MTA-STS policy of {} (id {})", self.domain, self.id)
    }
}
