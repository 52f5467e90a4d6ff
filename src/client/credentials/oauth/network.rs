//! Requests to a provider.

use crate::client::events::{Event, Observer};
use crate::client::http::{self, HttpClient, Request, Response};
use crate::client::route::{RouteOptions, Router};
use crate::client::status::with_hint;
use crate::client::wire::Tls;
use crate::client::wire::tls::TlsOptions;
use crate::system::secret::Login;
use crate::system::stop::Stop;
use std::time::Duration;

/// Time limit of a request with its response.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Maximum size of a response. Metadata of large providers has some ten thousand bytes.
const MAX_BODY: usize = 256 * 1024;

/// The options of a transport that apply to requests to a provider, too.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    pub route: &'a RouteOptions,
    /// For a proxy that requires a login.
    pub proxy_login: Option<&'a Login>,
    pub tls: &'a TlsOptions,
    /// Prevents further requests when it is set.
    pub stop: Option<&'a Stop>,
}

impl Network<'_> {
    /// The response with any status, or the reason for which there is none.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Response, String> {
        let tls = Tls::new(&http::tls_options(self.tls)).map_err(|error| error.to_string())?;
        let client = HttpClient {
            router: &Router::new(self.route),
            proxy_login: self.proxy_login,
            tls: &tls,
            limit: REQUEST_LIMIT,
            max_body: MAX_BODY,
        };
        let response = client.send(request, &mut Interruptible(self.stop));
        response.map_err(|error| with_hint(&error.to_string(), error.hint()))
    }
}

/// Shows nothing.
struct Interruptible<'s>(Option<&'s Stop>);

impl Observer for Interruptible<'_> {
    fn on_event(&mut self, _: Event<'_>) {}

    fn is_closed(&self) -> bool {
        self.0.is_some_and(Stop::is_set)
    }
}
