//! AUTH (RFC 4954): choice of mechanisms, exchanges, and masking of secrets.

mod exchange;
mod mask;

pub use crate::smtp::mechanism::Mechanism;
pub use exchange::{ExchangeError, SaslExchange};
pub use mask::{Mask, STARS};

use crate::system::secret::Login;
use exchange::Binding;

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
#[must_use]
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
    let is_allowed = |mechanism: &Mechanism| allowed.is_empty() || allowed.contains(mechanism);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::secret::{Proof, Secret};

    fn names(offered: &str, allowed: &[Mechanism], bindings: &Bindings) -> Vec<&'static str> {
        let offered: Vec<String> = offered.split(' ').map(str::to_owned).collect();
        let login = Login {
            user: Some("alice".to_owned()),
            proof: Proof::Password(Secret::new(b"x".to_vec())),
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
}
