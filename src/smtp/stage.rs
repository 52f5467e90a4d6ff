//! The stages of a session.

use std::time::Duration;

/// What is being said or waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Banner,
    Ehlo,
    /// LHLO, which LMTP has instead (RFC 2033 §4.1).
    Lhlo,
    /// HELO, where EHLO is not understood.
    Helo,
    /// STARTTLS (RFC 3207).
    Starttls,
    Tls,
    /// AUTH, and the answers to its challenges (RFC 4954).
    Auth,
    /// XCLIENT, which makes the server take us for somebody else.
    Xclient,
    /// XFORWARD, which tells it from whom the message came.
    Xforward,
    /// A command that was asked for, with its place in the errand.
    Asked(usize),
    Mail,
    /// RCPT TO, with the recipient's place in the errand.
    Rcpt(usize),
    Data,
    /// BDAT with a part of the message, or with its end (RFC 3030).
    Bdat {
        /// Whether it ends the message.
        last: bool,
    },
    Body,
    /// The end of data.
    Dot,
    /// The reply to it for one recipient, with its place in the errand (RFC 2033 §4.2).
    DotFor(usize),
    Rset,
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

    /// Whether the server may have the message after it: a reply that is not waited for leaves that uncertain.
    #[must_use]
    pub fn ends_message(self) -> bool {
        matches!(
            self,
            Self::Dot | Self::DotFor(_) | Self::Bdat { last: true }
        )
    }

    /// Whether an answer to it is about us, and not about a login or a message: the greeting, and who we say
    /// we are.
    #[must_use]
    pub fn is_introduction(self) -> bool {
        matches!(
            self,
            Self::Banner | Self::Ehlo | Self::Lhlo | Self::Helo | Self::Xclient | Self::Xforward
        )
    }

    /// The stage as `--json` names it.
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

    /// The stage in words, behind "in reply to" or "while sending".
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
