//! Values of options in the form in which the queue stores them: independent of the current directory.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value::HostPort;
use crate::system::text::{reason, shown};
use clap::Arg;
use std::any::TypeId;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Options that are shell commands.
const COMMANDS: [&str; 4] = [
    "pipe",
    "password_command",
    "oauth_token_command",
    "oauth_client_secret_command",
];

/// A value as the queue stores it. It has the same meaning in another directory.
pub fn stored_value(option: &str, arg: &Arg, value: &OsStr) -> Result<String, UsageError> {
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<PathBuf>() {
        return absolute(option, Path::new(value));
    }
    let text = value.to_str().ok_or_else(|| not_utf8(option))?;
    if COMMANDS.contains(&arg.get_id().as_str()) {
        return shell_command(option, text);
    }
    match text.strip_prefix("unix:") {
        Some(path) if kind == TypeId::of::<HostPort>() => {
            Ok(format!("unix:{}", absolute(option, Path::new(path))?))
        }
        _ => Ok(text.to_owned()),
    }
}

pub fn absolute(option: &str, path: &Path) -> Result<String, UsageError> {
    let absolute = std::path::absolute(path).map_err(|error| {
        let path = shown(&path.to_string_lossy());
        UsageError::usage(format!(
            "{option}: cannot determine the absolute path of {path}: {}",
            reason(&error)
        ))
    })?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|_| not_utf8(option))
}

fn not_utf8(option: &str) -> UsageError {
    UsageError::usage(format!(
        "{option}: the path is not UTF-8 and cannot be stored in the queue; rename the file"
    ))
}

/// Characters that separate words and paths in a shell command.
const SEPARATORS: &[char] = &[
    ' ', '\t', '\n', '\'', '"', ';', '|', '&', '(', ')', '<', '>', '=', '`', '$', '{', '}',
];

/// The command in the form that is stored: if it names a file relative to the current directory, a `cd` to
/// that directory precedes it. Other commands are stored unchanged, because the directory may not exist any
/// more.
pub fn shell_command(option: &str, command: &str) -> Result<String, UsageError> {
    if !is_relative(command, |path| path.symlink_metadata().is_ok()) {
        return Ok(command.to_owned());
    }
    let directory = absolute(option, Path::new("."))?.replace('\'', r"'\''");
    Ok(format!("cd '{directory}' || exit; {command}"))
}

fn is_relative(command: &str, exists: impl Fn(&Path) -> bool) -> bool {
    command.split(SEPARATORS).any(|word| {
        let is_by_path = word.starts_with("./") || word.starts_with("../");
        let is_name = !word.is_empty() && !word.starts_with(['/', '-', '~']);
        is_by_path || is_name && exists(Path::new(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_a_relative_path_depends_on_the_directory() {
        let exists = |path: &Path| path == Path::new("pw.txt") || path == Path::new("bin/pw");
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
            assert_eq!(is_relative(command, exists), right, "{command}");
        }
    }

    #[test]
    fn a_relative_command_is_stored_with_its_directory() {
        let here = std::env::current_dir().unwrap();
        let right = format!("cd '{}' || exit; ./srv", here.display());
        assert_eq!(shell_command("--pipe", "./srv").ok(), Some(right));
        assert_eq!(
            shell_command("--pipe", "srv -x").ok(),
            Some("srv -x".to_owned())
        );
    }
}
