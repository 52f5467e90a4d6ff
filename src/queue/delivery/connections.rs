//! Transports that items share, and the connections of one worker over them.

use crate::client::deliver;
use crate::client::deliver::{ConnectionPool, Hosts};
use crate::client::events::Observer;
use crate::client::ready::LoadedTransport;
use crate::client::route::Router;
use crate::client::transport;
use crate::system::stop::Stop;
use std::cell::OnceCell;
use std::sync::OnceLock;

/// The transports of a stored route. Keys and passwords are loaded when a transport is first used.
pub struct RouteTransports<'p> {
    ready: Vec<(
        &'p transport::Transport,
        OnceLock<Result<LoadedTransport<'p>, String>>,
    )>,
    /// The reason why there is no transport.
    error: Option<String>,
}

impl<'p> RouteTransports<'p> {
    /// The first transport and its fallbacks, or the reason why there is none.
    #[must_use]
    pub fn new(transports: &'p Result<Vec<transport::Transport>, String>) -> Self {
        match transports {
            Ok(transports) => Self {
                ready: transports
                    .iter()
                    .map(|transport| (transport, OnceLock::new()))
                    .collect(),
                error: None,
            },
            Err(error) => Self::none(error.clone()),
        }
    }

    /// A route with a first transport that is already loaded.
    #[must_use]
    pub fn of(first: LoadedTransport<'p>, fallbacks: &'p [transport::Transport]) -> Self {
        let mut ready = vec![(first.plan(), OnceLock::from(Ok(first)))];
        ready.extend(
            fallbacks
                .iter()
                .map(|transport| (transport, OnceLock::new())),
        );
        Self { ready, error: None }
    }

    /// A route without a transport, for this reason.
    #[must_use]
    pub fn none(error: String) -> Self {
        Self {
            ready: Vec::new(),
            error: Some(error),
        }
    }

    /// True if all recipient domains go to one server.
    #[must_use]
    pub fn has_relay(&self) -> bool {
        let first = self.ready.first();
        first.is_some_and(|(transport, _)| transport.route.relay.is_some())
    }
}

/// The connections of one worker over the transports of a route.
pub struct WorkerConnections<'a, 'p> {
    routes: &'a RouteTransports<'p>,
    connections: Vec<PooledTransport<'a, 'p>>,
}

struct PooledTransport<'a, 'p> {
    router: OnceCell<Router<'p>>,
    connections: ConnectionPool<'a>,
}

impl<'a, 'p> WorkerConnections<'a, 'p> {
    /// Opens no connection yet.
    #[must_use]
    pub fn new(routes: &'a RouteTransports<'p>, hosts: &'a dyn Hosts) -> Self {
        let line = |_| PooledTransport {
            router: OnceCell::new(),
            connections: ConnectionPool::new(hosts),
        };
        Self {
            routes,
            connections: routes.ready.iter().map(line).collect(),
        }
    }

    /// The number of transports to try.
    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    /// The reason why there is no transport.
    pub(super) fn error(&self) -> Option<&str> {
        self.routes.error.as_deref()
    }

    /// The profile name of a transport.
    pub(super) fn profile(&self, place: usize) -> &str {
        let (transport, _) = &self.routes.ready[place];
        transport.profile.as_deref().unwrap_or_default()
    }

    /// One of the transports, with its keys and its password. A command that is to print the password is
    /// killed when `stop` is set.
    pub(super) fn transport(
        &self,
        place: usize,
        stop: Option<&Stop>,
    ) -> Result<deliver::OpenTransport<'_>, String> {
        let (plan, ready) = &self.routes.ready[place];
        let ready = ready.get_or_init(|| {
            LoadedTransport::unless_stopped(plan, stop).map_err(|error| error.to_string())
        });
        let ready = ready.as_ref().map_err(Clone::clone)?;
        let line = &self.connections[place];
        let router = line.router.get_or_init(|| ready.router());
        Ok(ready.transport(router, Some(&line.connections)))
    }

    /// Loads the keys and the password of the first transport. An error is reported when the transport is
    /// tried.
    pub(super) fn prepare(&self, stop: Option<&Stop>) {
        if self.count() > 0 {
            let _ = self.transport(0, stop);
        }
    }

    /// Sends QUIT on all connections.
    pub fn close(&self, observer: &mut dyn Observer) {
        for (place, line) in self.connections.iter().enumerate() {
            if let (Some(_), Ok(transport)) = (line.router.get(), self.transport(place, None)) {
                line.connections.close(&transport, observer);
            }
        }
    }
}
