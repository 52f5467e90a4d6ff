//! Extensions requested for a message: parameters of MAIL that belong to an extension (RFC 5321 §2.2.2).

use crate::client::session::{ServerOffers, has_parameter};
use crate::smtp::extension::Extension;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub extension: Extension,
    /// The parameter of MAIL, without a leading space; may be empty.
    pub parameter: String,
    /// The requested time, which the server may limit in its EHLO reply (FUTURERELEASE, DELIVERBY).
    pub seconds: Option<u64>,
    /// The command-line option that requests it.
    pub option: &'static str,
    /// True if the message must not be sent without it; else it is omitted if the server does not offer it.
    pub is_required: bool,
}

/// The state of the session that decides if a request can be met.
pub struct Conditions<'a> {
    pub offers: &'a ServerOffers,
    /// True if the connection is encrypted and the server's certificate is verified.
    pub verified: bool,
    /// True if messages are sent by BDAT, not by DATA.
    pub uses_bdat: bool,
}

impl Request {
    /// A request without a time limit that must be met.
    #[must_use]
    pub fn new(extension: Extension, parameter: String) -> Self {
        Self {
            extension,
            parameter,
            seconds: None,
            option: "",
            is_required: true,
        }
    }

    /// Returns the reason for which it cannot be used, and the option that requests it.
    #[must_use]
    pub fn unmet(&self, conditions: &Conditions<'_>) -> Option<Unsupported> {
        let why = self.lacks(conditions)?;
        Some(Unsupported {
            why,
            option: self.option,
        })
    }

    /// Returns the reason for which it cannot be used in this session, to follow the server's name; `None` if
    /// it can.
    fn lacks(&self, conditions: &Conditions<'_>) -> Option<String> {
        let (extension, offers) = (self.extension, conditions.offers);
        if !offers.has(extension) {
            return Some(format!("does not offer {extension}"));
        }
        let times = offers.number(extension).zip(self.seconds);
        match (extension, times) {
            // R65: only if the server is authenticated.
            (Extension::RequireTls, _) if !conditions.verified => {
                Some("has no TLS connection with a verified certificate".to_owned())
            }
            (Extension::BinaryMime, _) if !conditions.uses_bdat => Some(
                "receives the message via DATA (--chunking off or --lmtp), but BINARYMIME requires BDAT (RFC 3030)"
                    .to_owned(),
            ),
            (Extension::FutureRelease, Some((most, seconds))) if seconds > most => Some(format!(
                "holds messages for at most {most} seconds (FUTURERELEASE, RFC 4865)"
            )),
            (Extension::DeliverBy, Some((least, seconds))) if seconds < least => Some(format!(
                "requires a delivery time of at least {least} seconds (DELIVERBY, RFC 2852)"
            )),
            _ => None,
        }
    }
}

/// Returns the reason for which XCLIENT or XFORWARD cannot be sent with these attributes; `None` if it can.
/// If EHLO lists no names of attributes, all are allowed.
pub(super) fn attribute_lack(
    offers: &ServerOffers,
    extension: Extension,
    option: &'static str,
    attributes: &str,
) -> Option<Unsupported> {
    let lack = |why| Some(Unsupported { why, option });
    let command = extension.keyword();
    let Some(offered) = offers.parameters(extension) else {
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
