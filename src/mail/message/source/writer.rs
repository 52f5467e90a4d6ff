//! Sources that are written: in memory, and above a limit in a temporary file.

use crate::mail::message::encode::Encoder;
use crate::mail::message::source::{Source, SourceError, SourceStore};
use crate::system::sealed_file::SealedWriter;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

/// Input that cannot be read twice is kept in memory up to this size, and above it in an encrypted temporary file
/// without a name.
pub(super) const SPOOL_ABOVE: usize = 1024 * 1024;

impl Source {
    /// A source with this name, whose octets `produce` appends piece by piece until it returns false.
    ///
    /// # Errors
    /// The error of `produce`, or it cannot be stored.
    pub fn written(
        name: &str,
        mut produce: impl FnMut(&mut Vec<u8>) -> io::Result<bool>,
    ) -> io::Result<Self> {
        let mut writer = SourceWriter::new(name);
        let mut piece = Vec::new();
        while produce(&mut piece)? {
            writer.push(&piece)?;
            piece.clear();
        }
        writer.push(&piece)?;
        writer.finish()
    }

    /// The same text from `offset` on, rewritten block by block.
    pub fn rewritten(&self, offset: u64, rewriter: &mut dyn Encoder) -> Result<Self, SourceError> {
        let mut spooler = Spooler::new(self.name.clone());
        let mut block = self.block(64 * 1024);
        let (mut out, mut at) = (Vec::new(), offset);
        loop {
            let count = self.read(&mut block, at)?;
            at += count as u64;
            rewriter.push(&block[..count], &mut out);
            if count == 0 {
                rewriter.finish(&mut out);
            }
            spooler.push(&out)?;
            out.clear();
            if count == 0 {
                return spooler.finish();
            }
        }
    }
}

/// Stores bytes that are made elsewhere.
pub struct SourceWriter(Spooler);

impl SourceWriter {
    pub fn new(name: &str) -> Self {
        Self(Spooler::new(name.to_owned()))
    }

    /// For bytes that are encrypted already: a temporary file has them as they are.
    pub fn of_ciphertext(name: &str) -> Self {
        let mut spooler = Spooler::new(name.to_owned());
        spooler.is_ciphertext = true;
        Self(spooler)
    }

    /// Number of bytes so far.
    pub fn written(&self) -> u64 {
        self.0.len
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.push(bytes).map_err(io::Error::other)
    }

    pub fn finish(self) -> io::Result<Source> {
        self.0.finish().map_err(io::Error::other)
    }
}

impl Write for SourceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps bytes in memory, and above a size in a temporary file without a name. It is encrypted, because options or a
/// profile may ask for the encryption of a message after its text was read.
pub(super) struct Spooler {
    pub(super) name: String,
    memory: Vec<u8>,
    file: Option<SpoolFile>,
    is_ciphertext: bool,
    len: u64,
}

enum SpoolFile {
    Sealed(Box<SealedWriter>),
    Plain(File),
}

impl Spooler {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            memory: Vec::new(),
            file: None,
            is_ciphertext: false,
            len: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        let written = self.keep(bytes);
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> SourceError {
        SourceError::Spool {
            name: self.name.clone(),
            error,
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        match &mut self.file {
            Some(SpoolFile::Sealed(file)) => return file.write_all(bytes),
            Some(SpoolFile::Plain(file)) => return file.write_all(bytes),
            None => self.memory.extend_from_slice(bytes),
        }
        if self.memory.len() >= SPOOL_ABOVE {
            let memory = std::mem::take(&mut self.memory);
            self.file = Some(if self.is_ciphertext {
                let mut file = tempfile::tempfile()?;
                file.write_all(&memory)?;
                SpoolFile::Plain(file)
            } else {
                let mut file = SealedWriter::new()?;
                file.write_all(&memory)?;
                SpoolFile::Sealed(Box::new(file))
            });
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Source, SourceError> {
        let store = match self.file.take() {
            Some(SpoolFile::Sealed(file)) => {
                let file = file.finish().map_err(|error| self.failed(error))?;
                SourceStore::Sealed(Arc::new(file))
            }
            Some(SpoolFile::Plain(file)) => SourceStore::Spool(file),
            None => SourceStore::Memory(self.memory),
        };
        Ok(Source::new(self.name, self.len, store))
    }
}
