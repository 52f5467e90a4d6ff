//! The stages of a session.

use std::time::Duration;

/// What is being said or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The greeting.
    Banner,
    /// EHLO.
    Ehlo,
    /// HELO, where EHLO is not understood.
    Helo,
    /// STARTTLS (RFC 3207).
    Starttls,
    /// The TLS handshake.
    Tls,
    /// AUTH, and the answers to its challenges (RFC 4954).
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO, with the recipient's place in the errand.
    Rcpt(usize),
    /// DATA.
    Data,
    /// BDAT with a part of the message, or with its end (RFC 3030).
    Bdat {
        /// Whether it ends the message.
        last: bool,
    },
    /// The message itself.
    Body,
    /// The end of data.
    Dot,
    /// RSET.
    Rset,
    /// QUIT.
    Quit,
}

impl Stage {
    /// How long to wait for this stage's reply, or for a block of the message to be taken
    /// (RFC 5321 §4.5.3.2; EHLO as long as the greeting, QUIT a few seconds; for TLS and AUTH, where no
    /// RFC says it, as long as the others).
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Banner
            | Self::Ehlo
            | Self::Helo
            | Self::Starttls
            | Self::Tls
            | Self::Auth
            | Self::Mail
            | Self::Rcpt(_) => 300,
            Self::Data => 120,
            Self::Body => 180,
            Self::Dot | Self::Bdat { .. } => 600,
            Self::Rset => 20,
            Self::Quit => 5,
        })
    }

    /// The stage as `--quit-after` and JSON name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::Helo => "helo",
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt(_) => "rcpt",
            Self::Data => "data",
            Self::Bdat { .. } => "bdat",
            Self::Body => "body",
            Self::Dot => "dot",
            Self::Rset => "rset",
            Self::Quit => "quit",
        }
    }

    /// The stage in words, behind "in reply to" or "while sending".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Banner => "the connection",
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Starttls => "STARTTLS",
            Self::Tls => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL FROM",
            Self::Rcpt(_) => "RCPT TO",
            Self::Data => "DATA",
            Self::Bdat { last: false } => "BDAT",
            Self::Body => "the message",
            Self::Dot | Self::Bdat { last: true } => "the end of data",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}
