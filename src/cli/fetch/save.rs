//! Copies of messages in a file, a Maildir or an mbox. A copy appears complete, or not at all.

use crate::cli::fetch::Destination;
use crate::mail::mbox;
use crate::mailbox::MailboxError;
use crate::server::Maildir;
use crate::system::text::{reason, shown_path};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Size of the output buffer.
const BUFFER: usize = 64 * 1024;

/// A place for copies, which is open.
pub enum Store {
    File(PathBuf),
    Maildir(PathBuf, Maildir),
    Mbox(PathBuf, File),
}

/// Writes a message to the given output.
pub type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> Result<u64, MailboxError>;

impl Store {
    /// Opens the place before a connection is made.
    ///
    /// # Errors
    /// A sentence.
    pub fn open(destination: &Destination) -> Result<Self, String> {
        let failed = |path: &Path, error: &io::Error| {
            format!("cannot write {}: {}", shown_path(path), reason(error))
        };
        match destination {
            Destination::File(path) => Ok(Self::File(path.clone())),
            Destination::Maildir(path) => {
                let maildir = Maildir::open(path).map_err(|error| failed(path, &error))?;
                Ok(Self::Maildir(path.clone(), maildir))
            }
            Destination::Mbox(path) => {
                let file = OpenOptions::new()
                    .read(true)
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(|error| failed(path, &error))?;
                Ok(Self::Mbox(path.clone(), file))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Maildir(path, _) | Self::Mbox(path, _) => path,
        }
    }

    /// Saves a message. Returns the file.
    ///
    /// # Errors
    /// The message cannot be fetched, or the copy cannot be written.
    pub fn save(&self, sender: &str, fill: Fill<'_>) -> Result<PathBuf, MailboxError> {
        let saved = match self {
            Self::File(path) => catch(fill, |fill| to_file(path, fill).map(|()| path.clone())),
            Self::Maildir(_, maildir) => catch(fill, |fill| maildir.add(fill)),
            Self::Mbox(path, file) => catch(fill, |fill| {
                mbox::append(file, sender, "", |out| fill(out)).map(|()| path.clone())
            }),
        };
        saved.map_err(|error| match error {
            MailboxError::Output(error) => MailboxError::Output(io::Error::other(format!(
                "cannot write {}: {}",
                shown_path(self.path()),
                reason(&error)
            ))),
            other => other,
        })
    }
}

type FillFile<'w> = &'w mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Runs a function that only knows errors of writing, and returns the error of fetching if there was one.
fn catch(
    fill: Fill<'_>,
    save: impl FnOnce(FillFile<'_>) -> io::Result<PathBuf>,
) -> Result<PathBuf, MailboxError> {
    let mut failure = None;
    let saved = save(&mut |out| {
        fill(out).map(drop).map_err(|error| match error {
            MailboxError::Output(error) => error,
            other => {
                failure = Some(other);
                io::Error::other("the message was not fetched")
            }
        })
    });
    match failure {
        Some(error) => Err(error),
        None => saved.map_err(MailboxError::Output),
    }
}

/// Writes a new file beside the old one, which it then replaces.
fn to_file(path: &Path, fill: FillFile<'_>) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    let mut out = BufWriter::with_capacity(BUFFER, file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
