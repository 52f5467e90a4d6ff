//! How a server is reached: route, session, TLS and login.

use crate::client::credentials;
use crate::client::route;
use crate::client::session;
use crate::client::wire::tls;

/// Where messages go and how they get there.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The profile that says so; `None` where none was chosen.
    pub profile: Option<String>,
    pub route: route::RouteOptions,
    pub session: session::Options,
    /// With which keys and which trust.
    pub tls: tls::TlsOptions,
    /// As whom; `None` does not log in.
    pub credentials: Option<credentials::CredentialsOptions>,
}
