//! The scan of a server that a transport leads to.

use crate::client::events::{Observer, Silent};
use crate::client::peer::PeerAddress;
use crate::client::route::Endpoint;
use crate::client::session::{EarlyStop, StopMethod, TlsDemand};
use crate::client::transport::OpenTransport;
use crate::probe::inspect::{ProbeResult, probe_at};
use crate::probe::scan::{Scan, Target, scan};
use crate::smtp::stage::Stage;
use std::time::Duration;

/// Time limit of a step, if none was given.
const LIMIT: Duration = Duration::from_secs(30);

/// Time limit for the greeting after implicit TLS. The server may not speak SMTP or not speak first, and what the scan
/// needs is known by then: the handshake, and the tickets that follow it.
const GREETING_LIMIT: Duration = Duration::from_millis(500);

/// A scan with what an ordinary session shows.
#[derive(Debug)]
pub struct ServerScan {
    pub probe: ProbeResult,
    /// `None`: the server was not reached, or does not offer TLS.
    pub scan: Option<Scan>,
    /// True if the server resumed a session of the version that an ordinary client negotiates. `None`: no
    /// handshake succeeded.
    pub resumes: Option<bool>,
}

impl ServerScan {
    /// No scan.
    pub fn failed(probe: ProbeResult) -> Self {
        Self {
            probe,
            scan: None,
            resumes: None,
        }
    }

    /// The reason that there is no scan.
    pub fn failure(&self) -> Option<String> {
        if self.scan.is_some() {
            return None;
        }
        let failure = self.probe.explanation();
        Some(failure.unwrap_or_else(|| "the server does not offer STARTTLS".to_owned()))
    }
}

/// Scans a server, at one of its addresses if `peer` is given, over at most this number of connections at a
/// time.
pub fn scan_server(
    transport: &OpenTransport<'_>,
    (endpoint, peer): (&Endpoint, Option<&PeerAddress>),
    parallel: usize,
    observer: &mut dyn Observer,
) -> ServerScan {
    let is_implicit = transport.session.tls == TlsDemand::Implicit;
    let mut session = transport.session.clone();
    if is_implicit {
        session.testing.greeting_limit = Some(GREETING_LIMIT);
        session.testing.stop = Some(EarlyStop {
            after: Stage::Banner,
            method: StopMethod::Drop,
        });
    }
    let transport = &transport.with_session(&session);
    let probe = probe_at(transport, (endpoint, peer), observer);
    if !is_implicit && !probe.offers_starttls() || !is_connected(&probe) {
        return ServerScan::failed(probe);
    }
    let peer = probe.server.as_ref().map(|server| server.address.clone());
    let resumes = resumes(transport, (endpoint, peer.as_ref()), &probe);
    let host = endpoint.host.name();
    let target = peer.as_ref().map(|peer| Target {
        peer,
        name: transport.tls.sni(&host),
        terms: transport.terms(),
        protocol: transport.session.protocol,
        tls: transport.session.tls,
        helo: transport.session.helo.as_deref(),
        limit: transport.session.timeout.unwrap_or(LIMIT),
    });
    ServerScan {
        scan: target.map(|target| scan(target, parallel)),
        probe,
        resumes,
    }
}

fn is_connected(probe: &ProbeResult) -> bool {
    probe.steps.iter().any(|step| step.stage == Stage::Connect)
}

/// A second session, with the tickets of the first.
fn resumes(
    transport: &OpenTransport<'_>,
    server: (&Endpoint, Option<&PeerAddress>),
    first: &ProbeResult,
) -> Option<bool> {
    first.tls.as_ref()?.version.as_ref()?;
    let second = probe_at(transport, server, &mut Silent);
    let tls = second.tls?;
    tls.version.is_some().then_some(tls.resumed)
}
