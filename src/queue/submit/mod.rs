//! The submission socket of a host: one queue and one password for all users, without a set-user-ID bit.
//!
//! A process of the system user that owns the queue accepts SMTP on a unix socket, which every user can connect to
//! (`ehlo queue serve`). It knows its client by the credentials of the socket, and this folder decides about the
//! client:
//!
//! - [`socket`]: whether a socket can be trusted, and whether this process needs it
//! - [`SenderRules`]: the senders that a user may claim
//! - [`UserLimits`] and [`Quota`]: the limits for each user, which the processes of all connections share
//!
//! The client is the sending side of this program, with the socket as its relay: its results for each recipient, its
//! limits of time, and its treatment of a lost reply are those of any other delivery.

mod quota;
mod sender;
pub mod socket;

pub use quota::{Quota, UserLimits};
pub use sender::{SenderRule, SenderRules};

use std::path::PathBuf;

/// Settings of `[submit]` and `[senders]`.
#[derive(Clone, Debug, Default)]
pub struct SubmitOptions {
    /// `None`: the default path.
    pub socket: Option<PathBuf>,
    pub limits: UserLimits,
    pub senders: SenderRules,
}
