//! The format of journals: one line for each record, `CHECKSUM SPACE JSON LF`.
//!
//! Lines are only appended, each with one `write()`. A crash can leave only the last line torn. A torn last
//! line counts as never written, since its writing was never confirmed. Damage anywhere else cannot come
//! from a crash and is reported.

use serde::Serialize;
use std::fs::File;
use std::io::{self, Write as _};

/// The checksum and the space.
const PREFIX: usize = 9;

/// The line of a record. The content consists of strings, numbers and lists, so that it can always be JSON.
pub fn line(content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(content).unwrap_or_default();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

/// The JSON of a line without its line end, if its checksum is right. The prefix must match exactly: a digit in
/// another form is damage too.
pub fn verified(line: &[u8]) -> Option<&[u8]> {
    let (prefix, json) = line.split_at_checked(PREFIX)?;
    (prefix == format!("{:08x} ", crc32fast::hash(json)).as_bytes()).then_some(json)
}

/// A journal open for appending.
pub struct JournalEnd {
    /// Length in octets of the intact part.
    intact: u64,
    /// True if there may be octets after the intact part.
    is_torn: bool,
}

impl JournalEnd {
    /// The end of a journal with this length in octets, of which so many are intact.
    pub fn new(intact: u64, length: u64) -> Self {
        Self {
            intact,
            is_torn: intact < length,
        }
    }

    /// Length in octets of the intact part.
    pub fn intact(&self) -> u64 {
        self.intact
    }

    /// Appends a line to the file, which was opened for appending, and then syncs it as `sync` does. If that
    /// fails, the line counts as never written.
    pub fn append(
        &mut self,
        file: &File,
        line: &[u8],
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        self.truncate(file)?;
        self.is_torn = true;
        let mut out = file;
        let written = out.write_all(line).and_then(|()| sync(file));
        match written {
            Ok(()) => {
                self.is_torn = false;
                self.intact += line.len() as u64;
            }
            // A record that was not written completely does not count. If this fails too, the next write
            // tries again.
            Err(_) => drop(self.truncate(file)),
        }
        written
    }

    /// Removes the torn part.
    fn truncate(&mut self, file: &File) -> io::Result<()> {
        if self.is_torn {
            file.set_len(self.intact)?;
            self.is_torn = false;
        }
        Ok(())
    }
}
