//! The last resort for mail that can be neither sent nor queued: the dead letter file, and the system log.

use crate::mail::mbox;
use crate::mail::message::Message;
use crate::smtp::blocks::{Block, Replay};
use crate::system::syslog::{self, SyslogPriority};
use crate::system::trust::is_own;
use crate::system::user;
use crate::system::user::path_variable;
use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Appends the message to the first writable file, and returns its path. `None`: no file is writable.
pub fn add(message: &Message) -> Option<PathBuf> {
    let mut paths = paths().into_iter();
    paths.find(|path| append(path, message).is_ok())
}

/// The home directory, the state directory, and one that survives a restart.
pub fn paths() -> Vec<PathBuf> {
    let home = path_variable("HOME");
    let state = path_variable("XDG_STATE_HOME");
    let state = state.or_else(|| Some(home.as_ref()?.join(".local/state")));
    let user = rustix::process::geteuid().as_raw();
    let own = [home, state.map(|state| state.join("ehlo"))]
        .into_iter()
        .flatten()
        .map(|path| path.join("dead.letter"));
    let last = PathBuf::from(format!("/var/tmp/dead.letter-{user}"));
    own.chain([last]).collect()
}

fn append(path: &Path, message: &Message) -> io::Result<()> {
    let shape = message.simplest().ok_or(io::ErrorKind::InvalidData)?;
    mbox::append(&open(path)?, &user::login(), "", |mailbox| {
        let (mut blocks, mut block) = (message.blocks(shape), Vec::new());
        while blocks.append(&mut block)? != Block::End {
            mailbox.write_all(&block)?;
            block.clear();
        }
        Ok(())
    })
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
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    let facts = file.metadata()?;
    if facts.is_file() && is_own(&facts) && facts.nlink() == 1 {
        return Ok(file);
    }
    Err(io::Error::from(io::ErrorKind::PermissionDenied))
}

/// Sends a line to the system log if there is one. Never blocks.
pub fn log(text: &str) {
    let _ = syslog::send(SyslogPriority::USER_ERROR, "ehlo", text);
}

#[cfg(test)]
mod tests;
