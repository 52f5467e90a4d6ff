//! The part of a session before MAIL: PROXY header, TLS, greeting, XCLIENT, AUTH (RFC 4954).

use crate::server::auth::{Auth, LoginExchange, LoginStep};
use crate::server::command::{Attribute, AuthCommand};
use crate::server::connection::{ReceivedLine, SessionEnding};
use crate::server::events::ServerEvent;
use crate::server::fault::FaultAction;
use crate::server::options::Introduction;
use crate::server::reply;
use crate::server::reply::Refusal;
use crate::server::session::{CommandResult, ServerSession};
use crate::server::stream::{ByteStream, within};
use crate::server::tls::ServerTls;
use crate::smtp::mechanism::Mechanism;
use crate::smtp::proxy::{self, ProxyStart};
use crate::smtp::stage::Stage;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use std::net::{IpAddr, SocketAddr};

impl<P: ByteStream> ServerSession<'_, P> {
    pub(super) fn open(&mut self) -> CommandResult {
        let from = self.client.from;
        self.on_event(&ServerEvent::Connected { peer: from });
        let fault = self.due_fault(Stage::Connect)?;
        let fault = fault.as_deref();
        if fault.is_some() {
            self.respond(fault, "")?;
        }
        if matches!(fault, Some(FaultAction::Reply(_) | FaultAction::Garbage)) {
            return Err(SessionEnding::Dropped);
        }
        if self.context.behavior.proxy_protocol {
            self.read_proxy_header()?;
        }
        let encryption = self.context.behavior.tls.as_ref();
        if let Some(encryption) = encryption.filter(|encryption| encryption.is_implicit) {
            self.secure(encryption)?;
        }
        self.greet()
    }

    fn greet(&mut self) -> CommandResult {
        let Introduction { name, what } = self.context.introduction;
        let greeting = format!("220 {name} {what}");
        let fault = self.due_fault(Stage::Banner)?;
        let fault = fault.as_deref();
        self.is_refused = fault.and_then(FaultAction::refusal).is_some();
        self.respond(fault, &greeting)
    }

    fn read_proxy_header(&mut self) -> CommandResult {
        let deadline = within(self.context.limits.idle);
        loop {
            let (used, client) = match proxy::parse(self.connection.pending()) {
                ProxyStart::Header { used, client } => (used, client),
                ProxyStart::Other => return Err(SessionEnding::NoProxy),
                ProxyStart::Partial => {
                    self.connection.more(deadline)?;
                    continue;
                }
            };
            self.connection.consume(used);
            if let Some(client) = client {
                self.comes_from(client);
            }
            return Ok(());
        }
    }

    fn comes_from(&mut self, client: SocketAddr) {
        self.client.from = Some(client);
        let new_client = &format!("{client}");
        self.on_event(&ServerEvent::ClientChanged { new_client });
    }

    pub(super) fn start_tls(&mut self) -> CommandResult {
        let Some(encryption) = self.context.behavior.tls.as_ref() else {
            return self.answer(reply::NOT_IMPLEMENTED);
        };
        if self.connection.is_secured() {
            return self.answer(reply::TLS_ACTIVE);
        }
        if self.transaction.is_some() {
            return self.answer(reply::IN_TRANSACTION);
        }
        let fault = self.due_fault(Stage::Starttls)?;
        let fault = fault.as_deref();
        // CVE-2011-0411: data sent in clear after STARTTLS must not count as received inside TLS.
        self.connection.discard_input();
        self.respond(fault, reply::READY_FOR_TLS)?;
        if matches!(fault, Some(FaultAction::Reply(reply)) if reply.code != 220) {
            return Ok(());
        }
        self.secure(encryption)?;
        // RFC 3207 §4.2: forget everything learned before TLS.
        self.helo = None;
        self.user = None;
        Ok(())
    }

    /// The handshake, or the fault that replaces it.
    fn secure(&mut self, encryption: &ServerTls) -> CommandResult {
        let fault = self.due_fault(Stage::Tls)?;
        let fault = fault.as_deref();
        if fault.is_some() {
            self.connection.flush()?;
            if self.connection.pending().is_empty() {
                self.connection.more(within(self.context.limits.idle))?;
            }
            self.respond(fault, "")?;
            if !matches!(fault, Some(FaultAction::Slow(_))) {
                return Err(SessionEnding::Dropped);
            }
        }
        self.connection.flush()?;
        match self.connection.secure(&encryption.config) {
            Ok(secured) => self.on_event(&ServerEvent::Tls(&secured)),
            Err(error) => {
                let why = &error.to_string();
                self.on_event(&ServerEvent::TlsFailed { why });
                return Err(SessionEnding::NoTls);
            }
        }
        Ok(())
    }

    /// XCLIENT of Postfix: restarts the session as if it came from another client.
    pub(super) fn xclient(&mut self, attributes: &[Attribute]) -> CommandResult {
        if self.transaction.is_some() {
            return self.answer(reply::IN_TRANSACTION);
        }
        let value = |name: &str| {
            let found = attributes.iter().find(|attribute| attribute.name == name);
            found.map(|attribute| attribute.value.as_str())
        };
        let ip = value("ADDR").map(|ip| {
            let ip = ip
                .strip_prefix("IPV6:")
                .or_else(|| ip.strip_prefix("ipv6:"));
            ip.or(value("ADDR"))
                .and_then(|ip| ip.parse::<IpAddr>().ok())
        });
        let port = value("PORT").and_then(|port| port.parse().ok());
        let words: Vec<String> = attributes
            .iter()
            .map(|attribute| format!("{}={}", attribute.name, attribute.value))
            .collect();
        self.on_event(&ServerEvent::ClientChanged {
            new_client: &words.join(" "),
        });
        self.client.from = match (ip, self.client.from) {
            (Some(ip), before) => {
                let before = before.map_or(0, |before| before.port());
                ip.map(|ip| SocketAddr::new(ip, port.unwrap_or(before)))
            }
            (None, before) => before,
        };
        self.user = value("LOGIN")
            .filter(|login| !login.starts_with('['))
            .map(str::to_owned);
        self.helo = None;
        self.greet()
    }
}

impl<'a, P: ByteStream> ServerSession<'a, P> {
    /// The AUTH line of EHLO; `None`: no login is possible now.
    pub(super) fn mechanisms(&self) -> Option<String> {
        let auth = self.context.behavior.auth.as_ref()?;
        if !auth.in_clear && !self.connection.is_secured() {
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
        let mut step = exchange.begin(initial.as_deref());
        while let LoginStep::Challenge(challenge) = step {
            step = match self.challenge(&challenge)? {
                Ok(response) => exchange.step(&response),
                Err(refusal) => return self.answer(refusal),
            };
        }
        self.finish_login(mechanism, step)
    }

    fn mechanism(&self, name: &str) -> Result<(&'a Auth, Mechanism), Refusal> {
        let auth = self.context.behavior.auth.as_ref();
        let auth = auth.ok_or(reply::NOT_IMPLEMENTED)?;
        if self.helo.is_none() {
            return Err(reply::EHLO_FIRST);
        }
        if !auth.in_clear && !self.connection.is_secured() {
            return Err(reply::AUTH_NEEDS_TLS);
        }
        if self.user.is_some() {
            return Err(reply::ALREADY_LOGGED_IN);
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
        Ok(match self.connection.line()? {
            ReceivedLine::TooLong => Err(reply::RESPONSE_TOO_LONG),
            ReceivedLine::Whole(b"*") => Err(reply::CANCELLED),
            ReceivedLine::Whole(line) => BASE64_STANDARD
                .decode(line)
                .map_err(|_| reply::BAD_RESPONSE),
        })
    }

    fn finish_login(&mut self, mechanism: Mechanism, step: LoginStep) -> CommandResult {
        let fault = self.due_fault(Stage::Auth)?;
        let fault = fault.as_deref();
        let is_allowed = fault.and_then(FaultAction::refusal).is_none();
        let (user, accepted) = match step {
            LoginStep::Accepted(user) => (user, is_allowed),
            LoginStep::Rejected(user) => (user, false),
            LoginStep::Challenge(_) | LoginStep::Malformed => {
                return self.respond(fault, reply::BAD_RESPONSE);
            }
        };
        self.on_event(&ServerEvent::Auth {
            mechanism: mechanism.name(),
            user: &user,
            accepted,
        });
        if !accepted {
            return self.respond(fault, reply::WRONG_LOGIN);
        }
        self.user = Some(user);
        self.respond(fault, reply::LOGGED_IN)
    }
}
