//! Authentication: the server's side of SASL (RFC 4422), as far as mail programs use it.

mod exchange;
mod scram;
mod users;

pub(super) use crate::server::auth::exchange::{LoginExchange, LoginStep};
pub use crate::server::auth::users::{UserDatabase, UsersError};

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMechanism {
    /// RFC 4616.
    Plain,
    Login,
    /// RFC 2195.
    CramMd5,
    /// RFC 5802.
    ScramSha1,
    /// RFC 7677.
    ScramSha256,
    /// The token mechanism of Google and Microsoft.
    Xoauth2,
    /// RFC 7628.
    OauthBearer,
}

impl ServerMechanism {
    /// All of them, the safer ones first.
    pub const ALL: [ServerMechanism; 7] = [
        ServerMechanism::ScramSha256,
        ServerMechanism::ScramSha1,
        ServerMechanism::CramMd5,
        ServerMechanism::Plain,
        ServerMechanism::Login,
        ServerMechanism::OauthBearer,
        ServerMechanism::Xoauth2,
    ];

    /// Its name in EHLO and AUTH.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ServerMechanism::Plain => "PLAIN",
            ServerMechanism::Login => "LOGIN",
            ServerMechanism::CramMd5 => "CRAM-MD5",
            ServerMechanism::ScramSha1 => "SCRAM-SHA-1",
            ServerMechanism::ScramSha256 => "SCRAM-SHA-256",
            ServerMechanism::Xoauth2 => "XOAUTH2",
            ServerMechanism::OauthBearer => "OAUTHBEARER",
        }
    }

    /// The mechanism of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<ServerMechanism> {
        let mut all = ServerMechanism::ALL.into_iter();
        all.find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    // In SCRAM the server also has to prove that it knows the password.
    pub(crate) fn needs_password(self) -> bool {
        matches!(
            self,
            ServerMechanism::ScramSha1 | ServerMechanism::ScramSha256
        )
    }
}

/// The users and the mechanisms.
#[derive(Debug)]
pub struct Auth {
    pub keeper: UserDatabase,
    /// The mechanisms offered; `None`: all that are possible.
    pub only: Option<Vec<ServerMechanism>>,
    /// True if logins are accepted without TLS, too.
    pub in_clear: bool,
}

impl Auth {
    #[must_use]
    pub fn mechanisms(&self) -> Vec<ServerMechanism> {
        let will_do = |mechanism: &ServerMechanism| {
            self.keeper.has_passwords() || !mechanism.needs_password()
        };
        let is_wanted = |mechanism: &ServerMechanism| {
            let only = self.only.as_ref();
            only.is_none_or(|only| only.contains(mechanism))
        };
        let all = ServerMechanism::ALL.into_iter();
        all.filter(will_do).filter(is_wanted).collect()
    }
}
