//! Values of options with parameters: `FILE;name=value`.

use crate::cli::options::usage_error::UsageError;
use crate::cli::options::value;
use crate::system::exit::Exit;
use crate::system::text::in_charset;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// Cuts known parameters off from the end, so that a `;` in a file's name that begins no parameter is
/// a part of it, and so is one after a backslash.
pub fn cut(
    given: PathBuf,
    option: &str,
    keys: &[&str],
    charset: Option<&str>,
) -> Result<(PathBuf, Vec<(String, String)>), UsageError> {
    let mut parameters = Vec::new();
    let mut file = given.into_os_string().into_vec();
    while let Some(at) = memchr::memrchr(b';', &file) {
        let parameter = in_charset(&file[at + 1..], charset);
        let (key, value) = parameter.split_once('=').unwrap_or_default();
        if !keys.contains(&key) || file[..at].ends_with(b"\\") {
            break;
        }
        let value = value::line(value)
            .map_err(|why| UsageError::usage(format!("{option} ;{key}=: {why}")).about(option))?;
        parameters.push((key.to_owned(), value));
        file.truncate(at);
    }
    let mut next = file.clone().into_iter().skip(1);
    file.retain(|&byte| next.next() != Some(b';') || byte != b'\\');
    if file.is_empty() {
        return Err(UsageError::of_value(
            Exit::Usage,
            option,
            "expected a file name",
        ));
    }
    Ok((OsString::from_vec(file).into(), parameters))
}
