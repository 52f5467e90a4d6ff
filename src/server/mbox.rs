//! An mbox: all messages in one file, one after the other (mboxrd).

use crate::mail::mbox;
use crate::server::store::{Incoming, MessageStore, ReceivedEnvelope, StoreRefusal, StoredAt};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const BUFFER: usize = 64 * 1024;

/// A store that appends each message to one file, after a `From ` line. Lines of the message that look like
/// such a line are prefixed with `>`, and line ends are LF.
///
/// The file has mode 0600 when it is made, and is locked (`flock`) while a message is written to it.
#[derive(Debug)]
pub struct Mbox {
    path: PathBuf,
}

impl Mbox {
    /// Appends to the file at `path`, which is created if it is missing.
    pub fn open(path: &Path) -> io::Result<Mbox> {
        let mbox = Mbox {
            path: path.to_owned(),
        };
        mbox.file()?;
        Ok(mbox)
    }

    // Opened again for each message, because another program may have moved the file.
    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        options.open(&self.path)
    }

    fn append(&self, envelope: &ReceivedEnvelope, draft: &File) -> io::Result<()> {
        let head = crate::server::maildir::head(envelope).replace("\r\n", "\n");
        mbox::append(&self.file()?, &envelope.sender, &head, |mailbox| {
            let mut draft = BufReader::with_capacity(BUFFER, draft);
            io::copy(&mut draft, mailbox).map(drop)
        })
    }
}

impl MessageStore for Mbox {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        Ok(Box::new(MboxFile {
            mbox: self,
            envelope: envelope.clone(),
            file: BufWriter::with_capacity(BUFFER, tempfile::tempfile()?),
        }))
    }
}

/// A message that is written to an unnamed file until it is complete.
struct MboxFile<'m> {
    mbox: &'m Mbox,
    envelope: ReceivedEnvelope,
    file: BufWriter<File>,
}

impl Incoming for MboxFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn commit(self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.mbox.append(&self.envelope, &file)?;
        Ok(StoredAt::File(self.mbox.path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_appended() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mbox");
        let mbox = Mbox::open(&path).unwrap();
        let envelope = ReceivedEnvelope {
            sender: String::new(),
            recipients: vec!["bob@x".to_owned()],
            ..ReceivedEnvelope::default()
        };
        for text in ["one\r\n", "two\r\n"] {
            let mut incoming = mbox.begin(&envelope).unwrap();
            incoming.write(text.as_bytes()).unwrap();
            incoming.commit().unwrap();
        }
        drop(mbox.begin(&envelope).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("From MAILER-DAEMON ").count(), 2);
        assert!(
            text.ends_with("Return-Path: <>\nDelivered-To: bob@x\ntwo\n\n"),
            "{text}"
        );
    }

    #[test]
    fn message_after_a_truncated_one_is_separate() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mbox");
        let envelope = ReceivedEnvelope::default();
        for cut in [
            "",
            "\n",
            "From x\n\nwhole\n\n",
            "From x\n\nhal",
            "From x\n\nhal\n",
        ] {
            std::fs::write(&path, cut).unwrap();
            let mbox = Mbox::open(&path).unwrap();
            mbox.begin(&envelope).unwrap().commit().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let rest = text.strip_prefix(cut).unwrap();
            assert!(
                rest.trim_start().starts_with("From MAILER-DAEMON "),
                "{text}"
            );
            let before = text.split("From MAILER-DAEMON ").next().unwrap();
            let is_apart = before.trim().is_empty() || before.ends_with("\n\n");
            assert!(is_apart && !before.ends_with("\n\n\n"), "{text:?}");
        }
    }
}
