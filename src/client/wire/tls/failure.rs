//! TLS errors, and their texts.

use crate::client::status::Hint;
use crate::client::wire::WireError;
use crate::client::wire::tls::TlsVersions;
use crate::system::certificate::{Certificate, date, some_of};
use crate::system::text::shown as printable;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, PeerMisbehaved};
use std::io;

/// Reason for which a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The server's certificate was rejected.
    #[error("its certificate {why}")]
    Certificate {
        /// The error, after "the certificate of HOST".
        why: String,
        /// The certificates that the server presented, in DER.
        chain: Vec<Vec<u8>>,
        hint: Option<Hint>,
        fault: CertificateFault,
    },
    /// The peers have no protocol parameters in common, or one of them does not use TLS. A sentence.
    #[error("{0}")]
    Incompatible(String),
    /// The connection failed during the handshake.
    #[error("{0}")]
    Wire(WireError),
}

/// The fault of a certificate, as reports about TLS distinguish it (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateFault {
    HostMismatch,
    Expired,
    #[default]
    NotTrusted,
}

impl CertificateFault {
    pub fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::HostMismatch
            }
            _ => Self::NotTrusted,
        }
    }
}

/// The text of the server's alert about the client certificate, if the error is one. With TLS 1.3, it arrives
/// after the handshake.
pub fn unwelcome(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref()? {
        error @ Error::AlertReceived(alert) if is_about_our_certificate(*alert) => {
            Some(explain(error, TlsVersions::All))
        }
        _ => None,
    }
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate
            | Alert::CertificateExpired
            | Alert::AccessDenied
    )
}

/// Explains an error of rustls, with advice if possible.
pub fn explain(error: &Error, versions: TlsVersions) -> String {
    use AlertDescription as Alert;
    match error {
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) if versions == TlsVersions::Only13 => {
            "the server does not support TLS 1.3, which --tls-min requires".to_owned()
        }
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) if versions == TlsVersions::Only12 => {
            "the server does not support TLS 1.2, to which --tls-max limits the connection".to_owned()
        }
        Error::AlertReceived(Alert::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the server supports only TLS 1.1 or older, which is insecure; ehlo supports TLS 1.2 and 1.3"
            .to_owned(),
        Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity)
        | Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => "the server has no cipher suite, key exchange or signature algorithm in common with ehlo, \
              which supports TLS 1.3 and, in TLS 1.2, ECDHE (X25519, P-256, P-384) with AES-GCM or \
              ChaCha20-Poly1305; the server may support only CBC ciphers, RSA or DHE key exchange, or have \
              a key other than RSA, ECDSA with P-256 or P-384, or Ed25519"
            .to_owned(),
        Error::PeerMisbehaved(
            PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme
            | PeerMisbehaved::SignedKxWithWrongAlgorithm,
        ) => "the server's key type is not supported; ehlo supports RSA, ECDSA with P-256 and P-384, and Ed25519"
            .to_owned(),
        Error::AlertReceived(alert) if is_about_our_certificate(*alert) => format!(
            "the server did not accept the client certificate (--cert, --key): {error}"
        ),
        Error::InvalidMessage(_) => {
            "the server does not use TLS on this port; try another port, --tls starttls or --tls off"
                .to_owned()
        }
        other => other.to_string(),
    }
}

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
