//! The sources of scripts: files, standard input, and bundled scripts.

use crate::script::statement::ScriptError;
use crate::system::text::reason;
use std::fs::File;
use std::io;
use std::io::Read;
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
pub fn open(name: &str) -> Result<ScriptSource, ScriptError> {
    if name == "-" {
        return Ok(ScriptSource {
            name: "-".to_owned(),
            text: text_of(io::stdin().lock(), "-")?,
            directory: Some(PathBuf::new()),
        });
    }
    open_included(name, Some(Path::new("")))
}

/// Reads an included script: a file in the directory of the script, or a built-in script.
pub fn open_included(name: &str, directory: Option<&Path>) -> Result<ScriptSource, ScriptError> {
    let path = directory.map(|directory| directory.join(name));
    if let Some(path) = path.filter(|path| path.exists() || built_in(name).is_none()) {
        return read(name, &path);
    }
    let script = built_in(name)
        .ok_or_else(|| unreadable(name, "there is no bundled script of this name"))?;
    Ok(ScriptSource {
        name: script.name.to_owned(),
        text: script.text.to_owned(),
        directory: None,
    })
}

fn read(name: &str, path: &Path) -> Result<ScriptSource, ScriptError> {
    let file = File::open(path).map_err(|error| {
        let is_server = name
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let hint = if is_server {
            "; to name the server, use --server"
        } else if error.kind() != io::ErrorKind::NotFound || name.contains(['/', '.']) {
            ""
        } else if let Some(meant) = resembling(name) {
            &format!("; did you mean {meant}?")
        } else {
            "; see ehlo script --list for the bundled scripts"
        };
        unreadable(name, &format!("{}{hint}", reason(&error)))
    })?;
    Ok(ScriptSource {
        name: path.display().to_string(),
        text: text_of(file, name)?,
        directory: Some(path.parent().unwrap_or(Path::new("")).to_owned()),
    })
}

fn text_of(from: impl Read, name: &str) -> Result<String, ScriptError> {
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

fn unreadable(file: &str, why: &str) -> ScriptError {
    ScriptError::Unreadable {
        file: file.to_owned(),
        why: why.to_owned(),
    }
}

/// The bundled script whose name begins like this one.
fn resembling(name: &str) -> Option<&'static str> {
    let start = name.get(..4)?.to_ascii_lowercase();
    let mut names = BUILT_IN.iter().map(|script| script.name);
    names.find(|known| known.starts_with(&start))
}

/// A built-in script.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInScript {
    pub name: &'static str,
    pub text: &'static str,
}

pub const BUILT_IN: [BuiltInScript; 6] = [
    BuiltInScript {
        name: "conformance",
        text: include_str!("library/conformance.ehlo"),
    },
    BuiltInScript {
        name: "extensions",
        text: include_str!("library/extensions.ehlo"),
    },
    BuiltInScript {
        name: "pipelining",
        text: include_str!("library/pipelining.ehlo"),
    },
    BuiltInScript {
        name: "relay",
        text: include_str!("library/relay.ehlo"),
    },
    BuiltInScript {
        name: "smuggling",
        text: include_str!("library/smuggling.ehlo"),
    },
    BuiltInScript {
        name: "starttls",
        text: include_str!("library/starttls.ehlo"),
    },
];

impl BuiltInScript {
    /// A description in one line.
    pub fn about(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches("# ")
    }
}

/// The script of this name.
pub fn built_in(name: &str) -> Option<&'static BuiltInScript> {
    BUILT_IN.iter().find(|script| script.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::parse;

    #[test]
    fn built_in_scripts_have_no_errors_and_name_the_intended_server() {
        for script in &BUILT_IN {
            parse(script.name, &[]).unwrap_or_else(|errors| panic!("{errors:#?}"));
            let head = script.text.split("\n\n").next().unwrap();
            assert!(head.contains("only against your own server"), "{head}");
            assert!(script.about().ends_with('.'), "{}", script.about());
        }
    }
}
