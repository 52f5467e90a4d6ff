//! `ehlo roundtrip`: sends a message, waits until it is in the mailbox at the other end, and reports what happened to
//! it.

pub(crate) mod args;

mod expect;
mod message;
mod report;
mod run;

pub(crate) use args::Args;
pub(crate) use run::run;

use crate::cli::options::mailbox::MailboxRoute;
use crate::client::mail_log::LogOptions;
use crate::client::transport::Transport;
use crate::mail::message::MessageOptions;
use crate::mailbox::Token;
use expect::Expectation;
use std::fmt;
use std::time::Duration;

/// A round trip.
pub struct RoundTrip {
    pub transport: Transport,
    /// Fallback transports, tried in order on temporary failure.
    pub fallbacks: Vec<Transport>,
    pub mailbox: MailboxRoute,
    message: MessageOptions,
    token: Token,
    /// Content of the attachment.
    attachment: Vec<u8>,
    /// Time limit of the whole round trip.
    within: Duration,
    expect: Vec<Expectation>,
    thresholds: Thresholds,
    /// The message is not deleted.
    keep: bool,
    format: ReportFormat,
    /// The sessions are shown on stderr.
    verbose: bool,
    pub log: LogOptions,
}

/// Times until the arrival above which a monitor is told.
#[derive(Clone, Copy, Debug, Default)]
struct Thresholds {
    warning: Option<Duration>,
    critical: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReportFormat {
    Text,
    Json,
    /// One line with performance data, and the exit status of a plugin for Nagios.
    Nagios,
}

impl fmt::Debug for RoundTrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundTrip")
            .field("mailbox", &self.mailbox)
            .finish_non_exhaustive()
    }
}
