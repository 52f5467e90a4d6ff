//! Paths in the options of a profile.

use crate::cli::options::message;
use crate::cli::options::value::HostPort;
use crate::mail::message::Input;
use crate::system::user;
use clap::Arg;
use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

/// Options whose files are written, or made if they are missing.
const WRITTEN: [&str; 2] = ["save-certs", "queue-dir"];

/// A value of a profile with the home directory in its path. No shell has expanded it.
pub fn expanded(option: &Arg, text: &str) -> OsString {
    let start = before_path(option, text);
    match start.and_then(|start| Some((start, text.strip_prefix(start)?))) {
        Some((start, path)) => {
            let mut whole = OsString::from(start);
            whole.push(user::expanded(path));
            whole
        }
        None => OsString::from(text),
    }
}

/// The prefix of the path in a value of this option; `None` if it takes no path.
fn before_path(option: &Arg, text: &str) -> Option<&'static str> {
    let kind = option.get_value_parser().type_id();
    if kind == TypeId::of::<Input>() {
        return Some(if takes_only_files(option) { "" } else { "@" });
    }
    if kind == TypeId::of::<HostPort>() {
        let has_scheme = text.starts_with("unix:");
        return Some(if has_scheme { "unix:" } else { "" });
    }
    (kind == TypeId::of::<PathBuf>()).then_some("")
}

fn takes_only_files(option: &Arg) -> bool {
    let names = option.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.starts_with("FILE"))
}

/// The file that an option with this value reads, if it reads one.
pub fn file(option: &Arg, text: &str) -> Option<PathBuf> {
    let kind = option.get_value_parser().type_id();
    let key = option.get_long()?;
    let has_file = kind == TypeId::of::<PathBuf>() || kind == TypeId::of::<Input>();
    if !has_file || WRITTEN.contains(&key) {
        return None;
    }
    let path = user::expanded(text.strip_prefix(before_path(option, text)?)?);
    let input = match key {
        "attach" => message::attachment(path, None).ok()?.input,
        "inline" => message::inline(path, None).ok()?.file.input,
        _ => Input::File(path),
    };
    match input {
        Input::File(path) => is_named(&path).then_some(path),
        _ => None,
    }
}

/// False for the standard input, and for the rest of a text that begins with `@@`.
fn is_named(path: &std::path::Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    path != b"-" && !path.starts_with(b"@")
}
