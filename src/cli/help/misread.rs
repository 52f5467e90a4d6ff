//! Words that clap accepts as something else than they were meant: `-bcc ADDR` is `-b cc` for it, a text.

use crate::cli::help::habits::option_of_habit;
use crate::cli::help::suggestions::{habit, names};
use crate::cli::help::{COMMANDS, habits};
use crate::cli::options::usage_error::UsageError;
use crate::system::text::shown;
use clap::Command;
use std::ffi::OsString;
use std::path::Path;

/// The error for a word that is an option of another program, or a long option with one hyphen. The command is built
/// only for a word that may be one.
pub(crate) fn check(words: &[OsString], command: fn() -> Command) -> Result<(), UsageError> {
    let texts: Vec<&str> = words
        .iter()
        .skip(1)
        .map_while(|word| word.to_str())
        .collect();
    match texts[..] {
        [first, ..] if COMMANDS.contains(&first) => return Ok(()),
        [only] => {
            if let Some(answer) = habits::alone(only) {
                let text = format!("no recipient; {answer}; see ehlo --help");
                return Err(UsageError::usage(text));
            }
        }
        _ => {}
    }
    let end = texts.iter().position(|word| *word == "--");
    let typed = &texts[..end.unwrap_or(texts.len())];
    let Some(place) = typed.iter().position(|word| may_be_long(word)) else {
        return Ok(());
    };
    let wrong = meant(typed, place, &command());
    let Some(((word, answer), others)) = wrong.split_first() else {
        return Ok(());
    };
    let others = others
        .iter()
        .map(|(word, answer)| format!("; {}: {answer}", shown(word)));
    let others: String = others.collect();
    Err(UsageError::usage(format!(
        "\"{}\" is not an option; {answer}{others}; see ehlo --help",
        shown(word)
    )))
}

/// True for one hyphen and a name.
fn may_be_long(word: &str) -> bool {
    let name = name_of(word);
    let mut bytes = name.bytes();
    name.len() > 1
        && !["help", "version"].contains(&name)
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The name after one hyphen; empty if there are two or none.
fn name_of(word: &str) -> &str {
    let name = word.strip_prefix('-').unwrap_or_default();
    name.split('=').next().unwrap_or_default()
}

/// The words from this place on that are not what they are for clap, and the answers.
fn meant<'w>(typed: &[&'w str], place: usize, command: &Command) -> Vec<(&'w str, String)> {
    let words = typed.iter().enumerate().skip(place);
    let wrong = words.filter_map(|(at, word)| {
        let is_value = at > 0 && takes_hyphens(typed[at - 1], command);
        if !may_be_long(word) || is_value {
            return None;
        }
        let name = name_of(word);
        let answer = match name {
            // For swaks, the login; here, an attachment.
            "au" | "ap" if !Path::new(&name[1..]).exists() => {
                option_of_habit(&format!("-x{}", &name[1..])).map(|answer| {
                    answer
                        .strip_prefix("--")
                        .map_or(answer.to_owned(), |_| format!("use {answer}"))
                })
            }
            "au" | "ap" => None,
            _ if option_of_habit(word).is_some() => habit(word, command),
            _ if names(command).any(|long| long == name) => Some(format!("write --{name}")),
            _ => habit(&format!("--{name}"), command),
        };
        answer.map(|answer| (*word, answer))
    });
    wrong.collect()
}

/// True if the value of this option may begin with a hyphen.
fn takes_hyphens(option: &str, command: &Command) -> bool {
    let long = option.strip_prefix("--");
    let short = option.strip_prefix('-').filter(|rest| rest.len() == 1);
    let short = short.and_then(|rest| rest.chars().next());
    command.get_arguments().any(|arg| {
        let is_it =
            long.is_some() && arg.get_long() == long || short.is_some() && arg.get_short() == short;
        is_it && arg.is_allow_hyphen_values_set()
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cli::parse::command;
    use std::ffi::OsString;

    fn answer(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        check(&words, command).err().map(|error| error.text)
    }

    #[test]
    fn long_option_with_one_hyphen_is_not_read_as_letters() {
        for (line, right) in [
            ("ehlo -bcc dave@x.org -b hi bob@x.org", "write --bcc"),
            ("ehlo -s hi -body text bob@x.org", "write --body"),
            ("ehlo -from=a@x.org bob@x.org", "write --from"),
            ("ehlo -password x bob@x.org", "--password-command CMD"),
            ("ehlo -au alice bob@x.org", "use --user NAME"),
            ("ehlo -ap x bob@x.org", "--password-command CMD"),
            ("ehlo -tls bob@x.org", "use --tls starttls"),
            ("ehlo -bp", "ehlo queue list"),
            ("ehlo -q", "ehlo queue run"),
        ] {
            let text = answer(line).unwrap_or_default();
            assert!(text.contains(right), "{line}: {text}");
        }
    }

    #[test]
    fn letters_with_their_values_are_accepted() {
        for line in [
            "ehlo -shello -bhi bob@x.org",
            "ehlo -vq bob@x.org",
            "ehlo -s -body -b hi bob@x.org",
            "ehlo -b hi bob@x.org -- -bcc",
            "ehlo run find . -print",
            "ehlo -help",
            "ehlo -k -r127.0.0.1 -p25 bob@x.org",
        ] {
            assert_eq!(answer(line), None, "{line}");
        }
    }
}
