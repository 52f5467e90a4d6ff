//! Temporary files without a name, for text that must not lie on a disk: each is encrypted with a key of its own that
//! only this process has (AES-256-GCM). The blocks can be read in any order.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Octets of a block before it is encrypted. Each is read and decrypted as a whole.
const BLOCK: usize = 16 * 1024;

/// Octets of a block in the file, except for the last one.
const SEALED: usize = BLOCK + MAX_TAG_LEN;

/// A complete file.
#[derive(Debug)]
pub struct SealedFile {
    file: File,
    key: LessSafeKey,
    len: u64,
}

/// A file that is being written.
#[derive(Debug)]
pub struct SealedWriter {
    file: File,
    key: LessSafeKey,
    len: u64,
    /// The current block.
    block: Vec<u8>,
    /// Number of blocks in the file.
    written: u64,
    /// True after an error: a part of a block may be in the file.
    has_failed: bool,
}

impl SealedWriter {
    /// Creates a file in the directory for temporary files.
    pub fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    pub fn new_in(directory: &Path) -> io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        let failed = |_| io::Error::other("there are no random numbers for a key");
        SystemRandom::new().fill(&mut *key).map_err(failed)?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(failed)?;
        Ok(Self {
            file: tempfile::tempfile_in(directory)?,
            key: LessSafeKey::new(key),
            len: 0,
            block: Vec::with_capacity(SEALED),
            written: 0,
            has_failed: false,
        })
    }

    /// Number of octets before encryption.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// # Errors
    /// The last block cannot be written, or one before.
    pub fn finish(mut self) -> io::Result<SealedFile> {
        if !self.block.is_empty() || self.has_failed {
            self.seal()?;
        }
        Ok(SealedFile {
            file: self.file,
            key: self.key,
            len: self.len,
        })
    }

    fn seal(&mut self) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other("a block could not be written"));
        }
        self.has_failed = true;
        self.key
            .seal_in_place_append_tag(nonce(self.written), Aad::empty(), &mut self.block)
            .map_err(|_| io::Error::other("a block cannot be encrypted"))?;
        self.file.write_all(&self.block)?;
        self.written += 1;
        self.block.clear();
        self.has_failed = false;
        Ok(())
    }
}

impl Write for SealedWriter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = octets.len().min(BLOCK.saturating_sub(self.block.len()));
        self.block.extend_from_slice(&octets[..count]);
        if self.block.len() >= BLOCK {
            self.seal()?;
        }
        self.len += count as u64;
        Ok(count)
    }

    /// Writes nothing: a block is written when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SealedFile {
    /// Number of octets before encryption.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] if there is less.
    pub fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut block = Zeroizing::new(Vec::with_capacity(SEALED));
        let mut done = 0;
        while done < out.len() {
            let at = offset + done as u64;
            let octets = self.open_block(at / BLOCK as u64, &mut block)?;
            let skipped = usize::try_from(at % BLOCK as u64).unwrap_or(BLOCK);
            let count = (octets.len() - skipped).min(out.len() - done);
            out[done..done + count].copy_from_slice(&octets[skipped..skipped + count]);
            done += count;
        }
        Ok(())
    }

    fn open_block<'b>(&self, number: u64, block: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        let left = self.len - number * BLOCK as u64;
        let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        block.resize(size + MAX_TAG_LEN, 0);
        self.file.read_exact_at(block, number * SEALED as u64)?;
        let opened = self.key.open_in_place(nonce(number), Aad::empty(), block);
        opened
            .map(|octets| &*octets)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "a temporary file was changed"))
    }
}

/// The number of a block. No key is used for two files.
fn nonce(block: u64) -> Nonce {
    let mut octets = [0; 12];
    octets[4..].copy_from_slice(&block.to_be_bytes());
    Nonce::assume_unique_for_key(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::io::Seek as _;

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n % 251).to_le_bytes()[0]).collect()
    }

    fn sealed(text: &[u8], piece: usize) -> SealedFile {
        let mut writer = SealedWriter::new().unwrap();
        for piece in text.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        assert_eq!(writer.len(), text.len() as u64);
        writer.finish().unwrap()
    }

    #[test]
    fn any_range_is_read_back() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
            let text = text(len);
            let file = sealed(&text, 1000);
            for start in [0, 1, BLOCK - 1, BLOCK, BLOCK + 5, len] {
                for count in [0, 1, 100, BLOCK, 2 * BLOCK + 3, len] {
                    let mut out = vec![0; count];
                    let read = file.read_exact_at(&mut out, start as u64);
                    assert_eq!(read.is_ok(), start + count <= len, "{start} {count}");
                    if read.is_ok() {
                        assert_eq!(out, text[start..start + count]);
                    }
                }
            }
            assert!(file.read_exact_at(&mut [0], u64::MAX).is_err());
        }
    }

    #[test]
    fn file_has_no_text() {
        let text = b"plain text\n".repeat(20_000);
        let mut file = sealed(&text, 7000).file;
        let mut octets = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut octets).unwrap();
        assert!(octets.len() > text.len());
        assert!(memchr::memmem::find(&octets, b"plain").is_none());
    }

    #[test]
    fn changed_file_is_noticed() {
        let file = sealed(&text(3 * BLOCK), 5000);
        file.file.write_all_at(b"x", SEALED as u64 + 9).unwrap();
        let mut out = [0; 10];
        assert!(file.read_exact_at(&mut out, 0).is_ok());
        let error = file.read_exact_at(&mut out, BLOCK as u64).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn nothing_is_written_after_an_error() {
        let mut writer = SealedWriter::new().unwrap();
        writer.file = File::open("/dev/null").unwrap();
        assert!(writer.write_all(&text(BLOCK)).is_err());
        assert!(writer.write_all(b"x").is_err());
        assert!(writer.finish().is_err());
    }

    #[test]
    fn files_have_keys_of_their_own() {
        let (one, other) = (sealed(b"text", 9), sealed(b"text", 9));
        let mut octets = [[0; 4]; 2];
        one.file.read_exact_at(&mut octets[0], 0).unwrap();
        other.file.read_exact_at(&mut octets[1], 0).unwrap();
        assert_ne!(octets[0], octets[1]);
    }
}
