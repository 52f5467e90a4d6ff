//! What is asked for.

use crate::mail::address::Address;
use std::ffi::OsString;
use std::fmt::{self, Debug, Display};
use std::path::PathBuf;
use std::sync::Arc;

/// A standard for signed and encrypted messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// OpenPGP (RFC 3156).
    Pgp,
    /// S/MIME (RFC 8551).
    Smime,
}

impl Display for Method {
    /// The value of `--sign` and `--encrypt`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pgp => "pgp",
            Self::Smime => "smime",
        })
    }
}

/// The value of `--sign-key`: what identifies a key in the keyring, or a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignKey(pub OsString);

/// The value of `--encrypt-key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptKey {
    pub path: PathBuf,
    /// The recipient that the key is for. `None`: those whose addresses it has.
    pub recipient: Option<Address>,
}

/// CAs that certificates for S/MIME must be issued by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// A file with their certificates.
    pub ca: PathBuf,
    /// Files with their revocation lists. Empty: revocation is not checked.
    pub crls: Vec<PathBuf>,
}

/// Finds OpenPGP keys that are published.
pub trait KeyDirectory: Debug + Send + Sync {
    /// The binary key of a recipient; `None`: none is published. The error is one line.
    fn find(&self, recipient: &Address) -> Result<Option<Vec<u8>>, String>;
}

/// Signing and encryption of a message. The default is neither.
#[derive(Clone, Debug, Default)]
pub struct CryptOptions {
    pub sign: Option<Method>,
    /// `None`: the key of the author's address.
    pub sign_key: Option<SignKey>,
    pub encrypt: Option<Method>,
    /// Keys that are not in the keyring.
    pub encrypt_keys: Vec<EncryptKey>,
    /// CAs of the recipients' certificates for S/MIME. `None`: the certificates are trusted as they are.
    pub authorities: Option<Authorities>,
    /// True if the subject is encrypted too (RFC 9788).
    pub hide_subject: bool,
    /// True if the author's OpenPGP key is announced in the header (Autocrypt, level 1).
    pub autocrypt: bool,
    /// Searched for recipients without a key. `None`: the Web Key Directory is not asked.
    pub directory: Option<Arc<dyn KeyDirectory>>,
}

impl CryptOptions {
    /// True if the encryption names all recipients to each other. Hidden ones then get a message of their own.
    pub fn has_key_list(&self) -> bool {
        self.encrypt == Some(Method::Smime)
    }

    /// True if the message is left as it is.
    pub fn is_off(&self) -> bool {
        self.sign.is_none() && self.encrypt.is_none() && !self.autocrypt
    }
}
