//! Connecting, and TLS.

use crate::client::events::Event;
use crate::client::route::{Endpoint, RouteOptions, Router};
use crate::client::session::auth::Bindings;
use crate::client::session::{TlsDemand, tell};
use crate::client::wire;
use crate::client::wire::{ConnectFailure, Terms, TlsError, Wire};
use crate::script::run::{Interpreter, LastHeard, StopReason};
use crate::script::statement::Handshake;
use crate::script::target;
use crate::script::text::ScriptText;
use crate::system::exit::Exit;
use std::collections::VecDeque;

impl Interpreter<'_, '_> {
    pub(super) fn connect(
        &mut self,
        target: Option<&ScriptText>,
        tls: bool,
    ) -> Result<(), StopReason> {
        self.wire = None;
        let place = self.place(target)?;
        self.host = place.host.name();
        self.secured = None;
        self.heard = None;
        self.offers = None;
        self.wire = Some(self.reach(&place)?);
        let is_usual = target.is_none() && self.context.session.tls == TlsDemand::Implicit;
        if tls || is_usual {
            self.handshake(Handshake::Usual)?;
        }
        Ok(())
    }

    fn place(&self, target: Option<&ScriptText>) -> Result<Endpoint, StopReason> {
        let Some(target) = target else {
            let relay = self.context.route.relay.clone();
            let why = "there is no server to connect to; name one with --server";
            return relay.ok_or_else(|| StopReason::Fails(why.to_owned(), Exit::Usage));
        };
        let text = target.string(&self.variables)?;
        target::parse(&text).map_err(|why| StopReason::Fails(why, Exit::Data))
    }

    /// The first address of a host that answers.
    fn reach(&mut self, place: &Endpoint) -> Result<Wire, StopReason> {
        let options = RouteOptions {
            relay: Some(place.clone()),
            ..self.context.route.clone()
        };
        let router = Router::new(&options);
        let terms = Terms {
            source: router.source(),
            limit: self.limit,
        };
        let peers = router.addresses(&place.host, place.port, &mut *self.observer);
        let peers = peers.map_err(|error| {
            let exit = if error.may_pass() {
                Exit::Temporary
            } else {
                Exit::NoHost
            };
            StopReason::Fails(error.to_string(), exit)
        })?;
        let mut others = VecDeque::from(peers);
        let Some(first) = others.pop_front() else {
            let why = format!("{} has no address", place.host);
            return Err(StopReason::Fails(why, Exit::NoHost));
        };
        match wire::connect(first, &mut others, terms, &mut *self.observer) {
            Ok(connection) => Ok(connection.wire),
            Err(ConnectFailure::Unseen) => {
                let why = "the output cannot be written".to_owned();
                Err(StopReason::Fails(why, Exit::Io))
            }
            Err(ConnectFailure::Failed { peer, why }) => {
                let why = format!("cannot connect to {peer}: {why}");
                Err(StopReason::Fails(why, Exit::Temporary))
            }
        }
    }

    pub(super) fn secure(&mut self, starttls: bool, wanted: Handshake) -> Result<(), StopReason> {
        if starttls {
            self.say_line("STARTTLS")?;
            let reply = self.reply("220")?;
            if reply.code != 220 {
                return Err(StopReason::differs("220", self.said(&reply)));
            }
        }
        self.handshake(wanted)
    }

    fn handshake(&mut self, wanted: Handshake) -> Result<(), StopReason> {
        let (limit, tls, host) = (self.limit, self.context.tls, self.host.clone());
        let secured = self.wire()?.secure(tls, &host, limit);
        // RFC 3207 §4.2: forget everything learned before TLS.
        self.offers = None;
        let secured = match secured {
            Ok(secured) => secured,
            Err(error) => {
                self.wire = None;
                if let TlsError::Certificate { why, chain, .. } = &error {
                    self.observer.on_event(Event::Distrusted {
                        name: tls.name(&host),
                        why,
                        chain,
                    });
                }
                if wanted == Handshake::Perhaps {
                    let note = format!("no TLS: {error}");
                    self.observer.on_event(Event::Note(&note));
                    self.heard = Some(LastHeard::Close);
                    return Ok(());
                }
                return Err(StopReason::differs("a TLS handshake", error.to_string()));
            }
        };
        // The end of the handshake would otherwise wait for the first data from the client, and there may
        // be none.
        self.flush()?;
        tell(&secured, &mut *self.observer);
        let is_good = secured.judgement.is_good();
        let words = secured.judgement.words();
        self.secured = Some(Bindings {
            exporter: secured.exporter,
            end_point: secured.end_point,
        });
        if wanted == Handshake::Verified && !is_good {
            let came = format!("the certificate of {} is {words}", secured.name);
            return Err(StopReason::differs("a certificate that is right", came));
        }
        Ok(())
    }
}
