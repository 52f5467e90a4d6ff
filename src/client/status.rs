//! The status of a recipient and its cause.

/// Status of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientStatus {
    /// A server accepted the message.
    Accepted,
    Refused,
    Deferred,
    /// The connection was lost between the end of data and its reply.
    Uncertain,
    /// Not delivered yet; the message is in the queue.
    Queued,
    Skipped,
}

impl RecipientStatus {
    /// The word in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Deferred => "deferred",
            Self::Uncertain => "uncertain",
            Self::Queued => "queued",
            Self::Skipped => "skipped",
        }
    }

    /// The word after `recipient...`, as sendmail shows it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "Sent",
            Self::Refused => "Refused",
            Self::Deferred => "Deferred",
            Self::Uncertain => "Uncertain",
            Self::Queued => "Queued",
            Self::Skipped => "Not sent",
        }
    }

    /// The status with this name in JSON.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Accepted,
            Self::Refused,
            Self::Deferred,
            Self::Uncertain,
            Self::Queued,
            Self::Skipped,
        ];
        all.into_iter().find(|verdict| verdict.name() == name)
    }

    /// True if the caller need not act on the message any more.
    #[must_use]
    pub fn is_done(self) -> bool {
        matches!(self, Self::Accepted | Self::Queued)
    }
}

/// Cause of a status; decides the exit status among recipients with equal status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Server,
    /// The domain does not exist or accepts no mail (RFC 7505).
    Domain,
    /// No connection, a lost connection, or no answer from the DNS.
    Network,
    /// Another delivery has just found the host down.
    Known,
    /// The server violated the protocol.
    Protocol,
    /// A requirement for TLS or authentication was not met.
    Policy,
    /// The message could not be read completely.
    Message,
    /// The session was to end early (`--quit-after`, `--drop-after`).
    Stopped,
    /// The output cannot be written, or the program was interrupted: delivery is incomplete.
    Output,
}
