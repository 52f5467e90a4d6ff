//! The SASL mechanisms that we know, by the names under which servers offer them.

/// A SASL mechanism (RFC 4422).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The certificate of the connection says who we are (RFC 4422, appendix A).
    External,
    /// SCRAM with SHA-256, bound to the TLS connection (RFC 7677).
    ScramSha256Plus,
    /// SCRAM with SHA-1, bound to the TLS connection (RFC 5802).
    ScramSha1Plus,
    /// SCRAM with SHA-256 (RFC 7677).
    ScramSha256,
    /// SCRAM with SHA-1 (RFC 5802).
    ScramSha1,
    /// A challenge and its HMAC-MD5 (RFC 2195).
    CramMd5,
    /// The password as it is (RFC 4616).
    Plain,
    /// The password as it is, in an older dialogue.
    Login,
    /// An OAuth 2.0 token (RFC 7628).
    OauthBearer,
    /// An OAuth 2.0 token, as Google began it.
    Xoauth2,
}

impl Mechanism {
    /// All of them, strongest first.
    pub const ALL: [Self; 10] = [
        Self::External,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
        Self::OauthBearer,
        Self::Xoauth2,
    ];

    /// Its registered name.
    #[must_use]
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
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// The mechanism of a name, in letters of either case; `None` if we do not know it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_it = |mechanism: &Self| mechanism.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is_it)
    }

    /// Whether it wants an OAuth token instead of a password.
    #[must_use]
    pub const fn wants_token(self) -> bool {
        matches!(self, Self::OauthBearer | Self::Xoauth2)
    }
}

#[cfg(test)]
mod tests {
    use super::Mechanism;

    #[test]
    fn every_mechanism_is_found_by_its_name() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("xoauth2"), Some(Mechanism::Xoauth2));
        for unknown in ["", "DIGEST-MD5", "PLAIN ", "SCRAM"] {
            assert_eq!(Mechanism::parse(unknown), None);
        }
    }

    #[test]
    fn the_strongest_stands_first() {
        let names = Mechanism::ALL.map(Mechanism::name);
        assert_eq!(names.first(), Some(&"EXTERNAL"));
        let place = |name| names.iter().position(|other| *other == name).unwrap();
        for (strong, weak) in [
            ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"),
            ("SCRAM-SHA-1", "CRAM-MD5"),
            ("CRAM-MD5", "PLAIN"),
            ("PLAIN", "LOGIN"),
        ] {
            assert!(place(strong) < place(weak), "{strong}");
        }
    }
}
