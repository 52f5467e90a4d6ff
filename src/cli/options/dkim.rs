//! Options of DKIM signatures.

use crate::cli::options::parameters::cut;
use crate::cli::options::usage_error::UsageError;
use crate::mail::address::{Address, Domain};
use crate::mail::dkim::{KeyDomain, NamedKey, Signer, SigningMode, is_selector};
use crate::system::exit::Exit;
use crate::system::text::shown;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Auto,
    Require,
    Off,
}

/// Options under the heading of the struct that has them.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Sign the message with this key (DKIM), published under this selector.
    ///
    /// FILE is a PEM file with a private key (RSA of 2048 to 4096 bits, or Ed25519) that only its owner can read.
    /// Repeatable: one signature for each key. The domain is that of From unless `;domain=` names another. The keys in
    /// [dkim] of the configuration are then not used. See ehlo-dkim(1).
    #[arg(long, value_name = "FILE;selector=S[;domain=D]")]
    dkim_key: Vec<PathBuf>,

    /// When to sign the message (DKIM) [default: auto].
    ///
    /// `auto`: sign if there is a key for the domain of From. `require`: a message for which there is no key is not
    /// sent, and the exit status is 65. `off`: never.
    #[arg(long, value_name = "MODE", value_enum)]
    dkim: Option<Mode>,
}

impl Args {
    /// These options, or those of a profile that are not among them.
    pub fn or(self, profile: Self) -> Self {
        Self {
            dkim_key: if self.dkim_key.is_empty() {
                profile.dkim_key
            } else {
                self.dkim_key
            },
            dkim: self.dkim.or(profile.dkim),
        }
    }

    /// The signer with these keys.
    pub fn signer(self) -> Result<Signer, UsageError> {
        let mode = match self.dkim {
            None | Some(Mode::Auto) => SigningMode::Auto,
            Some(Mode::Require) => SigningMode::Require,
            Some(Mode::Off) => SigningMode::Off,
        };
        let keys: Result<Vec<NamedKey>, UsageError> =
            self.dkim_key.into_iter().map(named_key).collect();
        Ok(Signer::new(mode, keys?))
    }
}

/// `FILE;selector=S;domain=D`.
pub fn named_key(given: PathBuf) -> Result<NamedKey, UsageError> {
    let wrong = |why: String| UsageError::of_value(Exit::Usage, "--dkim-key", why);
    let (path, parameters) = cut(given, "--dkim-key", &["selector", "domain"], None)?;
    let value = |key: &str| {
        let found = parameters.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    };
    let Some(selector) = value("selector") else {
        if let Some(key) = unknown_parameter(&path) {
            return Err(wrong(format!(
                "unknown parameter ;{key}=; a key has only ;selector= and ;domain="
            )));
        }
        let example = "--dkim-key '/etc/ehlo/s2026.pem;selector=s2026'";
        return Err(wrong(format!(
            "the selector is missing: name it as in {example}"
        )));
    };
    let domain = value("domain").map(domain).transpose();
    Ok(NamedKey {
        path,
        selector: self::selector(selector).map_err(wrong)?,
        domain: match domain.map_err(|why| wrong(format!(";domain=: {why}")))? {
            None => KeyDomain::OfAuthor,
            Some(domain) => KeyDomain::Fixed(domain),
        },
    })
}

/// The name of the last parameter, if it made the selector before it a part of the file name.
fn unknown_parameter(path: &Path) -> Option<String> {
    let path = path.to_string_lossy();
    let (before, last) = path.rsplit_once(';')?;
    let (key, _) = last.split_once('=')?;
    before.contains(";selector=").then(|| shown(key))
}

pub fn selector(text: &str) -> Result<String, String> {
    if is_selector(text) {
        return Ok(text.to_owned());
    }
    Err("expected a selector of letters, digits, hyphens and dots, such as s2026".to_owned())
}

/// A domain in A-labels and lower case.
pub fn domain(text: &str) -> Result<String, String> {
    match Address::of("postmaster", text)
        .as_ref()
        .map(Address::domain)
    {
        Ok(Domain::Name(name)) => Ok(name.to_ascii_lowercase()),
        _ => Err("expected a domain such as example.org".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_has_a_selector_and_perhaps_a_domain() {
        let parsed = |text: &str| named_key(PathBuf::from(text)).map_err(|error| error.text);
        let key = parsed("/k;x.pem;selector=s-1.a;domain=B\u{fc}cher.Example").unwrap();
        assert_eq!(key.path, PathBuf::from("/k;x.pem"));
        assert_eq!(key.selector, "s-1.a");
        let domain = KeyDomain::Fixed("xn--bcher-kva.example".to_owned());
        assert_eq!(key.domain, domain);
        let key = parsed("k;selector=s").unwrap();
        assert_eq!(key.domain, KeyDomain::OfAuthor);
        for wrong in [
            "k",
            ";selector=s",
            "k;selector=",
            "k;selector=a b",
            "k;selector=-a",
            "k;selector=a..b",
            "k;selector=s;domain=[192.0.2.1]",
            "k;selector=s;domain=a b",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        let why = parsed("k;selector=s;b=c").unwrap_err();
        assert!(why.contains("unknown parameter ;b="), "{why}");
    }
}
