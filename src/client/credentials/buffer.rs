//! Memory for secrets that are being read: allocated in full size, so that it never moves and leaves no copy,
//! wiped when dropped, and kept out of core files.

use crate::client::credentials::CredentialsError;
use crate::system::secret::Secret;
use crate::system::text::{name_of, without_mark};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{self, ErrorKind, Read};
use zeroize::Zeroizing;

/// Bytes that are wiped when they are dropped.
pub type Buffer = Zeroizing<Vec<u8>>;

/// Maximum size of a source of secrets, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;

/// Reads to the end; `None` if there is more than the limit.
pub fn read(source: &mut impl Read) -> io::Result<Option<Buffer>> {
    let mut buffer: Buffer = Zeroizing::new(vec![0; MAX_SIZE + 1]);
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A secret read in pieces, up to the limit.
pub struct SecretReader {
    buffer: Buffer,
    length: usize,
}

impl SecretReader {
    pub fn new() -> Self {
        Self {
            buffer: Zeroizing::new(vec![0; MAX_SIZE]),
            length: 0,
        }
    }

    /// Adds a piece; `FileTooLarge` if that is more than the limit.
    pub fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        let end = self.length + piece.len();
        let room = self.buffer.get_mut(self.length..end);
        room.ok_or(ErrorKind::FileTooLarge)?.copy_from_slice(piece);
        self.length = end;
        Ok(())
    }

    pub fn bytes(mut self) -> Buffer {
        self.buffer.truncate(self.length);
        self.buffer
    }
}

/// The first line, without its LF or CR LF.
fn line(bytes: &[u8]) -> &[u8] {
    let bytes = without_mark(bytes);
    match memchr::memchr(b'\n', bytes) {
        Some(end) => bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]),
        None => bytes,
    }
}

/// The first line as a secret.
pub fn first_line(bytes: &[u8], origin: &str) -> Result<Secret, CredentialsError> {
    checked(Secret::new(line(bytes).to_vec()), origin)
}

/// Checks that a secret can be sent in a session: not empty, and without CR, LF and NUL (`faults.md` B1).
pub fn checked(secret: Secret, origin: &str) -> Result<Secret, CredentialsError> {
    let bytes = secret.expose();
    if bytes.is_empty() {
        return Err(CredentialsError::Empty(origin.to_owned()));
    }
    match bytes.iter().find(|byte| b"\0\r\n".contains(byte)) {
        None => Ok(secret),
        Some(&bad) => Err(CredentialsError::InvalidCharacter {
            origin: origin.to_owned(),
            what: name_of(char::from(bad)),
        }),
    }
}

/// Disables core files and, on Linux, debugging by the same user. Errors are ignored, because this is a
/// second line of defence.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    // The size limit does not apply to a core that is piped to a program (`core_pattern`).
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, repeat};

    #[test]
    fn only_the_first_line_is_the_secret() {
        for (text, right) in [
            (&b"hunter2"[..], &b"hunter2"[..]),
            (b"hunter2\n", b"hunter2"),
            (b"hunter2\r\nlogin: alice\n", b"hunter2"),
            (b" hunter 2 \t\n\n", b" hunter 2 \t"),
            (b"caf\xe9\xff\n", b"caf\xe9\xff"),
            (b"\xef\xbb\xbfhunter2\n", b"hunter2"),
        ] {
            assert_eq!(first_line(text, "x").unwrap().expose(), right);
        }
    }

    #[test]
    fn secret_is_one_non_empty_line() {
        for (text, word) in [
            (&b""[..], "its first line is empty"),
            (b"\n", "its first line is empty"),
            (b"\r\nhunter2\n", "its first line is empty"),
            (b"hunter2\0\n", "a NUL"),
            (b"hunter2\r", "a carriage return"),
            (b"hunter2\r\r\n", "a carriage return"),
        ] {
            let error = first_line(text, "--password-file x").unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(word) && text.contains("--password-file x"),
                "{text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
            assert_eq!(error.exit().code(), 77);
        }
        let error = checked(Secret::new(b"hunter2\nx".to_vec()), "EHLO_PASSWORD").unwrap_err();
        assert!(error.to_string().contains("a line feed"), "{error}");
    }

    #[test]
    fn buffer_size_is_limited() {
        let full = |size: usize| read(&mut Cursor::new(vec![b'x'; size])).unwrap();
        assert_eq!(full(MAX_SIZE).map(|buffer| buffer.len()), Some(MAX_SIZE));
        assert!(full(MAX_SIZE + 1).is_none());
        assert!(read(&mut repeat(b'x')).unwrap().is_none());
    }

    #[test]
    fn buffer_is_not_reallocated() {
        let buffer = read(&mut Cursor::new(b"hunter2")).unwrap().unwrap();
        assert_eq!((buffer.len(), buffer.capacity()), (7, MAX_SIZE + 1));
    }

    #[test]
    fn core_files_are_disabled() {
        // B7
        harden();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{DumpableBehavior, dumpable_behavior};
            assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        }
    }
}
