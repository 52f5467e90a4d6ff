//! Sending a message, which is what `ehlo` does without a command.

pub(crate) mod args;
pub(crate) mod deliver;
pub(crate) mod keep;
mod run;
mod submit;

pub(crate) use run::{print, print_message, run};

use crate::cli::ask::Ask;
use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use crate::mail::dkim::NamedKey;
use crate::mail::message::{MessageOptions, MessageSource};
use crate::queue::QueueUse;
use crate::transcript::TranscriptOptions;
use std::mem;
use std::num::NonZeroU32;
use std::time::Duration;

/// The task of a command line without a subcommand.
#[derive(Debug)]
pub enum SendTask {
    Send(Box<Send>),
    /// Build a message and show it.
    Print(Box<MessageOptions>, TranscriptOptions),
    /// Begin a session, and end it before MAIL.
    Ask(Box<Ask>),
}

impl SendTask {
    /// Signs the message with these keys, unless it has others.
    pub(crate) fn use_keys(&mut self, keys: &[NamedKey]) {
        let signer = match self {
            // The service of the submission socket signs, with keys that only it can read.
            Self::Send(send) if send.passes_socket() => return,
            Self::Send(send) => &mut send.message.signer,
            Self::Print(message, _) => &mut message.signer,
            Self::Ask(_) => return,
        };
        *signer = mem::take(signer).or_keys(keys);
    }
}

impl Send {
    /// True if the message is passed to the submission socket.
    pub(crate) fn passes_socket(&self) -> bool {
        let queueing = self.queueing.as_ref();
        queueing.is_some_and(|queueing| queueing.socket.is_some())
    }
}

/// Options of the sending command.
#[derive(Debug)]
pub struct Send {
    pub message: MessageOptions,
    /// Ready messages, each sent with the options of `message`. Empty: `message` itself is sent.
    pub sources: Vec<MessageSource>,
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    pub output: TranscriptOptions,
    /// `None`: a message that cannot be sent is not queued.
    pub queueing: Option<QueueUse>,
    pub repeat: Repeat,
    pub log: LogOptions,
}

/// Repetition of the messages.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    pub times: NonZeroU32,
    /// Pause between two of them.
    pub wait: Duration,
    pub connections: ConnectionUse,
}

/// The connections of repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionUse {
    /// Each repetition has its own.
    NewEachTime,
    Shared,
}
