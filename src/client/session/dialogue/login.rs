//! AUTH in the dialogue (RFC 4954): choice of the mechanism, exchange and result.

use crate::client::session::Step;
use crate::client::session::auth;
use crate::client::session::auth::{Candidate, ExchangeError, STARS, SaslExchange};
use crate::client::session::dialogue::{
    Action, CommandLine, Dialogue, Output, Privacy, abort, with_output_first,
};
use crate::client::session::{RecipientReply, TlsDemand, Unmet};
use crate::smtp::reply::{Class, Reply};
use crate::system::secret::{Login, Proof};
use base64::prelude::{BASE64_STANDARD, Engine};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// The longest command line that every server accepts, with its CRLF (RFC 5321 §4.5.3.1.4). A longer initial
/// response is sent separately.
const MAX_COMMAND: usize = 512;

/// Maximum number of challenges, more than any mechanism has; a server that sends more is hostile or broken.
const MAX_CHALLENGES: u8 = 8;

impl Dialogue<'_> {
    /// Starts AUTH if there is a login; else the transactions.
    pub(super) fn log_in(&mut self) -> Action {
        let Some(login) = self.authentication.login else {
            return self.send_xforward();
        };
        let bindings = self.greeting.privacy.clone().unwrap_or_default().bindings;
        let allowed = &self.options.mechanisms;
        let candidates = auth::candidates(self.offers.mechanisms(), login, allowed, &bindings);
        if candidates.is_empty() && self.options.login_if_offered {
            let note = "no AUTH mechanism that can be used is offered; continuing without a login";
            return with_output_first(Output::Note(note.to_owned()), self.send_xforward());
        }
        if login.proof != Proof::Elsewhere && !self.may_send_secret() {
            return self.fail_unmet(Unmet::PasswordInClear);
        }
        if self.offers.mechanisms().is_empty() {
            return self.fail_unmet(Unmet::NoAuth);
        }
        if candidates.is_empty() {
            let offered = self.offers.mechanisms().join(" ");
            return self.fail_unmet(Unmet::NoMechanism(crate::system::text::shown(&offered)));
        }
        let step = self.authentication.start(candidates);
        self.authenticate(step)
    }

    /// True if a password or token may be sent. Opportunistic TLS with an unknown server does not
    /// protect it.
    fn may_send_secret(&self) -> bool {
        let is_opportunistic = self.options.tls == TlsDemand::Opportunistic;
        let protects = |privacy: &Privacy| privacy.verified || !is_opportunistic;
        self.options.password_in_clear || self.greeting.privacy.as_ref().is_some_and(protects)
    }

    pub(super) fn auth_answered(&mut self, reply: &Reply) -> Action {
        let step = self.authentication.answered(reply);
        self.authenticate(step)
    }

    fn authenticate(&mut self, step: AuthStep) -> Action {
        match step {
            AuthStep::Send(line) => {
                self.awaiting.push_back(Step::Auth);
                Action::Send(vec![Output::Line(line)])
            }
            AuthStep::Done => self.send_xforward(),
            AuthStep::Unmet(why) => self.fail_unmet(Unmet::Auth(why)),
            AuthStep::OutOfStep(reply) => abort(Step::Auth, &reply),
            AuthStep::Refused { reply, complaint } => {
                self.answer_rest(&RecipientReply::Replied(Step::Auth, reply));
                let quit = self.quit();
                match complaint {
                    Some(complaint) => with_output_first(Output::Note(complaint), quit),
                    None => quit,
                }
            }
        }
    }
}

/// State of AUTH in a session.
#[derive(Default)]
pub struct Authentication<'a> {
    /// `None`: no AUTH.
    login: Option<&'a Login>,
    /// The exchange in progress.
    exchange: Option<SaslExchange>,
    /// Remaining candidates, in case this one is rejected.
    candidates: VecDeque<Candidate>,
    /// Number of challenges answered in this session.
    challenges: u8,
    /// Reason for which the exchange was cancelled.
    cancelled: Option<String>,
    /// An initial response, in base64, that did not fit into the AUTH command.
    unsent_response: Option<Zeroizing<String>>,
}

/// The next step of AUTH.
enum AuthStep {
    Send(CommandLine),
    /// Client and server have authenticated each other.
    Done,
    /// AUTH failed for this reason, without a reply.
    Unmet(String),
    /// The server violated the protocol with this reply.
    OutOfStep(Reply),
    Refused {
        reply: Reply,
        /// The server's reason, from an error challenge.
        complaint: Option<String>,
    },
}

impl<'a> Authentication<'a> {
    pub fn new(login: Option<&'a Login>) -> Self {
        Self {
            login,
            ..Self::default()
        }
    }

    fn start(&mut self, candidates: Vec<Candidate>) -> AuthStep {
        self.candidates = candidates.into();
        self.try_next()
    }

    /// Sends AUTH with the next candidate.
    fn try_next(&mut self) -> AuthStep {
        let (Some(candidate), Some(login)) = (self.candidates.pop_front(), self.login) else {
            return AuthStep::Unmet("all mechanisms have been tried".to_owned());
        };
        let name = candidate.mechanism.name();
        let mut exchange = match SaslExchange::new(&candidate, login) {
            Ok(exchange) => exchange,
            Err(error) => return AuthStep::Unmet(error.to_string()),
        };
        let mut command = Zeroizing::new(format!("AUTH {name}").into_bytes());
        let mut shown = format!("AUTH {name}");
        let mut hides = false;
        if candidate.mechanism.has_initial_response() {
            let response = match exchange.begin() {
                Ok(response) => response,
                Err(error) => return AuthStep::Unmet(error.to_string()),
            };
            let text = encoded(&response);
            // The exchange has begun in both cases; a response that does not fit here is sent after the first
            // challenge.
            if command.len() + 1 + text.len() + 2 <= MAX_COMMAND {
                command.reserve_exact(1 + text.len());
                command.push(b' ');
                // RFC 4954 §4: an empty response is sent as an equals sign.
                command.extend_from_slice(if text.is_empty() {
                    b"="
                } else {
                    text.as_bytes()
                });
                hides = true;
                shown = format!("{shown} {STARS}");
            } else {
                self.unsent_response = Some(text);
            }
        }
        self.exchange = Some(exchange);
        send(command, shown, hides)
    }

    fn answered(&mut self, reply: &Reply) -> AuthStep {
        if let Some(why) = self.cancelled.take() {
            return AuthStep::Unmet(why);
        }
        match reply.code {
            235 => self.logged_in(),
            334 => self.challenged(reply),
            _ => match reply.class() {
                Class::Success | Class::Intermediate => AuthStep::OutOfStep(reply.clone()),
                Class::Transient | Class::Permanent => self.refused(reply),
            },
        }
    }

    fn logged_in(&mut self) -> AuthStep {
        let exchange = self.exchange.take();
        self.candidates.clear();
        if exchange.is_some_and(|exchange| exchange.is_finished()) && self.unsent_response.is_none()
        {
            return AuthStep::Done;
        }
        let why = "the server reported success before proving that it knows the password";
        AuthStep::Unmet(why.to_owned())
    }

    fn challenged(&mut self, reply: &Reply) -> AuthStep {
        self.challenges += 1;
        if self.challenges > MAX_CHALLENGES {
            return self.cancel("the server sent too many challenges".to_owned());
        }
        if let Some(text) = self.unsent_response.take() {
            return respond(&text);
        }
        let Some(exchange) = &mut self.exchange else {
            return self
                .cancel("the server sent a challenge, but no exchange is in progress".to_owned());
        };
        match exchange.respond(reply) {
            Ok(response) => respond(&encoded(&response)),
            Err(ExchangeError::Binding(_)) if !self.candidates.is_empty() => {
                self.exchange = None;
                send_cancel()
            }
            Err(error) => self.cancel(error.to_string()),
        }
    }

    fn cancel(&mut self, why: String) -> AuthStep {
        self.cancelled = Some(why);
        self.exchange = None;
        send_cancel()
    }

    /// Handles a rejection. If the reply concerns the mechanism and not the user, the next candidate is
    /// tried.
    fn refused(&mut self, reply: &Reply) -> AuthStep {
        self.unsent_response = None;
        let exchange = self.exchange.take();
        let complaint = exchange.as_ref().and_then(SaslExchange::complaint);
        let complaint = complaint.map(|text| format!("the server reports about the token: {text}"));
        let cancelled_binding = exchange.is_none();
        if exchange.is_some_and(|exchange| exchange.mechanism().is_bound()) || cancelled_binding {
            // An attacker who removes a bound mechanism must not receive the password itself.
            self.candidates
                .retain(|candidate| !candidate.mechanism.sends_password());
        }
        let is_about_mechanism = cancelled_binding || is_about_mechanism(reply);
        if is_about_mechanism && !self.candidates.is_empty() {
            return self.try_next();
        }
        self.candidates.clear();
        AuthStep::Refused {
            reply: reply.clone(),
            complaint,
        }
    }
}

fn send(wire: Zeroizing<Vec<u8>>, shown: String, hides: bool) -> AuthStep {
    AuthStep::Send(CommandLine {
        step: Step::Auth,
        wire,
        shown,
        hides,
    })
}

fn respond(text: &Zeroizing<String>) -> AuthStep {
    let wire = Zeroizing::new(text.as_bytes().to_vec());
    let hides = !wire.is_empty();
    let shown = if hides { STARS } else { "" };
    send(wire, shown.to_owned(), hides)
}

/// RFC 4954 §4: an asterisk cancels the exchange; every reply to it is a failure.
fn send_cancel() -> AuthStep {
    let wire = Zeroizing::new(b"*".to_vec());
    send(wire, "*".to_owned(), false)
}

/// True if the reply rejects the mechanism and not the login: RFC 4954 §6, and codes of servers that do not
/// know this form of the command.
fn is_about_mechanism(reply: &Reply) -> bool {
    matches!(reply.code, 500..=502 | 504 | 534 | 538)
        || matches!(reply.enhanced(), Some("5.7.9" | "5.7.11" | "5.5.4"))
}

fn encoded(response: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(response.len().div_ceil(3) * 4));
    BASE64_STANDARD.encode_string(response, &mut text);
    text
}
