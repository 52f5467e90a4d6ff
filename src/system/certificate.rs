//! Certificates and keys: PEM files, and the facts of a certificate.

use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::reason;
use crate::system::trust::keeps_secret;
use chrono::DateTime;
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::AttributeTypeAndValue;
use zeroize::Zeroizing;

/// Maximum size of a certificate file, in bytes. The system's has a fifth of a megabyte.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Maximum size of a key file, in bytes.
const MAX_KEY: u64 = 256 * 1024;

/// An error while TLS is set up.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum TlsSetupError {
    /// A file of certificates or keys.
    Unreadable {
        /// The option that names it.
        option: &'static str,
        path: PathBuf,
        why: String,
    },
    /// A key file that other users can read.
    Open(PathBuf),
    /// The file for the server's certificates.
    Unwritable {
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
}

impl Correctable for TlsSetupError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Unreadable { option, path, why } => {
                format!("{option} {}: cannot read the file: {why}", path.display()).into()
            }
            Self::Open(path) => {
                let path = path.display();
                ErrorText::new(format!("--key {path}: readable by others"))
                    .with_command(format!("chmod 600 {path}"))
            }
            Self::Unwritable { path, why } => {
                let (path, why) = (path.display(), reason(why));
                format!("--save-certs {path}: cannot create the file: {why}").into()
            }
        }
    }
}

/// All certificates in a PEM file that this option names; at least one.
pub fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut pem));
    read.map_err(|error| unreadable(option, path, reason(&error)))?;
    let all: Result<Vec<CertificateDer<'static>>, Error> =
        CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| unreadable(option, path, words(error)))?;
    if all.is_empty() {
        return Err(unreadable(
            option,
            path,
            "it contains no PEM certificate".to_owned(),
        ));
    }
    Ok(all)
}

/// The key in the PEM file of `--key`. Other users must not be able to read the file.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsSetupError> {
    let failed = |error: std::io::Error| unreadable("--key", path, reason(&error));
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_file() && !keeps_secret(&file).map_err(failed)? {
        return Err(TlsSetupError::Open(path.to_owned()));
    }
    let mut pem = Zeroizing::new(Vec::with_capacity(64 * 1024));
    file.take(MAX_KEY).read_to_end(&mut pem).map_err(failed)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        Error::NoItemsFound => unreadable(
            "--key",
            path,
            "it contains no unencrypted PEM key".to_owned(),
        ),
        other => unreadable("--key", path, words(other)),
    })
}

fn words(error: Error) -> String {
    match error {
        Error::Io(error) => reason(&error),
        other => other.to_string(),
    }
}

pub(crate) fn unreadable(option: &'static str, path: &Path, why: String) -> TlsSetupError {
    TlsSetupError::Unreadable {
        option,
        path: path.to_owned(),
        why,
    }
}

/// Attributes of distinguished names with their short names in OpenSSL.
const SHORT_NAMES: [(&str, &str); 30] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.72", "role"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

/// Maximum number of names that are shown.
const NAMES: usize = 20;

/// The displayed contents of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject, as a distinguished name.
    pub subject: String,
    pub issuer: String,
    /// The host names and addresses of the certificate.
    pub names: Vec<String>,
    /// Start of validity, in seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// SHA-256 of the whole certificate, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of its public key (`SubjectPublicKeyInfo`), in hexadecimal.
    pub key_sha256: String,
}

impl Certificate {
    /// Parses DER. `None`: not a certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names(&certificate),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            sha256: hex(&sha256(der)),
            key_sha256: hex(&sha256(certificate.public_key().raw)),
        })
    }

    /// True if subject and issuer are the same.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The subject of a certificate in OpenSSL's one-line format: `/C=DE/O=Example/CN=mx.example.org`.
pub fn one_line(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let part = |attribute: &AttributeTypeAndValue<'_>| {
        let kind = attribute.attr_type().to_id_string();
        let short = SHORT_NAMES.iter().find(|(id, _)| *id == kind);
        let kind = short.map_or(kind.as_str(), |(_, short)| short);
        format!("/{kind}={}", escaped(attribute.attr_value().data))
    };
    Some(certificate.subject().iter_attributes().map(part).collect())
}

/// The octets of a value, as OpenSSL prints them in one line.
fn escaped(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        match octet {
            b' '..=b'~' => text.push(char::from(octet)),
            _ => text.push_str(&format!("\\x{octet:02X}")),
        }
    }
    text
}

/// The reason for which every current TLS library rejects a certificate, regardless of its issuer. It
/// completes "the certificate of HOST". `None`: no such reason.
pub fn weakness(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    if certificate.version() != X509Version::V3 {
        return Some("is an X.509 version 1 certificate, which is not supported".to_owned());
    }
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) if key.key_size() < 2048 => Some(format!(
            "has an RSA key of {} bits, which is too short",
            key.key_size()
        )),
        _ => None,
    }
}

/// The kind of a certificate's key and its length: `RSA 2048`, `EC 256`, `Ed25519`. `None`: not a certificate.
pub fn key_kind(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let key = certificate.public_key();
    Some(
        match (key.parsed(), key.algorithm.algorithm.to_string().as_str()) {
            (Ok(PublicKey::RSA(key)), _) => format!("RSA {}", key.key_size()),
            (Ok(PublicKey::EC(point)), _) => format!("EC {}", point.key_size()),
            (Ok(PublicKey::DSA(_)), _) => "DSA".to_owned(),
            (_, "1.3.101.112") => "Ed25519".to_owned(),
            (_, "1.3.101.113") => "Ed448".to_owned(),
            (_, other) => other.to_owned(),
        },
    )
}

/// The hash function of a certificate's signature if it is broken: MD5 or SHA-1.
pub fn broken_hash(der: &[u8]) -> Option<&'static str> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    match certificate
        .signature_algorithm
        .algorithm
        .to_string()
        .as_str()
    {
        "1.2.840.113549.1.1.4" => Some("MD5"),
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => Some("SHA-1"),
        _ => None,
    }
}

/// The public key of a certificate (`SubjectPublicKeyInfo` in DER). `None`: not a certificate.
pub fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

/// The issuer of a certificate (`Name` in DER). `None`: not a certificate.
pub fn issuer(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.issuer.as_raw())
}

/// The SHA-256 of a certificate's public key. `None`: not a certificate.
pub fn key_sha256(der: &[u8]) -> Option<[u8; 32]> {
    public_key(der).map(sha256)
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

/// The channel binding `tls-server-end-point`: the certificate's hash with the hash function of its
/// signature, SHA-256 in place of MD5 and SHA-1 (RFC 5929 §4.1). `None`: the signature has no hash function
/// of its own.
pub fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let algorithm: &Algorithm = match certificate
        .signature_algorithm
        .algorithm
        .to_string()
        .as_str()
    {
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, der).as_ref().to_vec())
}

/// The first names, and the number of the others.
pub fn some_of(names: &[String]) -> String {
    let first = names[..names.len().min(NAMES)].join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Validity date: to the second, in UTC.
pub fn date(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || format!("{seconds} seconds after 1970"),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let all = &extension.value.general_names;
    all.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digits = b"0123456789abcdef";
    let digit = |four: u8| char::from(digits[usize::from(four)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_has_names_and_validity() {
        let made = rcgen::generate_simple_self_signed(vec![
            "mx.example.org".to_owned(),
            "192.0.2.7".to_owned(),
        ])
        .unwrap();
        let read = Certificate::read(made.cert.der()).unwrap();
        assert_eq!(read.names, ["mx.example.org", "192.0.2.7"]);
        assert!(read.is_self_signed() && read.subject.starts_with("CN="));
        assert!(read.not_before < read.not_after);
        assert_eq!(read.sha256, hex(&sha256(made.cert.der())));
        assert_eq!(read.key_sha256, hex(&key_sha256(made.cert.der()).unwrap()));
        assert_eq!(end_point(made.cert.der()).unwrap().len(), 32);
        let name = one_line(made.cert.der()).unwrap();
        assert_eq!(name, "/CN=rcgen self signed cert");
    }

    #[test]
    fn distinguished_name_is_formatted_as_by_openssl() {
        let mut params = rcgen::CertificateParams::default();
        let mut name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (rcgen::DnType::CountryName, "DE"),
            (rcgen::DnType::OrganizationName, "B\u{fc}cher & S\u{f6}hne"),
            (
                rcgen::DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
                "a@example.org",
            ),
            (rcgen::DnType::CustomDnType(vec![2, 5, 4, 4]), "Doe"),
            (rcgen::DnType::CustomDnType(vec![1, 2, 3, 4]), "x"),
        ] {
            name.push(kind, value);
        }
        params.distinguished_name = name;
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        assert_eq!(
            one_line(made.der()).as_deref(),
            Some(
                "/C=DE/O=B\\xC3\\xBCcher & S\\xC3\\xB6hne/emailAddress=a@example.org/SN=Doe/1.2.3.4=x"
            )
        );
    }

    #[test]
    fn invalid_certificate_is_rejected() {
        assert_eq!(Certificate::read(b"rubbish"), None);
        assert_eq!(end_point(b""), None);
    }

    #[test]
    fn dates_are_in_utc() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
    }
}
