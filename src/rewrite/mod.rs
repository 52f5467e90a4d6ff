//! What becomes of addresses on their way out: aliases for local names, domains for those without one,
//! and other addresses for those that a relay would not take.

use crate::address::Address;
use std::path::PathBuf;

/// The rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which address takes the place of which, in their order: the first that fits counts.
    pub rules: Vec<Rule>,
    /// A file of aliases in the syntax of aliases(5); `None` is `/etc/aliases`, if there is one.
    pub aliases: Option<PathBuf>,
    /// The domain of names without one; `None` is that of this host for senders, and none for
    /// recipients.
    pub domain: Option<String>,
    /// Who gets the mail to local names that have neither alias nor domain.
    pub postmaster: Option<Address>,
    /// What is left of an author's address that was replaced.
    pub original: Original,
}

/// One rule of `[rewrite]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// An address, a local name, or a pattern with `*` and `?`.
    pub from: String,
    /// An address, in which `{host}` and `{user}` stand for the names of this host and of the local
    /// part that was replaced.
    pub to: String,
}

/// Where an author's address stands that was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Original {
    /// In X-Original-From.
    #[default]
    Header,
    /// In Reply-To, unless there is one.
    ReplyTo,
    /// Nowhere.
    Nowhere,
}
