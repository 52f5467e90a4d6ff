//! The status of a recipient and its cause, and the hint for an error.

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

/// The remedy for an error, as data: errors carry it, and the place that shows the error puts it into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    TryAgain,
    /// Nothing helps.
    NothingToTry,
    /// The domain may be misspelled.
    CheckSpelling,
    NameRelay,
    /// The DNS did not answer.
    OtherResolver,
    /// The port may be one for TLS from the first byte.
    ImplicitTls,
    TrustCertificate,
    /// The certificate is expected to have another name.
    CertificateName,
    /// The server needs no login.
    NoLogin,
    /// Logins by SMTP are turned off for the mailbox, whatever the password or token.
    SmtpLoginDisabled,
    /// The TLSA records of a host are not met.
    TlsPolicy,
    /// The MTA-STS policy of the recipient's domain is not met.
    MtaSts,
}

impl Hint {
    /// The remedy as options of the command line.
    pub fn as_options(self) -> &'static str {
        match self {
            Self::TryAgain => "try again later",
            Self::NothingToTry => "nothing to try",
            Self::CheckSpelling => "check the spelling",
            Self::NameRelay => "name a server that accepts it with --relay",
            Self::OtherResolver => "try again later, or name a resolver with --dns",
            Self::ImplicitTls => "try again later, or use --tls implicit if this port expects TLS",
            Self::TrustCertificate => {
                "trust another CA with --ca-file FILE, or accept any certificate with -k (--insecure)"
            }
            Self::CertificateName => "give the name in the certificate with --tls-name",
            Self::TlsPolicy => {
                "try again later, or send without the policy of the domain with --dane off"
            }
            Self::MtaSts => {
                "try again later, or send without the policy of the domain with --mta-sts off"
            }
            Self::NoLogin => "omit --user to send without a login",
            Self::SmtpLoginDisabled => {
                "an administrator must enable authenticated SMTP for the mailbox; another password or token does not help"
            }
        }
    }
}

/// A sentence and its hint, as the user of a command line sees them.
pub fn with_hint(sentence: &str, hint: Option<Hint>) -> String {
    match hint {
        Some(hint) => format!("{sentence}; {}", hint.as_options()),
        None => sentence.to_owned(),
    }
}
