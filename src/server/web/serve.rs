//! Accepts HTTP connections and runs a thread for each.

use crate::server::fault_plan::FaultPlan;
use crate::server::limiter::{ConnectionLimiter, Grace};
use crate::server::listener::{Accepted, Listen, Listener, ListenerSet, Next, ServerError};
use crate::server::stream::SocketStream;
use crate::server::web::api;
use crate::server::web::http::guard;
use crate::server::web::http::request::{HttpConnection, Method, RequestError};
use crate::server::web::http::response::Response;
use crate::server::web::{Catcher, WebContext};
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Duration;

/// Connections at one time. Each browser tab has one that stays open, and up to five others.
const MAX_CONNECTIONS: usize = 64;

/// Consecutive failures to accept a connection before the server ends, and the pause after each.
const ACCEPT_FAILURES: u32 = 100;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens but does not answer yet.
pub struct WebServer {
    listeners: Vec<Listener>,
    names: Vec<String>,
    wake_receiver: UnixStream,
    waker: UnixStream,
}

/// Ends a server from another thread.
pub struct WebStopper(UnixStream);

impl WebStopper {
    pub fn stop(&self) {
        let _ = (&self.0).write(b"!");
    }
}

impl WebServer {
    /// Starts to listen. `names`: host names by which clients may address it.
    pub fn bind(
        places: &[Listen],
        names: Vec<String>,
        allow_remote: bool,
    ) -> Result<WebServer, ServerError> {
        for place in places {
            if let Listen::Tcp(address) = place
                && !allow_remote
                && !address.ip().to_canonical().is_loopback()
            {
                return Err(ServerError::Remote(*address));
            }
        }
        let listeners: Result<Vec<Listener>, ServerError> =
            places.iter().map(Listener::open).collect();
        let (wake_receiver, waker) = UnixStream::pair().map_err(ServerError::Accept)?;
        Ok(WebServer {
            listeners: listeners?,
            names,
            wake_receiver,
            waker,
        })
    }

    /// The addresses it listens on, with the ports chosen by the system.
    pub fn places(&self) -> impl Iterator<Item = &Listen> {
        self.listeners.iter().map(|listener| &listener.place)
    }

    pub fn stopper(&self) -> io::Result<WebStopper> {
        self.waker.try_clone().map(WebStopper)
    }

    /// Answers requests until it is stopped.
    pub fn serve(self, catcher: &Catcher<'_>, faults: &FaultPlan) -> Result<(), ServerError> {
        let limiter = ConnectionLimiter::new(None, MAX_CONNECTIONS, None);
        let context = WebContext {
            catcher,
            faults,
            names: &self.names,
        };
        let listeners = ListenerSet {
            listeners: self.listeners,
            wake_receiver: self.wake_receiver,
            deadline: None,
        };
        let accepted = thread::scope(|scope| {
            let accepted = accept_all(&listeners, (context, &limiter), scope);
            catcher.close();
            limiter.shut_down(Grace::NONE);
            accepted
        });
        accepted.map_err(ServerError::Accept)
    }
}

fn accept_all<'scope, 'env: 'scope>(
    listeners: &ListenerSet,
    (context, limiter): (WebContext<'env>, &'env ConnectionLimiter),
    scope: &'scope Scope<'scope, 'env>,
) -> io::Result<()> {
    let mut failures = 0;
    loop {
        match listeners.next() {
            Ok(Next::Connection(accepted)) => {
                failures = 0;
                serve_connection(accepted, (context, limiter), scope);
            }
            Ok(Next::NoConnection) => {}
            Ok(Next::Shutdown) => return Ok(()),
            Err(error) if failures >= ACCEPT_FAILURES => return Err(error),
            Err(_) => {
                failures += 1;
                thread::sleep(ACCEPT_PAUSE);
            }
        }
    }
}

fn serve_connection<'scope, 'env: 'scope>(
    accepted: Accepted,
    (context, limiter): (WebContext<'env>, &'env ConnectionLimiter),
    scope: &'scope Scope<'scope, 'env>,
) {
    let socket = Arc::new(accepted.socket);
    let Some(slot) = limiter.register(&socket) else {
        let refusal = Response::error(503, "too many connections");
        let _ = refusal.send(&mut SocketStream::new(socket), Method::Get, true);
        return;
    };
    // If no thread is available, the connection is closed.
    let _ = thread::Builder::new().spawn_scoped(scope, move || {
        let _ = socket.set_tcp_nodelay(true);
        answer_all(&mut HttpConnection::new(SocketStream::new(socket)), context);
        drop(slot);
    });
}

fn answer_all(connection: &mut HttpConnection, context: WebContext<'_>) {
    loop {
        let request = match connection.request() {
            Ok(request) => request,
            Err(RequestError::Closed) => return,
            Err(RequestError::Refused(status)) => {
                let refusal = Response::error(status, "the request is not accepted");
                let _ = refusal.send(&mut connection.socket, Method::Get, true);
                return;
            }
        };
        let response = match guard::check(&request, context.names) {
            Ok(()) => api::respond(context, &request),
            Err((status, why)) => Response::error(status, &why),
        };
        let sent = response.send(&mut connection.socket, request.method, request.closes);
        if !sent.unwrap_or(false) {
            return;
        }
    }
}
