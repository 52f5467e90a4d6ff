//! SASL in a session with a mailbox (RFC 3501 §6.2.2, RFC 4959, RFC 5034). The mechanisms are those of SMTP.

use crate::client::session::Mechanism;
use crate::client::session::auth;
use crate::client::session::auth::{Bindings, Candidate, ExchangeError, STARS, SaslExchange};
use crate::mailbox::channel::Channel;
use crate::mailbox::error::MailboxError;
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::secret::{Login, Proof};
use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

/// Maximum number of challenges, more than any mechanism has.
const MAX_CHALLENGES: u8 = 8;

/// The answer of a server to a line of an exchange.
pub enum LoginReply {
    /// A challenge, in base64.
    Challenge(String),
    Accepted,
    Refused {
        text: String,
        /// True if another mechanism may be accepted.
        is_about_mechanism: bool,
        is_temporary: bool,
    },
}

/// The lines of an exchange, as a protocol writes them.
pub trait LoginDialogue {
    /// Begins an exchange. `response`: the initial response in base64, if it is sent with the command.
    fn begin(
        &mut self,
        mechanism: &str,
        response: Option<&str>,
    ) -> Result<LoginReply, MailboxError>;

    /// Answers a challenge, with a line that is shown as `shown`.
    fn respond(&mut self, line: &[u8], shown: &str) -> Result<LoginReply, MailboxError>;

    /// True if an initial response of this length may be sent with the command.
    fn takes_initial_response(&self, length: usize) -> bool;
}

/// What may be used for a login.
pub struct LoginTerms<'a> {
    pub login: &'a Login,
    /// The mechanisms that may be used; empty: all.
    pub allowed: &'a [Mechanism],
}

impl LoginTerms<'_> {
    /// The mechanisms of both sides, the strongest first.
    pub fn candidates(&self, offered: &[String], bindings: &Bindings) -> Vec<Candidate> {
        auth::candidates(offered, self.login, self.allowed, bindings)
    }

    /// True if the password may be sent by the command of the protocol that is older than SASL.
    pub fn allows_plain_command(&self) -> bool {
        let is_plain = |mechanism: &Mechanism| mechanism.sends_password();
        let is_allowed = self.allowed.is_empty() || self.allowed.iter().any(is_plain);
        let has_user = self.login.user.is_some() && self.login.authzid.is_none();
        is_allowed && matches!(self.login.proof, Proof::Password(_)) && has_user
    }
}

/// Logs in with the first candidate that the server accepts.
pub fn log_in(
    login: &Login,
    candidates: Vec<Candidate>,
    dialogue: &mut dyn LoginDialogue,
) -> Result<(), MailboxError> {
    let mut candidates = candidates.into_iter();
    let mut hides_password = false;
    loop {
        // An attacker who removes a bound mechanism must not receive the password itself.
        let next =
            candidates.find(|candidate| !(hides_password && candidate.mechanism.sends_password()));
        let Some(candidate) = next else {
            return Err(MailboxError::Login(
                "all mechanisms have been tried".to_owned(),
            ));
        };
        let is_last = candidates.len() == 0;
        match exchange(&candidate, login, dialogue)? {
            Attempt::Accepted => return Ok(()),
            Attempt::Refused {
                is_about_mechanism: true,
                ..
            } if !is_last => hides_password |= candidate.mechanism.is_bound(),
            Attempt::Refused {
                text, is_temporary, ..
            } => return Err(MailboxError::LoginRefused { text, is_temporary }),
        }
    }
}

enum Attempt {
    Accepted,
    Refused {
        text: String,
        is_about_mechanism: bool,
        is_temporary: bool,
    },
}

fn failed(error: &ExchangeError) -> MailboxError {
    MailboxError::Login(error.to_string())
}

fn exchange(
    candidate: &Candidate,
    login: &Login,
    dialogue: &mut dyn LoginDialogue,
) -> Result<Attempt, MailboxError> {
    let mechanism = candidate.mechanism;
    let mut exchange = Exchange {
        sasl: SaslExchange::new(candidate, login).map_err(|error| failed(&error))?,
        unsent: None,
        challenges: 0,
    };
    let mut initial = None;
    if mechanism.has_initial_response() {
        let response = exchange.sasl.begin().map_err(|error| failed(&error))?;
        let text = encoded(&response);
        if dialogue.takes_initial_response(text.len()) {
            initial = Some(text);
        } else {
            exchange.unsent = Some(text);
        }
    }
    let initial = initial.as_ref().map(|text| text.as_str());
    let mut reply = dialogue.begin(mechanism.name(), initial)?;
    loop {
        let text = match reply {
            LoginReply::Challenge(text) => text,
            LoginReply::Accepted => return exchange.accepted(),
            LoginReply::Refused {
                text,
                is_about_mechanism,
                is_temporary,
            } => {
                return Ok(Attempt::Refused {
                    text: exchange.with_complaint(text),
                    is_about_mechanism,
                    is_temporary,
                });
            }
        };
        reply = match exchange.respond(text) {
            Ok(text) => {
                let shown = if text.is_empty() { "" } else { STARS };
                dialogue.respond(text.as_bytes(), shown)?
            }
            Err(error) => return cancel(error, dialogue),
        };
    }
}

/// An exchange with its state.
struct Exchange {
    sasl: SaslExchange,
    /// An initial response that was not sent with the command.
    unsent: Option<Zeroizing<String>>,
    challenges: u8,
}

impl Exchange {
    fn respond(&mut self, challenge: String) -> Result<Zeroizing<String>, ExchangeError> {
        self.challenges += 1;
        if self.challenges > MAX_CHALLENGES {
            let why = "the server sent too many challenges";
            return Err(ExchangeError::Senseless(why.to_owned()));
        }
        if let Some(text) = self.unsent.take() {
            return Ok(text);
        }
        let reply = Reply {
            code: 334,
            lines: vec![challenge],
        };
        let response = self.sasl.respond(&reply)?;
        Ok(encoded(&response))
    }

    fn accepted(&self) -> Result<Attempt, MailboxError> {
        if self.sasl.is_finished() && self.unsent.is_none() {
            return Ok(Attempt::Accepted);
        }
        let why = "the server reported success before proving that it knows the password";
        Err(MailboxError::Login(why.to_owned()))
    }

    /// The text of a refusal, with the server's error about a token.
    fn with_complaint(&self, text: String) -> String {
        match self.sasl.complaint() {
            Some(complaint) => format!("{text} (about the token: {complaint})"),
            None => text,
        }
    }
}

/// Cancels an exchange; the reply to that is a refusal. Another binding or mechanism is tried if this one is at fault.
fn cancel(error: ExchangeError, dialogue: &mut dyn LoginDialogue) -> Result<Attempt, MailboxError> {
    match (error, dialogue.respond(b"*", "*")) {
        (ExchangeError::Binding(text), Ok(_)) => Ok(Attempt::Refused {
            text,
            is_about_mechanism: true,
            is_temporary: false,
        }),
        (error, _) => Err(failed(&error)),
    }
}

/// Sends the command that begins an exchange, with the initial response if there is one.
pub fn send_begin(
    channel: &mut Channel<'_>,
    words: &str,
    response: Option<&str>,
) -> Result<(), MailboxError> {
    let Some(response) = response else {
        return channel.send(words, Stage::Auth);
    };
    // An empty response is sent as an equals sign (RFC 4959 §3, RFC 5034 §4).
    let response = if response.is_empty() { "=" } else { response };
    // Growing would leave a copy of the secret in memory.
    let mut line = Zeroizing::new(Vec::with_capacity(words.len() + 1 + response.len()));
    line.extend_from_slice(words.as_bytes());
    line.push(b' ');
    line.extend_from_slice(response.as_bytes());
    channel.send_masked(&line, &format!("{words} {STARS}"), Stage::Auth)
}

fn encoded(response: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(response.len().div_ceil(3) * 4));
    BASE64_STANDARD.encode_string(response, &mut text);
    text
}
