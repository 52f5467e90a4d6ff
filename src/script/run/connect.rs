//! Connecting, TLS, and AUTH with the options of the command line.

use crate::client::connect::connect;
use crate::client::events::Event;
use crate::client::route::{Endpoint, RouteOptions, Router};
use crate::client::session::auth::{Bindings, ExchangeError, STARS, SaslExchange, candidates};
use crate::client::session::{ServerOffers, TlsDemand, tell};
use crate::client::wire::{Terms, TlsError, Wire};
use crate::script::run::{Interpreter, LastReply, StopReason};
use crate::script::statement::{Handshake, parse_target};
use crate::script::text::ScriptText;
use crate::smtp::mechanism::Mechanism;
use crate::smtp::reply::Reply;
use crate::smtp::stage::Stage;
use crate::system::exit::Exit;
use crate::system::secret::{Login, Proof};
use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::{Zeroize, Zeroizing};

impl Interpreter<'_, '_> {
    pub(super) fn connect(
        &mut self,
        target: Option<&ScriptText>,
        tls: bool,
    ) -> Result<(), StopReason> {
        self.wire = None;
        let endpoint = self.endpoint(target)?;
        self.host = endpoint.host.name();
        self.bindings = None;
        self.last = None;
        self.offers = None;
        self.wire = Some(self.open_wire(&endpoint)?);
        let is_default = target.is_none() && self.context.session.tls == TlsDemand::Implicit;
        if tls || is_default {
            self.handshake(Handshake::Default)?;
        }
        Ok(())
    }

    fn endpoint(&self, target: Option<&ScriptText>) -> Result<Endpoint, StopReason> {
        let Some(target) = target else {
            let relay = self.context.route.relay.clone();
            let why = "no server to connect to; use --server";
            return relay.ok_or_else(|| StopReason::Fails(why.to_owned(), Exit::Usage));
        };
        let text = target.string(&self.variables)?;
        parse_target(&text).map_err(|why| StopReason::Fails(why, Exit::Data))
    }

    /// The first address of a host that answers.
    fn open_wire(&mut self, endpoint: &Endpoint) -> Result<Wire, StopReason> {
        let options = RouteOptions {
            relay: Some(endpoint.clone()),
            ..self.context.route.clone()
        };
        let router = Router::new(&options);
        let terms = Terms {
            source: router.source(),
            source_port: 0,
            limit: self.limit,
            proxy_login: self.context.proxy_login,
        };
        let connected = connect(&router, endpoint, terms, &mut *self.observer);
        let connected = connected.map_err(|error| {
            let exit = error.exit();
            StopReason::Fails(error.why, exit)
        })?;
        Ok(connected.wire)
    }

    pub(super) fn start_tls(
        &mut self,
        starttls: bool,
        wanted: Handshake,
    ) -> Result<(), StopReason> {
        if starttls {
            self.send_line("STARTTLS")?;
            let reply = self.reply("220")?;
            if reply.code != 220 {
                return Err(StopReason::differs("220", self.quoted(&reply)));
            }
        }
        self.handshake(wanted)
    }

    fn handshake(&mut self, wanted: Handshake) -> Result<(), StopReason> {
        let (limit, tls, host) = (self.limit, self.context.tls, self.host.clone());
        let bindings = self.wire()?.secure(tls.server(&host), limit);
        // RFC 3207 §4.2: forget everything learned before TLS.
        self.offers = None;
        let bindings = match bindings {
            Ok(bindings) => bindings,
            Err(error) => {
                self.wire = None;
                if let TlsError::Certificate { why, chain, .. } = &error {
                    self.observer.on_event(Event::Distrusted {
                        name: tls.name(&host),
                        why,
                        chain,
                    });
                }
                if wanted == Handshake::Optional {
                    let note = format!("no TLS: {error}");
                    self.observer.on_event(Event::Note(&note));
                    self.last = Some(LastReply::Close);
                    return Ok(());
                }
                return Err(StopReason::differs("a TLS handshake", error.to_string()));
            }
        };
        // The end of the handshake would otherwise wait for the first data from the client, and there may
        // be none.
        self.flush()?;
        tell(&bindings, &mut *self.observer);
        let is_good = bindings.judgement.is_good();
        let words = bindings.judgement.words();
        self.bindings = Some(Bindings {
            exporter: bindings.exporter,
            end_point: bindings.end_point,
        });
        if wanted == Handshake::Verified && !is_good {
            let actual = format!("the certificate of {} is {words}", bindings.name);
            return Err(StopReason::differs("a valid certificate", actual));
        }
        Ok(())
    }
}

/// Maximum number of challenges; no mechanism has as many.
const MAX_CHALLENGES: u8 = 8;

/// The reply expected at the end of a login.
const EXPECTED: &str = "235";

impl Interpreter<'_, '_> {
    /// Logs in with this mechanism, or the strongest supported by both sides.
    pub(super) fn log_in(&mut self, mechanism: Option<Mechanism>) -> Result<(), StopReason> {
        let usage = |why: &str| StopReason::Fails(why.to_owned(), Exit::Usage);
        let login = self
            .context
            .login()
            .ok_or_else(|| usage("no user to log in as; use --user"))?;
        let may_be_clear =
            self.context.session.password_in_clear || login.proof == Proof::Elsewhere;
        if self.bindings.is_none() && !may_be_clear {
            let why = "the password was not sent, because the connection is not encrypted; use starttls first, \
                       or --allow-cleartext-password";
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
        let bindings = self.bindings.clone().unwrap_or_default();
        let best = candidates(offers.mechanisms(), login, &allowed, &bindings);
        let Some(best) = best.first() else {
            let actual = format!(
                "the server offers \"{}\"",
                crate::system::text::shown(&offers.mechanisms().join(" "))
            );
            return Err(StopReason::differs("a usable AUTH mechanism", actual));
        };
        let exchange = SaslExchange::new(best, login).map_err(refused)?;
        let reply = self.exchange(exchange)?;
        if reply.code == 235 {
            return Ok(());
        }
        if self.has_new_login(login, &reply) {
            // RFC 4954 §4: after a failure, another AUTH may follow.
            return self.log_in(mechanism);
        }
        Err(StopReason::differs(EXPECTED, self.quoted(&reply)))
    }

    /// Obtains another token if the server refused the one of an OAuth login.
    fn has_new_login(&mut self, login: &Login, reply: &Reply) -> bool {
        let Some(transport) = self.context.transport else {
            return false;
        };
        let is_new = transport.has_new_login(&self.host, (login, reply), &mut *self.observer);
        self.mask.add_proof(transport.login());
        is_new
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
        self.send_secret(&command, &format!("AUTH {name}{stars}"))?;
        for _ in 0..MAX_CHALLENGES {
            let reply = self.reply(EXPECTED)?;
            if reply.code != 334 {
                return check_server_proof(&exchange, reply);
            }
            let answer = match pending.take() {
                Some(first) => first,
                None => encoded(&exchange.respond(&reply).map_err(refused)?),
            };
            self.send_secret(&answer, STARS)?;
        }
        Err(StopReason::differs(
            EXPECTED,
            "the server keeps sending challenges",
        ))
    }

    fn send_secret(&mut self, line: &str, shown: &str) -> Result<(), StopReason> {
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
fn check_server_proof(exchange: &SaslExchange, reply: Reply) -> Result<Reply, StopReason> {
    if reply.code == 235 && !exchange.is_finished() {
        let actual = "the server accepted the login without proving that it knows the password";
        return Err(StopReason::differs(EXPECTED, actual));
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
