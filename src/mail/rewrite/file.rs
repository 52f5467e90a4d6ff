//! Files that determine the delivery of mail. They must not be writable by others.

use crate::mail::rewrite::RewriteError;
use crate::system::text::{reason, without_mark};
use crate::system::trust::{Danger, open_file, write_danger};
use std::io::{self, Read as _};
use std::path::Path;

/// Maximum size of an alias file.
const LARGEST: u64 = 16 << 20;

/// Content of a file. `None`: the file does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, RewriteError> {
    let wrong = |why: String| RewriteError::Aliases {
        path: path.to_owned(),
        line: None,
        why,
    };
    let unreadable = |error: io::Error| wrong(format!("cannot be read: {}", reason(&error)));
    let file = match open_file(path).map_err(io::Error::from) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if let Some(danger) = write_danger(&file.metadata().map_err(unreadable)?) {
        return Err(wrong(text(danger)));
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(LARGEST + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("is larger than {LARGEST} bytes")));
    }
    // A comment in another charset does no harm. An address that is not UTF-8 is refused later.
    Ok(Some(
        String::from_utf8_lossy(without_mark(&bytes)).into_owned(),
    ))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn text(danger: Danger) -> String {
    match danger {
        Danger::NotAFile => "is not a regular file".to_owned(),
        Danger::Foreign { owner, user } => format!(
            "belongs to user {owner}, but must belong to root or to user {user}, who runs ehlo; use chown"
        ),
        Danger::Writable | Danger::Readable => {
            "others can write to it and so redirect mail; use chmod go-w".to_owned()
        }
    }
}
