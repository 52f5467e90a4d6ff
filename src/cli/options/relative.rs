//! Shell commands that are run later, in another directory.

use crate::cli::options::profile::absolute;
use crate::cli::options::usage_error::UsageError;
use std::path::Path;

/// Characters that separate words and paths in a shell command.
const SEPARATORS: &[char] = &[
    ' ', '\t', '\n', '\'', '"', ';', '|', '&', '(', ')', '<', '>', '=', '`', '$', '{', '}',
];

/// The command in the form that is stored: if it names a file relative to the current directory, a `cd` to
/// that directory precedes it. Other commands are stored unchanged, because the directory may not exist any
/// more.
pub fn kept(option: &str, command: &str) -> Result<String, UsageError> {
    if !is_relative(command, |path| path.symlink_metadata().is_ok()) {
        return Ok(command.to_owned());
    }
    let directory = absolute(option, Path::new("."))?;
    let directory = directory.replace('\'', r"'\''");
    Ok(format!("cd '{directory}' || exit; {command}"))
}

fn is_relative(command: &str, is_there: impl Fn(&Path) -> bool) -> bool {
    command.split(SEPARATORS).any(|word| {
        let is_by_path = word.starts_with("./") || word.starts_with("../");
        let is_name = !word.is_empty() && !word.starts_with(['/', '-', '~']);
        is_by_path || is_name && is_there(Path::new(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_names_a_file_here_depends_on_the_directory() {
        let is_there = |path: &Path| path == Path::new("pw.txt") || path == Path::new("bin/pw");
        for (command, right) in [
            ("./srv", true),
            ("../srv -x", true),
            ("cat <./pw", true),
            ("cat pw.txt", true),
            ("cat<pw.txt", true),
            ("bin/pw", true),
            ("FILE='pw.txt' x", true),
            ("pass show smtp/work", false),
            ("/usr/bin/pw -f /x/pw.txt", false),
            ("echo hunter2", false),
        ] {
            assert_eq!(is_relative(command, is_there), right, "{command}");
        }
    }

    #[test]
    fn its_directory_is_kept_with_it() {
        let here = std::env::current_dir().unwrap();
        let right = format!("cd '{}' || exit; ./srv", here.display());
        assert_eq!(kept("--pipe", "./srv").ok(), Some(right));
        assert_eq!(kept("--pipe", "srv -x").ok(), Some("srv -x".to_owned()));
    }
}
