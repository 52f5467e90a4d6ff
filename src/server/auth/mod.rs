//! Authentication: the server's side of SASL (RFC 4422), as far as mail programs use it.

mod exchange;
mod scram;
mod users;

pub(super) use crate::server::auth::exchange::{LoginExchange, LoginStep};
pub use crate::server::auth::users::{Auth, MECHANISMS, UserDatabase, UsersError};
