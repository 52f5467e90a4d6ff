//! The certificate chain that a server presents, and texts for its errors.

use crate::system::certificate::{Certificate, date, some_of};
use crate::system::text::shown as printable;
use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

/// The certificate chain that a server presents.
pub struct PresentedChain<'a> {
    pub own: &'a CertificateDer<'a>,
    pub others: &'a [CertificateDer<'a>],
    pub name: &'a ServerName<'a>,
    pub now: UnixTime,
}

impl PresentedChain<'_> {
    pub fn now(&self) -> i64 {
        i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX)
    }
}

pub fn is_about_the_issuer(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::UnknownIssuer | CertificateError::Other(_)
    )
}

/// The error of a certificate, after "the certificate of HOST".
pub fn words(error: &CertificateError, shown: &PresentedChain<'_>) -> String {
    let read = Certificate::read(shown.own);
    let now = shown.now();
    match (error, read) {
        (CertificateError::Expired | CertificateError::ExpiredContext { .. }, Some(read)) => {
            if read.not_after < now {
                return format!("has expired ({})", date(read.not_after));
            }
            "has a chain with an expired certificate".to_owned()
        }
        (
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            Some(read),
        ) => {
            if read.not_before > now {
                return format!("is not valid before {}", date(read.not_before));
            }
            "has a chain with a certificate that is not yet valid".to_owned()
        }
        (
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            Some(read),
        ) => {
            let names = match read.names.as_slice() {
                [] => "no host name".to_owned(),
                names => printable(&some_of(names)),
            };
            format!("is for {names}, not for {}", shown.name.to_str())
        }
        (CertificateError::UnknownIssuer | CertificateError::Other(_), Some(read))
            if read.is_self_signed() =>
        {
            "is self-signed".to_owned()
        }
        (CertificateError::UnknownIssuer, Some(read)) => {
            format!("is signed by an unknown CA ({})", printable(&read.issuer))
        }
        (CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. }, _) => {
            "is not intended for a TLS server (key usage)".to_owned()
        }
        (CertificateError::BadSignature, _) => {
            "has an invalid signature, or is signed by another CA of the same name".to_owned()
        }
        (CertificateError::BadEncoding, _) | (_, None) => "cannot be read".to_owned(),
        (other, _) => format!("is not valid: {other}"),
    }
}
