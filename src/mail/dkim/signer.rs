//! The keys that are configured, and the choice of those that sign a message.

use crate::mail::dkim::field::{PublishedKey, Signatures};
use crate::mail::dkim::key::{KeyError, SigningKey};
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::shown;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// The demand for a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningMode {
    /// A message is signed if there is a key for it.
    #[default]
    Auto,
    /// A message without a key for it is an error.
    Require,
    /// Nothing is signed.
    Off,
}

/// A key as an option or the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    pub path: PathBuf,
    pub selector: String,
    pub domain: KeyDomain,
}

/// The messages that a key signs, and the domain of its signatures. Names of domains are A-labels in lower case
/// (RFC 8616).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyDomain {
    /// All, for the domain of From.
    OfAuthor,
    /// All, for this domain.
    Fixed(String),
    /// Messages with an author in this domain or a domain below it, for this domain. If this user has no permission
    /// to read the key, it is left out with a warning.
    Below(String),
}

/// The keys of this process. A key file is read when it is first needed.
#[derive(Clone, Debug, Default)]
pub struct Signer {
    mode: SigningMode,
    /// True if a key that cannot be used is left out with a warning.
    is_lenient: bool,
    keys: Arc<Vec<LazyKey>>,
    /// The domain that authors must have; empty: no message is signed. `None`: any.
    author_domain: Option<String>,
}

#[derive(Debug)]
struct LazyKey {
    name: NamedKey,
    loaded: OnceLock<Result<Arc<SigningKey>, KeyError>>,
}

/// The keys that sign a message.
#[derive(Debug, Default)]
pub struct ChosenKeys {
    keys: Vec<PublishedKey>,
    /// Problems that do not prevent sending.
    pub warnings: Vec<String>,
}

/// The reason for which a message cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum SigningError {
    Key(#[from] KeyError),
    /// From has no domain.
    NoDomain,
    /// There is no key for these domains.
    NoKey(String),
    /// The message can be sent as binary data only.
    Binary,
}

impl Correctable for SigningError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Key(error) => error.error_text(),
            Self::NoDomain => "--dkim require: From names no domain to sign for".into(),
            Self::NoKey(domains) => ErrorText::new(format!(
                "--dkim require: there is no DKIM key for {domains}"
            ))
            .with_advice("add one to [dkim] of the configuration or use --dkim-key"),
            Self::Binary => ErrorText::new(
                "--dkim require: the message has to be sent as binary data, which cannot be signed",
            )
            .with_advice("attach its messages with --attach"),
        }
    }
}

impl Signer {
    pub fn new(mode: SigningMode, keys: Vec<NamedKey>) -> Self {
        let keys = keys.into_iter().map(|name| LazyKey {
            name,
            loaded: OnceLock::new(),
        });
        Self {
            mode,
            is_lenient: false,
            keys: Arc::new(keys.collect()),
            author_domain: None,
        }
    }

    /// The signer with these keys, if it has none.
    pub fn or_keys(self, keys: &[NamedKey]) -> Self {
        if self.keys.is_empty() && !keys.is_empty() {
            return Self::new(self.mode, keys.to_vec());
        }
        self
    }

    /// The same keys, whose files are read again.
    pub fn unread(&self) -> Self {
        if self.keys.is_empty() {
            return self.clone();
        }
        let names = self.keys.iter().map(|key| key.name.clone());
        Self {
            keys: Self::new(self.mode, names.collect()).keys,
            ..self.clone()
        }
    }

    /// The signer for messages that must be sent even if they cannot be signed.
    pub fn lenient(&self) -> Self {
        let mode = match self.mode {
            SigningMode::Off => SigningMode::Off,
            SigningMode::Auto | SigningMode::Require => SigningMode::Auto,
        };
        Self {
            mode,
            is_lenient: true,
            keys: self.keys.clone(),
            author_domain: self.author_domain.clone(),
        }
    }

    /// Signs only messages whose authors are in this domain, that of the envelope sender of a user. `None`: the null
    /// sender, for which nothing is signed.
    pub fn for_sender(&self, domain: Option<&str>) -> Self {
        Self {
            author_domain: Some(domain.unwrap_or_default().to_ascii_lowercase()),
            ..self.clone()
        }
    }

    /// True if a message without a signature is an error.
    pub fn requires(&self) -> bool {
        self.mode == SigningMode::Require
    }

    /// True if no message is signed.
    pub fn is_off(&self) -> bool {
        match self.mode {
            SigningMode::Off => true,
            SigningMode::Auto => self.keys.is_empty(),
            SigningMode::Require => false,
        }
    }

    /// The keys for a message with authors in these domains, those that all receivers can verify first.
    ///
    /// # Errors
    /// A key file cannot be used, or a signature is required and there is no key.
    pub fn choose(&self, authors: &[String]) -> Result<ChosenKeys, SigningError> {
        let mut chosen = ChosenKeys::default();
        if self.is_off() {
            return Ok(chosen);
        }
        let is_foreign = |author: &String| {
            let allowed = self.author_domain.as_ref();
            allowed.is_some_and(|allowed| allowed != author)
        };
        let keys: &[LazyKey] = if authors.iter().any(is_foreign) {
            &[]
        } else {
            &self.keys
        };
        for key in keys {
            let Some(domain) = self.domain(&key.name.domain, authors) else {
                continue;
            };
            match key.load() {
                Ok(loaded) => chosen.add(loaded, key, domain, authors),
                Err(error) if self.may_leave_out(key, &error) => {
                    let warning = format!("{error}; the message is sent without its signature");
                    chosen.warnings.push(warning);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if chosen.keys.is_empty() && self.requires() {
            return Err(match authors.first() {
                None => SigningError::NoDomain,
                Some(domain) => SigningError::NoKey(shown(domain)),
            });
        }
        let keys = &mut chosen.keys;
        keys.sort_by_key(|published| matches!(*published.key, SigningKey::Ed25519(_)));
        Ok(chosen)
    }

    /// The keys of a host are in one configuration, and not every user of the host can read them.
    fn may_leave_out(&self, key: &LazyKey, error: &KeyError) -> bool {
        let is_of_host = matches!(key.name.domain, KeyDomain::Below(_));
        self.is_lenient || error.is_denied() && is_of_host && !self.requires()
    }

    /// The domain for which a key signs a message of these authors. `None`: it does not.
    fn domain(&self, domain: &KeyDomain, authors: &[String]) -> Option<String> {
        match domain {
            KeyDomain::OfAuthor => authors.first().cloned(),
            KeyDomain::Fixed(domain) => Some(domain.clone()),
            KeyDomain::Below(domain) => {
                let is_chosen = |author: &String| self.nearest(author) == Some(domain);
                authors.iter().any(is_chosen).then(|| domain.clone())
            }
        }
    }

    /// The name in the configuration that is this domain or its nearest parent.
    fn nearest(&self, author: &str) -> Option<&String> {
        let names = self.keys.iter().filter_map(|key| match &key.name.domain {
            KeyDomain::Below(domain) => Some(domain),
            _ => None,
        });
        let matching = names.filter(|domain| is_in(author, domain));
        matching.max_by_key(|domain| domain.len())
    }
}

/// True if a domain is this one or below it.
fn is_in(domain: &str, parent: &str) -> bool {
    let above = domain.strip_suffix(parent);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

impl LazyKey {
    fn load(&self) -> Result<Arc<SigningKey>, KeyError> {
        let loaded = self
            .loaded
            .get_or_init(|| SigningKey::read(&self.name.path).map(Arc::new));
        loaded.clone()
    }
}

impl ChosenKeys {
    fn add(&mut self, key: Arc<SigningKey>, named: &LazyKey, domain: String, authors: &[String]) {
        let is_aligned = |author: &String| is_in(author, &domain) || is_in(&domain, author);
        if !authors.is_empty() && !authors.iter().any(is_aligned) {
            let author = shown(&authors[0]);
            self.warnings.push(format!(
                "the DKIM signature is for {domain}, but From is in {author}: for DMARC, both must belong to one domain"
            ));
        }
        self.keys.push(PublishedKey {
            key,
            domain,
            selector: named.name.selector.clone(),
        });
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The selectors of the keys of this domain.
    pub fn selectors_of(&self, domain: &str) -> Vec<String> {
        let keys = self.keys.iter();
        let keys = keys.filter(|published| published.domain.eq_ignore_ascii_case(domain));
        keys.map(|published| published.selector.clone()).collect()
    }

    /// The signatures of a message with these header fields.
    pub fn signatures(&self, header: &[(&str, &[u8])], now: SystemTime) -> Signatures {
        Signatures::new(&self.keys, header, now)
    }

    /// A sentence for each key.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|published| {
            let PublishedKey {
                key,
                domain,
                selector,
            } = published;
            format!(
                "signed for {domain} (DKIM, {selector}, {})",
                key.algorithm()
            )
        })
    }
}

/// True if the name can be a selector (RFC 6376 §3.1): labels of letters, digits and hyphens. An underscore is
/// common.
pub fn is_selector(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| {
        let is_usual = !label.is_empty() && label.len() <= 63 && label.bytes().all(is_inner);
        is_usual && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 200 && text.split('.').all(is_label)
}
