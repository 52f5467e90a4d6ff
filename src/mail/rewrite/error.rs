//! Errors while addresses are rewritten.

use crate::mail::address::AddressError;
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::path::PathBuf;

/// An error while an address is rewritten.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The text is not an address or a list of addresses.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// No alias, domain or postmaster is known for a local name.
    #[error(
        "\"{}\" is a local name, and nothing says where its mail goes; give it an alias in {}, \
         or set domain or postmaster in [sendmail] of the configuration",
        shown(.name), shown(&.aliases.to_string_lossy())
    )]
    NoSuchLocal {
        name: String,
        /// The file in which an alias for it could be added.
        aliases: PathBuf,
    },
    /// A file of aliases cannot be used, or an entry of it cannot be followed.
    #[error("{}{}: {}", shown(&.path.to_string_lossy()), in_line(*.line), shown(.why))]
    Aliases {
        path: PathBuf,
        /// The line, from 1. `None`: the error concerns the whole file.
        line: Option<usize>,
        /// The error, and advice.
        why: String,
    },
    /// The result of a rule is not an address.
    #[error(
        "the rule \"{}\" of [rewrite] makes no address of \"{}\": {error}",
        shown(.from), shown(.to)
    )]
    Rule {
        /// Left side of the rule.
        from: String,
        to: String,
        error: AddressError,
    },
    /// A name and a domain that do not make an address.
    #[error(
        "cannot make an address of the local name \"{}\" and the domain \"{}\": {error}; set domain in \
         [sendmail] of the configuration",
        shown(.name), shown(.domain)
    )]
    Domain {
        name: String,
        /// The domain: the configured one, or that of this host.
        domain: String,
        error: AddressError,
    },
}

impl RewriteError {
    /// The exit status of this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoSuchLocal { .. } => Exit::NoUser,
            Self::Aliases { .. }
            | Self::Rule { .. }
            | Self::Domain {
                error: AddressError::Domain(..),
                ..
            } => Exit::Config,
            Self::Address(_) | Self::Domain { .. } => Exit::Data,
        }
    }
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" line {line}"))
}
