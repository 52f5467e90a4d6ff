//! Public keys as they are published in the DNS (RFC 6376 §3.6.1, RFC 8301, RFC 8463).

use crate::mail::dkim::key::{BIT_STRING, INTEGER, OBJECT_ID, RSA, SEQUENCE, element};
use crate::mail::tag_list::TagList;
use crate::system::text::shown;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::Engine as _;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

/// Base64 as it is found in records and signatures: padding may be missing.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The shortest RSA key with which signatures may be verified (RFC 8301 §3.2).
pub const MIN_VERIFIED_BITS: usize = 1024;

/// A record of a key that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    pub key: PublicKey,
    /// `h=`. `None`: all hashes.
    pub hashes: Option<Vec<String>>,
    /// `s=`: false if it does not include mail.
    pub is_for_mail: bool,
    /// `t=y`: failures are to be ignored.
    pub is_testing: bool,
    /// `t=s`: `i=` must have the same domain as `d=`.
    pub is_strict: bool,
    /// True if it begins with `v=DKIM1`.
    pub has_version: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Rsa {
        /// Size of the modulus.
        bits: usize,
        /// The key as PKCS#1 (RFC 8017 appendix A.1.1).
        pkcs1: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

/// Reason for which a record cannot be used. The texts follow "the record".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRecordFault {
    /// Another kind of record.
    #[error("is not a DKIM record")]
    Other,
    #[error("has \"{}\", which is not a tag", shown(.0))]
    Syntax(String),
    #[error("has the tag {0} more than once")]
    Repeated(String),
    #[error("has version {}, not DKIM1", shown(.0))]
    Version(String),
    #[error("has v=DKIM1, but not at its beginning")]
    LateVersion,
    #[error("has no p=")]
    NoKey,
    #[error("is revoked: its p= is empty")]
    Revoked,
    #[error("has a p= that is not base64")]
    NotBase64,
    #[error("has a key of the unknown kind {}", shown(.0))]
    Kind(String),
    #[error("has a p= that is not an RSA key")]
    NotRsa,
    #[error("has an Ed25519 key of {0} octets instead of 32")]
    Ed25519Length(usize),
}

impl KeyRecord {
    /// Parses the text of a TXT record, its strings joined.
    pub fn parse(text: &str) -> Result<Self, KeyRecordFault> {
        let tags = match TagList::parse(text) {
            Ok(tags) => tags,
            Err(_) if !text.contains("p=") => return Err(KeyRecordFault::Other),
            Err(part) => return Err(KeyRecordFault::Syntax(part.to_owned())),
        };
        let version = tags.get("v");
        match version {
            None if tags.get("p").is_none() => return Err(KeyRecordFault::Other),
            Some(version) if version != "DKIM1" && tags.get("p").is_none() => {
                return Err(KeyRecordFault::Other);
            }
            Some(version) if version != "DKIM1" => {
                return Err(KeyRecordFault::Version(version.to_owned()));
            }
            Some(_) if tags.first().is_some_and(|(name, _)| name != "v") => {
                return Err(KeyRecordFault::LateVersion);
            }
            _ => {}
        }
        if let Some(name) = tags.repeated() {
            return Err(KeyRecordFault::Repeated(name.to_owned()));
        }
        let has = |name: &str, item: &str| {
            let items = tags.items(name);
            items.is_some_and(|mut items| items.any(|one| one.eq_ignore_ascii_case(item)))
        };
        Ok(Self {
            key: PublicKey::of(&tags)?,
            hashes: tags
                .items("h")
                .map(|items| items.map(str::to_ascii_lowercase).collect()),
            is_for_mail: tags.get("s").is_none() || has("s", "*") || has("s", "email"),
            is_testing: has("t", "y"),
            is_strict: has("t", "s"),
            has_version: version.is_some(),
        })
    }

    /// True if signatures with SHA-256 are allowed.
    pub fn allows_sha256(&self) -> bool {
        let hashes = self.hashes.as_ref();
        hashes.is_none_or(|hashes| hashes.iter().any(|hash| hash == "sha256"))
    }
}

impl PublicKey {
    fn of(tags: &TagList<'_>) -> Result<Self, KeyRecordFault> {
        let text = tags.get("p").ok_or(KeyRecordFault::NoKey)?;
        let text: String = text.split_ascii_whitespace().collect();
        if text.is_empty() {
            return Err(KeyRecordFault::Revoked);
        }
        let kind = tags.get("k").unwrap_or("rsa");
        let octets = LENIENT
            .decode(text)
            .map_err(|_| KeyRecordFault::NotBase64)?;
        if kind.eq_ignore_ascii_case("rsa") {
            let pkcs1 = pkcs1(&octets).ok_or(KeyRecordFault::NotRsa)?;
            let bits = modulus_bits(pkcs1).ok_or(KeyRecordFault::NotRsa)?;
            return Ok(Self::Rsa {
                bits,
                pkcs1: pkcs1.to_vec(),
            });
        }
        if kind.eq_ignore_ascii_case("ed25519") {
            let length = octets.len();
            let key = octets.try_into();
            return Ok(Self::Ed25519(
                key.map_err(|_| KeyRecordFault::Ed25519Length(length))?,
            ));
        }
        Err(KeyRecordFault::Kind(kind.to_owned()))
    }

    /// The value of `k=`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// True if the signature is that of this data, with SHA-256.
    pub fn verifies(&self, data: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { pkcs1, .. } => {
                let algorithm = &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
                UnparsedPublicKey::new(algorithm, pkcs1)
                    .verify(data, signature)
                    .is_ok()
            }
            // RFC 8463 §3: the hash is signed as a message.
            Self::Ed25519(key) => {
                let hash = digest(&SHA256, data);
                UnparsedPublicKey::new(&ED25519, key)
                    .verify(hash.as_ref(), signature)
                    .is_ok()
            }
        }
    }
}

/// The words after "a key", as in `RSA, 2048 bits`.
impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa { bits, .. } => write!(f, "RSA, {bits} bits"),
            Self::Ed25519(_) => f.write_str("Ed25519"),
        }
    }
}

/// The key in a `SubjectPublicKeyInfo`, or the octets themselves: some publish a bare key.
fn pkcs1(der: &[u8]) -> Option<&[u8]> {
    let (content, _) = element(SEQUENCE, der)?;
    let Some((algorithm, rest)) = element(SEQUENCE, content) else {
        return Some(der);
    };
    let (id, _) = element(OBJECT_ID, algorithm)?;
    let (bits, _) = element(BIT_STRING, rest)?;
    (id == RSA).then(|| bits.strip_prefix(&[0]))?
}

/// Size of the modulus of a public key in PKCS#1.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (key, _) = element(SEQUENCE, der)?;
    let (modulus, _) = element(INTEGER, key)?;
    let start = modulus.iter().position(|&octet| octet != 0)?;
    Some((modulus.len() - start) * 8 - modulus[start].leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of RFC 8463 appendix A.2.
    const ED25519_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const RSA_KEY: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

    #[test]
    fn keys_are_read() {
        let record =
            KeyRecord::parse(&format!("v=DKIM1; k=ed25519; t=y:s; p={ED25519_KEY}")).unwrap();
        assert_eq!(record.key.to_string(), "Ed25519");
        assert!(record.is_testing && record.is_strict && record.allows_sha256());
        let record = KeyRecord::parse(&format!("p={RSA_KEY}; h=sha1; s=other; n=a note")).unwrap();
        assert_eq!(record.key.to_string(), "RSA, 1024 bits");
        assert!(!record.allows_sha256() && !record.is_for_mail && !record.has_version);
    }

    #[test]
    fn faults_are_told_apart() {
        for (text, fault) in [
            ("v=spf1 -all", KeyRecordFault::Other),
            ("", KeyRecordFault::Other),
            ("v=DKIM1; p=", KeyRecordFault::Revoked),
            ("v=DKIM1; k=rsa", KeyRecordFault::NoKey),
            ("v=DKIM1; p=!", KeyRecordFault::NotBase64),
            ("v=DKIM1; p=AAAA", KeyRecordFault::NotRsa),
            (
                "v=DKIM1; k=ed25519; p=AAAA",
                KeyRecordFault::Ed25519Length(3),
            ),
            ("v=DKIM1; k=x; p=AAAA", KeyRecordFault::Kind("x".to_owned())),
            ("k=rsa; v=DKIM1; p=AAAA", KeyRecordFault::LateVersion),
            (
                "v=DKIM2; p=AAAA",
                KeyRecordFault::Version("DKIM2".to_owned()),
            ),
            (
                "v=DKIM1; p=AAAA; p=BBBB",
                KeyRecordFault::Repeated("p".to_owned()),
            ),
            ("v=DKIM1; x; p=AAAA", KeyRecordFault::Syntax("x".to_owned())),
        ] {
            assert_eq!(KeyRecord::parse(text), Err(fault), "{text}");
        }
    }
}
