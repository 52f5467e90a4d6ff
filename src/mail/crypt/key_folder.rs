//! Copies of keys and certificates for the programs: they use what was checked, even if a file is replaced meanwhile.
//! No descriptor stays open, however many there are.

use crate::mail::crypt::error::CryptError;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A temporary directory that only this user can enter. It is created with the first file.
#[derive(Debug, Default)]
pub struct KeyFolder {
    directory: Option<TempDir>,
    count: usize,
}

impl KeyFolder {
    /// Writes a file, and returns its path.
    pub fn add(&mut self, octets: &[u8]) -> Result<PathBuf, CryptError> {
        self.write(octets).map_err(CryptError::Content)
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<PathBuf> {
        let directory = match self.directory.take() {
            Some(directory) => directory,
            None => tempfile::Builder::new()
                .permissions(Permissions::from_mode(0o700))
                .tempdir()?,
        };
        let path = directory.path().join(self.count.to_string());
        self.directory = Some(directory);
        self.count += 1;
        fs::write(&path, octets)?;
        Ok(path)
    }
}
