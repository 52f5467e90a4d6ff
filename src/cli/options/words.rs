//! Probable mistakes on a command line: text that is not UTF-8, and a file name instead of text.

use crate::cli::options::command_line::{present, source};
use crate::cli::options::usage_error::UsageError;
use crate::cli::send::args::{ParsedWords, parse};
use crate::system::text::{in_charset, shown};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use encoding_rs::Encoding;
use std::any::TypeId;
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Options whose value is a text, or a file with `@` before its name.
const TEXTS: [&str; 3] = ["body", "html", "markdown"];

/// Options of files with names that the recipient sees.
const SHOWN_FILES: [&str; 3] = ["attach", "inline", "attach_message"];

/// A value on the command line.
struct ArgValue<'c> {
    arg: &'c Arg,
    value: &'c OsStr,
}

impl ArgValue<'_> {
    fn is(&self, ids: &[&str]) -> bool {
        ids.contains(&self.arg.get_id().as_str())
    }

    /// True if any bytes are valid: the name of a file, or a word of another program's command line.
    fn is_bytes(&self) -> bool {
        let kind = self.arg.get_value_parser().type_id();
        kind == TypeId::of::<PathBuf>() || kind == TypeId::of::<OsString>()
    }

    /// The option name as on the command line.
    fn option(&self) -> String {
        let name = self.arg.get_value_names().and_then(|names| names.first());
        match self.arg.get_long() {
            Some(long) => format!("--{long}"),
            None => name.map_or_else(String::new, ToString::to_string),
        }
    }

    /// Reads the word that has this value, and that is not UTF-8.
    fn read(
        &self,
        word: &OsStr,
        charset: Option<&'static Encoding>,
        warnings: &mut Vec<String>,
    ) -> Result<OsString, UsageError> {
        let (option, bytes) = (self.option(), word.as_bytes());
        let is_text = !self.is_bytes();
        if let Some(charset) = charset.filter(|_| is_text) {
            let text = charset
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(|text| text.into_owned().into());
            return text.ok_or_else(|| {
                UsageError::data(format!(
                    "{option}: the value is not valid {}",
                    charset.name()
                ))
            });
        }
        if charset.is_none() && (is_text || self.is(&SHOWN_FILES)) {
            let valid = bytes
                .utf8_chunks()
                .next()
                .map_or(0, |chunk| chunk.valid().len());
            let at = valid.saturating_sub(word.to_string_lossy().len() - self.value.len());
            warnings.push(format!(
                "{option}: byte {at} is not valid UTF-8; reading the value as windows-1252"
            ));
        }
        Ok(if is_text {
            guessed(word)
        } else {
            word.to_owned()
        })
    }
}

fn guessed(word: &OsStr) -> OsString {
    in_charset(word.as_bytes(), None).into_owned().into()
}

/// The command line with its texts in UTF-8. Other text is read in the charset that --charset names,
/// else as windows-1252, with a warning. Names of files stay as they are.
pub fn in_utf8<'w>(
    words: &'w [OsString],
    command: fn() -> Command,
    warnings: &mut Vec<String>,
) -> Result<Cow<'w, [OsString]>, UsageError> {
    if words.iter().all(|word| word.to_str().is_some()) {
        return Ok(Cow::Borrowed(words));
    }
    let shown = words.iter().map(|word| word.to_string_lossy());
    let shown: Vec<OsString> = shown.map(|word| word.into_owned().into()).collect();
    // An error is reported when these words are parsed again, with the option's name.
    let Ok(ParsedWords {
        command, matches, ..
    }) = parse(command, command, &shown)
    else {
        return Ok(words.iter().map(|word| guessed(word)).collect());
    };
    let values = values(&command, &matches);
    let charset = values
        .iter()
        .find(|value| value.is(&["charset"]))
        .and_then(|value| Encoding::for_label(value.value.as_bytes()))
        .filter(|charset| charset.is_ascii_compatible());
    let read = words.iter().zip(&shown).map(|(word, shown)| {
        let is_owner = |value: &&ArgValue<'_>| shown.as_bytes().ends_with(value.value.as_bytes());
        let owner = values
            .iter()
            .filter(is_owner)
            .max_by_key(|value| value.value.len());
        match owner.filter(|_| word.to_str().is_none()) {
            Some(owner) => owner.read(word, charset, warnings),
            None => Ok(word.clone()),
        }
    });
    read.collect::<Result<Vec<_>, _>>().map(Cow::Owned)
}

/// Refuses a file name instead of text on a terminal, and warns about it elsewhere.
pub fn check_texts(matches: &ArgMatches, warnings: &mut Vec<String>) -> Result<(), UsageError> {
    let mut own = matches;
    while let Some((_, inner)) = own.subcommand() {
        own = inner;
    }
    for id in TEXTS {
        if source(own, id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let values = own.get_raw(id).into_iter().flatten();
        for text in values.filter_map(OsStr::to_str) {
            check_text(&format!("--{id}"), text, warnings)?;
        }
    }
    Ok(())
}

fn check_text(option: &str, text: &str, warnings: &mut Vec<String>) -> Result<(), UsageError> {
    if text.contains('\n') || !Path::new(text).is_file() {
        return Ok(());
    }
    let name = shown(text);
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        return Err(UsageError::usage(format!(
            "{option}: {name} is a file; write {option} '@{name}' to send its contents, or pipe the \
             text in"
        )));
    }
    warnings.push(format!(
        "{option}: the text is the name of a file; write {option} '@{name}' to send its contents"
    ));
    Ok(())
}

/// The values on the command line of the innermost subcommand.
fn values<'c>(command: &'c Command, matches: &'c ArgMatches) -> Vec<ArgValue<'c>> {
    let (mut command, mut matches) = (command, matches);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(inner_command) = command.find_subcommand(name) else {
            break;
        };
        (command, matches) = (inner_command, inner);
    }
    let values = present(command, matches).into_iter().flat_map(|arg| {
        let values = matches.get_raw(arg.get_id().as_str());
        values
            .into_iter()
            .flatten()
            .map(move |value| ArgValue { arg, value })
    });
    values.collect()
}
