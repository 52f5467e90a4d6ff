//! SPF (RFC 7208): records, their evaluation for a client, and the tree of all records that one of them uses.
//!
//! - `record.rs`: the text of a record.
//! - `macros.rs`: macros in domain names.
//! - `evaluate.rs`: the result for one client, `check_host()`.
//! - `tree.rs`: all records that are included, and the DNS lookups that they need.

mod evaluate;
mod macros;
mod record;
mod tree;

pub use evaluate::{SpfResult, SpfVerdict, check_host};
pub use record::{Mechanism, Qualifier, SpfRecord, Term};
pub use tree::{SpfFault, SpfNode, SpfTree, SpfUse, explore};

use std::net::IpAddr;

/// Maximum number of terms of an evaluation that need the DNS (RFC 7208 §4.6.4).
pub const MAX_LOOKUPS: usize = 10;

/// Maximum number of lookups without an answer.
pub const MAX_VOIDS: usize = 2;

/// Maximum number of names of an `mx` or `ptr` term.
pub const MAX_NAMES: usize = 10;

/// The client and the identity that are evaluated.
#[derive(Clone, Copy, Debug)]
pub struct SpfClient<'a> {
    pub ip: IpAddr,
    /// Local part and domain of MAIL FROM. `None`: the null sender, which is `postmaster@` the EHLO name (RFC 7208
    /// §2.4).
    pub sender: Option<(&'a str, &'a str)>,
    /// The name in EHLO.
    pub helo: &'a str,
}

impl SpfClient<'_> {
    pub fn local(&self) -> &str {
        self.sender.map_or("postmaster", |(local, _)| local)
    }

    pub fn domain(&self) -> &str {
        self.sender.map_or(self.helo, |(_, domain)| domain)
    }
}
