//! Checks of certificates for S/MIME that `openssl cms` does not make.

use rustls::pki_types::CertificateDer;
use std::time::SystemTime;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A certificate of a recipient or of the author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCertificate {
    /// The addresses in its subject alternative name and its subject.
    pub addresses: Vec<String>,
    /// Its subject in one line.
    pub subject: String,
    /// The reason for which it cannot be used. It completes "the certificate".
    pub fault: Option<&'static str>,
}

/// The purpose of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Signing,
    Encryption,
}

impl MailCertificate {
    /// Parses a certificate. `None`: it is damaged.
    pub fn read(der: &CertificateDer<'_>, purpose: Purpose, now: SystemTime) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            addresses: addresses(&certificate),
            subject: certificate.subject().to_string(),
            fault: fault(&certificate, purpose, now),
        })
    }
}

/// RFC 8550 §3.
fn addresses(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            if let GeneralName::RFC822Name(address) = name {
                addresses.push((*address).to_owned());
            }
        }
    }
    let subject = certificate.subject().iter_email();
    addresses.extend(subject.filter_map(|value| value.as_str().ok().map(str::to_owned)));
    addresses
}

fn fault(
    certificate: &X509Certificate<'_>,
    purpose: Purpose,
    now: SystemTime,
) -> Option<&'static str> {
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if validity.not_after.timestamp() < seconds {
        return Some("has expired");
    }
    if validity.not_before.timestamp() > seconds {
        return Some("is not valid yet");
    }
    // RFC 8550 §4.4.
    if let Ok(Some(usage)) = certificate.key_usage() {
        let usage = usage.value;
        let is_allowed = match purpose {
            Purpose::Signing => usage.digital_signature() || usage.non_repudiation(),
            Purpose::Encryption => usage.key_encipherment() || usage.key_agreement(),
        };
        if !is_allowed {
            return Some(match purpose {
                Purpose::Signing => "has a key usage that does not allow signatures",
                Purpose::Encryption => "has a key usage that does not allow encryption",
            });
        }
    }
    if let Ok(Some(usage)) = certificate.extended_key_usage() {
        let usage = usage.value;
        if !usage.email_protection && !usage.any {
            return Some("is not for email (extended key usage)");
        }
    }
    None
}
