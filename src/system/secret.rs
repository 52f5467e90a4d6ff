//! Passwords and tokens, which are never displayed.

use std::fmt;
use zeroize::Zeroizing;

/// A password or a token. Its memory is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes; they are not copied.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for callers that send them or compute with them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// A user name and its proof of identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name. `None`: the proof contains it (RFC 4422, appendix A).
    pub user: Option<String>,
    /// The identity to act as (RFC 4422 §3.4.1). `None`: that of the user.
    pub authzid: Option<String>,
    pub proof: Proof,
}

/// A proof of identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    Password(Secret),
    /// An OAuth bearer token (RFC 6750).
    Token(Secret),
    /// Something else, such as a client certificate.
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_secret() {
        let secret = Secret::new(b"hunter2".to_vec());
        assert_eq!(format!("{secret:?}"), "(redacted)");
        assert_eq!(secret.expose(), b"hunter2");
    }
}
