//! The SMTP client: routing, connections, TLS, sessions, authentication, delivery, and the result for each
//! recipient.

pub(crate) mod connect;
pub(crate) mod credentials;
pub(crate) mod deliver;
pub(crate) mod dns;
pub mod events;
pub(crate) mod http;
pub(crate) mod mail_log;
pub(crate) mod outcome;
pub mod peer;
pub(crate) mod policy;
pub(crate) mod route;
pub mod session;
pub(crate) mod status;
pub(crate) mod tls_report;
pub mod transport;
pub(crate) mod wire;
pub(crate) mod wkd;
