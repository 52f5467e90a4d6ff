//! Why an address cannot be made into one that mail can go to.

use crate::mail::address::AddressError;
use crate::system::exit::Exit;
use crate::system::text::shown;
use std::path::PathBuf;

/// What goes wrong with addresses on their way out.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// It is no address, and no list of them.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// Nobody knows where to send this.
    #[error(
        "\"{}\" is a local name, and nothing says where its mail goes; give it an alias in {}, \
         or set domain or postmaster in [sendmail] of the configuration",
        shown(.name), shown(&.aliases.to_string_lossy())
    )]
    NoSuchLocal {
        name: String,
        /// Where an alias for it could stand.
        aliases: PathBuf,
    },
    /// A file of aliases cannot be used, or what it says cannot be done.
    #[error("{}{}: {}", shown(&.path.to_string_lossy()), in_line(*.line), shown(.why))]
    Aliases {
        path: PathBuf,
        /// The line, from 1; `None` where it is the file.
        line: Option<usize>,
        /// What is wrong, and what to do.
        why: String,
    },
    /// What a rule makes of an address is none.
    #[error(
        "the rule \"{}\" of [rewrite] makes no address of \"{}\": {error}",
        shown(.from), shown(.to)
    )]
    Rule {
        /// What it is for.
        from: String,
        to: String,
        /// Why that is none.
        error: AddressError,
    },
    /// A name and a domain that make no address.
    #[error(
        "cannot make an address of the local name \"{}\" and the domain \"{}\": {error}; set domain in \
         [sendmail] of the configuration",
        shown(.name), shown(.domain)
    )]
    Domain {
        name: String,
        /// The domain: the configured one, or that of this host.
        domain: String,
        /// Why they make none.
        error: AddressError,
    },
}

impl RewriteError {
    /// The exit status it leads to.
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
