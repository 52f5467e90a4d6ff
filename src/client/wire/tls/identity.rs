//! The certificate of the client.

use crate::system::certificate::TlsSetupError;
use crate::system::certificate::{certificates, private_key, unreadable};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The client certificate for servers that request one.
#[derive(Debug, Default)]
pub struct Identity {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Identity {
    /// Reads both files, and checks that they belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsSetupError> {
        let chain = certificates("--cert", certificate)?;
        let key_path = key;
        let key = private_key(key)?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
            let why = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("it does not belong to {}", certificate.display())
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

    /// The certificate in DER; `None` if none is configured.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let own = self.key.as_ref()?.cert.first()?;
        Some(own.to_vec())
    }

    /// True if a server has requested a client certificate and none is configured.
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
