//! Options that several commands share.

pub(crate) mod alert;
pub(crate) mod auth;
pub(crate) mod contact;
pub(crate) mod extensions;
pub mod mail;
pub mod message;
pub(crate) mod output;
pub(crate) mod profile;
pub(crate) mod relative;
pub(crate) mod route;
pub mod session;
pub(crate) mod settings;
pub(crate) mod stored_route;
pub(crate) mod testing;
pub(crate) mod tls;
pub mod transport;
pub(crate) mod usage_error;
pub(crate) mod value;
pub(crate) mod words;
