//! `ehlo sendmail`, `mailq` and `newaliases`: the options of sendmail.

pub(crate) mod args;
mod run;
pub(crate) mod serve;
pub(crate) mod submitted;

pub(crate) use args::{SendmailWords, plan};
pub(crate) use run::run;

use crate::cli::queue::RunOptions;
use crate::cli::send::keep::QueuedMessage;
use crate::cli::terminal::warn;
use crate::client::transport::Transport;
use crate::mail::crypt::CryptOptions;
use crate::mail::dkim::Signer;
use crate::mail::message::{Message, Submission};
use crate::mail::rewrite::RewriteOptions;
use crate::queue::QueueUse;
use crate::queue::delivery::SenderNotice;
use crate::transcript::TranscriptOptions;
use std::path::PathBuf;

/// A task for sendmail, and its delivery options.
#[derive(Debug)]
pub struct Sendmail {
    pub task: SendmailTask,
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    pub queueing: QueueUse,
    pub rewrite: RewriteOptions,
    /// The DKIM keys.
    pub signer: Signer,
    /// End-to-end signature and encryption.
    pub crypt: CryptOptions,
    /// The transcript (`-v`).
    pub output: TranscriptOptions,
    /// A file that a transcript is added to (`-X`).
    pub log: Option<PathBuf>,
}

#[derive(Debug)]
pub enum SendmailTask {
    /// Accept a message from the standard input (`-bm`).
    Submit(Box<Submission>),
    /// Speak SMTP on the standard input and output (`-bs`).
    Serve,
    /// Check whether these recipients would be accepted (`-bv`).
    Verify {
        recipients: Vec<String>,
        /// `None`: the user.
        sender: Option<String>,
    },
    /// Show the queue (`-bp`, mailq).
    List,
    /// Run the queue (`-q`).
    Run(RunOptions),
    /// Nothing (`-bi`, newaliases).
    Nothing,
}

impl Sendmail {
    /// A submitted message for the queue.
    pub(crate) fn queued<'p>(&'p self, message: &'p Message) -> QueuedMessage<'p> {
        message.warnings.iter().for_each(|text| warn(text));
        QueuedMessage {
            message,
            queueing: &self.queueing,
            transport: &self.transport,
            fallbacks: &self.fallbacks,
            output: self.output,
            notice: SenderNotice::None,
            patience: None,
            log: self.log.as_deref(),
            as_given: true,
        }
    }
}
