//! What comes before the first command: PROXY, TLS, the greeting; and what begins a session anew.

use crate::server::command::Attribute;
use crate::server::connection::{Peer, within};
use crate::server::events::Seen;
use crate::server::fault::What;
use crate::server::proxy;
use crate::server::proxy::Start;
use crate::server::reply;
use crate::server::session::{Session, Turn};
use crate::server::stage::Stage;
use crate::server::{Encryption, End, Introduction};
use std::net::{IpAddr, SocketAddr};

impl<P: Peer> Session<'_, P> {
    pub(super) fn open(&mut self) -> Turn {
        let from = self.visitor.from;
        self.saw(&Seen::Connected { peer: from });
        let fault = self.draw(Stage::Connect)?;
        if fault.is_some() {
            self.say(fault, "")?;
        }
        if matches!(fault, Some(What::Reply(_) | What::Garbage)) {
            return Err(End::Dropped);
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

    fn greet(&mut self) -> Turn {
        let Introduction { name, what } = self.house.introduction;
        let greeting = format!("220 {name} {what}");
        let fault = self.draw(Stage::Banner)?;
        self.is_refused = fault.and_then(What::refusal).is_some();
        self.say(fault, &greeting)
    }

    fn read_proxy_header(&mut self) -> Turn {
        let deadline = within(self.house.limits.idle);
        loop {
            let (used, client) = match proxy::read(self.channel.pending()) {
                Start::Header { used, client } => (used, client),
                Start::Other => return Err(End::NoProxy),
                Start::Partial => {
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
        self.saw(&Seen::Proxied { told });
    }

    pub(super) fn start_tls(&mut self) -> Turn {
        let Some(encryption) = self.house.manner.tls.as_ref() else {
            return self.answer(reply::NOT_IMPLEMENTED);
        };
        if self.channel.is_secured() {
            return self.answer(reply::SECURED);
        }
        if self.transaction.is_some() {
            return self.answer(reply::IN_TRANSACTION);
        }
        let fault = self.draw(Stage::StartTls)?;
        // CVE-2011-0411: what was said in clear behind STARTTLS must not count as said inside TLS.
        self.channel.forget();
        self.say(fault, reply::GO_SECURE)?;
        if matches!(fault, Some(What::Reply(reply)) if reply.code != 220) {
            return Ok(());
        }
        self.secure(encryption)?;
        // RFC 3207 §4.2: forget everything learned before TLS.
        self.helo = None;
        self.user = None;
        Ok(())
    }

    /// The handshake, and what goes wrong instead of it.
    fn secure(&mut self, encryption: &Encryption) -> Turn {
        let fault = self.draw(Stage::Tls)?;
        if fault.is_some() {
            self.channel.flush()?;
            if self.channel.pending().is_empty() {
                self.channel.more(within(self.house.limits.idle))?;
            }
            self.say(fault, "")?;
            if !matches!(fault, Some(What::Slow(_))) {
                return Err(End::Dropped);
            }
        }
        self.channel.flush()?;
        match self.channel.secure(&encryption.config) {
            Ok(secured) => self.saw(&Seen::Tls(&secured)),
            Err(error) => {
                let why = &error.to_string();
                self.saw(&Seen::TlsFailed { why });
                return Err(End::NoTls);
            }
        }
        Ok(())
    }

    /// Postfix's XCLIENT: the session begins anew, as if the client were another.
    pub(super) fn xclient(&mut self, attributes: &[Attribute]) -> Turn {
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
        self.saw(&Seen::Proxied {
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
