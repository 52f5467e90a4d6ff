//! Options of the sending command.

use crate::client::transport::Transport;
use crate::mail::message;
use crate::queue::options::QueueUse;
use crate::transcript;
use std::num::NonZeroU32;
use std::time::Duration;

/// Sending.
#[derive(Debug)]
pub struct Send {
    pub message: message::MessageOptions,
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    pub output: transcript::TranscriptOptions,
    /// `None`: a message that cannot be sent is not queued.
    pub queueing: Option<QueueUse>,
    pub repeat: Repeat,
}

/// Repetition of a message.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    pub times: NonZeroU32,
    /// Pause between two of them.
    pub wait: Duration,
}
