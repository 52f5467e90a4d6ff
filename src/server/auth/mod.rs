//! Authentication: the server's side of SASL (RFC 4422), as far as mail programs use it.

use crate::smtp::mechanism::Mechanism;

mod exchange;
mod scram;
mod users;

pub(super) use crate::server::auth::exchange::{LoginExchange, LoginStep};
pub use crate::server::auth::users::{UserDatabase, UsersError};

/// The mechanisms of the server, the safer ones first.
pub const MECHANISMS: [Mechanism; 7] = [
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::CramMd5,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::OAuthBearer,
    Mechanism::XOAuth2,
];

/// The users and the mechanisms.
#[derive(Debug)]
pub struct Auth {
    pub users: UserDatabase,
    /// The mechanisms offered; `None`: all that are possible.
    pub only: Option<Vec<Mechanism>>,
    /// True if logins are accepted without TLS, too.
    pub in_clear: bool,
}

impl Auth {
    #[must_use]
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let is_possible = |mechanism: &Mechanism| {
            // In SCRAM the server also has to prove that it knows the password.
            self.users.has_passwords() || !mechanism.is_scram()
        };
        let is_allowed = |mechanism: &Mechanism| {
            let only = self.only.as_ref();
            only.is_none_or(|only| only.contains(mechanism))
        };
        let all = MECHANISMS.into_iter();
        all.filter(is_possible).filter(is_allowed).collect()
    }
}
