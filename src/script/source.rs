//! The sources of scripts: files, standard input, and the built-in scripts.

use crate::script::library;
use crate::script::mistake::Mistake;
use crate::system::text::reason;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Maximum size of a script, in octets.
const MAX_SCRIPT: u64 = 1024 * 1024;

/// The text of a script.
#[derive(Debug)]
pub struct ScriptSource {
    /// The name in messages.
    pub name: String,
    pub text: String,
    /// The directory of the files that it names; `None`: a built-in script, which cannot name files.
    pub directory: Option<PathBuf>,
}

/// Reads the script named on the command line: a file, `-` for standard input, or a built-in script.
pub fn find(name: &str) -> Result<ScriptSource, Mistake> {
    if name == "-" {
        return Ok(ScriptSource {
            name: "-".to_owned(),
            text: text_of(io::stdin().lock(), "-")?,
            directory: Some(PathBuf::new()),
        });
    }
    find_in(name, Some(Path::new("")))
}

/// Reads an included script: a file in the directory of the script, or a built-in script.
pub fn find_in(name: &str, directory: Option<&Path>) -> Result<ScriptSource, Mistake> {
    let path = directory.map(|directory| directory.join(name));
    if let Some(path) = path.filter(|path| path.exists() || library::find(name).is_none()) {
        return read(name, &path);
    }
    let shipped = library::find(name)
        .ok_or_else(|| unreadable(name, "no script of this name comes with ehlo"))?;
    Ok(ScriptSource {
        name: shipped.name.to_owned(),
        text: shipped.text.to_owned(),
        directory: None,
    })
}

fn read(name: &str, path: &Path) -> Result<ScriptSource, Mistake> {
    let file = File::open(path).map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::NotFound && !name.contains(['/', '.']) {
            "; ehlo script --list shows those that come with ehlo"
        } else {
            ""
        };
        unreadable(name, &format!("{}{hint}", reason(&error)))
    })?;
    Ok(ScriptSource {
        name: path.display().to_string(),
        text: text_of(file, name)?,
        directory: Some(path.parent().unwrap_or(Path::new("")).to_owned()),
    })
}

fn text_of(from: impl Read, name: &str) -> Result<String, Mistake> {
    let mut octets = Vec::new();
    let read = from.take(MAX_SCRIPT + 1).read_to_end(&mut octets);
    read.map_err(|error| unreadable(name, &reason(&error)))?;
    if octets.len() as u64 > MAX_SCRIPT {
        return Err(unreadable(name, "it is larger than 1 MiB"));
    }
    let mut text = String::from_utf8(octets).map_err(|_| unreadable(name, "it is not UTF-8"))?;
    // Some editors write a byte order mark before UTF-8.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

fn unreadable(file: &str, why: &str) -> Mistake {
    Mistake::Unreadable {
        file: file.to_owned(),
        why: why.to_owned(),
    }
}
