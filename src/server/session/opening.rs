//! The start of a session: PROXY, TLS, the greeting; and the commands that restart a session.

use crate::server::command::Attribute;
use crate::server::connection::{Transmission, within};
use crate::server::events::ServerEvent;
use crate::server::fault::FaultAction;
use crate::server::reply;
use crate::server::session::{CommandResult, ServerSession};
use crate::server::{Introduction, ServerTls, SessionEnding};
use crate::smtp::proxy::{self, ProxyStart};
use crate::smtp::stage::Stage;
use std::net::{IpAddr, SocketAddr};

impl<P: Transmission> ServerSession<'_, P> {
    pub(super) fn open(&mut self) -> CommandResult {
        let from = self.visitor.from;
        self.saw(&ServerEvent::Connected { peer: from });
        let fault = self.draw(Stage::Connect)?;
        if fault.is_some() {
            self.say(fault, "")?;
        }
        if matches!(fault, Some(FaultAction::Reply(_) | FaultAction::Garbage)) {
            return Err(SessionEnding::Dropped);
        }
        if self.house.manner.proxy_protocol {
            self.read_proxy_header()?;
        }
        let encryption = self.house.manner.tls.as_ref();
        if let Some(encryption) = encryption.filter(|encryption| encryption.is_implicit) {
            self.secure(encryption)?;
        }
        self.greet()
    }

    fn greet(&mut self) -> CommandResult {
        let Introduction { name, what } = self.house.introduction;
        let greeting = format!("220 {name} {what}");
        let fault = self.draw(Stage::Banner)?;
        self.is_refused = fault.and_then(FaultAction::refusal).is_some();
        self.say(fault, &greeting)
    }

    fn read_proxy_header(&mut self) -> CommandResult {
        let deadline = within(self.house.limits.idle);
        loop {
            let (used, client) = match proxy::parse(self.channel.pending()) {
                ProxyStart::Header { used, client } => (used, client),
                ProxyStart::Other => return Err(SessionEnding::NoProxy),
                ProxyStart::Partial => {
                    self.channel.more(deadline)?;
                    continue;
                }
            };
            self.channel.consume(used);
            if let Some(client) = client {
                self.comes_from(client);
            }
            return Ok(());
        }
    }

    fn comes_from(&mut self, client: SocketAddr) {
        self.visitor.from = Some(client);
        let told = &format!("{client}");
        self.saw(&ServerEvent::Proxied { told });
    }

    pub(super) fn start_tls(&mut self) -> CommandResult {
        let Some(encryption) = self.house.manner.tls.as_ref() else {
            return self.answer(reply::NOT_IMPLEMENTED);
        };
        if self.channel.is_secured() {
            return self.answer(reply::SECURED);
        }
        if self.transaction.is_some() {
            return self.answer(reply::IN_TRANSACTION);
        }
        let fault = self.draw(Stage::Starttls)?;
        // CVE-2011-0411: data sent in clear after STARTTLS must not count as received inside TLS.
        self.channel.forget();
        self.say(fault, reply::GO_SECURE)?;
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
        let fault = self.draw(Stage::Tls)?;
        if fault.is_some() {
            self.channel.flush()?;
            if self.channel.pending().is_empty() {
                self.channel.more(within(self.house.limits.idle))?;
            }
            self.say(fault, "")?;
            if !matches!(fault, Some(FaultAction::Slow(_))) {
                return Err(SessionEnding::Dropped);
            }
        }
        self.channel.flush()?;
        match self.channel.secure(&encryption.config) {
            Ok(secured) => self.saw(&ServerEvent::Tls(&secured)),
            Err(error) => {
                let why = &error.to_string();
                self.saw(&ServerEvent::TlsFailed { why });
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
        self.saw(&ServerEvent::Proxied {
            told: &words.join(" "),
        });
        self.visitor.from = match (ip, self.visitor.from) {
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
