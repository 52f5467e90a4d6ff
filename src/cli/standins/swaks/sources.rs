//! Where options come from: the configuration file, then the environment, then the command line.

use crate::cli::standins::swaks::getopt;
use crate::cli::standins::swaks::given::Given;
use crate::cli::standins::swaks::octets;
use crate::cli::standins::swaks::octets::is_true;
use crate::cli::standins::swaks::printer::Stop;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};

/// The file with options in a home directory.
const RC_FILE: &str = ".swaksrc";

/// The beginning of the names of variables with options.
const PREFIX: &str = "SWAKS_OPT_";

/// The configuration file.
enum RcFile {
    /// It was switched off, or there is none.
    None,
    /// One in a home directory, which need not be readable.
    Default(String),
    Chosen(String),
}

/// Reads all sources.
pub fn read(command_line: &[OsString], given: &mut Given) -> Result<(), Stop> {
    let words: Vec<String> = command_line
        .iter()
        .map(|word| octets::of_os(word))
        .collect();
    let (path, is_chosen) = match rc_file(&words) {
        RcFile::None => (None, false),
        RcFile::Default(path) => (Some(path), false),
        RcFile::Chosen(path) => (Some(path), true),
    };
    if let Some(path) = path {
        match fs::read(octets::path(&path)) {
            Ok(text) => {
                let words = words_of_file(&octets::of_bytes(&text));
                add(words, &format!("Config file {path}"), given)?;
            }
            // The text of swaks, with its variable.
            Err(_) if is_chosen => {
                let error = format!("Config file {path} could not be opened ($!).  Exiting");
                return Err(given.printer.stop(1, &error));
            }
            Err(_) => {}
        }
    }
    add(words_of_environment(), "environment", given)?;
    add(words, "command line", given)
}

/// The last `--config` of the command line, else the variable, else the file in the first home directory that has one.
fn rc_file(words: &[String]) -> RcFile {
    let is_config = |word: &String| word == "--config" || word == "-config";
    if let Some(at) = words.iter().rposition(is_config) {
        return match words.get(at + 1) {
            Some(path) if !path.starts_with('-') => RcFile::Chosen(path.clone()),
            _ => RcFile::None,
        };
    }
    if let Some(path) = env::var_os(format!("{PREFIX}config")) {
        let path = octets::of_os(&path);
        return if is_true(&path) {
            RcFile::Chosen(path)
        } else {
            RcFile::None
        };
    }
    let homes = ["SWAKS_HOME", "HOME", "LOGDIR"].into_iter();
    let mut files = homes
        .filter_map(env::var_os)
        .filter(|home| !home.is_empty())
        .map(|home| format!("{}/{RC_FILE}", octets::of_os(&home)));
    let found = files.find(|path| octets::path(path).is_file());
    found.map_or(RcFile::None, RcFile::Default)
}

/// An option on each line, with or without hyphens, and its argument after the first space.
fn words_of_file(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with('#') {
            continue;
        }
        let line = line.strip_suffix('\n').unwrap_or(line);
        let hyphens = if line.starts_with('-') { "" } else { "--" };
        let line = format!("{hyphens}{line}");
        let is_space = |character: char| character.is_ascii_whitespace() || character == '\u{b}';
        match line.split_once(is_space) {
            Some((option, argument)) => words.extend([option, argument].map(str::to_owned)),
            None => words.push(line),
        }
    }
    words
}

/// The options in variables, in the order of their names. The value `<>` is empty.
fn words_of_environment() -> Vec<String> {
    let variables = env::vars_os().map(|(name, value)| (octets::of_os(&name), value));
    let mut variables: Vec<(String, String)> = variables
        .filter_map(|(name, value)| {
            let name = name.strip_prefix(PREFIX)?;
            Some((name.to_owned(), octets::of_os(&value)))
        })
        .collect();
    variables.sort_unstable();
    let mut words = Vec::new();
    for (name, value) in variables {
        words.push(format!("--{}", name.replace('_', "-")));
        if !value.is_empty() && value != "<>" {
            words.push(value);
        }
    }
    words
}

/// Parses the words of a source, and adds its options.
fn add(words: Vec<String>, source: &str, given: &mut Given) -> Result<(), Stop> {
    if words.is_empty() {
        return Ok(());
    }
    let parsed = getopt::parse(words, env::var_os("POSIXLY_CORRECT").is_some());
    for found in parsed.found {
        given.add(found);
    }
    for error in &parsed.errors {
        // Where the standard error is closed, the exit status tells of it.
        let _ = io::stderr().write_all(&octets::bytes(&format!("{error}\n")));
    }
    if !parsed.errors.is_empty() {
        return Err(Stop(1));
    }
    if parsed.rest.is_empty() {
        return Ok(());
    }
    let rest: Vec<String> = parsed.rest.iter().map(|word| format!("'{word}'")).collect();
    let error = format!(
        "Data left in option list when processing  {source} ({}).  Exiting",
        rest.join(", ")
    );
    Err(given.printer.stop(1, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_file_is_an_option_and_its_argument() {
        let words = words_of_file("# comment\nfrom a@b\n-t x y\n--n\nsilent \n\nbody  z");
        let expected = [
            "--from", "a@b", "-t", "x y", "--n", "--silent", "", "--", "--body", " z",
        ];
        assert_eq!(words, expected);
    }
}
