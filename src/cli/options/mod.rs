//! Options that several commands share.

pub(crate) mod alert;
pub(crate) mod auth;
pub(crate) mod command_line;
pub(crate) mod config;
pub(crate) mod crypt;
pub(crate) mod dkim;
pub(crate) mod extensions;
pub(crate) mod mail;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod oauth;
pub(crate) mod output;
pub(crate) mod parameters;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod route;
pub(crate) mod route_plan;
pub(crate) mod stored_value;
pub(crate) mod testing;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod usage_error;
pub(crate) mod value;
pub(crate) mod words;
