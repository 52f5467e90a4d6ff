//! Saves attachments. No file is overwritten.

use crate::mail::message::Source;
use crate::mail::view::{MessageView, PartView};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Names that are tried for one attachment.
const MAX_TRIES: u32 = 10_000;

/// An attachment that was saved.
pub struct SavedFile {
    /// The number of the part.
    pub part: String,
    pub path: PathBuf,
}

/// Saves all attachments in a directory, which is created if it is missing.
pub fn extract(
    source: &Source,
    view: &MessageView,
    directory: &Path,
) -> io::Result<Vec<SavedFile>> {
    fs::create_dir_all(directory)?;
    let parts = view.attachments();
    parts
        .map(|part| {
            let path = save(source, part, directory)?;
            Ok(SavedFile {
                part: part.id.clone(),
                path,
            })
        })
        .collect()
}

fn save(source: &Source, part: &PartView, directory: &Path) -> io::Result<PathBuf> {
    let (mut file, path) = create(directory, &part.file_name())?;
    let written = part.decode(source, &mut |block| file.write_all(block));
    if written.is_err() {
        let _ = fs::remove_file(&path);
    }
    written.map(|()| path)
}

/// Creates a file that did not exist, with a number in its name if necessary. A link is not followed.
fn create(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    for number in 0..MAX_TRIES {
        let path = directory.join(match number {
            0 => name.to_owned(),
            _ => format!("{stem}-{number}{extension}"),
        });
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return Ok((opened?, path)),
        }
    }
    Err(io::Error::other(format!(
        "there are {MAX_TRIES} files named like {name}"
    )))
}
