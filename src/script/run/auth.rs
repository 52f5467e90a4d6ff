//! AUTH with the options of the command line (RFC 4954).

use crate::client::events::Event;
use crate::client::session::ServerOffers;
use crate::client::session::auth::{ExchangeError, STARS, SaslExchange, candidates};
use crate::script::run::{Interpreter, StopReason};
use crate::smtp::mechanism::Mechanism;
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::secret::Proof;
use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::{Zeroize, Zeroizing};

/// Maximum number of challenges; no mechanism has as many.
const MAX_CHALLENGES: u8 = 8;

/// The reply expected at the end of a login.
const EXPECTED: &str = "235";

impl Interpreter<'_, '_> {
    /// Logs in with this mechanism, or the best that both sides have.
    pub(super) fn log_in(&mut self, mechanism: Option<Mechanism>) -> Result<(), StopReason> {
        let usage = |why: &str| StopReason::Fails(why.to_owned(), Exit::Usage);
        let login = self.context.login;
        let login =
            login.ok_or_else(|| usage("there is nobody to log in as; name one with --user"))?;
        let may_be_clear =
            self.context.session.password_in_clear || login.proof == Proof::Elsewhere;
        if self.secured.is_none() && !may_be_clear {
            let why = "the connection is not encrypted, so the password is not sent; begin with starttls, \
                       or give --allow-cleartext-password";
            return Err(StopReason::Fails(why.to_owned(), Exit::Policy));
        }
        let offers = self
            .offers
            .as_ref()
            .map(ServerOffers::from_reply)
            .unwrap_or_default();
        let allowed = match mechanism {
            Some(mechanism) => vec![mechanism],
            None => self.context.session.mechanisms.clone(),
        };
        let bindings = self.secured.clone().unwrap_or_default();
        let best = candidates(offers.mechanisms(), login, &allowed, &bindings);
        let Some(best) = best.first() else {
            let came = format!(
                "the server offers \"{}\"",
                crate::system::text::shown(&offers.mechanisms().join(" "))
            );
            return Err(StopReason::differs(
                "a mechanism of AUTH that can be used",
                came,
            ));
        };
        let exchange = SaslExchange::new(best, login).map_err(refused)?;
        let reply = self.exchange(exchange)?;
        if reply.code == 235 {
            return Ok(());
        }
        Err(StopReason::differs(EXPECTED, self.said(&reply)))
    }

    /// Runs the exchange from the command to the last reply.
    fn exchange(&mut self, mut exchange: SaslExchange) -> Result<Reply, StopReason> {
        let name = exchange.mechanism().name();
        let mut pending = None;
        let mut command = Zeroizing::new(format!("AUTH {name}"));
        if exchange.mechanism().has_initial_response() {
            let first = encoded(&exchange.begin().map_err(refused)?);
            // RFC 4954 §4: an initial response that makes the line too long is sent separately.
            if command.len() + first.len() < 500 {
                command.push(' ');
                command.push_str(if first.is_empty() { "=" } else { &first });
            } else {
                pending = Some(first);
            }
        }
        let stars = if command.len() > "AUTH ".len() + name.len() {
            " ********"
        } else {
            ""
        };
        self.say_secretly(&command, &format!("AUTH {name}{stars}"))?;
        for _ in 0..MAX_CHALLENGES {
            let reply = self.reply(EXPECTED)?;
            if reply.code != 334 {
                return proved(&exchange, reply);
            }
            let answer = match pending.take() {
                Some(first) => first,
                None => encoded(&exchange.respond(&reply).map_err(refused)?),
            };
            self.say_secretly(&answer, STARS)?;
        }
        Err(StopReason::differs(
            EXPECTED,
            "the server does not stop asking",
        ))
    }

    fn say_secretly(&mut self, line: &str, shown: &str) -> Result<(), StopReason> {
        let secret = line.rsplit(' ').next().unwrap_or_default();
        self.mask.add(secret);
        let limit = self.limit;
        let wire = self.wire()?;
        wire.outbox.reserve_exact(line.len() + 2);
        wire.outbox.extend_from_slice(line.as_bytes());
        wire.outbox.extend_from_slice(b"\r\n");
        let written = wire.flush(limit);
        wire.outbox.zeroize();
        self.observer.on_event(Event::Sent {
            line: shown,
            stage: Stage::Script,
        });
        written.map_err(|error| StopReason::differs(EXPECTED, error.to_string()))
    }
}

/// Accepts success only after the server has proved that it knows the password, if the mechanism requires
/// it.
fn proved(exchange: &SaslExchange, reply: Reply) -> Result<Reply, StopReason> {
    if reply.code == 235 && !exchange.is_finished() {
        let came = "the server said yes before it had proved that it knows the password";
        return Err(StopReason::differs(EXPECTED, came));
    }
    Ok(reply)
}

fn encoded(response: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(response.len().div_ceil(3) * 4));
    BASE64_STANDARD.encode_string(response, &mut text);
    text
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn refused(error: ExchangeError) -> StopReason {
    StopReason::differs(EXPECTED, error.to_string())
}
