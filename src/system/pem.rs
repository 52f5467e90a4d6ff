//! Certificates and keys in PEM files.

use crate::system::exit::Exit;
use crate::system::place::keeps_secret;
use crate::system::text::reason;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Maximum size of a certificate file, in bytes. The system's has a fifth of a megabyte.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Maximum size of a key file, in bytes.
const MAX_KEY: u64 = 256 * 1024;

/// An error while TLS is set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A file of certificates or keys.
    #[error("{option} {}: cannot read it: {why}", .path.display())]
    Unreadable {
        /// The option that names it.
        option: &'static str,
        path: PathBuf,
        why: String,
    },
    /// A key file that other users can read.
    #[error("--key {path}: others can read it; run chmod 600 {path}", path = .0.display())]
    Open(PathBuf),
    /// The file for the server's certificates.
    #[error("--save-certs {}: cannot create it: {}", .path.display(), reason(.why))]
    Unwritable {
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
}

impl TlsSetupError {
    /// The exit status of this error.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unreadable { .. } => Exit::NoInput,
            Self::Open(_) => Exit::Policy,
            Self::Unwritable { .. } => Exit::CantCreate,
        }
    }
}

/// All certificates in a PEM file that this option names; at least one.
///
/// # Errors
/// The file cannot be read, or has none in it.
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
            "there is no certificate in it (PEM)".to_owned(),
        ));
    }
    Ok(all)
}

/// The key in the PEM file of `--key`. Other users must not be able to read the file.
///
/// # Errors
/// It cannot be read, is open to others, or has no key in it.
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
            "there is no key in it (PEM without a passphrase)".to_owned(),
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
