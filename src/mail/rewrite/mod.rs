//! Rewriting of outgoing addresses: aliases for local names, domains for names without one, and other
//! addresses for those that a relay would not accept.
//!
//! A recipient goes through aliases, then rules, then gets the default domain, and else is replaced by the
//! postmaster. A sender, and an address in a header, gets a domain and then goes through the rules: an
//! alias redirects mail to a name, and does not rename its owner.

mod aliases;
mod expand;
mod rules;

pub use rules::HostNames;

use crate::mail::address::{
    Address, AddressError, ListEntry, LocalName, LooseEntry, Mailbox, decoded, parse_each,
    parse_loose,
};
use crate::system::host;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::shown;
use aliases::Aliases;
use expand::Expansion;
use rules::RewriteRules;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Reads a file of aliases that the configuration names.
///
/// # Errors
/// There is no such file, it cannot be read, or others can write to it.
pub fn check_aliases(path: &Path) -> Result<(), RewriteError> {
    Aliases::read(Some(path)).map(drop)
}

/// Fields of addresses. Bcc is not included, because it is removed.
const FIELDS: [&str; 10] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
    "Resent-To",
    "Resent-Cc",
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewriteOptions {
    /// Replacements of addresses, in order. The first rule that matches is applied.
    pub rules: Vec<Rule>,
    /// A file of aliases in the syntax of aliases(5). `None`: `/etc/aliases`, if it exists. `/dev/null`: no
    /// aliases.
    pub aliases: Option<PathBuf>,
    /// The domain of names without one. `None`: that of this host for senders, and none for recipients.
    pub domain: Option<String>,
    /// The domain of recipients without one. `None`: `domain`.
    pub recipient_domain: Option<String>,
    /// Recipient of mail to local names that have neither alias nor domain.
    pub postmaster: Option<Address>,
    /// Place in which a replaced author's address is kept.
    pub original: OriginalAddress,
    /// True if addresses stay as they are, also those without a domain. There are no aliases then.
    pub keeps_addresses: bool,
}

impl RewriteOptions {
    /// For a message that is submitted to another process of this host, which has all of these options: senders and
    /// fields get their domain, and local recipients one that marks them as local.
    pub fn of_submission(&self) -> Self {
        Self {
            aliases: Some(PathBuf::from(aliases::NONE)),
            domain: self.domain.clone(),
            recipient_domain: Some("localhost".to_owned()),
            ..Self::default()
        }
    }
}

/// One rule of `[rewrite]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// An address, a local name, or a pattern of either with `*` and `?`, matched without regard to case.
    /// Without an `@`, it matches names without a domain, and those at one of this host's own names.
    pub from: String,
    /// An address. `{host}` and `{fqdn}` are replaced by the short and the qualified name of this host, and
    /// `{user}` in the local part by the original local part.
    pub to: String,
}

/// Place in which a replaced author's address is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginalAddress {
    #[default]
    Header,
    /// In Reply-To, unless there is one.
    ReplyTo,
    Nowhere,
}

/// Rewrites addresses. Reads no files before the first address that needs them.
#[derive(Debug)]
pub struct Rewriter {
    options: RewriteOptions,
    rules: RewriteRules,
    names: OnceLock<HostNames>,
    aliases: OnceLock<Aliases>,
}

/// The addresses of a field that had to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// All of its addresses, every one with a domain, and with their display names.
    pub entries: Vec<ListEntry>,
    /// The authors in From with an address that a rule replaced, with their original addresses and a domain.
    /// Empty if there are none, or if the original is not to be kept. [`Rewriter::original`] is the field
    /// for them.
    pub original: Vec<Mailbox>,
}

/// An error while an address is rewritten.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum RewriteError {
    /// The text is not an address or a list of addresses.
    Address(#[from] AddressError),
    /// No alias, domain or postmaster is known for a local name.
    NoSuchLocal {
        name: String,
        /// The file in which an alias for it could be added.
        aliases: PathBuf,
    },
    /// A file of aliases cannot be used, or an entry of it cannot be followed.
    Aliases {
        path: PathBuf,
        /// The line, from 1. `None`: the error concerns the whole file.
        line: Option<usize>,
        why: ErrorText,
    },
    /// The result of a rule is not an address.
    Rule {
        /// Left side of the rule.
        from: String,
        to: String,
        error: AddressError,
    },
    /// A name and a domain that do not make an address.
    Domain {
        name: String,
        /// The domain: the configured one, or that of this host.
        domain: String,
        error: AddressError,
    },
}

impl Correctable for RewriteError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Address(error) => error.to_string().into(),
            Self::NoSuchLocal { name, aliases } => {
                let (name, aliases) = (shown(name), shown(&aliases.to_string_lossy()));
                ErrorText::new(format!("\"{name}\" is a local name without an alias")).with_advice(
                    format!(
                        "add one to {aliases}, or set domain or postmaster in [sendmail] of the configuration"
                    ),
                )
            }
            Self::Aliases { path, line, why } => {
                let place = format!("{}{}", shown(&path.to_string_lossy()), in_line(*line));
                ErrorText::new(format!("{place}: {}", shown(&why.text))).with(why.remedy.clone())
            }
            Self::Rule { from, to, error } => {
                let (from, to) = (shown(from), shown(to));
                format!(
                    "the rule \"{from}\" of [rewrite] does not produce a valid address from \"{to}\": {error}"
                )
                .into()
            }
            Self::Domain {
                name,
                domain,
                error,
            } => {
                let (name, domain) = (shown(name), shown(domain));
                ErrorText::new(format!(
                    "cannot make an address from the local name \"{name}\" and the domain \"{domain}\": {error}"
                ))
                .with_advice("set domain in [sendmail] of the configuration")
            }
        }
    }
}

impl RewriteError {
    /// True if the configuration or a file of aliases must be changed, and not the address.
    pub fn is_about_setup(&self) -> bool {
        matches!(
            self,
            Self::Aliases { .. }
                | Self::Rule { .. }
                | Self::Domain {
                    error: AddressError::Domain(..),
                    ..
                }
        )
    }
}

fn in_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" line {line}"))
}

impl Rewriter {
    pub fn new(options: &RewriteOptions) -> Self {
        Self {
            rules: RewriteRules::new(&options.rules),
            options: options.clone(),
            names: OnceLock::new(),
            aliases: OnceLock::new(),
        }
    }

    /// A rewriter for a host of these names.
    pub fn with_names(options: &RewriteOptions, names: HostNames) -> Self {
        Self {
            names: OnceLock::from(names),
            ..Self::new(options)
        }
    }

    /// Place in which a replaced author's address is kept.
    pub fn original(&self) -> OriginalAddress {
        self.options.original
    }

    /// The recipients for an argument of sendmail's command line, or for the value of a To, Cc or Bcc: each
    /// address once, in their order.
    pub fn recipients(&self, list: &str) -> Result<Vec<Address>, RewriteError> {
        let entries = parse_loose(&unfolded(list))?;
        let mut expansion = Expansion::new(self);
        for mailbox in entries.iter().flat_map(LooseEntry::mailboxes) {
            expansion.add(&mailbox.address)?;
        }
        Ok(expansion.into_recipients())
    }

    /// The same for a header field, in which an address may be repeated; and the errors of addresses that
    /// cannot be used.
    ///
    /// # Errors
    /// The aliases or the rules are wrong.
    pub fn usable_recipients(
        &self,
        list: &str,
    ) -> Result<(Vec<Address>, Vec<RewriteError>), RewriteError> {
        let list = unfolded(list);
        let each = match parse_loose(&list) {
            Ok(entries) => vec![Ok(entries)],
            Err(_) => parse_each(&list),
        };
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for entries in each {
            let entries = entries.unwrap_or_else(|error| {
                errors.push(error.into());
                Vec::new()
            });
            for mailbox in entries.iter().flat_map(LooseEntry::mailboxes) {
                let mut expansion = Expansion::new(self);
                match expansion.add(&mailbox.address) {
                    Ok(()) => found.extend(expansion.into_recipients()),
                    Err(error) if error.is_about_setup() => return Err(error),
                    Err(error) => errors.push(error),
                }
            }
        }
        Ok((found, errors))
    }

    /// The reverse-path. `None`: the null sender, given as an empty text or as `<>`.
    pub fn sender(&self, given: &str) -> Result<Option<Address>, RewriteError> {
        if matches!(given.trim(), "" | "<>") {
            return Ok(None);
        }
        let mut entries = parse_loose(given)?;
        let (Some(ListEntry::Mailbox(mailbox)), true) = (entries.pop(), entries.is_empty()) else {
            return Err(AddressError::NotOne(given.to_owned()).into());
        };
        if self.options.keeps_addresses {
            return as_given(&mailbox.address).map(Some);
        }
        let sent = self.outgoing(&mailbox.address)?;
        Ok(Some(sent.replaced.unwrap_or(sent.full)))
    }

    /// The rewritten addresses of a field, folded or not. `None`: the field can stay unchanged, because no
    /// address changes, it has no addresses, or they cannot be parsed. The latter is not an error: the
    /// message would be lost, although other software may understand the field.
    pub fn header(&self, name: &str, value: &str) -> Result<Option<Rewritten>, RewriteError> {
        let is_address_field = FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name));
        if self.options.keeps_addresses || !is_address_field {
            return Ok(None);
        }
        let Ok(entries) = parse_loose(&unfolded(value)) else {
            return Ok(None);
        };
        let mut field = AddressField {
            rewriter: self,
            is_changed: false,
            original: Vec::new(),
        };
        let entries: Result<Vec<ListEntry>, RewriteError> = entries
            .into_iter()
            .map(|entry| field.entry(entry))
            .collect();
        let entries = match entries {
            Err(RewriteError::Domain { .. }) => return Ok(None),
            other => other?,
        };
        let is_from = name.eq_ignore_ascii_case("From");
        let leaves_original = is_from && self.options.original != OriginalAddress::Nowhere;
        Ok(field.is_changed.then(|| Rewritten {
            entries,
            original: if leaves_original {
                field.original
            } else {
                Vec::new()
            },
        }))
    }

    /// The file in which an alias can be added.
    fn aliases_file(&self) -> PathBuf {
        let named = self.options.aliases.as_deref();
        let real = named.filter(|path| *path != Path::new(aliases::NONE));
        real.unwrap_or(Path::new(aliases::DEFAULT_PATH)).to_owned()
    }

    /// The address of a recipient without an alias.
    fn recipient(&self, name: &LocalName) -> Result<Address, RewriteError> {
        if self.options.keeps_addresses {
            return as_given(name);
        }
        let local = self.local_name(name);
        let domain = self.options.recipient_domain.as_deref();
        let domain = domain.or(self.options.domain.as_deref());
        let full = match (&local, domain, name) {
            (Some(local), Some(domain), _) => Some(with_domain(local, domain)?),
            (Some(_), None, _) | (None, _, LocalName::Local(_)) => None,
            (None, _, LocalName::Full(address)) => Some(address.clone()),
        };
        if let Some(address) = self.replaced(name, full.as_ref())? {
            return Ok(address);
        }
        full.or_else(|| self.options.postmaster.clone())
            .ok_or_else(|| RewriteError::NoSuchLocal {
                name: local.map_or_else(String::new, Cow::into_owned),
                aliases: self.aliases_file(),
            })
    }

    /// Rewrites a sender, or an address in a header.
    fn outgoing(&self, name: &LocalName) -> Result<OutgoingAddress, RewriteError> {
        let domain = self.options.domain.as_deref();
        let full = match (name, domain) {
            (LocalName::Local(local), Some(domain)) => with_domain(local, domain)?,
            (LocalName::Local(local), None) => with_domain(local, &self.names().mail)?,
            // Without a configured domain, this address is as good as any other.
            (LocalName::Full(address), None) => address.clone(),
            (LocalName::Full(address), Some(domain)) => match self.local_name(name) {
                Some(local) => with_domain(&local, domain)?,
                None => address.clone(),
            },
        };
        Ok(OutgoingAddress {
            replaced: self.replaced(name, Some(&full))?,
            full,
        })
    }

    fn replaced(
        &self,
        name: &LocalName,
        full: Option<&Address>,
    ) -> Result<Option<Address>, RewriteError> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let domain = self.options.domain.as_deref();
        self.rules.replaced(name, full, self.names(), domain)
    }

    /// The local part of a name without a domain, or with a domain that only means this host.
    fn local_name<'n>(&self, name: &'n LocalName) -> Option<Cow<'n, str>> {
        match name {
            _ if self.options.keeps_addresses => None,
            LocalName::Local(local) => Some(Cow::Borrowed(local)),
            LocalName::Full(address) => {
                let domain = address.domain().to_string();
                let is_here = host::is_localhost(&domain) || self.names().is_node(&domain);
                is_here.then(|| address.unquoted_local())
            }
        }
    }

    fn names(&self) -> &HostNames {
        self.names.get_or_init(HostNames::of_this_host)
    }

    fn aliases(&self) -> Result<&Aliases, RewriteError> {
        if let Some(aliases) = self.aliases.get() {
            return Ok(aliases);
        }
        let read = Aliases::read(self.options.aliases.as_deref())?;
        Ok(self.aliases.get_or_init(|| read))
    }
}

/// A sender or header address being rewritten.
struct OutgoingAddress {
    /// As it was given, with a domain.
    full: Address,
    /// The result of a rule, if one matches.
    replaced: Option<Address>,
}

/// A field of addresses being rewritten.
struct AddressField<'r> {
    rewriter: &'r Rewriter,
    is_changed: bool,
    original: Vec<Mailbox>,
}

impl AddressField<'_> {
    fn entry(&mut self, entry: LooseEntry) -> Result<ListEntry, RewriteError> {
        Ok(match entry {
            ListEntry::Mailbox(mailbox) => ListEntry::Mailbox(self.mailbox(&mailbox)?),
            ListEntry::Group { name, members } => ListEntry::Group {
                name: decoded(&name),
                members: members
                    .iter()
                    .map(|member| self.mailbox(member))
                    .collect::<Result<_, _>>()?,
            },
        })
    }

    fn mailbox(&mut self, mailbox: &Mailbox<LocalName>) -> Result<Mailbox, RewriteError> {
        // Programs put encoded words in quotes, and mail programs decode them there, too.
        let name = mailbox.name.as_deref().map(decoded);
        let OutgoingAddress { full, replaced } = self.rewriter.outgoing(&mailbox.address)?;
        let address = replaced.unwrap_or_else(|| full.clone());
        if address != full {
            self.original.push(Mailbox {
                name: name.clone(),
                address: full,
            });
        }
        self.is_changed |= mailbox.address != LocalName::Full(address.clone());
        Ok(Mailbox { name, address })
    }
}

fn as_given(name: &LocalName) -> Result<Address, RewriteError> {
    Ok(match name {
        LocalName::Local(local) => Address::without_domain(local)?,
        LocalName::Full(address) => address.clone(),
    })
}

fn with_domain(local: &str, domain: &str) -> Result<Address, RewriteError> {
    Address::of(local, domain).map_err(|error| RewriteError::Domain {
        name: local.to_owned(),
        domain: domain.to_owned(),
        error,
    })
}

/// A field in one line (RFC 5322 §2.2.3). Line ends that are not part of folding are kept, and refused
/// later.
fn unfolded(value: &str) -> Cow<'_, str> {
    let value = value.trim_end_matches(['\r', '\n']);
    if !value.contains('\n') {
        return Cow::Borrowed(value);
    }
    let value = value.replace("\r\n", "\n");
    Cow::Owned(value.replace("\n ", " ").replace("\n\t", "\t"))
}

#[cfg(test)]
mod tests;
