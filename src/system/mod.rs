//! Services of the operating system and of text, used by all folders.

pub(crate) mod certificate;
pub mod exit;
pub(crate) mod figures;
pub(crate) mod filter;
pub(crate) mod host;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod log_file;
pub mod process;
pub(crate) mod quote;
pub(crate) mod remedy;
pub(crate) mod sealed_file;
pub(crate) mod secret;
pub mod stand_in;
pub(crate) mod stop;
pub(crate) mod subprocess;
pub(crate) mod syslog;
pub(crate) mod systemd;
pub mod text;
pub(crate) mod time;
pub(crate) mod trust;
pub(crate) mod user;
