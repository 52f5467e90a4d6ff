//! The exit status: sysexits.h and one addition. The manual prints the same table.

/// Exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Ok,
    /// The command line is wrong (`EX_USAGE`).
    Usage,
    /// An address or the message is not valid (`EX_DATAERR`).
    Data,
    /// A named file cannot be read (`EX_NOINPUT`).
    NoInput,
    /// An unknown local name (`EX_NOUSER`).
    NoUser,
    /// The domain does not exist or accepts no mail (`EX_NOHOST`).
    NoHost,
    /// Every recipient was refused permanently (`EX_UNAVAILABLE`).
    Refused,
    /// A bug in this program (`EX_SOFTWARE`).
    Software,
    /// A file cannot be created (`EX_CANTCREAT`).
    CantCreate,
    /// A file cannot be written (`EX_IOERR`).
    Io,
    /// No recipient was accepted, and at least one can be retried (`EX_TEMPFAIL`).
    Temporary,
    /// The server broke the protocol (`EX_PROTOCOL`).
    Protocol,
    /// A requirement on authentication, TLS or policy was not met, and a retry does not help (`EX_NOPERM`).
    Policy,
    /// The configuration is wrong (`EX_CONFIG`).
    Config,
    /// Some recipients were accepted, and others were not or are unknown: the addition to sysexits.h.
    Partial,
    /// State of the queue or the host, for monitoring. The numbers are those of [`Health`].
    Health(Health),
    /// An expectation was not met: by a server (`ehlo script`), or by the clients (`ehlo sink --count`).
    ExpectationFailed,
    /// The exit status of a command that was run: any number, 128 plus its number for a signal.
    Command(u8),
}

/// The exit status of `ehlo queue status` and `ehlo doctor`, as Nagios and similar programs expect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    Ok,
    /// Attention is advisable.
    Warning,
    /// Attention is required.
    Critical,
    /// The state cannot be determined.
    Unknown,
}

impl Health {
    /// Every status, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Critical, Self::Unknown];

    /// The number and its meaning: the row of the table in the manual of `ehlo queue status`.
    pub const fn row(self) -> (u8, &'static str) {
        match self {
            Self::Ok => (0, "OK: no problems"),
            Self::Warning => (
                1,
                "WARNING: a threshold was reached, or an item was set aside or cannot be read",
            ),
            Self::Critical => (2, "CRITICAL: a critical threshold was reached"),
            Self::Unknown => (3, "UNKNOWN: the queue cannot be read"),
        }
    }

    /// The first word of the output line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Exit {
    /// Every status except those for monitoring and of commands, in numerical order.
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::NoUser,
        Self::NoHost,
        Self::Refused,
        Self::Software,
        Self::CantCreate,
        Self::Io,
        Self::Temporary,
        Self::Protocol,
        Self::Policy,
        Self::Config,
        Self::Partial,
    ];

    /// The number and its meaning: the row of the table in the manual.
    pub const fn row(self) -> (u8, &'static str) {
        match self {
            Self::Ok => (
                0,
                "all recipients accepted, or the message is stored in the queue",
            ),
            Self::Usage => (64, "invalid command line"),
            Self::Data => (65, "invalid address or message"),
            Self::NoInput => (66, "a specified file cannot be read"),
            Self::NoUser => (
                67,
                "unknown local name: it has no alias and no domain (sendmail)",
            ),
            Self::NoHost => (
                68,
                "the domain does not exist or accepts no mail (NXDOMAIN, null MX)",
            ),
            Self::Refused => (69, "all recipients were permanently refused (5xx)"),
            Self::Software => (70, "internal error in ehlo"),
            Self::CantCreate => (73, "a file cannot be created"),
            Self::Io => (74, "a file or standard output cannot be written"),
            Self::Temporary => (
                75,
                "nothing was accepted, and at least one failure is temporary (4xx, no connection, timeout, \
                 DNS failure); it is safe to retry",
            ),
            Self::Protocol => (76, "the server violated the protocol"),
            Self::Policy => (
                77,
                "authentication failed, or a TLS or policy requirement was not met; retrying does not help",
            ),
            Self::Config => (78, "invalid configuration"),
            Self::Partial => (
                79,
                "partial success, or the outcome is unknown because the connection was lost; see the \
                 report, and do not simply resend",
            ),
            Self::Health(health) => health.row(),
            Self::ExpectationFailed => (1, "a server did not behave as the script expects"),
            Self::Command(status) => (status, "the exit status of the command"),
        }
    }

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        self.row().0
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn exit_statuses_are_sorted_and_unique() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
