//! Keys of the configuration, and senders that a profile applies to.

use crate::config::ConfigFault;
use crate::mail::address::Address;
use crate::system::text::{is_pattern, matches_pattern};
use std::collections::BTreeMap;

/// Minimum similarity of two names for one to be suggested for the other.
const MIN_SIMILARITY: f64 = 0.7;

/// Minimum similarity of a name that can only be a misspelled one.
const MIN_CERTAINTY: f64 = 0.9;

/// Options that choose profiles, or that print something and exit.
const NOT_IN_PROFILES: [&str; 7] = [
    "config",
    "profile",
    "help",
    "version",
    "print",
    "log",
    "tlsrpt-log",
];

/// The keys that a section accepts.
#[derive(Clone, Copy, Debug)]
pub(super) enum SectionKeys {
    /// These keys, with any value of an option.
    These(&'static [&'static str]),
    /// Any key, with a string.
    Any,
    /// Any key, with a string or an array of strings.
    AnyList,
}

/// The tables that are not profiles.
pub(super) const SECTIONS: [(&str, SectionKeys); 9] = [
    (
        "queue",
        SectionKeys::These(&[
            "retry",
            "spread",
            "give-up",
            "warn-after",
            "host-down",
            "connections",
            "per-host",
            "bounce-size",
            "dir",
            "password-file",
            "password-command",
            "on-uncertain",
            "on-failure",
        ]),
    ),
    (
        "sendmail",
        SectionKeys::These(&["aliases", "domain", "postmaster", "original", "profile"]),
    ),
    ("rewrite", SectionKeys::Any),
    ("dkim", SectionKeys::AnyList),
    ("log", SectionKeys::These(&["file", "syslog", "tlsrpt"])),
    (
        "submit",
        SectionKeys::These(&["socket", "messages", "bytes", "size", "connections"]),
    ),
    ("senders", SectionKeys::AnyList),
    ("dns", SectionKeys::These(&["trust-ad"])),
    ("msmtp", SectionKeys::These(&["queue"])),
];

/// Keys that are not options.
pub(super) const NON_OPTIONS: [&str; 3] = ["inherit", "fallback", "read"];

/// Options of `run` and `unit` that a profile may have besides those of sending.
pub(super) const ALERTS: [&str; 4] = ["dedupe", "every", "recovered", "recovered-after"];

/// Keys that name other profiles.
pub(super) const PROFILE_NAMES: [&str; 2] = ["inherit", "fallback"];

/// Keys that users often try. The error explains why passwords are not accepted.
const PASSWORDS: [&str; 4] = ["password", "passwd", "pass", "token"];

/// Names that other programs use, and the option of the same meaning.
const SYNONYMS: [(&str, &str); 26] = [
    ("host", "relay"),
    ("hostname", "relay"),
    ("smtp", "relay"),
    ("smtp-server", "relay"),
    ("smtp-host", "relay"),
    ("mailhub", "relay"),
    ("smarthost", "relay"),
    ("smtp-port", "port"),
    ("login", "user"),
    ("username", "user"),
    ("user-name", "user"),
    ("smtp-user", "user"),
    ("passwordeval", "password-command"),
    ("pass-command", "password-command"),
    ("smtp-pass", "password-command"),
    ("smtp-password", "password-command"),
    ("passwordfile", "password-file"),
    ("sender", "from"),
    ("address", "from"),
    ("email", "from"),
    ("ssl", "tls"),
    ("starttls", "tls"),
    ("encryption", "tls"),
    ("security", "tls"),
    ("ca", "ca-file"),
    ("tls-trust-file", "ca-file"),
];

/// Shell commands that print a secret, and may contain it. A user name and the path of a file are not
/// secrets.
const SECRET_COMMANDS: [&str; 3] = [
    "password-command",
    "oauth-token-command",
    "oauth-client-secret-command",
];

/// The long options, under all their names.
#[derive(Debug, Default)]
pub struct Keys(BTreeMap<String, String>);

impl Keys {
    /// Builds the map from pairs of a name and the first name of the same option.
    pub fn new(names: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// The first name of the option, or of a key that is not an option.
    pub(super) fn first_name(&self, key: &str) -> Result<String, ConfigFault> {
        if NON_OPTIONS.contains(&key) || ALERTS.contains(&key) {
            return Ok(key.to_owned());
        }
        match self.0.get(key) {
            _ if NOT_IN_PROFILES.contains(&key) => Err(ConfigFault::CommandLine),
            Some(first) => Ok(first.clone()),
            None if PASSWORDS.contains(&key) => Err(ConfigFault::Password),
            None => Err(ConfigFault::Key(self.nearest(key))),
        }
    }

    /// True if a profile may have this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.first_name(key).is_ok()
    }

    /// The key of the same meaning, else the most similar one.
    fn nearest(&self, key: &str) -> Option<String> {
        let usual = key.to_ascii_lowercase().replace('_', "-");
        if self.0.contains_key(&usual) {
            return Some(usual);
        }
        let synonym = SYNONYMS.iter().find(|(name, _)| *name == usual);
        if let Some((_, meant)) = synonym {
            return Some((*meant).to_owned());
        }
        let names = self.0.keys().map(String::as_str);
        let names = names.chain(NON_OPTIONS).chain(ALERTS);
        let allowed = names.filter(|name| !NOT_IN_PROFILES.contains(name));
        nearest(key, allowed).map(str::to_owned)
    }
}

impl SectionKeys {
    /// The keys of the section of this name, if there is such a section.
    pub(super) fn of(section: &str) -> Option<Self> {
        let found = SECTIONS.iter().find(|(name, _)| *name == section);
        found.map(|(_, keys)| *keys)
    }

    pub(super) fn check(self, key: &str) -> Result<(), ConfigFault> {
        match self {
            Self::These(keys) if !keys.contains(&key) => {
                let meant = nearest(key, keys.iter().copied());
                Err(ConfigFault::Key(meant.map(str::to_owned)))
            }
            _ => Ok(()),
        }
    }
}

/// True if users often try to set a password by this key.
pub(super) fn is_password(key: &str) -> bool {
    PASSWORDS.contains(&key)
}

/// True if a line with this key may hold a secret, even if no such key exists.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "token", "secret", "key"]
        .iter()
        .any(|word| key.contains(word))
}

/// True if the value of this key may hold a secret.
pub(super) fn may_hold_secret(key: &str) -> bool {
    SECRET_COMMANDS.contains(&key)
}

/// The most similar name, if one is similar enough.
pub(super) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = names.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > MIN_SIMILARITY).then_some(best.1)
}

/// True if this can only be meant as one of the names.
pub(super) fn is_misspelled<'n>(name: &str, mut names: impl Iterator<Item = &'n str>) -> bool {
    names.any(|other| strsim::jaro_winkler(name, other) > MIN_CERTAINTY)
}

/// True if an item of `from` matches this sender. A pattern matches the whole address without regard to
/// case. In an address, the case of the local part matters (RFC 5321 §2.4).
pub fn matches(item: &str, sender: &Address) -> bool {
    if is_pattern(item) {
        return matches_pattern(item, &sender.to_string());
    }
    Address::parse(item).is_ok_and(|address| is_same(&address, sender))
}

fn is_same(one: &Address, other: &Address) -> bool {
    let domain = |address: &Address| address.domain().to_string().to_ascii_lowercase();
    one.local() == other.local() && domain(one) == domain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_the_whole_address_in_any_case() {
        let alice = Address::parse("Alice.B@Work.example").unwrap();
        for item in [
            "*@work.example",
            "alice*@work.*",
            "*",
            "?lice.b@work.example",
            "*.*@*.*",
            "ALICE.B@*",
        ] {
            assert!(matches(item, &alice), "{item}");
        }
        for item in [
            "*@work",
            "alice@*",
            "?@work.example",
            "*@ork.example",
            "*?x",
        ] {
            assert!(!matches(item, &alice), "{item}");
        }
    }

    #[test]
    fn address_matches_with_another_display_name_and_domain_case() {
        let alice = Address::parse("alice@work.example").unwrap();
        for (item, is_same) in [
            ("Alice <alice@WORK.example>", true),
            ("alice@work.example", true),
            ("Alice@work.example", false),
            ("alice@work.example.org", false),
            ("no address", false),
        ] {
            assert_eq!(matches(item, &alice), is_same, "{item}");
        }
    }
}
