//! A Maildir: each message is a file that appears complete in `new/`, or not at all.

use crate::server::store::{Incoming, MessageStore, ReceivedEnvelope, StoreRefusal, StoredAt};
use crate::system::host::node_name;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const BUFFER: usize = 64 * 1024;

/// A store that keeps each message in a separate file, exactly as it was received, after a `Return-Path`
/// line and one `Delivered-To` line for each recipient.
///
/// The files have mode 0600 and names that are never used twice, also by several processes.
#[derive(Debug)]
pub struct Maildir {
    tmp: PathBuf,
    new: PathBuf,
    host: String,
}

impl Maildir {
    /// Opens the Maildir at `path`. Missing directories are created with mode 0700.
    pub fn open(path: &Path) -> io::Result<Maildir> {
        for directory in ["tmp", "new", "cur"] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path.join(directory))?;
        }
        Ok(Maildir {
            tmp: path.join("tmp"),
            new: path.join("new"),
            host: host_name(),
        })
    }

    /// Adds a message, which `fill` writes, without lines before it. Returns the file.
    ///
    /// # Errors
    /// The file cannot be written, or `fill` failed; then there is no file.
    pub fn add(&self, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<PathBuf> {
        let name = self.unique_name();
        let mut file = MaildirFile::create(self.tmp.join(&name), self.new.join(&name))?;
        fill(&mut file.file)?;
        file.complete()?;
        Ok(file.new.clone())
    }

    fn unique_name(&self) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO);
        format!(
            "{}.M{:06}P{}_{}.{}",
            now.as_secs(),
            now.subsec_micros(),
            process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed),
            self.host
        )
    }
}

impl MessageStore for Maildir {
    fn begin(&self, envelope: &ReceivedEnvelope) -> io::Result<Box<dyn Incoming + '_>> {
        let name = self.unique_name();
        let mut file = MaildirFile::create(self.tmp.join(&name), self.new.join(&name))?;
        file.write(head(envelope).as_bytes())?;
        Ok(Box::new(file))
    }
}

/// A file in `tmp/`, removed when it is dropped before it was committed.
struct MaildirFile {
    file: BufWriter<File>,
    tmp: PathBuf,
    new: PathBuf,
}

impl MaildirFile {
    fn create(tmp: PathBuf, new: PathBuf) -> io::Result<MaildirFile> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&tmp)?;
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(MaildirFile { file, tmp, new })
    }

    fn complete(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        self.publish()
    }

    // If its name may not survive a power failure, the file is removed again: the sender will retry.
    fn publish(&self) -> io::Result<()> {
        fs::rename(&self.tmp, &self.new)?;
        let synced = self.new.parent().map_or(Ok(()), sync_directory);
        if synced.is_err() {
            let _ = fs::remove_file(&self.new);
        }
        synced
    }
}

impl Incoming for MaildirFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn commit(mut self: Box<Self>) -> Result<StoredAt, StoreRefusal> {
        self.complete()?;
        Ok(StoredAt::File(self.new.clone()))
    }
}

impl Drop for MaildirFile {
    fn drop(&mut self) {
        // After a commit this name no longer exists.
        let _ = fs::remove_file(&self.tmp);
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The lines that a store puts before a message.
pub(super) fn head(envelope: &ReceivedEnvelope) -> String {
    let mut head = format!("Return-Path: <{}>\r\n", one_line(&envelope.sender));
    for recipient in &envelope.recipients {
        // Writing to a String cannot fail.
        let _ = write!(head, "Delivered-To: {}\r\n", one_line(recipient));
    }
    head
}

/// Replaces characters that could end a line with question marks.
fn one_line(text: &str) -> String {
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.replace(ends_line, "?")
}

// The name must not hold `/` or `:`, which have a meaning in a Maildir.
fn host_name() -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name: String = node_name().chars().filter(plain).collect();
    if name.is_empty() {
        return "localhost".to_owned();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn envelope() -> ReceivedEnvelope {
        ReceivedEnvelope {
            sender: "a@x".into(),
            recipients: vec!["b@x".into(), "c@x".into()],
            ..ReceivedEnvelope::default()
        }
    }

    fn files(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn file_has_two_kinds_of_header_lines_and_the_unchanged_message() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let mut incoming = maildir.begin(&envelope()).unwrap();
        incoming.write(b"Subject: x\r\n\r\nbare\n").unwrap();
        incoming.write(b"\rends \xff\0\r\n").unwrap();
        incoming.commit().unwrap();

        let files = files(&home.path().join("new"));
        assert_eq!(files.len(), 1);
        assert_eq!(
            fs::read(&files[0]).unwrap(),
            b"Return-Path: <a@x>\r\nDelivered-To: b@x\r\nDelivered-To: c@x\r\n\
              Subject: x\r\n\r\nbare\n\rends \xff\0\r\n"
        );
    }

    #[test]
    fn only_the_owner_may_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b");
        let maildir = Maildir::open(&path).unwrap();
        maildir.begin(&envelope()).unwrap().commit().unwrap();
        for directory in ["tmp", "new", "cur"] {
            assert_eq!(mode(&path.join(directory)), 0o700);
        }
        assert_eq!(mode(&files(&path.join("new"))[0]), 0o600);
    }

    #[test]
    fn uncommitted_message_leaves_no_file() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let mut incoming = maildir.begin(&envelope()).unwrap();
        incoming.write(&vec![b'a'; 2 * BUFFER]).unwrap();
        assert_eq!(files(&home.path().join("tmp")).len(), 1);
        drop(incoming);
        assert!(files(&home.path().join("tmp")).is_empty());
        assert!(files(&home.path().join("new")).is_empty());
    }

    #[test]
    fn failed_commit_leaves_no_file() {
        let home = tempfile::tempdir().unwrap();
        let maildir = Maildir::open(home.path()).unwrap();
        let incoming = maildir.begin(&envelope()).unwrap();
        fs::remove_dir(home.path().join("new")).unwrap();
        incoming.commit().unwrap_err();
        assert!(files(&home.path().join("tmp")).is_empty());
    }

    #[test]
    fn address_cannot_start_another_header_line() {
        let evil = "a\r\nBcc: x\n\u{b}\u{85}\u{2028}\0@x";
        let head = head(&ReceivedEnvelope {
            sender: evil.into(),
            recipients: vec![evil.into()],
            ..envelope()
        });
        assert_eq!(
            head,
            "Return-Path: <a??Bcc: x?????@x>\r\nDelivered-To: a??Bcc: x?????@x\r\n"
        );
    }

    #[test]
    fn existing_maildir_is_opened_and_file_names_are_unique() {
        let home = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let maildir = Maildir::open(home.path()).unwrap();
            maildir.begin(&envelope()).unwrap().commit().unwrap();
            maildir.begin(&envelope()).unwrap().commit().unwrap();
        }
        assert_eq!(files(&home.path().join("new")).len(), 4);
    }

    #[test]
    fn file_in_place_of_a_directory_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("tmp"), "").unwrap();
        Maildir::open(home.path()).unwrap_err();
    }
}
