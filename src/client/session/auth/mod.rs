//! AUTH (RFC 4954): choice of mechanisms, exchanges, and masking of secrets.

mod exchange;

pub use crate::smtp::mechanism::Mechanism;
pub use exchange::{ExchangeError, SaslExchange};

use crate::smtp::reply::Reply;
use crate::system::secret::{Login, Proof};
use crate::system::text::printable;
use base64::prelude::{BASE64_STANDARD, Engine};
use exchange::Binding;
use zeroize::Zeroizing;

/// Channel bindings of a TLS connection (RFC 5929, RFC 9266).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// `tls-exporter`.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point`.
    pub end_point: Option<Vec<u8>>,
}

/// A mechanism to try, with its channel binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub mechanism: Mechanism,
    binding: Option<Binding>,
}

/// The mechanisms that the server and the login both support, the strongest first.
pub fn candidates(
    offered: &[String],
    login: &Login,
    allowed: &[Mechanism],
    bindings: &Bindings,
) -> Vec<Candidate> {
    let is_offered = |mechanism: Mechanism| {
        let mut names = offered.iter();
        names.any(|name| name.eq_ignore_ascii_case(mechanism.name()))
    };
    let has_plus = offered
        .iter()
        .any(|name| name.to_ascii_uppercase().ends_with("-PLUS"));
    let is_allowed = |mechanism: &Mechanism| {
        let suits = login.authzid.is_none() || mechanism.has_authzid();
        suits && (allowed.is_empty() || allowed.contains(mechanism))
    };
    Mechanism::ALL
        .into_iter()
        .filter(|&mechanism| mechanism.accepts(&login.proof) && is_offered(mechanism))
        .filter(is_allowed)
        .flat_map(|mechanism| transports(mechanism, bindings, has_plus))
        .collect()
}

/// The candidates of a mechanism: one for each channel binding if it is bound, else one.
fn transports(mechanism: Mechanism, bindings: &Bindings, has_plus: bool) -> Vec<Candidate> {
    let exporter = bindings.exporter.clone().map(Binding::Exporter);
    let end_point = bindings.end_point.clone().map(Binding::EndPoint);
    let can_bind = exporter.is_some() || end_point.is_some();
    let candidate = |binding| Candidate { mechanism, binding };
    if mechanism.is_bound() {
        let both = exporter.into_iter().chain(end_point);
        return both.map(|binding| candidate(Some(binding))).collect();
    }
    // RFC 5802 §6: the flag "client supports channel binding, server does not" lets an honest server detect
    // that an attacker has removed the PLUS mechanisms from its list.
    let unbound = (mechanism.is_scram() && can_bind && !has_plus).then_some(Binding::NotOffered);
    vec![candidate(unbound)]
}

/// Replacement for a secret.
pub const STARS: &str = "********";

/// Shorter secrets are not searched for in replies: they would match parts of words.
const SHORTEST: usize = 4;

/// The texts to mask.
#[derive(Default)]
pub struct Mask(Vec<Zeroizing<String>>);

impl Mask {
    /// Masks the proof of a login, both raw and in base64.
    pub fn of(login: Option<&Login>) -> Self {
        let mut mask = Self::default();
        mask.add_proof(login);
        mask
    }

    /// Masks the proof of this login as well.
    pub fn add_proof(&mut self, login: Option<&Login>) {
        if let Some(Proof::Password(secret) | Proof::Token(secret)) =
            login.map(|login| &login.proof)
        {
            let bytes = secret.expose();
            self.add(printable(bytes));
            for before in 0..3 {
                self.add(inside_base64(bytes, before));
            }
            if let Ok(text) = std::str::from_utf8(bytes) {
                self.add(text.to_owned());
            }
        }
    }

    /// Adds a text to mask, such as a command line with a secret.
    pub fn add(&mut self, text: impl Into<String>) {
        let text = Zeroizing::new(text.into());
        if text.len() >= SHORTEST && !self.0.contains(&text) {
            self.0.push(text);
            // The longest first, so that no part of it remains.
            self.0.sort_by_key(|text| std::cmp::Reverse(text.len()));
        }
    }

    /// The reply with all secrets masked.
    pub fn reply(&self, mut reply: Reply) -> Reply {
        if !self.0.is_empty() {
            let lines = reply.lines.into_iter();
            reply.lines = lines.map(|line| self.apply(line)).collect();
        }
        reply
    }

    /// The text with all secrets masked.
    pub fn apply(&self, text: String) -> String {
        self.0.iter().fold(text, |text, hidden| {
            if text.contains(hidden.as_str()) {
                return text.replace(hidden.as_str(), STARS);
            }
            text
        })
    }
}

/// The base64 of these bytes after `before` other bytes: only the characters that do not depend on the bytes
/// before and after.
fn inside_base64(bytes: &[u8], before: usize) -> String {
    let mut all = Zeroizing::new(vec![0; before]);
    all.extend_from_slice(bytes);
    let text = Zeroizing::new(BASE64_STANDARD.encode(&*all));
    let from = (before * 8).div_ceil(6);
    let to = all.len() * 8 / 6;
    text.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::secret::{Proof, Secret};

    fn names(offered: &str, allowed: &[Mechanism], bindings: &Bindings) -> Vec<&'static str> {
        let offered: Vec<String> = offered.split(' ').map(str::to_owned).collect();
        let login = Login {
            user: Some("alice".to_owned()),
            proof: Proof::Password(Secret::new(b"x".to_vec())),
            authzid: None,
        };
        candidates(&offered, &login, allowed, bindings)
            .iter()
            .map(|candidate| candidate.mechanism.name())
            .collect()
    }

    #[test]
    fn the_strongest_comes_first_and_what_is_not_known_is_passed_over() {
        let none = Bindings::default();
        assert_eq!(
            names(
                "LOGIN plain NTLM CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256-PLUS",
                &[],
                &none
            ),
            ["SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
        );
    }

    #[test]
    fn a_list_narrows_and_does_not_add() {
        let none = Bindings::default();
        let allowed = [Mechanism::Login, Mechanism::ScramSha256];
        assert_eq!(names("PLAIN LOGIN", &allowed, &none), ["LOGIN"]);
    }

    #[test]
    fn plus_is_tried_with_each_binding() {
        let bindings = Bindings {
            exporter: Some(vec![1]),
            end_point: Some(vec![2]),
        };
        assert_eq!(
            names("SCRAM-SHA-256-PLUS SCRAM-SHA-256", &[], &bindings),
            ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
        );
    }

    #[test]
    fn a_server_that_repeats_the_secret_is_not_believed_to_be_quotable() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new("hunter2é".into())),
            authzid: None,
        };
        let mut mask = Mask::of(Some(&login));
        mask.add("AGFsaWNlAGh1bnRlcjI=");
        for said in [
            "535 hunter2é is wrong".to_owned(),
            printable("535 \0alice\0hunter2é is wrong".as_bytes()),
            "535 AGFsaWNlAGh1bnRlcjI=".to_owned(),
            format!("535 {}", BASE64_STANDARD.encode("hunter2é")),
        ] {
            let masked = mask.apply(said.clone());
            assert!(masked.contains(STARS), "{said}");
            assert!(!masked.contains("hunter2") && !masked.contains("AGFsaW"));
        }
    }

    #[test]
    fn base64_has_three_ways_to_say_a_secret() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new(b"hunter2-Gr8!".to_vec())),
            authzid: None,
        };
        let mask = Mask::of(Some(&login));
        for around in ["", "x", "xy", "xyz", "\0alice\0"] {
            let said = BASE64_STANDARD.encode(format!("{around}hunter2-Gr8!{around}"));
            assert!(mask.apply(said.clone()).contains(STARS), "{said}");
        }
    }

    #[test]
    fn a_word_of_one_letter_is_not_a_secret_worth_the_reply() {
        let login = Login {
            user: None,
            proof: Proof::Password(Secret::new(b"p".to_vec())),
            authzid: None,
        };
        let said = "235 2.7.0 accepted".to_owned();
        assert_eq!(Mask::of(Some(&login)).apply(said.clone()), said);
    }
}
