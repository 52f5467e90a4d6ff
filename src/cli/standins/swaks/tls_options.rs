//! The options of TLS.

use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::link::ProtocolOption;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::options::Key;
use crate::cli::standins::swaks::printer::Stop;

/// The protocols that rustls has.
pub const SUPPORTED: [&str; 2] = ["TLSv1_2", "TLSv1_3"];

/// Protocols that are never used, so that a list may exclude them.
const NEVER_USED: [&str; 4] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1_1"];

/// If the session may go on without what was requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    #[default]
    Required,
    /// The session goes on if it is not offered, and if it fails.
    Optional,
    /// The session goes on if it is not offered.
    Strict,
}

impl Demand {
    pub fn of(is_optional: bool, is_strict: bool) -> Self {
        match (is_strict, is_optional) {
            (true, _) => Self::Strict,
            (false, true) => Self::Optional,
            (false, false) => Self::Required,
        }
    }

    /// The end of a line of `--dump`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Strict => "optional-strict",
        }
    }
}

/// When TLS is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct TlsUse {
    pub demand: Demand,
    pub has_starttls: bool,
    pub is_on_connect: bool,
}

impl TlsUse {
    pub fn read(protocol: ProtocolOption, given: &Given) -> Self {
        let is_optional = given.flag(Key::TlsOptional);
        let is_strict = given.flag(Key::TlsOptionalStrict);
        let is_required = given.flag(Key::Tls);
        let is_on_connect = given.flag(Key::TlsOnConnect);
        let is_said = is_optional || is_strict || is_required || is_on_connect;
        Self {
            demand: Demand::of(is_optional, is_strict),
            has_starttls: is_required
                || is_optional
                || is_strict
                || (protocol.has_starttls && !is_said),
            is_on_connect: is_on_connect || (protocol.has_tls_on_connect && !is_said),
        }
    }

    pub fn is_any(self) -> bool {
        self.has_starttls || self.is_on_connect
    }
}

/// The options of TLS; texts are empty if they were not given.
#[derive(Clone, Debug, Default)]
pub struct TlsPlan {
    pub when: TlsUse,
    pub verifies_ca: bool,
    pub verifies_host: bool,
    pub verify_target: String,
    pub sni: String,
    pub cipher: String,
    pub cert: String,
    pub chain: String,
    pub key: String,
    pub ca_path: String,
    /// As given: names, or all of them with `no_`.
    pub protocols: Vec<String>,
    /// A file, or `STDOUT`.
    pub get_peer_cert: String,
    pub get_peer_chain: String,
}

impl TlsPlan {
    /// Reads the other options, if TLS is used.
    pub fn read(when: TlsUse, given: &mut Given) -> Result<Self, Stop> {
        let mut plan = Self {
            when,
            ..Self::default()
        };
        if !when.is_any() {
            return Ok(plan);
        }
        let verifies_all = given.flag(Key::TlsVerify);
        plan.verifies_ca = given.flag(Key::TlsVerifyCa) || verifies_all;
        plan.verifies_host = given.flag(Key::TlsVerifyHost) || verifies_all;
        let texts = [
            (Key::TlsVerifyTarget, &mut plan.verify_target),
            (Key::TlsSni, &mut plan.sni),
            (Key::TlsCipher, &mut plan.cipher),
            (Key::TlsCert, &mut plan.cert),
            (Key::TlsChain, &mut plan.chain),
            (Key::TlsKeyFile, &mut plan.key),
            (Key::TlsCaPath, &mut plan.ca_path),
        ];
        for (key, text) in texts {
            *text = given.take(key)?.unwrap_or_default();
        }
        if let Some(error) = plan.conflict() {
            return Err(given.printer.stop(1, &error));
        }
        plan.protocols = protocols(given)?;
        plan.get_peer_cert = place_of_certificate(Key::TlsGetPeerCert, given)?;
        plan.get_peer_chain = place_of_certificate(Key::TlsGetPeerChain, given)?;
        Ok(plan)
    }

    fn conflict(&self) -> Option<String> {
        let is_given = |text: &str| octets::is_true(text);
        let (cert, key) = (is_given(&self.cert), is_given(&self.key));
        if cert != key {
            return Some("--tls-cert and --tls-key require each other.  Exiting".to_owned());
        }
        if is_given(&self.chain) && !cert {
            return Some("--tls-chain requires both --tls-cert and --tls-key.  Exiting".to_owned());
        }
        let path = octets::path(&self.ca_path);
        let is_missing = is_given(&self.ca_path) && !path.is_file() && !path.is_dir();
        is_missing.then(|| {
            format!(
                "--tls-ca-path: {} is not a valid file or directory.  Exiting.",
                self.ca_path
            )
        })
    }

    /// True if this protocol of [`SUPPORTED`] may be used.
    pub fn allows(&self, protocol: &str) -> bool {
        let is_named = |name: &str| {
            let mut protocols = self.protocols.iter();
            protocols.any(|one| one.eq_ignore_ascii_case(name))
        };
        match self.protocols.first() {
            None => true,
            Some(first) if excluded(first).is_some() => !is_named(&format!("no_{protocol}")),
            Some(_) => is_named(protocol),
        }
    }
}

/// The name after `no_`.
fn excluded(protocol: &str) -> Option<&str> {
    let (start, name) = protocol.split_at_checked(3)?;
    start.eq_ignore_ascii_case("no_").then_some(name)
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn protocols(given: &mut Given) -> Result<Vec<String>, Stop> {
    let Some(list) = given.take_true(Key::TlsProtocol)? else {
        return Ok(Vec::new());
    };
    let requested = octets::parts(&list, ",");
    let requested: Vec<&str> = requested
        .iter()
        .enumerate()
        .map(|(place, name)| {
            if place > 0 {
                name.trim_ascii_start()
            } else {
                name
            }
        })
        .collect();
    let excluding = requested.iter().filter(|name| excluded(name).is_some());
    let excluding = excluding.count();
    if excluding > 0 && excluding != requested.len() {
        let error = "cannot mix X and no_X forms in --tls-protocol option";
        return Err(given.printer.stop(1, error));
    }
    let mut protocols = Vec::new();
    for &name in &requested {
        let is_known = match excluded(name) {
            Some(name) => is_one_of(&SUPPORTED, name) || is_one_of(&NEVER_USED, name),
            None => is_one_of(&SUPPORTED, name),
        };
        if is_known {
            protocols.push(name.to_owned());
        } else {
            let error = format!("{name} in --tls-protocol is not a known/supported protocol");
            given.printer.error(&error);
        }
    }
    if protocols.is_empty() {
        let error = "no valid arguments provided to --tls-protocol, exiting";
        return Err(given.printer.stop(1, error));
    }
    Ok(protocols)
}

/// Where a certificate is written: `STDOUT` if the option has no argument.
fn place_of_certificate(key: Key, given: &mut Given) -> Result<String, Stop> {
    Ok(match given.take(key)? {
        Some(place) if place.is_empty() => "STDOUT".to_owned(),
        place => place.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_named_or_excluded() {
        let plan = |protocols: &[&str]| TlsPlan {
            protocols: protocols.iter().map(|&name| name.to_owned()).collect(),
            ..TlsPlan::default()
        };
        let allowed = |protocols: &[&str]| SUPPORTED.map(|name| plan(protocols).allows(name));
        assert_eq!(allowed(&[]), [true, true]);
        assert_eq!(allowed(&["tlsv1_2"]), [true, false]);
        assert_eq!(allowed(&["no_tlsv1_2", "NO_SSLv3"]), [false, true]);
    }
}
