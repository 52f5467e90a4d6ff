//! Command lines, parsed as `Getopt::Long` of Perl does without bundling and with case.

use crate::cli::standins::swaks::options::{Key, Syntax, TABLE};
use std::collections::VecDeque;

/// An option as it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub key: Key,
    /// True for `--no-OPTION`, which forgets earlier uses.
    pub is_removed: bool,
    /// The argument; `1` for a flag.
    pub value: String,
}

/// The result of parsing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    pub found: Vec<Found>,
    /// What is wrong with options, a line each.
    pub errors: Vec<String>,
    /// Words that are neither options nor arguments of options.
    pub rest: Vec<String>,
}

/// An option and the name that it was given by.
#[derive(Clone, Copy)]
struct Name {
    key: Key,
    text: &'static str,
    is_removed: bool,
}

impl Name {
    fn matches(self, text: &str, is_whole: bool) -> bool {
        let rest = if self.is_removed {
            text.strip_prefix("no-")
        } else {
            Some(text)
        };
        match rest {
            Some(rest) if is_whole => self.text == rest,
            _ if self.key.row().is_whole => false,
            Some(rest) => self.text.starts_with(rest),
            // The name begins with an incomplete "no-".
            None => !is_whole && "no-".starts_with(text),
        }
    }

    fn whole(self) -> String {
        let no = if self.is_removed { "no-" } else { "" };
        format!("{no}{}", self.text)
    }
}

fn names() -> impl Iterator<Item = Name> {
    TABLE.iter().flat_map(|row| {
        row.names.iter().flat_map(|&text| {
            [false, true].map(|is_removed| Name {
                key: row.key,
                text,
                is_removed,
            })
        })
    })
}

/// Parses words. With `POSIXLY_CORRECT` (`stops_at_word`), options end at the first word that is not one.
pub fn parse(words: Vec<String>, stops_at_word: bool) -> Parsed {
    let mut words = VecDeque::from(rewritten(words));
    let mut parsed = Parsed::default();
    while let Some(word) = words.pop_front() {
        if word == "--" {
            break;
        }
        let Some(text) = option_text(&word) else {
            if stops_at_word {
                words.push_front(word);
                break;
            }
            parsed.rest.push(word);
            continue;
        };
        let found = option(text, &mut words);
        match found {
            Ok(found) => parsed.found.push(found),
            Err(error) => parsed.errors.push(error),
        }
    }
    parsed.rest.extend(words);
    parsed
}

/// Separates `--option=argument` into two words, and writes `--h-NAME VALUE` as `--header 'NAME: VALUE'`.
fn rewritten(words: Vec<String>) -> Vec<String> {
    let mut done: Vec<String> = Vec::with_capacity(words.len());
    let mut words = VecDeque::from(words);
    while let Some(mut word) = words.pop_front() {
        if let Some((option, value)) = with_value(&word) {
            words.push_front(value.to_owned());
            let option = option.len();
            word.truncate(option);
        }
        if let Some(name) = header_name(&word) {
            let value = words.pop_front().unwrap_or_default();
            words.push_front(format!("{name}: {value}"));
            // The argument is looked at again, as a word that may be of one of these forms.
            "--header".clone_into(&mut word);
        } else if without_prefix(&word, "no-").is_some() {
            "--no-header".clone_into(&mut word);
        }
        done.push(word);
    }
    done
}

/// `-option` and `value`. An equals sign directly after the hyphen belongs to the option.
fn with_value(word: &str) -> Option<(&str, &str)> {
    let after = word.strip_prefix('-')?;
    let at = after.find('=')? + 1;
    let (option, value) = (&word[..at], &word[at + 1..]);
    let is_line = |text: &str| !text.trim_end_matches('\n').contains('\n');
    (at > 1 && is_line(value)).then_some((option, value))
}

/// The text after `--h-` or `--header-`, or after the same with `no`.
fn without_prefix<'w>(word: &'w str, no: &str) -> Option<&'w str> {
    let name = word.strip_prefix('-')?;
    let name = name.strip_prefix('-').unwrap_or(name);
    let name = name.strip_prefix(no)?;
    name.strip_prefix("header-")
        .or_else(|| name.strip_prefix("h-"))
}

/// The field name in `--h-NAME`, `--header-NAME` and the same with a colon.
fn header_name(word: &str) -> Option<&str> {
    let name = without_prefix(word, "")?;
    let name = name.strip_suffix(':').unwrap_or(name);
    (!name.is_empty() && !name.contains(':')).then_some(name)
}

/// The text after the characters that begin an option; `None`: it is not an option.
fn option_text(word: &str) -> Option<&str> {
    if word == "-" {
        return None;
    }
    word.strip_prefix("--")
        .or_else(|| word.strip_prefix('-'))
        .or_else(|| word.strip_prefix('+'))
}

fn option(text: &str, words: &mut VecDeque<String>) -> Result<Found, String> {
    let name = named(text)?;
    let syntax = if name.is_removed {
        Syntax::Flag
    } else {
        name.key.row().syntax
    };
    let value = match (syntax, words.front()) {
        (Syntax::Flag, _) => "1".to_owned(),
        (Syntax::Text, None) => return Err(format!("Option {} requires an argument", name.text)),
        (Syntax::OptionalNumber, None) => "0".to_owned(),
        (Syntax::OptionalNumber, Some(word)) if number(word).is_none() => "0".to_owned(),
        (Syntax::OptionalText, None) => String::new(),
        (Syntax::OptionalText, Some(word)) if looks_like_option(word) => String::new(),
        (_, Some(_)) => words.pop_front().unwrap_or_default(),
    };
    Ok(Found {
        key: name.key,
        is_removed: name.is_removed,
        value: match syntax {
            Syntax::OptionalNumber => number(&value).unwrap_or_default(),
            _ => value,
        },
    })
}

fn looks_like_option(word: &str) -> bool {
    word == "--" || option_text(word).is_some_and(|text| !text.is_empty())
}

/// An integer, without underscores and zeros in front.
fn number(word: &str) -> Option<String> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let first = digits.trim_start_matches('_');
    let is_number = first.starts_with(|first: char| first.is_ascii_digit())
        && first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    let plain = digits.replace('_', "");
    let plain = plain.trim_start_matches('0');
    let sign = if word.starts_with('-') { "-" } else { "" };
    is_number.then(|| match plain {
        "" => "0".to_owned(),
        plain => format!("{sign}{plain}"),
    })
}

/// The option of this name, or the only one whose name begins with it.
fn named(text: &str) -> Result<Name, String> {
    if text.is_empty() {
        return Err("Missing option after --".to_owned());
    }
    if let Some(name) = names().find(|name| name.matches(text, true)) {
        return Ok(name);
    }
    let hits: Vec<Name> = names().filter(|name| name.matches(text, false)).collect();
    let Some(first) = hits.first() else {
        return Err(format!("Unknown option: {text}"));
    };
    let is_same = |other: &Name| (other.key, other.is_removed) == (first.key, first.is_removed);
    if hits.iter().all(is_same) {
        return Ok(*first);
    }
    let mut names: Vec<String> = hits.into_iter().map(Name::whole).collect();
    names.sort_unstable();
    Err(format!("Option {text} is ambiguous ({})", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Parsed {
        parse(words.iter().map(|&word| word.to_owned()).collect(), false)
    }

    fn values(words: &[&str]) -> Vec<(&'static str, String)> {
        let parsed = parsed(words);
        assert_eq!(parsed.errors, [""; 0]);
        let found = parsed.found.into_iter();
        found.map(|one| (one.key.name(), one.value)).collect()
    }

    #[test]
    fn options_may_be_cut_short_where_only_one_matches() {
        let found = values(&[
            "-serv",
            "mx",
            "--quit",
            "to",
            "--auth-pass",
            "x",
            "--s",
            "y",
        ]);
        let expected = [
            ("server", "mx"),
            ("quit-after", "to"),
            ("auth-password", "x"),
            ("server", "y"),
        ];
        assert_eq!(found, expected.map(|(key, value)| (key, value.to_owned())));
        assert_eq!(
            parsed(&["--hel", "x"]).errors,
            ["Option hel is ambiguous (helo, help)"]
        );
        assert_eq!(parsed(&["--bogus"]).errors, ["Unknown option: bogus"]);
    }

    #[test]
    fn an_optional_argument_does_not_look_like_an_option() {
        let found = parsed(&["-f", "-t", "-", "--body", "+zz", "--to", "--"]);
        let values: Vec<&str> = found.found.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(values, ["", "-", "", ""]);
        assert_eq!(found.errors, ["Unknown option: zz"]);
    }

    #[test]
    fn equals_signs_and_header_options_are_rewritten() {
        let found = values(&[
            "--from=a=b",
            "--h-Subject:",
            "x",
            "-header-X-A",
            "y",
            "--silent",
            "02",
        ]);
        let expected = [
            ("from", "a=b"),
            ("header", "Subject: x"),
            ("header", "X-A: y"),
            ("silent", "2"),
        ];
        assert_eq!(found, expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn other_words_are_returned() {
        assert_eq!(parsed(&["x", "-n", "y", "--", "-z"]).rest, ["x", "y", "-z"]);
        assert_eq!(parsed(&["--silent", "loud"]).rest, ["loud"]);
        let stopped = parse(vec!["x".to_owned(), "-n".to_owned()], true);
        assert_eq!(stopped.rest, ["x", "-n"]);
    }

    #[test]
    fn an_option_is_forgotten_by_its_negation() {
        let found = parsed(&["--no-from", "--no-header-X", "-no-n"]).found;
        let removed: Vec<_> = found.iter().map(|one| (one.key, one.is_removed)).collect();
        let expected = [Key::From, Key::Header, Key::SuppressData].map(|key| (key, true));
        assert_eq!(removed, expected);
    }
}
