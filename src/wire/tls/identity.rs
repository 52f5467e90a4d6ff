//! Our own certificate and its key.

use super::TlsSetupError;
use crate::place::keeps_secret;
use crate::text::reason;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// The largest file of certificates that makes sense, in bytes; the system's has a fifth of a megabyte.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The largest key file that makes sense, in bytes.
const MAX_KEY: u64 = 256 * 1024;

/// What we show to a server that asks who we are.
#[derive(Debug, Default)]
pub struct Identity {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Identity {
    /// Reads both files and sees that they belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsSetupError> {
        let chain = certificates("--cert", certificate)?;
        let key_path = key;
        let key = private_key(key)?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
            let why = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("it is not the key of {}", certificate.display())
                }
                other => other.to_string(),
            };
            unreadable("--key", key_path, why)
        })?;
        Ok(Self {
            key: Some(Arc::new(key)),
            asked: AtomicBool::new(false),
        })
    }

    /// The certificate in DER; `None` where there is none to show.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let own = self.key.as_ref()?.cert.first()?;
        Some(own.to_vec())
    }

    /// Whether a server has asked, and there was nothing to show.
    pub fn is_missing(&self) -> bool {
        self.key.is_none() && self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
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

/// The key in a PEM file that `--key` names and nobody else can read.
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

fn unreadable(option: &'static str, path: &Path, why: String) -> TlsSetupError {
    TlsSetupError::Unreadable {
        option,
        path: path.to_owned(),
        why,
    }
}
