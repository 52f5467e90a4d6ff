//! SASL mechanisms (RFC 4422).

use crate::system::secret::Proof;

/// A mechanism that the client supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Identity from the client certificate (RFC 4422, appendix A).
    External,
    /// RFC 7677, bound to the TLS connection.
    ScramSha256Plus,
    /// RFC 5802, bound to the TLS connection.
    ScramSha1Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 2195.
    CramMd5,
    /// RFC 4616: the password itself.
    Plain,
    /// The password in clear, the mechanism that preceded PLAIN (RFC 4616).
    Login,
    /// A bearer token (RFC 7628).
    OAuthBearer,
    /// A bearer token, the mechanism that preceded RFC 7628.
    XOAuth2,
}

impl Mechanism {
    /// All mechanisms, the strongest first.
    pub const ALL: [Self; 10] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
        Self::OAuthBearer,
        Self::XOAuth2,
    ];

    /// The name in EHLO and AUTH.
    pub const fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    /// The mechanism of this name, in any case; `None`: unknown.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// True if the mechanism can use this proof.
    pub fn accepts(self, proof: &Proof) -> bool {
        match self {
            Self::External => matches!(proof, Proof::Elsewhere),
            mechanism if mechanism.uses_token() => matches!(proof, Proof::Token(_)),
            _ => matches!(proof, Proof::Password(_)),
        }
    }

    /// True if the mechanism uses an OAuth token.
    pub fn uses_token(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// True if it is bound to the TLS connection (RFC 5056).
    pub fn is_bound(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    /// True if the password itself is sent to the server.
    pub fn sends_password(self) -> bool {
        matches!(self, Self::Plain | Self::Login)
    }

    /// True if it can tell the server the identity to act as, apart from that of the user (RFC 4422 §3.4.1).
    pub fn has_authzid(self) -> bool {
        !matches!(self, Self::CramMd5 | Self::Login | Self::XOAuth2)
    }

    pub fn is_scram(self) -> bool {
        matches!(
            self,
            Self::ScramSha256Plus | Self::ScramSha1Plus | Self::ScramSha256 | Self::ScramSha1
        )
    }

    /// True if its responses depend on the server's challenges.
    pub fn needs_challenge(self) -> bool {
        self.is_scram() || self == Self::CramMd5
    }

    /// True if the client may send the initial response with the AUTH command (RFC 4954 §4).
    pub fn has_initial_response(self) -> bool {
        !matches!(self, Self::Login | Self::CramMd5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::secret::Secret;

    #[test]
    fn names_are_parsed_in_any_case() {
        for mechanism in Mechanism::ALL {
            let name = mechanism.name();
            assert_eq!(Mechanism::parse(&name.to_lowercase()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("NTLM"), None);
    }

    #[test]
    fn token_mechanisms_accept_only_a_token() {
        let token = Proof::Token(Secret::new(b"t".to_vec()));
        let fit: Vec<_> = Mechanism::ALL
            .into_iter()
            .filter(|m| m.accepts(&token))
            .collect();
        assert_eq!(fit, [Mechanism::OAuthBearer, Mechanism::XOAuth2]);
    }
}
