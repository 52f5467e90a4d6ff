//! SMTP service extensions (RFC 5321 §2.2): one row each, used by the client, the server and their options.

use crate::smtp::parameter::{
    Parameter, is_absent, is_binary_body, is_body, is_by, is_date, is_notify, is_orcpt,
    is_priority, is_ret, is_seconds, is_size, is_xtext,
};
use std::fmt;

/// A keyword of the EHLO reply with a meaning to the client or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    EightBitMime,
    Auth,
    BinaryMime,
    Chunking,
    DeliverBy,
    Dsn,
    EnhancedStatusCodes,
    FutureRelease,
    /// The server recognizes HELP unless it is disabled, and offers it only if requested.
    Help,
    Limits,
    MtPriority,
    Pipelining,
    /// A reply for each recipient after the end of data.
    Prdr,
    RequireTls,
    Size,
    SmtpUtf8,
    Starttls,
    /// As HELP.
    Vrfy,
    /// Postfix: makes the server treat this client as another one.
    Xclient,
    /// Postfix: the origin of the message, for the server's log.
    Xforward,
}

/// Properties of an extension.
struct Row {
    extension: Extension,
    keyword: &'static str,
    /// The RFC that defines it; `None`: there is none.
    rfc: Option<u16>,
    /// The extension without which it has no meaning.
    requires: Option<Extension>,
    mail: &'static [Parameter],
    rcpt: &'static [Parameter],
}

impl Row {
    const fn new(extension: Extension, keyword: &'static str, rfc: Option<u16>) -> Self {
        Self {
            extension,
            keyword,
            rfc,
            requires: None,
            mail: &[],
            rcpt: &[],
        }
    }

    const fn requires(self, extension: Extension) -> Self {
        Self {
            requires: Some(extension),
            ..self
        }
    }

    /// Adds the parameters of MAIL.
    const fn mail(self, mail: &'static [Parameter]) -> Self {
        Self { mail, ..self }
    }

    /// Adds the parameters of RCPT.
    const fn rcpt(self, rcpt: &'static [Parameter]) -> Self {
        Self { rcpt, ..self }
    }
}

/// In the order of [`Extension`], and of the keywords.
static ROWS: [Row; 20] = [
    Row::new(Extension::EightBitMime, "8BITMIME", Some(6152))
        .mail(&[Parameter::new("BODY", is_body)]),
    Row::new(Extension::Auth, "AUTH", Some(4954)).mail(&[Parameter::new("AUTH", is_xtext)]),
    Row::new(Extension::BinaryMime, "BINARYMIME", Some(3030))
        .requires(Extension::Chunking)
        .mail(&[Parameter::new("BODY", is_binary_body)]),
    Row::new(Extension::Chunking, "CHUNKING", Some(3030)),
    Row::new(Extension::DeliverBy, "DELIVERBY", Some(2852)).mail(&[Parameter::new("BY", is_by)]),
    Row::new(Extension::Dsn, "DSN", Some(3461))
        .mail(&[
            Parameter::new("RET", is_ret),
            Parameter::new("ENVID", is_xtext),
        ])
        .rcpt(&[
            Parameter::new("NOTIFY", is_notify),
            Parameter::new("ORCPT", is_orcpt),
        ]),
    Row::new(
        Extension::EnhancedStatusCodes,
        "ENHANCEDSTATUSCODES",
        Some(2034),
    ),
    Row::new(Extension::FutureRelease, "FUTURERELEASE", Some(4865)).mail(&[
        Parameter::new("HOLDFOR", is_seconds),
        Parameter::new("HOLDUNTIL", is_date),
    ]),
    Row::new(Extension::Help, "HELP", Some(5321)),
    Row::new(Extension::Limits, "LIMITS", Some(9422)),
    Row::new(Extension::MtPriority, "MT-PRIORITY", Some(6710))
        .mail(&[Parameter::new("MT-PRIORITY", is_priority)]),
    Row::new(Extension::Pipelining, "PIPELINING", Some(2920)),
    Row::new(Extension::Prdr, "PRDR", None).mail(&[Parameter::new("PRDR", is_absent)]),
    Row::new(Extension::RequireTls, "REQUIRETLS", Some(8689))
        .mail(&[Parameter::new("REQUIRETLS", is_absent)]),
    Row::new(Extension::Size, "SIZE", Some(1870)).mail(&[Parameter::new("SIZE", is_size)]),
    Row::new(Extension::SmtpUtf8, "SMTPUTF8", Some(6531))
        .mail(&[Parameter::new("SMTPUTF8", is_absent)]),
    Row::new(Extension::Starttls, "STARTTLS", Some(3207)),
    Row::new(Extension::Vrfy, "VRFY", Some(5321)),
    Row::new(Extension::Xclient, "XCLIENT", None),
    Row::new(Extension::Xforward, "XFORWARD", None),
];

impl Extension {
    /// All extensions, in the order of their keywords.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.extension)
    }

    /// The extension of this keyword, in any case; `None`: unknown.
    pub fn parse(keyword: &str) -> Option<Self> {
        Self::all().find(|extension| extension.keyword().eq_ignore_ascii_case(keyword))
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its keyword in the EHLO reply.
    pub fn keyword(self) -> &'static str {
        self.row().keyword
    }

    /// The extension that must be offered with it.
    pub fn requires(self) -> Option<Self> {
        self.row().requires
    }

    /// The parameters that it adds to MAIL.
    pub fn mail_parameters(self) -> &'static [Parameter] {
        self.row().mail
    }

    /// The parameters that it adds to RCPT.
    pub fn rcpt_parameters(self) -> &'static [Parameter] {
        self.row().rcpt
    }

    /// True if the client uses it when it is offered.
    pub fn is_used_by_client(self) -> bool {
        !matches!(self, Self::EnhancedStatusCodes | Self::Help | Self::Vrfy)
    }

    /// True if several EHLO lines of it add up; else the last one counts.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::Auth | Self::Limits | Self::Xclient | Self::Xforward
        )
    }
}

/// The keyword and the RFC: `DSN (RFC 3461)`.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        if let Some(other) = self.requires() {
            write!(f, " with {}", other.keyword())?;
        }
        self.row()
            .rfc
            .map_or(Ok(()), |rfc| write!(f, " (RFC {rfc})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_the_variants_and_of_the_keywords() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.extension as usize, index, "{}", row.keyword);
        }
        assert!(ROWS.is_sorted_by_key(|row| row.keyword));
    }

    #[test]
    fn keywords_are_recognized_in_any_case() {
        assert_eq!(Extension::parse("mt-priority"), Some(Extension::MtPriority));
        assert_eq!(Extension::parse("X-OTHER"), None);
    }

    #[test]
    fn extension_is_shown_with_its_rfc() {
        assert_eq!(Extension::Dsn.to_string(), "DSN (RFC 3461)");
        assert_eq!(Extension::Prdr.to_string(), "PRDR");
        assert_eq!(
            Extension::BinaryMime.to_string(),
            "BINARYMIME with CHUNKING (RFC 3030)"
        );
    }
}
