//! Services of the operating system and of text, used by all folders.

pub(crate) mod certificate;
pub mod exit;
pub(crate) mod figures;
pub(crate) mod host;
pub(crate) mod pattern;
pub(crate) mod pem;
pub(crate) mod place;
pub mod process;
pub(crate) mod secret;
pub(crate) mod socket;
pub(crate) mod stop;
pub(crate) mod subprocess;
pub mod text;
pub(crate) mod time;
