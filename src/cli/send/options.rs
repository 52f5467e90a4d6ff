//! How a message is sent.

use crate::client::transport::Transport;
use crate::mail::message;
use crate::queue::options::QueueUse;
use crate::transcript;
use std::num::NonZeroU32;
use std::time::Duration;

/// Sending.
#[derive(Debug)]
pub struct Send {
    /// What.
    pub message: message::MessageOptions,
    /// Where to, and how.
    pub way: Transport,
    /// What to try in this order when a way cannot be gone for now.
    pub fallbacks: Vec<Transport>,
    /// What is seen of it.
    pub output: transcript::TranscriptOptions,
    /// Whether what cannot be sent now is kept; `None` keeps nothing.
    pub queueing: Option<QueueUse>,
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
