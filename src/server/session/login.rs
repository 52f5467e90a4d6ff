//! AUTH (RFC 4954).

use crate::server::auth::{Auth, LoginExchange, LoginStep as Said};
use crate::server::command::AuthCommand;
use crate::server::connection::{ReceivedLine, Transmission};
use crate::server::end::SessionEnding;
use crate::server::events::ServerEvent;
use crate::server::fault::FaultAction;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::{CommandResult, ServerSession};
use crate::smtp::mechanism::Mechanism;
use crate::smtp::stage::Stage;
use base64::prelude::{BASE64_STANDARD, Engine as _};

impl<'a, P: Transmission> ServerSession<'a, P> {
    /// The AUTH line of EHLO; `None`: no login is possible now.
    pub(super) fn mechanisms(&self) -> Option<String> {
        let auth = self.house.manner.auth.as_ref()?;
        if !auth.in_clear && !self.channel.is_secured() {
            return None;
        }
        let names: Vec<&str> = auth.mechanisms().into_iter().map(Mechanism::name).collect();
        Some(format!("AUTH {}", names.join(" ")))
    }

    pub(super) fn auth(&mut self, login: &AuthCommand) -> CommandResult {
        let (auth, mechanism) = match self.mechanism(&login.mechanism) {
            Ok(found) => found,
            Err(refusal) => return self.answer(refusal),
        };
        let initial = match &login.initial {
            None => None,
            Some(word) if word == b"=" => Some(Vec::new()),
            Some(word) => match BASE64_STANDARD.decode(word) {
                Ok(response) => Some(response),
                Err(_) => return self.answer(reply::BAD_RESPONSE),
            },
        };
        let mut exchange = LoginExchange::new(auth, mechanism);
        let mut said = exchange.begin(initial.as_deref());
        while let Said::Challenge(challenge) = said {
            said = match self.challenge(&challenge)? {
                Ok(response) => exchange.step(&response),
                Err(refusal) => return self.answer(refusal),
            };
        }
        self.judge(mechanism, said)
    }

    fn mechanism(&self, name: &str) -> Result<(&'a Auth, Mechanism), Refusal> {
        let auth = self.house.manner.auth.as_ref();
        let auth = auth.ok_or(reply::NOT_IMPLEMENTED)?;
        if self.helo.is_none() {
            return Err(reply::HELLO_FIRST);
        }
        if !auth.in_clear && !self.channel.is_secured() {
            return Err(reply::AUTH_NEEDS_TLS);
        }
        if self.user.is_some() {
            return Err(reply::KNOWN);
        }
        if self.transaction.is_some() {
            return Err(reply::IN_TRANSACTION);
        }
        let known = Mechanism::parse(name).filter(|one| auth.mechanisms().contains(one));
        Ok((auth, known.ok_or(reply::NO_MECHANISM)?))
    }

    /// Sends a challenge. Returns the response, or the refusal of a malformed one.
    fn challenge(&mut self, challenge: &[u8]) -> Result<Result<Vec<u8>, Refusal>, SessionEnding> {
        self.answer(&format!("334 {}", BASE64_STANDARD.encode(challenge)))?;
        Ok(match self.channel.line()? {
            ReceivedLine::TooLong => Err(reply::RESPONSE_TOO_LONG),
            ReceivedLine::Whole(b"*") => Err(reply::CANCELLED),
            ReceivedLine::Whole(line) => BASE64_STANDARD
                .decode(line)
                .map_err(|_| reply::BAD_RESPONSE),
        })
    }

    fn judge(&mut self, mechanism: Mechanism, said: Said) -> CommandResult {
        let fault = self.draw(Stage::Auth)?;
        let is_let_in = fault.and_then(FaultAction::refusal).is_none();
        let (user, is_right) = match said {
            Said::Right(user) => (user, is_let_in),
            Said::Wrong(user) => (user, false),
            Said::Challenge(_) | Said::Senseless => return self.say(fault, reply::BAD_RESPONSE),
        };
        self.saw(&ServerEvent::Auth {
            mechanism: mechanism.name(),
            user: &user,
            is_right,
        });
        if !is_right {
            return self.say(fault, reply::WRONG_LOGIN);
        }
        self.user = Some(user);
        self.say(fault, reply::LOGGED_IN)
    }
}
