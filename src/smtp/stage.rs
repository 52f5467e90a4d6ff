//! The stages of a session.

use std::time::Duration;

/// A step of an SMTP session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Banner,
    Ehlo,
    /// LHLO, the greeting command of LMTP (RFC 2033 §4.1).
    Lhlo,
    /// HELO, if the server does not know EHLO.
    Helo,
    /// STARTTLS (RFC 3207).
    Starttls,
    Tls,
    /// AUTH, and the responses to its challenges (RFC 4954).
    Auth,
    /// XCLIENT, which makes the server treat this client as another one.
    Xclient,
    /// XFORWARD, which tells the server the origin of the message.
    Xforward,
    /// A requested command, with its index in the transaction.
    Asked(usize),
    Mail,
    /// RCPT TO, with the recipient's index in the transaction.
    Rcpt(usize),
    Data,
    /// BDAT with a part of the message, or with its end (RFC 3030).
    Bdat {
        /// True if it ends the message.
        last: bool,
    },
    Body,
    /// The end of data.
    Dot,
    /// The reply to it for one recipient, with its index in the transaction (RFC 2033 §4.2).
    DotFor(usize),
    Rset,
    Quit,
}

impl Stage {
    /// Time limit for this stage's reply, or for writing a block of the message (RFC 5321 §4.5.3.2; EHLO as
    /// long as the greeting, QUIT a few seconds; TLS and AUTH, for which no RFC gives a limit, as long as the
    /// others).
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Banner
            | Self::Ehlo
            | Self::Lhlo
            | Self::Helo
            | Self::Starttls
            | Self::Tls
            | Self::Auth
            | Self::Xclient
            | Self::Xforward
            | Self::Asked(_)
            | Self::Mail
            | Self::Rcpt(_) => 300,
            Self::Data => 120,
            Self::Body => 180,
            Self::Dot | Self::DotFor(_) | Self::Bdat { .. } => 600,
            Self::Rset => 20,
            Self::Quit => 5,
        })
    }

    /// True if the server may have the message after it; without its reply, the result is uncertain.
    #[must_use]
    pub fn ends_message(self) -> bool {
        matches!(
            self,
            Self::Dot | Self::DotFor(_) | Self::Bdat { last: true }
        )
    }

    /// True if a reply to it is about the client itself and not about a login or a message: the greeting,
    /// EHLO, XCLIENT and their like.
    #[must_use]
    pub fn is_introduction(self) -> bool {
        matches!(
            self,
            Self::Banner | Self::Ehlo | Self::Lhlo | Self::Helo | Self::Xclient | Self::Xforward
        )
    }

    /// The stage's name in `--json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Banner => "banner",
            Self::Ehlo => "ehlo",
            Self::Lhlo => "lhlo",
            Self::Helo => "helo",
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Xclient => "xclient",
            Self::Xforward => "xforward",
            Self::Asked(_) => "ask",
            Self::Mail => "mail",
            Self::Rcpt(_) => "rcpt",
            Self::Data => "data",
            Self::Bdat { .. } => "bdat",
            Self::Body => "body",
            Self::Dot | Self::DotFor(_) => "dot",
            Self::Rset => "rset",
            Self::Quit => "quit",
        }
    }

    /// The stage in words, after "in reply to" or "while sending".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Banner => "the connection",
            Self::Ehlo => "EHLO",
            Self::Lhlo => "LHLO",
            Self::Helo => "HELO",
            Self::Starttls => "STARTTLS",
            Self::Tls => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Xclient => "XCLIENT",
            Self::Xforward => "XFORWARD",
            Self::Asked(_) => "the command",
            Self::Mail => "MAIL FROM",
            Self::Rcpt(_) => "RCPT TO",
            Self::Data => "DATA",
            Self::Bdat { last: false } => "BDAT",
            Self::Body => "the message",
            Self::Dot | Self::DotFor(_) | Self::Bdat { last: true } => "the end of data",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}
