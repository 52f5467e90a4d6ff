//! Opening and parsing of an item's file.

use crate::queue::store::spool::body::StoredMessage;
use crate::queue::store::spool::directory::Directory;
use crate::queue::store::spool::metadata::{FIRST_LINE, Lengths, ReadMetadata};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

/// Upper limit in octets of the first line and the metadata of nearly all items; read at once.
const USUAL_LETTER: usize = 4096;

/// The reason why a file cannot be used.
pub enum Flaw {
    /// The content is not as it was written.
    Damage(String),
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for Flaw {
    fn from(why: String) -> Self {
        Self::Damage(why)
    }
}

/// Opens a file, which must be a regular file; `None`: no such file.
pub fn open(directory: &Directory, name: &str, flags: OFlags) -> Result<Option<File>, Flaw> {
    let file = match directory.open(name, flags) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(Flaw::Damage("it is a symlink".to_owned())),
        // A permanent error, because no other process changes modes in this directory.
        Err(Errno::ACCESS) => return Err(Flaw::Damage("its mode forbids to open it".to_owned())),
        Err(Errno::ISDIR | Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP) => return Err(no_file()),
        Err(error) => return Err(Flaw::Io(error.into())),
    };
    if file.metadata()?.is_file() {
        Ok(Some(file))
    } else {
        Err(no_file())
    }
}

fn no_file() -> Flaw {
    Flaw::Damage("it is not a file".to_owned())
}

/// The parsed file of an item.
pub struct ItemContents {
    pub lengths: Lengths,
    pub read: ReadMetadata,
}

/// Reads the first line and the metadata, and checks the length of the message.
pub fn contents(file: &File) -> Result<ItemContents, Flaw> {
    let start = read(file, USUAL_LETTER, 0)?;
    let lengths = Lengths::read(&start[..start.len().min(FIRST_LINE)])?;
    let size = file.metadata()?.size();
    match lengths.whole() {
        Some(whole) if whole == size => {}
        Some(whole) if whole > size => {
            return Err(Flaw::Damage(format!(
                "it ends after {size} of {whole} octets"
            )));
        }
        _ => {
            return Err(Flaw::Damage(
                "it is longer than what was written".to_owned(),
            ));
        }
    }
    let metadata = match start.get(FIRST_LINE..FIRST_LINE + lengths.metadata) {
        Some(metadata) => lengths.metadata(metadata),
        None => lengths.metadata(&read(file, lengths.metadata, FIRST_LINE as u64)?),
    };
    let read = metadata?;
    Ok(ItemContents { lengths, read })
}

impl ItemContents {
    /// The message of the file that this was read from.
    pub fn body(&self, file: File) -> StoredMessage {
        StoredMessage::new(file, &self.lengths, &self.read)
    }
}

/// Reads this number of octets from an offset, or fewer at the end of the file.
fn read(file: &File, length: usize, from: u64) -> io::Result<Vec<u8>> {
    let mut octets = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut octets[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(filled);
    Ok(octets)
}
