//! An HTTP client for small requests: policies, tokens, notices. It uses the connections of `wire`, so that
//! `--dns`, `--bind`, `-4`, `--proxy` and `--ca-file` apply; it does not follow redirects, and keeps no connection.
//!
//! * `url`: where a request goes
//! * `request`: requests and responses
//! * `exchange`: one request over a connection

mod exchange;
mod request;
mod url;

pub use request::{Request, Response};
pub use url::{Url, UrlError};

use crate::client::events::{Event, Interests, Observer};
use crate::client::peer::PeerAddress;
use crate::client::route::{Host, RouteError, Router};
use crate::client::status::Hint;
use crate::client::wire::tls::{TlsOptions, Trust};
use crate::client::wire::{self, ConnectFailure, Deadline, Terms, Tls, TlsError, Wire, WireError};
use crate::system::secret::Login;
use crate::system::stop::Stop;
use crate::system::text::shown;
use exchange::Exchange;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq_proto::http::StatusCode;

/// Maximum size of the header of a response, with those of interim responses.
const MAX_HEAD: usize = 32 * 1024;

/// Time limit of one connection attempt.
const CONNECT: Duration = Duration::from_secs(15);

/// Reason for which there is no response. The texts follow the URL.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0}")]
    Route(#[from] RouteError),
    #[error("cannot connect to {peer}: {why}")]
    Connect { peer: PeerAddress, why: String },
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("the request cannot be sent: {0}")]
    Request(String),
    #[error("the answer is not HTTP: {0}")]
    Protocol(String),
    #[error("the response has a header of more than {MAX_HEAD} bytes")]
    LongHead,
    #[error("the response has more than {0} bytes")]
    LargeBody(usize),
    /// The connection was closed, or TLS ended without `close_notify`.
    #[error("the response is incomplete")]
    Incomplete,
    /// The output of the program cannot be written, or the program is interrupted.
    #[error("the request was given up")]
    GivenUp,
}

impl HttpError {
    /// The remedy, if there is one.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Route(error) => error.hint(),
            Self::Tls(TlsError::Certificate { hint, .. }) => *hint,
            _ => None,
        }
    }
}

/// Sends requests. Each has a connection of its own.
pub struct HttpClient<'a> {
    /// Looks up hosts; the source address, the address family and the proxy apply, `--connect-to` does not.
    pub router: &'a Router<'a>,
    /// For a proxy that requires a login.
    pub proxy_login: Option<&'a Login>,
    /// Keys and trust, as [`tls_options`] makes them.
    pub tls: &'a Tls,
    /// Time limit of a request with its response, connecting included.
    pub limit: Duration,
    /// Maximum size of the body of a response.
    pub max_body: usize,
}

/// TLS options of HTTPS: those for mail servers that apply to any server. Certificates are always verified.
pub fn tls_options(mail: &TlsOptions) -> TlsOptions {
    TlsOptions {
        trust: Trust::Verified,
        ca_file: mail.ca_file.clone(),
        ..TlsOptions::default()
    }
}

impl HttpClient<'_> {
    /// Sends a request and reads its whole response.
    ///
    /// # Errors
    /// There is no complete response, or it is too large. A response with an error status is not an error.
    pub fn send(
        &self,
        request: &Request<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Response, HttpError> {
        let started = Instant::now();
        let line = format!("{} {}", request.method(), request.url);
        observer.on_event(Event::Detail(&line));
        let response = self.exchange(request, observer);
        let text = match &response {
            Ok(response) => described(response, started.elapsed()),
            Err(error) => format!("{}: {error}", request.url),
        };
        observer.on_event(Event::Detail(&shown(&text)));
        response
    }

    fn exchange(
        &self,
        request: &Request<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Response, HttpError> {
        let deadline = Deadline::after(self.limit);
        let mut wire = self.connect(request.url, deadline, observer)?;
        let stop = observer.stop();
        let registered = stop.and_then(|stop| Some(stop.register(wire.duplicate()?)));
        let secured = self.secure(&mut wire, request.url, deadline);
        let response =
            secured.and_then(|()| Exchange::new(wire, deadline, self.max_body).run(request));
        // A step had the time that was left.
        let response = response.map_err(|error| match error {
            HttpError::Wire(WireError::Timeout(_))
            | HttpError::Tls(TlsError::Wire(WireError::Timeout(_))) => {
                HttpError::Wire(WireError::Timeout(self.limit))
            }
            other => other,
        });
        if response.is_err() && registered.is_some_and(|stop| stop.is_closed()) {
            return Err(HttpError::GivenUp);
        }
        response
    }

    fn connect(
        &self,
        url: &Url,
        deadline: Deadline,
        observer: &mut dyn Observer,
    ) -> Result<Wire, HttpError> {
        let host = match url.ip() {
            Some(ip) => Host::Address(ip),
            None => Host::Relay(url.host().to_owned()),
        };
        let peers = if url.is_encrypted() {
            self.router.peers(&host, url.port(), observer)
        } else {
            // In clear on this host only, and not by a proxy, which would connect to its own host.
            self.router.direct_peers(&host, url.port(), observer)
        };
        let mut peers = VecDeque::from(peers?);
        if !url.is_encrypted() {
            peers.retain(|peer| peer.ip().is_some_and(|ip| ip.is_loopback()));
        }
        let timeout = || HttpError::Wire(WireError::Timeout(deadline.whole()));
        let terms = Terms {
            source: self.router.source(),
            source_port: 0,
            limit: CONNECT.min(deadline.left().ok_or_else(timeout)?),
            proxy_login: self.proxy_login,
        };
        let first = peers.pop_front().ok_or_else(|| RouteError::Address {
            host: url.host().to_owned(),
            why: "it is not a loopback address, which http requires".to_owned(),
            may_pass: false,
        })?;
        let mut observer = Connecting { observer, deadline };
        match wire::connect(first, &mut peers, terms, &mut observer) {
            Ok(connection) => Ok(connection.wire),
            Err(ConnectFailure::Failed { peer, why, .. }) => Err(HttpError::Connect { peer, why }),
            Err(ConnectFailure::OutputFailed) if deadline.left().is_none() => Err(timeout()),
            Err(ConnectFailure::OutputFailed) => Err(HttpError::GivenUp),
        }
    }

    fn secure(&self, wire: &mut Wire, url: &Url, deadline: Deadline) -> Result<(), HttpError> {
        if !url.is_encrypted() {
            return Ok(());
        }
        let left = deadline
            .left()
            .ok_or(WireError::Timeout(deadline.whole()))?;
        wire.secure(self.tls.server(url.host()), left)?;
        Ok(())
    }
}

fn described(response: &Response, took: Duration) -> String {
    let status = StatusCode::from_u16(response.status).ok();
    let reason = status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let media_type = response
        .media_type()
        .unwrap_or_else(|| "no content type".to_owned());
    let size = response.body.expose().len();
    format!(
        "{} {reason}, {media_type}, {size} bytes in {:.3} s",
        response.status,
        took.as_secs_f32()
    )
}

/// Reports connection attempts as remarks, because the events of connections belong to SMTP sessions. Gives up
/// at the deadline.
struct Connecting<'o> {
    observer: &'o mut dyn Observer,
    deadline: Deadline,
}

impl Observer for Connecting<'_> {
    fn on_event(&mut self, what: Event<'_>) {
        let remark = match what {
            Event::Connect(peer) => format!("connecting to {peer}"),
            Event::Connected(peer) => format!("connected to {peer}"),
            Event::NotConnected { peer, why } => format!("{peer}: {}", shown(why)),
            other => return self.observer.on_event(other),
        };
        self.observer.on_event(Event::Detail(&remark));
    }

    fn is_closed(&self) -> bool {
        self.deadline.left().is_none() || self.observer.is_closed()
    }

    fn stop(&self) -> Option<Arc<Stop>> {
        self.observer.stop()
    }

    fn interests(&self) -> Interests {
        self.observer.interests()
    }
}

#[cfg(test)]
mod tests;
