//! Extensions requested for a message: parameters of MAIL that belong to an extension (RFC 5321 §2.2.2).

use crate::client::session::{ServerOffers, has_parameter};

/// An extension requested for the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The extension that defines the parameter.
    pub extension: Extension,
    /// The parameter of MAIL, without a leading space; may be empty.
    pub parameter: String,
    /// The command-line option that requests it.
    pub option: &'static str,
    /// True if the message must not be sent without it; else it is omitted if the server does not offer it.
    pub is_must: bool,
}

/// An extension, with the values that its availability depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// AUTH= on MAIL (RFC 4954 §5).
    Auth,
    /// BODY=BINARYMIME (RFC 3030 §3).
    BinaryMime,
    /// BY= (RFC 2852), in seconds; `None` if the time has passed.
    DeliverBy(Option<u64>),
    /// DSN (RFC 3461).
    Dsn,
    /// BODY= (RFC 6152).
    EightBitMime,
    /// HOLDFOR= and HOLDUNTIL= (RFC 4865), in seconds from now.
    FutureRelease(u64),
    /// MT-PRIORITY= (RFC 6710).
    MtPriority,
    /// PRDR: a reply for each recipient after the end of data.
    Prdr,
    /// REQUIRETLS (RFC 8689).
    RequireTls,
    /// SIZE= (RFC 1870).
    Size,
    /// SMTPUTF8 (RFC 6531).
    SmtpUtf8,
}

/// The state of the session that decides if a request can be met.
pub struct Conditions<'a> {
    /// The offers of the server.
    pub offers: &'a ServerOffers,
    /// True if the connection is encrypted and the server's certificate is verified.
    pub verified: bool,
    /// True if messages are sent by BDAT, not by DATA.
    pub uses_bdat: bool,
}

impl Extension {
    /// Its keyword and its RFC.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "AUTH (RFC 4954)",
            Self::BinaryMime => "BINARYMIME with CHUNKING (RFC 3030)",
            Self::DeliverBy(_) => "DELIVERBY (RFC 2852)",
            Self::Dsn => "DSN (RFC 3461)",
            Self::EightBitMime => "8BITMIME (RFC 6152)",
            Self::FutureRelease(_) => "FUTURERELEASE (RFC 4865)",
            Self::MtPriority => "MT-PRIORITY (RFC 6710)",
            Self::Prdr => "PRDR",
            Self::RequireTls => "REQUIRETLS (RFC 8689)",
            Self::Size => "SIZE (RFC 1870)",
            Self::SmtpUtf8 => "SMTPUTF8 (RFC 6531)",
        }
    }

    /// Returns the reason for which it cannot be used in this session, to follow the server's name; `None` if
    /// it can.
    fn lacks(self, conditions: &Conditions<'_>) -> Option<String> {
        let offers = conditions.offers;
        let is_offered = match self {
            Self::Auth => !offers.auth.is_empty(),
            Self::BinaryMime => offers.binary_mime && offers.chunking,
            Self::DeliverBy(_) => offers.deliver_by.is_some(),
            Self::Dsn => offers.dsn,
            Self::EightBitMime => offers.eight_bit_mime,
            Self::FutureRelease(_) => offers.future_release.is_some(),
            Self::MtPriority => offers.mt_priority,
            Self::Prdr => offers.prdr,
            Self::RequireTls => offers.require_tls,
            Self::Size => offers.size,
            Self::SmtpUtf8 => offers.smtputf8,
        };
        if !is_offered {
            return Some(format!("does not offer {}", self.name()));
        }
        match (self, offers.future_release, offers.deliver_by) {
            // R65: only if the server is authenticated.
            (Self::RequireTls, ..) if !conditions.verified => {
                Some("has no TLS with a certificate that is verified".to_owned())
            }
            (Self::BinaryMime, ..) if !conditions.uses_bdat => Some(
                "gets the message by DATA (--chunking off or --lmtp), not by BDAT with BINARYMIME (RFC 3030)"
                    .to_owned(),
            ),
            (Self::FutureRelease(seconds), Some(Some(most)), _) if seconds > most => Some(format!(
                "holds a message for {most} seconds at most (FUTURERELEASE, RFC 4865)"
            )),
            (Self::DeliverBy(Some(seconds)), _, Some(Some(least))) if seconds < least => Some(
                format!("wants {least} seconds at least for a delivery (DELIVERBY, RFC 2852)"),
            ),
            _ => None,
        }
    }
}

impl Request {
    /// Returns the reason for which it cannot be used, and the option that requests it.
    #[must_use]
    pub fn unmet(&self, conditions: &Conditions<'_>) -> Option<Unsupported> {
        let why = self.extension.lacks(conditions)?;
        Some(Unsupported {
            why,
            option: self.option,
        })
    }
}

/// Returns the reason for which XCLIENT or XFORWARD cannot be sent with these attributes; `None` if it can.
/// `offered` has the names listed in EHLO; if it lists none, all are allowed.
pub(super) fn attribute_lack(
    command: &str,
    option: &'static str,
    offered: Option<&[String]>,
    attributes: &str,
) -> Option<Unsupported> {
    let lack = |why| Some(Unsupported { why, option });
    let Some(offered) = offered else {
        return lack(format!("does not offer {command}"));
    };
    let names = attributes
        .split(' ')
        .filter_map(|word| word.split('=').next());
    let is_missing = |name: &&str| !offered.is_empty() && !has_parameter(offered, name);
    let missing = names.into_iter().find(is_missing)?;
    lack(format!(
        "does not offer the attribute {missing} of {command}"
    ))
}

/// A request that cannot be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The reason, to follow the server's name.
    pub why: String,
    /// The command-line option that requests it.
    pub option: &'static str,
}
