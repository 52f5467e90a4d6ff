//! The SASL exchange of one login. Pure.

use crate::server::auth::scram::Scram;
use crate::server::auth::{Auth, UserDatabase};
use crate::smtp::mechanism::Mechanism;
use hmac::{Hmac, Mac};
use md5::Md5;
use ring::rand::{SecureRandom, SystemRandom};

/// The challenge for an invalid token (RFC 7628 §3.2.3, and as sent by Google).
const BAD_TOKEN: &[u8] = br#"{"status":"invalid_token","schemes":"bearer"}"#;

/// The next step of a login.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginStep {
    /// Sends this challenge and waits for a response.
    Challenge(Vec<u8>),
    /// This user is authenticated.
    Accepted(String),
    /// This user is not authenticated; the name is empty if none was given.
    Rejected(String),
    /// The response is malformed for the mechanism.
    Malformed,
}

pub struct LoginExchange<'a> {
    users: &'a UserDatabase,
    mechanism: Mechanism,
    state: ExchangeState,
}

/// The expected response.
enum ExchangeState {
    First,
    /// LOGIN: the password of this user.
    Password(String),
    /// CRAM-MD5: the answer to this challenge.
    Cram(String),
    Proof(Box<Scram>),
    /// A last response without content, for this verdict.
    Last(LoginStep),
}

impl<'a> LoginExchange<'a> {
    pub fn new(auth: &'a Auth, mechanism: Mechanism) -> LoginExchange<'a> {
        LoginExchange {
            users: &auth.users,
            mechanism,
            state: ExchangeState::First,
        }
    }

    /// Begins, with the response that came with the command if there was one.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> LoginStep {
        match (self.mechanism, initial) {
            (Mechanism::CramMd5, None) => {
                let challenge = format!("<{}@ehlo.sink>", nonce());
                self.state = ExchangeState::Cram(challenge.clone());
                LoginStep::Challenge(challenge.into())
            }
            // RFC 4954 §4: an initial response is not allowed if the server speaks first.
            (Mechanism::CramMd5, Some(_)) => LoginStep::Malformed,
            (Mechanism::Login, None) => LoginStep::Challenge(b"Username:".into()),
            (_, None) => LoginStep::Challenge(Vec::new()),
            (_, Some(response)) => self.step(response),
        }
    }

    pub fn step(&mut self, response: &[u8]) -> LoginStep {
        let state = std::mem::replace(&mut self.state, ExchangeState::Last(LoginStep::Malformed));
        match state {
            ExchangeState::First => self.first(response).unwrap_or(LoginStep::Malformed),
            ExchangeState::Password(user) => self.verdict(user, response),
            ExchangeState::Cram(challenge) => self
                .cram(&challenge, response)
                .unwrap_or(LoginStep::Malformed),
            ExchangeState::Proof(scram) => self.proof(*scram, response),
            ExchangeState::Last(verdict) => verdict,
        }
    }

    fn first(&mut self, response: &[u8]) -> Option<LoginStep> {
        match self.mechanism {
            Mechanism::Plain => self.plain(response),
            Mechanism::Login => {
                self.state = ExchangeState::Password(text(response)?);
                Some(LoginStep::Challenge(b"Password:".into()))
            }
            Mechanism::XOAuth2 => self.xoauth2(response),
            Mechanism::OAuthBearer => self.bearer(response),
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => self.scram(response),
            // CRAM-MD5 begins with a challenge; the others are not offered.
            _ => None,
        }
    }

    fn verdict(&self, user: String, password: &[u8]) -> LoginStep {
        if self.users.accepts(&user, password) {
            LoginStep::Accepted(user)
        } else {
            LoginStep::Rejected(user)
        }
    }

    /// RFC 4616: authorization identity, user and password, separated by NUL.
    fn plain(&self, response: &[u8]) -> Option<LoginStep> {
        let parts: Vec<&[u8]> = response.split(|&byte| byte == 0).collect();
        let [_, user, password] = parts.as_slice() else {
            return None;
        };
        let user = text(user).filter(|user| !user.is_empty() && !password.is_empty())?;
        Some(self.verdict(user, password))
    }

    /// RFC 2195: the user, and the keyed hash of the challenge in hexadecimal.
    fn cram(&self, challenge: &str, response: &[u8]) -> Option<LoginStep> {
        let text = text(response)?;
        let (user, sum) = text.rsplit_once(' ')?;
        let user = user.to_owned();
        let Some(password) = self.users.password(&user) else {
            return Some(self.verdict(user, b""));
        };
        let mut mac = Hmac::<Md5>::new_from_slice(password.expose()).ok()?;
        mac.update(challenge.as_bytes());
        let expected = crate::system::certificate::hex(&mac.finalize().into_bytes());
        Some(if expected.eq_ignore_ascii_case(sum) {
            LoginStep::Accepted(user)
        } else {
            LoginStep::Rejected(user)
        })
    }

    /// `user=NAME^Aauth=Bearer TOKEN^A^A`.
    fn xoauth2(&mut self, response: &[u8]) -> Option<LoginStep> {
        let text = text(response)?;
        let mut fields = text.split('\x01');
        let user = fields.next()?.strip_prefix("user=")?.to_owned();
        let token = bearer(fields.next()?)?;
        Some(self.with_token(user, token))
    }

    /// RFC 7628 §3.1: `n,a=NAME,^Ahost=..^Aport=..^Aauth=Bearer TOKEN^A^A`.
    fn bearer(&mut self, response: &[u8]) -> Option<LoginStep> {
        let text = text(response)?;
        let mut fields = text.split('\x01');
        let mut header = fields.next()?.split(',');
        let user = header.nth(1)?.strip_prefix("a=").unwrap_or_default();
        let token = fields.find_map(bearer)?;
        Some(self.with_token(user.to_owned(), token))
    }

    // Both mechanisms report an error in a challenge, which the client acknowledges.
    fn with_token(&mut self, user: String, token: &str) -> LoginStep {
        match self.verdict(user, token.as_bytes()) {
            rejected @ LoginStep::Rejected(_) => {
                self.state = ExchangeState::Last(rejected);
                LoginStep::Challenge(BAD_TOKEN.into())
            }
            accepted => accepted,
        }
    }

    fn scram(&mut self, response: &[u8]) -> Option<LoginStep> {
        let first = text(response)?;
        let begun = Scram::begin(self.mechanism, self.users, &first, &nonce())?;
        let challenge = begun.challenge().into();
        self.state = ExchangeState::Proof(Box::new(begun));
        Some(LoginStep::Challenge(challenge))
    }

    fn proof(&mut self, scram: Scram, response: &[u8]) -> LoginStep {
        let verified = text(response).and_then(|last| scram.verify(&last));
        let Some(signature) = verified else {
            return LoginStep::Rejected(scram.user);
        };
        self.state = ExchangeState::Last(LoginStep::Accepted(scram.user));
        LoginStep::Challenge(signature.into())
    }
}

fn bearer(field: &str) -> Option<&str> {
    let (scheme, token) = field.strip_prefix("auth=")?.split_once(' ')?;
    let is_token = scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty();
    is_token.then_some(token)
}

fn text(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A random value that is never repeated.
fn nonce() -> String {
    let mut bytes = [0; 18];
    // The system has random bytes; if not, this is a receiver for tests.
    let _ = SystemRandom::new().fill(&mut bytes);
    crate::system::certificate::hex(&bytes)
}

#[cfg(test)]
mod tests;
