//! Rules that replace addresses, and the names of this host that they refer to.

use crate::mail::address::{Address, AddressError, LocalName};
use crate::mail::rewrite::{RewriteError, Rule};
use crate::system::host;
use crate::system::text::{forbidden, name_of};
use crate::system::text::{is_pattern, matches_pattern};

/// The rules, ready for use.
#[derive(Debug)]
pub(super) struct RewriteRules(Vec<CompiledRule>);

#[derive(Debug)]
struct CompiledRule {
    pattern: RulePattern,
    rule: Rule,
}

/// The left side of a rule. A text without `*` and `?` is a pattern that matches itself.
#[derive(Debug)]
enum RulePattern {
    Local(String),
    Whole(String),
}

impl RewriteRules {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let compiled = rules.iter().map(|rule| CompiledRule {
            pattern: RulePattern::new(&rule.from),
            rule: rule.clone(),
        });
        Self(compiled.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The result of the first rule that matches a name, as it was given or with its domain. The result is
    /// not matched again.
    pub(super) fn replaced(
        &self,
        name: &LocalName,
        full: Option<&Address>,
        names: &HostNames,
        domain: Option<&str>,
    ) -> Result<Option<Address>, RewriteError> {
        let subject = Subject::new(name, full, names, domain);
        let found = self.0.iter().find(|rule| rule.pattern.matches(&subject));
        found
            .map(|rule| rule.rule.applied(&subject.user, names))
            .transpose()
    }
}

impl RulePattern {
    fn new(from: &str) -> Self {
        if !from.contains('@') {
            return Self::Local(unquoted(from));
        }
        let written = (!is_pattern(from)).then(|| Address::parse(from).ok());
        let written = written.flatten().map(|address| address.to_string());
        Self::Whole(written.unwrap_or_else(|| from.to_owned()))
    }

    fn matches(&self, subject: &Subject) -> bool {
        match self {
            Self::Local(pattern) => subject.is_local && matches_pattern(pattern, &subject.user),
            Self::Whole(pattern) => subject
                .whole
                .iter()
                .any(|whole| matches_pattern(pattern, whole)),
        }
    }
}

/// A name that rules are matched against.
struct Subject {
    user: String,
    /// Without a domain, or at this host.
    is_local: bool,
    /// With its original domain, and with its final one.
    whole: Vec<String>,
}

impl Subject {
    fn new(
        name: &LocalName,
        full: Option<&Address>,
        names: &HostNames,
        default: Option<&str>,
    ) -> Self {
        let (user, domain, given) = match name {
            LocalName::Local(local) => (local.clone(), None, None),
            LocalName::Full(address) => (
                address.unquoted_local().into_owned(),
                Some(address.domain().to_string()),
                Some(address),
            ),
        };
        let is_own = |domain: String| {
            let is_default = default.is_some_and(|name| name.eq_ignore_ascii_case(&domain));
            is_default || names.is_own(&domain)
        };
        Self {
            user,
            is_local: domain.is_none_or(is_own),
            whole: given
                .into_iter()
                .chain(full)
                .map(Address::to_string)
                .collect(),
        }
    }
}

/// The names of a host in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNames {
    /// The node name; `{host}` is its first label.
    pub node: String,
    /// The qualified name, or the node name if the domain is unknown.
    pub fqdn: String,
    /// The domain of mail from this host.
    pub mail: String,
}

impl HostNames {
    /// Names of the host that runs the program.
    pub fn of_this_host() -> Self {
        let node = host::node_name();
        Self {
            fqdn: host::fqdn().unwrap_or_else(|| node.clone()),
            mail: host::mail_domain(),
            node,
        }
    }

    pub(super) fn short(&self) -> &str {
        self.node.split('.').next().unwrap_or_default()
    }

    /// True for the node name without a domain: no server can be found for it.
    pub(super) fn is_node(&self, domain: &str) -> bool {
        domain.eq_ignore_ascii_case(self.short())
    }

    /// True for a name of this host.
    pub(crate) fn is_own(&self, domain: &str) -> bool {
        let own = [&self.node, &self.fqdn, &self.mail];
        host::is_localhost(domain)
            || self.is_node(domain)
            || own.iter().any(|name| name.eq_ignore_ascii_case(domain))
    }
}

impl Rule {
    /// Checks the rule without regard to host and user.
    pub fn check(&self) -> Result<(), String> {
        if self.from.trim().is_empty() {
            return Err("expected an address, a local name or a pattern before the =".to_owned());
        }
        if let Some(bad) = forbidden(&self.from) {
            return Err(format!("the key contains {}", name_of(bad)));
        }
        if self.from.contains('@') && !is_pattern(&self.from) {
            Address::parse(&self.from).map_err(|error| error.to_string())?;
        }
        let names = HostNames {
            node: "host".to_owned(),
            fqdn: "host.example.org".to_owned(),
            mail: "example.org".to_owned(),
        };
        let made = self
            .filled("user", &names)
            .map_err(|error| error.to_string())?;
        if made.local().contains(['{', '}']) {
            return Err("the placeholders are {host}, {fqdn} and {user}".to_owned());
        }
        Ok(())
    }

    fn applied(&self, user: &str, names: &HostNames) -> Result<Address, RewriteError> {
        self.filled(user, names)
            .map_err(|error| RewriteError::Rule {
                from: self.from.clone(),
                to: self.to.clone(),
                error,
            })
    }

    /// The local part is filled in after parsing, because a user's name may need quotes.
    fn filled(&self, user: &str, names: &HostNames) -> Result<Address, AddressError> {
        let no_domain = || AddressError::NoDomain(self.to.clone(), "");
        let (local, domain) = self.to.rsplit_once('@').ok_or_else(no_domain)?;
        let host = |text: &str| {
            text.replace("{host}", names.short())
                .replace("{fqdn}", &names.fqdn)
        };
        let written = Address::parse(&format!("{local}@{}", host(domain)))?;
        let local = host(&written.unquoted_local()).replace("{user}", user);
        Address::of(&local, &written.domain().to_string())
    }
}

/// Quotes around a local name have no meaning here.
fn unquoted(text: &str) -> String {
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or(text).to_owned()
}
