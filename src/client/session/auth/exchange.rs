//! One SASL exchange with one mechanism. rsasl implements the mechanisms; the parts that it leaves to its
//! caller are here: SCRAM's bounds and string preparation, the errors of OAuth, CRAM-MD5.

use crate::client::session::auth::Candidate;
use crate::smtp::mechanism::Mechanism;
use crate::smtp::reply::Reply;
use crate::system::secret::{Login, Proof};
use crate::system::text::printable;
use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, Mac};
use md5::Md5;
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::prelude::{
    ChannelBindingCallback, Mechname, Registry, SASLClient, SASLConfig, Session, SessionError,
    State,
};
use rsasl::property::{AuthId, AuthzId, OAuthBearerToken, OverrideCBType, Password};
use rsasl::validate::NoValidation;
use zeroize::Zeroizing;

/// RFC 7677 §4: with fewer iterations, the password can be guessed too easily from the exchange.
const MIN_ITERATIONS: u32 = 4096;

/// Upper bound of SCRAM iterations, against exhaustion of CPU time; 600,000 is the current recommendation.
const MAX_ITERATIONS: u32 = 1_000_000;

/// Maximum length of a challenge, in base64 characters (RFC 4954 §4).
const MAX_CHALLENGE: usize = 12_288;

/// A client response, which may be a secret.
pub type Response = Zeroizing<Vec<u8>>;

static MECHANISMS: &[rsasl::prelude::Mechanism] = &[
    rsasl::mechanisms::external::EXTERNAL,
    rsasl::mechanisms::scram::SCRAM_SHA256_PLUS,
    rsasl::mechanisms::scram::SCRAM_SHA1_PLUS,
    rsasl::mechanisms::scram::SCRAM_SHA256,
    rsasl::mechanisms::scram::SCRAM_SHA1,
    rsasl::mechanisms::plain::PLAIN,
    rsasl::mechanisms::login::LOGIN,
    rsasl::mechanisms::oauthbearer::OAUTHBEARER,
    rsasl::mechanisms::xoauth2::XOAUTH2,
];

/// Channel binding of a SCRAM exchange, or the reason for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    Exporter(Vec<u8>),
    EndPoint(Vec<u8>),
    /// The client supports it, but the server does not offer it.
    NotOffered,
}

impl Binding {
    fn name(&self) -> &'static str {
        match self {
            Self::Exporter(_) => "tls-exporter",
            Self::EndPoint(_) => "tls-server-end-point",
            Self::NotOffered => "",
        }
    }
}

/// Reason for which an exchange cannot continue.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The server sent data that the mechanism does not allow.
    #[error("{0}")]
    Senseless(String),
    /// The server did not prove that it knows the password, so it may be an impostor.
    #[error("the server did not prove that it knows the password (SCRAM server signature)")]
    Imposter,
    /// The server does not support this binding; another binding or mechanism may work.
    #[error("the server rejected the channel binding: {0}")]
    Binding(String),
}

/// An exchange in progress.
pub struct SaslExchange {
    mechanism: Mechanism,
    inner: SaslState,
    /// True if all responses were sent and, if the mechanism authenticates the server, its proof was checked.
    finished: bool,
    /// The server's error about a rejected token.
    complaint: Option<String>,
}

enum SaslState {
    Sasl(Box<Session<NoValidation, Binding>>),
    Cram(Login),
    /// The server has rejected the token, and waits for a response before its final reply.
    Refused,
}

impl SaslExchange {
    /// Prepares the exchange. Nothing is computed yet.
    pub fn new(candidate: &Candidate, login: &Login) -> Result<Self, ExchangeError> {
        let mechanism = candidate.mechanism;
        let inner = match mechanism {
            Mechanism::CramMd5 => SaslState::Cram(login.clone()),
            _ => SaslState::Sasl(Box::new(sasl(candidate, login)?)),
        };
        Ok(Self {
            mechanism,
            inner,
            finished: false,
            complaint: None,
        })
    }

    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// True if a 235 can be trusted: all responses were sent, and the server has proved itself if the
    /// mechanism requires it.
    pub fn is_finished(&self) -> bool {
        match self.inner {
            // In these mechanisms, the server's acceptance is the only proof.
            SaslState::Sasl(_) if !self.mechanism.is_scram() => true,
            SaslState::Refused => false,
            _ => self.finished,
        }
    }

    /// The server's error about a rejected token.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Returns the initial response of a mechanism in which the client starts.
    pub fn begin(&mut self) -> Result<Response, ExchangeError> {
        self.step(None)
    }

    /// Answers a 334 reply. Its text must be base64 only for the mechanisms that use it: some servers
    /// send the prompts of LOGIN in clear, and no answer depends on those.
    pub fn respond(&mut self, reply: &Reply) -> Result<Response, ExchangeError> {
        let text = reply.lines.join(" ");
        let text = text.trim();
        if text.len() > MAX_CHALLENGE {
            let why = "the server's challenge is too long";
            return Err(ExchangeError::Senseless(why.to_owned()));
        }
        match BASE64_STANDARD.decode(text) {
            Ok(challenge) => self.answer(&challenge),
            Err(_) if text == "=" => self.answer(b""),
            Err(_) if self.mechanism.needs_challenge() => {
                let why = "the server's challenge is not valid base64";
                Err(ExchangeError::Senseless(why.to_owned()))
            }
            Err(_) => self.answer(text.as_bytes()),
        }
    }

    /// Answers a decoded challenge.
    fn answer(&mut self, challenge: &[u8]) -> Result<Response, ExchangeError> {
        if self.finished {
            let what = "the server sent a challenge after the exchange was complete";
            return Err(ExchangeError::Senseless(what.to_owned()));
        }
        match self.mechanism {
            Mechanism::OAuthBearer | Mechanism::XOAuth2 => Ok(self.refused(challenge)),
            mechanism if mechanism.is_scram() => {
                check_form(challenge)?;
                check_iterations(challenge)?;
                check_error(challenge)?;
                self.step(Some(challenge))
            }
            _ => self.step(Some(challenge)),
        }
    }

    /// RFC 7628 §3.2.3: a challenge is the rejection, in JSON, and must be answered before the 535.
    fn refused(&mut self, challenge: &[u8]) -> Response {
        self.complaint = Some(printable(challenge));
        self.inner = SaslState::Refused;
        self.finished = true;
        Zeroizing::new(match self.mechanism {
            Mechanism::OAuthBearer => vec![1],
            _ => Vec::new(),
        })
    }

    fn step(&mut self, challenge: Option<&[u8]>) -> Result<Response, ExchangeError> {
        // Capacity for the largest response: growing would leave copies of a secret in memory.
        let mut response = Zeroizing::new(Vec::with_capacity(16 * 1024));
        match &mut self.inner {
            SaslState::Sasl(session) => match session.step(challenge, &mut *response) {
                Ok(State::Finished(_)) => self.finished = true,
                Ok(State::Running) => {}
                Err(SessionError::MutualAuthenticationFailed) => {
                    return Err(ExchangeError::Imposter);
                }
                Err(error) => return Err(ExchangeError::Senseless(senseless(&error))),
            },
            SaslState::Cram(login) => {
                self.finished = true;
                return Ok(cram(login, challenge.unwrap_or_default()));
            }
            SaslState::Refused => {}
        }
        Ok(response)
    }
}

fn senseless(error: &SessionError) -> String {
    match error {
        SessionError::MechanismError(error) => {
            format!("invalid challenge from the server: {error}")
        }
        other => format!("invalid challenge from the server: {other}"),
    }
}

fn sasl(
    candidate: &Candidate,
    login: &Login,
) -> Result<Session<NoValidation, Binding>, ExchangeError> {
    let binding = candidate.binding.clone();
    let answers = SaslAnswers {
        mechanism: candidate.mechanism,
        login: login.clone(),
        binding: binding.as_ref().map(Binding::name),
    };
    let failed = |why: String| ExchangeError::Senseless(why);
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(MECHANISMS))
        .with_callback(answers)
        .map_err(|error| failed(error.to_string()))?;
    let name = Mechname::parse(candidate.mechanism.name().as_bytes())
        .map_err(|error| failed(error.to_string()))?;
    SASLClient::with_cb(config, binding.unwrap_or(Binding::NotOffered))
        .start_suggested(&[name])
        .map_err(|error| failed(error.to_string()))
}

/// Answers to rsasl's property queries.
struct SaslAnswers {
    mechanism: Mechanism,
    login: Login,
    binding: Option<&'static str>,
}

impl SaslAnswers {
    /// The identity to act as, in the form of the mechanism.
    fn identity(&self) -> Option<String> {
        let identity = self.login.authzid.as_deref();
        match self.mechanism {
            Mechanism::External => identity.or(self.login.user.as_deref()).map(str::to_owned),
            Mechanism::OAuthBearer => {
                // RFC 5801 §4: comma and equals sign are escaped in the GS2 header.
                let identity = identity.or(self.login.user.as_deref())?;
                Some(identity.replace('=', "=3D").replace(',', "=2C"))
            }
            _ => identity.map(str::to_owned),
        }
    }
}

impl SessionCallback for SaslAnswers {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        let user = self.login.user.as_deref();
        match (self.mechanism, user) {
            // Their user is the identity.
            (Mechanism::External | Mechanism::OAuthBearer, _) | (_, None) => {}
            (mechanism, Some(user)) if mechanism.is_scram() => {
                let prepared = prepared(user.as_bytes());
                let user = std::str::from_utf8(&prepared).unwrap_or(user);
                request.satisfy::<AuthId>(user)?;
            }
            (_, Some(user)) => {
                request.satisfy::<AuthId>(user)?;
            }
        }
        if let Some(identity) = self.identity() {
            request.satisfy::<AuthzId>(&identity)?;
        }
        match &self.login.proof {
            Proof::Password(secret) if self.mechanism.is_scram() => {
                request.satisfy::<Password>(&prepared(secret.expose()))?;
            }
            Proof::Password(secret) => {
                request.satisfy::<Password>(secret.expose())?;
            }
            Proof::Token(secret) => {
                if let Ok(token) = std::str::from_utf8(secret.expose()) {
                    request.satisfy::<OAuthBearerToken>(token)?;
                }
            }
            Proof::Elsewhere => {}
        }
        if let Some(name) = self.binding.filter(|name| !name.is_empty()) {
            request.satisfy::<OverrideCBType>(name)?;
        }
        Ok(())
    }

    fn enable_channel_binding(&self) -> bool {
        self.binding.is_some()
    }
}

impl ChannelBindingCallback for Binding {
    fn get_cb_data(&self, name: &str) -> Option<&[u8]> {
        match self {
            Self::Exporter(data) | Self::EndPoint(data) if name == self.name() => Some(data),
            _ => None,
        }
    }
}

/// Applies `SASLprep` (RFC 4013) to UTF-8 text that it allows; other text stays unchanged.
fn prepared(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(text)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok());
    Zeroizing::new(match prepared {
        Some(prepared) => prepared.as_bytes().to_vec(),
        None => text.to_vec(),
    })
}

/// The attribute of this name in a SCRAM message (RFC 5802 §5.1).
fn attribute(message: &[u8], name: u8) -> Option<&[u8]> {
    message
        .split(|&byte| byte == b',')
        .find_map(|part| part.strip_prefix(&[name, b'=']))
}

/// RFC 5802 §7: a list of attributes, each of one ASCII letter and a value. rsasl does not check this.
fn check_form(challenge: &[u8]) -> Result<(), ExchangeError> {
    let is_attribute =
        |part: &[u8]| matches!(part, [letter, b'=', ..] if letter.is_ascii_alphabetic());
    if challenge.split(|&byte| byte == b',').all(is_attribute) {
        return Ok(());
    }
    let what = "the server's challenge is not a SCRAM message";
    Err(ExchangeError::Senseless(what.to_owned()))
}

/// RFC 5802 §5.1: enough iterations to make guessing expensive, and few enough to bound the CPU time.
fn check_iterations(challenge: &[u8]) -> Result<(), ExchangeError> {
    let Some(count) = attribute(challenge, b'i') else {
        return Ok(());
    };
    let number = std::str::from_utf8(count)
        .ok()
        .and_then(|count| count.parse().ok());
    let sensible = format!("expected {MIN_ITERATIONS} to {MAX_ITERATIONS}");
    match number {
        Some(MIN_ITERATIONS..=MAX_ITERATIONS) => Ok(()),
        Some(number) => Err(ExchangeError::Senseless(format!(
            "the server requests {number} SCRAM iterations; {sensible}"
        ))),
        None => Err(ExchangeError::Senseless(format!(
            "the server's SCRAM iteration count is not a number; {sensible}"
        ))),
    }
}

/// RFC 5802 §7: the server's last message may be an error.
fn check_error(challenge: &[u8]) -> Result<(), ExchangeError> {
    if !challenge.starts_with(b"e=") {
        return Ok(());
    }
    let error = printable(attribute(challenge, b'e').unwrap_or_default());
    if error.contains("channel-binding") {
        return Err(ExchangeError::Binding(error));
    }
    Err(ExchangeError::Senseless(format!(
        "the server reports {error}"
    )))
}

/// RFC 2195: the user and the keyed hash of the challenge.
fn cram(login: &Login, challenge: &[u8]) -> Response {
    let Proof::Password(password) = &login.proof else {
        return Zeroizing::default();
    };
    let user = login.user.as_deref().unwrap_or_default();
    // HMAC accepts keys of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(password.expose()) else {
        return Zeroizing::default();
    };
    mac.update(challenge);
    let sum = crate::system::certificate::hex(&mac.finalize().into_bytes());
    Zeroizing::new(format!("{user} {sum}").into_bytes())
}

#[cfg(test)]
mod tests;
