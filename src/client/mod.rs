//! The SMTP client: routing, connections, TLS, sessions, authentication, delivery, and the result for each
//! recipient.

pub(crate) mod connect;
pub(crate) mod credentials;
pub(crate) mod deliver;
pub mod events;
#[allow(dead_code, unused_imports)] // Until a command uses it.
pub(crate) mod http;
pub(crate) mod mail_log;
pub(crate) mod outcome;
pub mod peer;
#[allow(dead_code, unused_imports)]
pub(crate) mod policy;
pub(crate) mod route;
pub mod session;
pub(crate) mod status;
pub mod transport;
pub(crate) mod wire;
