//! A transport: route, session options, TLS and login.

use crate::client::credentials;
use crate::client::route;
use crate::client::session;
use crate::client::wire::tls;

/// The destination of messages and the options to reach it.
#[derive(Clone, Debug)]
pub struct Transport {
    /// The profile; `None`: none was chosen.
    pub profile: Option<String>,
    pub route: route::RouteOptions,
    pub session: session::Options,
    pub tls: tls::TlsOptions,
    /// `None`: no AUTH.
    pub credentials: Option<credentials::CredentialsOptions>,
}
