//! Files to which several processes append lines.

use rustix::fs::{Mode, OFlags};
use std::io;
use std::path::Path;

/// Appends in one write. Does not wait for the reader of a FIFO. A new file is readable only by its owner.
pub fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOCTTY
        | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, line))?;
    if written < line.len() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn lines_are_appended_to_a_private_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mail.log");
        append(&path, b"one\n").unwrap();
        append(&path, b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn fifo_without_reader_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("fifo");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        assert!(append(&path, b"one\n").is_err());
        assert!(append(Path::new("/dev/full"), b"one\n").is_err());
    }
}
