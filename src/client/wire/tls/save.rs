//! Saves the server's certificates to a file (`--save-certs`), valid or not.

use crate::client::wire::tls::TlsSetupError;
use crate::system::text::reason;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file, and its state.
#[derive(Debug)]
pub struct Save(Mutex<SaveState>);

#[derive(Debug)]
struct SaveState {
    file: File,
    begun: bool,
    failed: Option<String>,
}

impl Save {
    /// Opens the file, so that errors are reported early. Its contents stay until the first chain is written.
    pub fn open(path: &Path) -> Result<Self, TlsSetupError> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map_err(|why| {
            let path = path.to_owned();
            TlsSetupError::Unwritable { path, why }
        })?;
        Ok(Self(Mutex::new(SaveState {
            file,
            begun: false,
            failed: None,
        })))
    }

    /// Adds a chain, with the name of the server as a comment.
    pub fn add<'c>(&self, name: &str, chain: impl Iterator<Item = &'c [u8]>) {
        let mut pem = format!("# {name}\n");
        for certificate in chain {
            pem.push_str(&armoured(certificate));
        }
        let mut inner = self.inner();
        if let Err(error) = inner.write(&pem) {
            inner.failed = Some(reason(&error));
        }
    }

    pub fn failure(&self) -> Option<String> {
        self.inner().failed.clone()
    }

    fn inner(&self) -> MutexGuard<'_, SaveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SaveState {
    /// The old contents of the file are dropped at the first write.
    fn write(&mut self, pem: &str) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            // Pipes and the like have no length.
            let _ = self.file.set_len(0);
        }
        self.file.write_all(pem.as_bytes())
    }
}

/// PEM (RFC 7468).
fn armoured(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let text = BASE64_STANDARD.encode(der);
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
