//! The steps of the dialogue.

use crate::smtp::stage::Stage;
use std::time::Duration;

/// A command of the dialogue and its reply, or a reply without a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Banner,
    Ehlo,
    Lhlo,
    Helo,
    Starttls,
    Tls,
    Auth,
    Xclient,
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

impl Step {
    /// Time limit for its reply, or for writing a block of the message (RFC 5321 §4.5.3.2; EHLO as
    /// long as the greeting, QUIT a few seconds; TLS and AUTH, for which no RFC gives a limit, as long as the
    /// others).
    #[must_use]
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Data => 120,
            Self::Body => 180,
            Self::Dot | Self::DotFor(_) | Self::Bdat { .. } => 600,
            Self::Rset => 20,
            Self::Quit => 5,
            _ => 300,
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

    /// Its stage, without the index.
    #[must_use]
    pub fn stage(self) -> Stage {
        match self {
            Self::Banner => Stage::Banner,
            Self::Ehlo => Stage::Ehlo,
            Self::Lhlo => Stage::Lhlo,
            Self::Helo => Stage::Helo,
            Self::Starttls => Stage::Starttls,
            Self::Tls => Stage::Tls,
            Self::Auth => Stage::Auth,
            Self::Xclient => Stage::Xclient,
            Self::Xforward => Stage::Xforward,
            Self::Asked(_) => Stage::Ask,
            Self::Mail => Stage::Mail,
            Self::Rcpt(_) => Stage::Rcpt,
            Self::Data => Stage::Data,
            Self::Bdat { .. } => Stage::Bdat,
            Self::Body => Stage::Body,
            Self::Dot | Self::DotFor(_) => Stage::Dot,
            Self::Rset => Stage::Rset,
            Self::Quit => Stage::Quit,
        }
    }

    /// The step in words, after "in reply to" or "while sending".
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
