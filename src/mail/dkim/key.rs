//! Signing keys, and the files that they are in.

use crate::system::quote::for_shell;
use crate::system::remedy::{Correctable, ErrorText};
use crate::system::text::{reason, shown_path};
use crate::system::trust::{self, Danger, open_file};
use memchr::memmem;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{self, PemObject as _};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Maximum size of a key file, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Minimum size of an RSA key in bits (RFC 8301 §3.2), and the maximum of `ring`.
const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 4096;

/// A private key. `Debug` does not show it.
pub enum SigningKey {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (redacted)", self.algorithm())
    }
}

/// The reason for which a key file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum KeyError {
    Unreadable {
        file: String,
        why: String,
        /// True if this user has no permission to read it.
        is_denied: bool,
    },
    Exposed {
        file: String,
        mode: u32,
        /// The file as a shell reads it.
        quoted: String,
    },
    Foreign {
        file: String,
        owner: u32,
        user: u32,
        quoted: String,
    },
    Content {
        file: String,
        fault: KeyFault,
    },
}

/// A fault in the content of a key file. The sentence begins with the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.error_text())]
pub enum KeyFault {
    NoKey,
    TooLarge,
    Encrypted,
    /// It has a public key or a certificate.
    Public,
    /// It has the format of OpenSSH.
    OpenSsh,
    /// The length of an RSA key in bits.
    TooShort(usize),
    TooLong(usize),
    /// The public exponent is too small.
    Exponent,
    /// A kind of key that DKIM does not use.
    Kind(&'static str),
    Damaged(String),
}

impl Correctable for KeyError {
    fn error_text(&self) -> ErrorText {
        match self {
            Self::Unreadable { file, why, .. } => {
                format!("cannot read the DKIM key {file}: {why}").into()
            }
            Self::Exposed { file, mode, quoted } => ErrorText::new(format!(
                "the DKIM key {file} is accessible to other users (mode {mode:04o})"
            ))
            .with_command(format!("chmod 600 {quoted}")),
            Self::Foreign {
                file,
                owner,
                user,
                quoted,
            } => ErrorText::new(format!("the DKIM key {file} belongs to user ID {owner}"))
                .with_command(format!("chown {user} {quoted}")),
            Self::Content { file, fault } => {
                fault.error_text().about(format!("the DKIM key {file} "))
            }
        }
    }
}

impl Correctable for KeyFault {
    fn error_text(&self) -> ErrorText {
        let make = "make one with: ehlo dkim new";
        match self {
            Self::NoKey => ErrorText::new("is not a PEM file with a private key").with_advice(make),
            Self::TooLarge => {
                "has more than 64 KiB, and is not a PEM file with a private key".into()
            }
            Self::Encrypted => ErrorText::new("is encrypted, and no passphrase can be given")
                .with_advice("decrypt it with: openssl pkey -in OLD -out NEW"),
            Self::Public => ErrorText::new("has a public key or a certificate only")
                .with_advice("name the file with the private key"),
            Self::OpenSsh => {
                ErrorText::new("is in the format of OpenSSH, which is not supported")
                    .with_advice(make)
            }
            Self::TooShort(bits) => format!(
                "has an RSA key of {bits} bits, which is too short: 2048 are required (RFC 8301 section 3.2)"
            )
            .into(),
            Self::TooLong(bits) => format!(
                "has an RSA key of {bits} bits, which is too long: at most 4096 are supported"
            )
            .into(),
            Self::Exponent => {
                "has an RSA key with a public exponent under 65537, which is not supported".into()
            }
            Self::Kind(kind) => ErrorText::new(format!("has {kind} key"))
                .with_advice("DKIM requires an RSA or Ed25519 key"),
            Self::Damaged(why) => format!("is damaged: {why}").into(),
        }
    }
}

impl KeyError {
    /// True if this user has no permission to read the file.
    pub fn is_denied(&self) -> bool {
        matches!(
            self,
            Self::Unreadable {
                is_denied: true,
                ..
            }
        )
    }
}

impl SigningKey {
    /// Reads a file, which must not be accessible to other users.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let shown = || shown_path(path);
        let unreadable = |error: io::Error| KeyError::Unreadable {
            file: shown(),
            why: reason(&error),
            is_denied: error.kind() == io::ErrorKind::PermissionDenied,
        };
        let content = |fault| KeyError::Content {
            file: shown(),
            fault,
        };
        let file = open_file(path).map_err(|error| unreadable(error.into()))?;
        let mut pem = Zeroizing::new(Vec::with_capacity(8 * 1024));
        let read = (&file).take(MAX_FILE + 1).read_to_end(&mut pem);
        if read.map_err(unreadable)? as u64 > MAX_FILE {
            return Err(content(KeyFault::TooLarge));
        }
        // First, because the advice about the mode is for key files only.
        let key = Self::parse(&pem).map_err(content)?;
        check_access(&file, path)?;
        Ok(key)
    }

    /// Parses the first key in a PEM file, PKCS#1 or PKCS#8.
    pub fn parse(text: &[u8]) -> Result<Self, KeyFault> {
        let has = |words: &str| memmem::find(text, words.as_bytes()).is_some();
        if has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyFault::Encrypted);
        }
        if !has("PRIVATE KEY-----") {
            let is_public =
                has("BEGIN PUBLIC KEY") || has("BEGIN RSA PUBLIC KEY") || has("BEGIN CERTIFICATE");
            return Err(if is_public {
                KeyFault::Public
            } else {
                KeyFault::NoKey
            });
        }
        if has("BEGIN OPENSSH PRIVATE KEY") {
            return Err(KeyFault::OpenSsh);
        }
        // The text of an error may contain a part of the key.
        let key = PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
            pem::Error::MissingSectionEnd { .. } => damaged("its END line is missing"),
            _ => damaged("it is not base64 between its BEGIN and END lines"),
        });
        match key? {
            PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(_) => Err(KeyFault::Kind("an EC")),
            _ => Err(KeyFault::NoKey),
        }
    }

    /// The value of `a=`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The kind of the key, the value of `k=` in its record.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ed25519(_) => "ed25519",
        }
    }

    /// Length of a signature in octets.
    pub fn signature_len(&self) -> usize {
        match self {
            Self::Rsa(key) => key.public().modulus_len(),
            Self::Ed25519(_) => 64,
        }
    }

    /// The signature of the header. `None`: the system has no random numbers.
    pub fn sign(&self, header: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let random = SystemRandom::new();
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, header, &mut signature);
                signed.is_ok().then_some(signature)
            }
            // RFC 8463 §3: the hash is signed as a message.
            Self::Ed25519(key) => {
                let signature = key.sign(digest(&SHA256, header).as_ref());
                Some(signature.as_ref().to_vec())
            }
        }
    }

    /// The public key as in `p=`: a `SubjectPublicKeyInfo` of RSA (RFC 6376 §3.6.1), the 32 octets of Ed25519 (RFC
    /// 8463 §4.2).
    pub fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => public_key_info(key.public_key().as_ref()),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
        }
    }
}

/// Refuses a file of another user than this one or root, and one whose mode does not protect a secret.
fn check_access(file: &File, path: &Path) -> Result<(), KeyError> {
    let shown = || shown_path(path);
    let unreadable = |error: io::Error| KeyError::Unreadable {
        file: shown(),
        why: reason(&error),
        is_denied: false,
    };
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Ok(());
    }
    if let Some(Danger::Foreign { owner, user }) = trust::owner_danger(&facts) {
        return Err(KeyError::Foreign {
            file: shown(),
            owner,
            user,
            quoted: for_shell(path),
        });
    }
    if trust::keeps_secret(file).map_err(unreadable)? {
        return Ok(());
    }
    Err(KeyError::Exposed {
        file: shown(),
        mode: facts.mode() & 0o7777,
        quoted: for_shell(path),
    })
}

/// The tags of ASN.1 (X.690 §8) that occur in keys.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Object identifiers of keys (RFC 8017 appendix C, RFC 5480 §2.1.1, RFC 8410 §3).
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

fn pkcs8(der: &[u8]) -> Result<SigningKey, KeyFault> {
    let info = private_key_info(der).ok_or_else(|| damaged("it is not PKCS#8"));
    let (algorithm, key) = info?;
    match algorithm {
        RSA => rsa(key),
        ED25519 => {
            // OpenSSL writes no public key, which the checked function requires.
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
            let key = key.map_err(|error| damaged(&error.to_string()))?;
            Ok(SigningKey::Ed25519(key))
        }
        EC => Err(KeyFault::Kind("an EC")),
        RSA_PSS => Err(KeyFault::Kind("an RSA-PSS")),
        _ => Err(KeyFault::Kind("another kind of")),
    }
}

fn rsa(der: &[u8]) -> Result<SigningKey, KeyFault> {
    let bits = modulus_bits(der);
    let bits = bits.ok_or_else(|| damaged("it is not PKCS#1"))?;
    if bits < MIN_BITS {
        return Err(KeyFault::TooShort(bits));
    }
    if bits > MAX_BITS {
        return Err(KeyFault::TooLong(bits));
    }
    match RsaKeyPair::from_der(der) {
        Ok(key) => Ok(SigningKey::Rsa(key)),
        // The size of the exponent; that of the modulus is right.
        Err(error) if error.to_string() == "TooSmall" => Err(KeyFault::Exponent),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

fn damaged(why: &str) -> KeyFault {
    KeyFault::Damaged(why.to_owned())
}

/// The algorithm and the key of PKCS#8 (RFC 5958 §2).
fn private_key_info(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, _) = element(SEQUENCE, der)?;
    let (_, rest) = element(INTEGER, info)?;
    let (algorithm, rest) = element(SEQUENCE, rest)?;
    let (id, _) = element(OBJECT_ID, algorithm)?;
    let (key, _) = element(OCTET_STRING, rest)?;
    Some((id, key))
}

/// Size of the modulus of a key in PKCS#1 (RFC 8017 appendix A.1.2).
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (key, _) = element(SEQUENCE, der)?;
    let (_, rest) = element(INTEGER, key)?;
    let (modulus, _) = element(INTEGER, rest)?;
    let start = modulus.iter().position(|&octet| octet != 0)?;
    let zeros = modulus[start].leading_zeros() as usize;
    Some((modulus.len() - start) * 8 - zeros)
}

/// The content of the first element, which has this tag, and what follows it.
pub(super) fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0x81 | 0x82 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let len = octets
                .iter()
                .fold(0, |len, &octet| len << 8 | usize::from(octet));
            (len, rest)
        }
        0..=0x7f => (usize::from(first), rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    (found == tag).then_some((content, rest))
}

/// An RSA key of PKCS#1 as a `SubjectPublicKeyInfo` (RFC 5280 §4.1).
fn public_key_info(key: &[u8]) -> Vec<u8> {
    const NULL: [u8; 2] = [0x05, 0x00];
    let algorithm = encoded(SEQUENCE, &[&encoded(OBJECT_ID, RSA)[..], &NULL].concat());
    // The number of unused bits precedes the content.
    let key = encoded(BIT_STRING, &[&[0], key].concat());
    encoded(SEQUENCE, &[algorithm, key].concat())
}

/// An element of at most 65535 octets.
fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len = match content.len() {
        0..0x80 => len[len.len() - 1..].to_vec(),
        0x80..0x100 => [&[0x81], &len[len.len() - 1..]].concat(),
        _ => [&[0x82], &len[len.len() - 2..]].concat(),
    };
    [&[tag], &len[..], content].concat()
}
