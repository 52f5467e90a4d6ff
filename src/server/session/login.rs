//! AUTH (RFC 4954).

use crate::server::auth::{Auth, Exchange, Mechanism, Turn as Said};
use crate::server::command::Login;
use crate::server::connection::{Line, Peer};
use crate::server::end::End;
use crate::server::events::Seen;
use crate::server::fault::What;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::{Session, Turn};
use crate::server::stage::Stage;
use base64::prelude::{BASE64_STANDARD, Engine as _};

impl<'a, P: Peer> Session<'a, P> {
    /// The line of EHLO; `None` where nobody can log in now.
    pub(super) fn mechanisms(&self) -> Option<String> {
        let auth = self.house.manner.auth.as_ref()?;
        if !auth.in_clear && !self.channel.is_secured() {
            return None;
        }
        let names: Vec<&str> = auth.mechanisms().into_iter().map(Mechanism::name).collect();
        Some(format!("AUTH {}", names.join(" ")))
    }

    pub(super) fn auth(&mut self, login: &Login) -> Turn {
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
        let mut exchange = Exchange::new(auth, mechanism);
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

    /// Says a challenge; what the peer answers, or why that is no answer.
    fn challenge(&mut self, challenge: &[u8]) -> Result<Result<Vec<u8>, Refusal>, End> {
        self.answer(&format!("334 {}", BASE64_STANDARD.encode(challenge)))?;
        Ok(match self.channel.line()? {
            Line::TooLong => Err(reply::RESPONSE_TOO_LONG),
            Line::Whole(b"*") => Err(reply::CANCELLED),
            Line::Whole(line) => BASE64_STANDARD
                .decode(line)
                .map_err(|_| reply::BAD_RESPONSE),
        })
    }

    fn judge(&mut self, mechanism: Mechanism, said: Said) -> Turn {
        let fault = self.draw(Stage::Auth)?;
        let is_let_in = fault.and_then(What::refusal).is_none();
        let (user, is_right) = match said {
            Said::Right(user) => (user, is_let_in),
            Said::Wrong(user) => (user, false),
            Said::Challenge(_) | Said::Senseless => return self.say(fault, reply::BAD_RESPONSE),
        };
        self.saw(&Seen::Auth {
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
