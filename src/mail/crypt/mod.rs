//! End-to-end signatures and encryption by the programs `gpg` (OpenPGP, RFC 3156) and `openssl cms` (S/MIME, RFC 8551).
//! The content passes through a program as a stream. A message is encrypted for every recipient or not at all.
//!
//! * `options`: what is asked for
//! * `recipients`: who it is encrypted for
//! * `pgp`: signing and encrypting by `gpg`; `keys`: the keys that it lists
//! * `smime`: the same by `openssl cms`; `certificate`: checks that `openssl` does not make; `authorities`: CAs and
//!   revocation lists
//! * `program`: running either of them; `key_folder`: the keys that they read
//! * `error`: what prevents it

mod authorities;
mod certificate;
mod error;
mod key_folder;
mod keys;
mod options;
pub mod pgp;
mod program;
mod recipients;
pub mod smime;

pub(in crate::mail) use authorities::{AuthorityFile, REVOKED};
pub(in crate::mail) use certificate::{MailCertificate, Purpose};
pub use error::CryptError;
pub(in crate::mail) use keys::listed;
pub use options::{Authorities, CryptOptions, EncryptKey, KeyDirectory, Method, SignKey};
pub use program::{Feed, Pass};
pub(in crate::mail) use program::{Program, failure};
pub use recipients::CryptRecipients;
