//! The candidates for a word, and what the shell completes itself.

use crate::cli::completions::candidates::{
    Candidate, digests, ids, policies, profiles, scripts, topics,
};
use crate::cli::completions::line::Line;
use crate::client::session::STOP_POINTS;
use crate::config::Places;
use crate::probe::check::Group;
use crate::smtp::extension::Extension;
use clap::{Arg, Command};
use std::fmt;

/// The beginnings of conditions of `ehlo sink --expect`.
const CONDITIONS: [&str; 8] = [
    "to=",
    "from=",
    "subject=",
    "subject~",
    "text~",
    "sender=",
    "recipient=",
    "has:attachment",
];

/// Beginnings of the values of `ehlo probe --expect`, besides keywords of EHLO.
const EXPECTATIONS: [&str; 6] = [
    "starttls",
    "verified",
    "cert-days:",
    "tls:1.2",
    "tls:1.3",
    "size:",
];

/// Beginnings of the values of `ehlo bench --expect`.
const RESULTS: [&str; 7] = ["p50:", "p90:", "p99:", "p99.9:", "max:", "errors:", "rate:"];

/// Beginnings of the values of `ehlo check --expect`, besides groups.
const DOMAIN_EXPECTATIONS: [&str; 9] = [
    "dmarc:quarantine",
    "dmarc:reject",
    "dkim=",
    "sts:enforce",
    "sts:testing",
    "tls:1.2",
    "tls:1.3",
    "cert-days:",
    "dmarc:none",
];

/// Beginnings of the values of `ehlo roundtrip --expect`.
const ARRIVAL_EXPECTATIONS: [&str; 7] = [
    "inbox",
    "spf",
    "dkim",
    "dmarc",
    "tls",
    "unchanged",
    "within:",
];

/// A completion that the shell itself makes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Native {
    /// A file, after this beginning of the word.
    Files(String),
    /// A directory, after this beginning of the word.
    Directories(String),
    /// A command line that begins with the word of this index.
    Command(usize),
}

/// The answer to a script: a line for each candidate, with a tab before its description; then a line that begins with
/// a colon, if the shell is to complete something itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    candidates: Vec<Candidate>,
    native: Option<Native>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_line = |text: &str| !text.contains(char::is_control);
        for Candidate { value, about } in &self.candidates {
            match about.lines().next() {
                _ if !is_line(value) => {}
                Some(about) if is_line(about) => writeln!(f, "{value}\t{about}")?,
                _ => writeln!(f, "{value}")?,
            }
        }
        match &self.native {
            Some(Native::Files(before)) => writeln!(f, ":files {before}"),
            Some(Native::Directories(before)) => writeln!(f, ":directories {before}"),
            Some(Native::Command(index)) => writeln!(f, ":command {index}"),
            None => Ok(()),
        }
    }
}

impl Answer {
    /// The answer for the word that follows the line.
    pub(super) fn new(line: &Line<'_>, word: &str, places: &Places) -> Self {
        if let Some(index) = line.command_start {
            return Self::native(Native::Command(index));
        }
        let mut answer = Self::unfiltered(line, word, places);
        answer
            .candidates
            .retain(|candidate| candidate.value.starts_with(word));
        answer
    }

    fn unfiltered(line: &Line<'_>, word: &str, places: &Places) -> Self {
        if let Some(option) = line.awaits {
            return Self::of_value(line, option, ("", word), places);
        }
        if line.is_escaped || !word.starts_with('-') {
            return Self::of_word(line, word, places);
        }
        if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
            let before = &word[..=name.len()];
            return match line.long(&name[2..]) {
                Some(option) => Self::of_value(line, option, (before, value), places),
                None => Self::default(),
            };
        }
        if word.len() > 1 && !word.starts_with("--") {
            let (option, value) = line.cluster(&word[1..]);
            let before = &word[..word.len() - value.len()];
            return match option {
                Some(option) => Self::of_value(line, option, (before, value), places),
                None => Self::of(vec![Candidate::new(word, "")]),
            };
        }
        Self::of(options(line))
    }

    /// A subcommand or a positional argument, else options.
    fn of_word(line: &Line<'_>, word: &str, places: &Places) -> Self {
        let mut answer = Self::default();
        let positional = line.positional();
        if let Some(arg) = positional {
            answer = Self::of_value(line, arg, ("", word), places);
        }
        if positional.is_some_and(Arg::is_trailing_var_arg_set) {
            if line.is_escaped || !word.is_empty() {
                return Self::native(Native::Command(line.index));
            }
            answer = Self::default();
        }
        if line.expects_subcommand() {
            answer.candidates.extend(subcommands(line.command));
        }
        let is_empty = answer.candidates.is_empty() && answer.native.is_none();
        if is_empty && word.is_empty() && !line.is_escaped {
            return Self::of(options(line));
        }
        answer
    }

    /// A value, of which `before` was typed in the same word.
    fn of_value(
        line: &Line<'_>,
        arg: &Arg,
        (before, value): (&str, &str),
        places: &Places,
    ) -> Self {
        let list = delimiter(line, arg).and_then(|comma| value.rfind(comma));
        let items = list.map_or("", |comma| &value[..=comma]);
        let before = format!("{before}{items}");
        let mut answer = Self::of(values(line, arg, places));
        for candidate in &mut answer.candidates {
            candidate.value.insert_str(0, &before);
        }
        answer.native = native(arg, before, &value[items.len()..]);
        answer
    }

    fn of(candidates: Vec<Candidate>) -> Self {
        Self {
            candidates,
            native: None,
        }
    }

    fn native(native: Native) -> Self {
        Self {
            candidates: Vec::new(),
            native: Some(native),
        }
    }
}

/// The character between the items of a list; `None`: the argument has one value.
fn delimiter(line: &Line<'_>, arg: &Arg) -> Option<char> {
    match (line.command.get_name(), arg.get_id().as_str()) {
        // A regular expression may have a comma, so that the parser of the option divides the list.
        ("probe", "expect") => Some(','),
        _ => arg.get_value_delimiter(),
    }
}

/// The known values of an argument.
fn values(line: &Line<'_>, arg: &Arg, places: &Places) -> Vec<Candidate> {
    match (line.command.get_name(), arg.get_id().as_str()) {
        (_, "profile") => profiles(line, places),
        ("script", "scripts" | "show") => scripts(),
        ("digest", "name") | (_, "digest") => digests(line),
        ("show" | "refresh" | "forget", "domain" | "domains") => policies(),
        ("help", "topic") => topics(line),
        (_, "id" | "ids") if is_named(arg, "ID") => ids(line, places),
        (_, "force") => keywords(Extension::is_used_by_client),
        (_, "offer" | "hide") => keywords(|_| true),
        ("check", "only" | "expect") => {
            let names = Group::ALL.map(Group::name).into_iter();
            let others = DOMAIN_EXPECTATIONS.into_iter();
            let others = others.filter(|_| arg.get_id() == "expect");
            let all = names.chain(others);
            all.map(|text| Candidate::new(text, "")).collect()
        }
        ("sink", "expect") => CONDITIONS.map(|text| Candidate::new(text, "")).to_vec(),
        ("bench", "expect") => RESULTS.map(|text| Candidate::new(text, "")).to_vec(),
        ("roundtrip", "expect") => ARRIVAL_EXPECTATIONS
            .map(|text| Candidate::new(text, ""))
            .to_vec(),
        (_, "expect") => EXPECTATIONS.map(|text| Candidate::new(text, "")).to_vec(),
        _ if is_named(arg, "STAGE") => {
            let stages = STOP_POINTS.into_iter();
            stages
                .map(|stage| Candidate::new(stage.name(), ""))
                .collect()
        }
        _ => {
            let possible = arg.get_possible_values().into_iter();
            let shown = possible.filter(|value| !value.is_hide_set());
            let candidate = |value: clap::builder::PossibleValue| {
                let help = value.get_help().map(ToString::to_string);
                Candidate::new(value.get_name(), &help.unwrap_or_default())
            };
            shown.map(candidate).collect()
        }
    }
}

fn keywords(is_known: impl Fn(Extension) -> bool) -> Vec<Candidate> {
    let extensions = Extension::all().filter(|extension| is_known(*extension));
    let keywords = extensions.map(|extension| extension.keyword().to_ascii_lowercase());
    keywords
        .map(|keyword| Candidate::new(&keyword, ""))
        .collect()
}

/// The completion by the shell of an argument: a file if its value may be one, after an @ if texts are accepted too.
fn native(arg: &Arg, before: String, value: &str) -> Option<Native> {
    let names = arg.get_value_names().unwrap_or_default();
    let has = |word: &str| {
        let mut words = names
            .iter()
            .flat_map(|name| name.split(|letter: char| !letter.is_ascii_alphabetic()));
        words.any(|name| name == word)
    };
    if names.iter().any(|name| name.contains("@FILE")) {
        return value
            .starts_with('@')
            .then(|| Native::Files(format!("{before}@")));
    }
    if has("DIR") {
        return Some(Native::Directories(before));
    }
    (has("FILE") || has("PATH") || has("MESSAGE")).then_some(Native::Files(before))
}

fn is_named(arg: &Arg, name: &str) -> bool {
    arg.get_value_names()
        .is_some_and(|names| names.iter().any(|other| other == name))
}

fn subcommands(command: &Command) -> Vec<Candidate> {
    let shown = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set());
    let candidate = |inner: &Command| {
        let about = inner.get_about().map(ToString::to_string);
        Candidate::new(inner.get_name(), &about.unwrap_or_default())
    };
    shown.map(candidate).collect()
}

/// The options that may still be given, by their long names.
fn options(line: &Line<'_>) -> Vec<Candidate> {
    let options = line.command.get_arguments().filter(|arg| {
        let is_option = !arg.is_positional() && !arg.is_hide_set();
        is_option && !line.is_used(arg)
    });
    let candidates = options.filter_map(|arg| {
        let help = arg.get_help().map(ToString::to_string);
        let name = match (arg.get_long(), arg.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            _ => return None,
        };
        Some(Candidate::new(&name, &help.unwrap_or_default()))
    });
    candidates.collect()
}

#[cfg(test)]
mod tests;
