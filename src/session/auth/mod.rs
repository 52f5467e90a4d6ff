//! AUTH (RFC 4954): which mechanisms there are.

mod mechanism;

pub use mechanism::Mechanism;
