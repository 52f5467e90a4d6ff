//! How a message is sent.

use crate::client::transport::Way;
use crate::mail::message;
use crate::queue::options::Queueing;
use crate::transcript;
use std::num::NonZeroU32;
use std::time::Duration;

/// Sending.
#[derive(Debug)]
pub struct Send {
    /// What.
    pub message: message::Options,
    /// Where to, and how.
    pub way: Way,
    /// What to try in this order when a way cannot be gone for now.
    pub fallbacks: Vec<Way>,
    /// What is seen of it.
    pub output: transcript::Options,
    /// Whether what cannot be sent now is kept; `None` keeps nothing.
    pub queueing: Option<Queueing>,
    /// How often it is sent.
    pub repeat: Repeat,
}

/// How often a message is sent.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// How many times.
    pub times: NonZeroU32,
    /// How long to wait between them.
    pub wait: Duration,
}
