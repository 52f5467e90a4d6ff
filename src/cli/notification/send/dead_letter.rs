//! The dead letter file for mail that can be neither sent nor queued, at its traditional path.

use crate::mail::mbox;
use crate::mail::mbox::MboxLines;
use crate::mail::message::Message;
use crate::smtp::blocks::{Block, Replay};
use crate::system::host;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Appends the message to the first writable file, and returns its path. `None`: no file is writable.
pub fn add(message: &Message) -> Option<PathBuf> {
    let mut places = places().into_iter();
    places.find(|path| append(path, message).is_ok())
}

/// The home directory, the state directory, and one that survives a restart.
pub fn places() -> Vec<PathBuf> {
    let absolute = |name| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let home = absolute("HOME");
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| Some(home.as_ref()?.join(".local/state")));
    let user = rustix::process::geteuid().as_raw();
    let own = [home, state.map(|state| state.join("ehlo"))];
    let own = own
        .into_iter()
        .flatten()
        .map(|path| path.join("dead.letter"));
    let last = PathBuf::from(format!("/var/tmp/dead.letter-{user}"));
    own.chain([last]).collect()
}

/// Adds a message to a mailbox, or leaves it as it was.
fn append(path: &Path, message: &Message) -> io::Result<()> {
    let mut file = open(path)?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
    let before = file.metadata()?.len();
    let written = write(&mut file, before, message).and_then(|()| file.sync_data());
    if written.is_err() {
        let _ = file.set_len(before);
    }
    written
}

/// Opens a file that belongs to this user alone, whatever exists at the path.
fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|path| path.ends_with("ehlo")) {
        // Independent of the umask of cron.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let flags = OFlags::RDWR
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::CLOEXEC
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    let facts = rustix::fs::fstat(&file)?;
    let is_file = FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile;
    let is_ours = facts.st_uid == rustix::process::geteuid().as_raw();
    if is_file && is_ours && facts.st_nlink == 1 {
        return Ok(File::from(file));
    }
    Err(io::Error::from(io::ErrorKind::PermissionDenied))
}

fn write(file: &mut File, before: u64, message: &Message) -> io::Result<()> {
    let shape = message.simplest().ok_or(io::ErrorKind::InvalidData)?;
    let seam = mbox::seam(file, before)?;
    let mut out = BufWriter::new(file);
    out.write_all(seam.as_bytes())?;
    out.write_all(mbox::first_line(&host::login(), SystemTime::now()).as_bytes())?;
    let (mut blocks, mut lines) = (message.blocks(shape), MboxLines::default());
    let mut block = Vec::new();
    while blocks.append(&mut block)? != Block::End {
        lines.write(&block, &mut out)?;
        block.clear();
    }
    lines.end(&mut out)?;
    out.flush()
}

#[cfg(test)]
mod tests;
