//! Answers to mistyped commands and options, and to those of other programs. They are used only after an error.

use crate::cli::help::habits::{VALUES, option_of_habit, subcommand_of_habit, word_of_habit};
use crate::cli::help::overview::{OVERVIEW, SCREEN};
use crate::cli::help::{COMMANDS, nearest, topics};
use crate::cli::options::usage_error::{
    EarlyExit, UsageError, command_of, first_paragraph, one_line,
};
use crate::client::route::target::{relay, target};
use crate::mail::address::AddressError;
use crate::system::exit::Exit;
use crate::system::text::shown;
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// The overview instead of an error, for a person who typed `ehlo` alone.
pub(crate) fn overview(words: &[OsString], early: EarlyExit) -> EarlyExit {
    let is_seen = || io::stdin().is_terminal() && io::stderr().is_terminal();
    if words.len() == 1 && early.exit == Exit::Usage && is_seen() {
        return EarlyExit {
            text: OVERVIEW.to_owned(),
            ..early
        };
    }
    early
}

/// Help and errors of clap: `-h` in one screen, `--help=TOPIC`, and errors with a suggestion.
pub(crate) fn explain(
    error: clap::Error,
    words: &[OsString],
    command: fn() -> Command,
) -> EarlyExit {
    let words: Vec<String> = words
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .take_while(|word| word != "--")
        .collect();
    let verb = words.first().map_or("", String::as_str);
    let is_verb = COMMANDS.contains(&verb);
    if let Some(help) = requested_help(&error, &words, command) {
        return help.into();
    }
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !error.use_stderr() {
        return error.into();
    }
    if !is_verb && let Some(error) = command_for(verb) {
        return error.into();
    }
    let help = match command_of(&error) {
        help if help == "ehlo" && is_verb => format!("ehlo {verb}"),
        help => help,
    };
    let Some(answer) = answer(&error, &words, command) else {
        let text = one_line(&error);
        return UsageError::usage(format!("{}; see {help} --help", shown(&text))).into();
    };
    let invalid = context(&error, ContextKind::InvalidArg).unwrap_or_default();
    let text = match error.kind() {
        ErrorKind::UnknownArgument => {
            format!("unexpected argument '{}' found", as_typed(&invalid, &words))
        }
        _ => first_paragraph(&error),
    };
    let more = other_habits(as_typed(&invalid, &words), &words, command);
    UsageError::usage(format!(
        "{}; {answer}{more}; see {help} --help",
        shown(&text)
    ))
    .into()
}

/// The answers to the other options that are not known, so that they are not found one after the other.
fn other_habits(first: &str, words: &[String], command: fn() -> Command) -> String {
    let mut whole = command();
    whole.build();
    let own = words.first().and_then(|word| whole.find_subcommand(word));
    if own.is_some() {
        return String::new();
    }
    let is_known = |word: &str| {
        if let Some(long) = word.strip_prefix("--") {
            return has(&whole, long);
        }
        let letter = word.chars().nth(1);
        letter.is_some() && whole.get_arguments().any(|arg| arg.get_short() == letter)
    };
    let mut more = String::new();
    for (at, word) in words.iter().enumerate() {
        let typed = word.split('=').next().unwrap_or_default();
        let answer = match words.get(at + 1) {
            // The server of swaks and sendEmail.
            Some(value) if word == "-s" && is_host(value) => {
                Some("it is the subject; use -r HOST for the server".to_owned())
            }
            _ if !word.starts_with('-') || typed == first || is_known(typed) => None,
            _ => habit(typed, &whole),
        };
        if let Some(answer) = answer {
            more.push_str(&format!("; {}: {answer}", shown(typed)));
        }
    }
    more
}

/// The help that `-h` or `--help=TOPIC` requests. `None`: it is an error, or the complete help.
fn requested_help(
    error: &clap::Error,
    words: &[String],
    command: fn() -> Command,
) -> Option<Result<String, UsageError>> {
    let verb = words
        .first()
        .filter(|word| COMMANDS.contains(&word.as_str()));
    if error.kind() == ErrorKind::DisplayHelp
        && let [.., option, topic] = words
        && option == "--help"
        && !topic.starts_with('-')
    {
        let names = verb.into_iter().chain([topic]).cloned();
        return Some(topics::help(command(), &names.collect::<Vec<_>>()));
    }
    if error.kind() == ErrorKind::DisplayHelp && !words.iter().any(|word| word == "--help") {
        return Some(Ok(match verb {
            Some(_) => topics::short(command(), words),
            None => SCREEN.to_owned(),
        }));
    }
    if context(error, ContextKind::InvalidArg)? != "--help" {
        return None;
    }
    let topic = words.iter().find_map(|word| word.strip_prefix("--help="))?;
    Some(match verb {
        Some(verb) => topics::help(command(), &[verb.clone(), topic.to_owned()]),
        None => topics::topic(command(), topic),
    })
}

/// An option as it is on the command line, without its value. For the letter of a cluster, the letter.
fn as_typed<'w>(invalid: &'w str, words: &'w [String]) -> &'w str {
    let word = words.iter().find(|word| word.starts_with(invalid));
    word.map_or(invalid, |word| word.split('=').next().unwrap_or_default())
}

impl From<Result<String, UsageError>> for EarlyExit {
    fn from(help: Result<String, UsageError>) -> Self {
        match help {
            Ok(text) => Self {
                text,
                exit: Exit::Ok,
            },
            Err(error) => error.into(),
        }
    }
}

/// The answer to an error of clap.
fn answer(error: &clap::Error, words: &[String], command: fn() -> Command) -> Option<String> {
    let invalid = context(error, ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument => unknown_option(&invalid, words, command),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let option = invalid.split(' ').next().unwrap_or_default();
            let value = context(error, ContextKind::InvalidValue)?;
            invalid_value(option, &value).or_else(|| in_lower_case(error, option, &value))
        }
        ErrorKind::InvalidSubcommand => {
            let word = context(error, ContextKind::InvalidSubcommand)?;
            let verb = words.first()?;
            if word == "help" {
                return Some(format!("write ehlo help {verb}"));
            }
            if let Some(answer) = subcommand_of_habit(verb, &word) {
                return Some(format!("write {answer}"));
            }
            let mut whole = command();
            whole.build();
            let inner = whole.find_subcommand(verb)?.get_subcommands();
            let meant = nearest(&word, inner.map(Command::get_name))?;
            Some(format!("did you mean ehlo {verb} {meant}?"))
        }
        _ => None,
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The answer to an unknown option: the habit of another program, an option of another command, or the most similar
/// option.
fn unknown_option(invalid: &str, words: &[String], command: fn() -> Command) -> Option<String> {
    let mut whole = command();
    whole.build();
    let verb = words.first().and_then(|word| whole.find_subcommand(word));
    let own = verb.unwrap_or(&whole);
    if let Some(answer) = subcommand_of_habit(own.get_name(), as_typed(invalid, words)) {
        return Some(format!("write {answer}"));
    }
    let habit = habit(as_typed(invalid, words), own).or_else(|| habit(invalid, own));
    if habit.is_some() {
        return habit;
    }
    if let Some(answer) = stray_word(invalid, words) {
        return Some(answer);
    }
    let name = invalid.strip_prefix("--")?;
    let others = whole.get_subcommands().chain([&whole]);
    let others = others.filter(|other| other.get_name() != own.get_name() && has(other, name));
    let others: Vec<String> = others
        .map(|other| other.get_bin_name().unwrap_or("ehlo").to_owned())
        .collect();
    if !others.is_empty() {
        return Some(format!("it is an option of {}", others.join(", ")));
    }
    let meant = nearest(name, names(own))?;
    Some(format!("did you mean --{meant}?"))
}

/// The answer to a word that a command does not expect.
fn stray_word(word: &str, words: &[String]) -> Option<String> {
    let verbs: Vec<&str> = words.iter().map(String::as_str).take(2).collect();
    match verbs[..] {
        _ if word.starts_with('-') => None,
        ["sink", ..] if word.parse::<u16>().is_ok() => {
            Some(format!("write --listen 127.0.0.1:{word}"))
        }
        ["sink", ..] => Some("to listen on another address, use --listen ADDR".to_owned()),
        ["config", "init"] if word.contains('@') => {
            Some(format!("write --address {}", shown(word)))
        }
        ["login" | "logout" | "token", ..] if word.contains('@') => {
            Some(format!("write --user {}", shown(word)))
        }
        _ => None,
    }
}

/// The answer for an option of another program, if the command has the option that it names.
pub(super) fn habit(typed: &str, command: &Command) -> Option<String> {
    let lower = typed.to_ascii_lowercase();
    // The case of a letter matters.
    let typed = if typed.starts_with("--") {
        &lower
    } else {
        typed
    };
    let answer = option_of_habit(typed)?;
    let Some(option) = answer.strip_prefix("--") else {
        return Some(answer.to_owned());
    };
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let end = option.find(|character| !is_name(character));
    has(command, &option[..end.unwrap_or(option.len())]).then(|| format!("use {answer}"))
}

pub(super) fn names(command: &Command) -> impl Iterator<Item = &str> {
    command.get_arguments().flat_map(|arg| {
        let aliases = arg.get_visible_aliases().unwrap_or_default();
        arg.get_long().into_iter().chain(aliases)
    })
}

fn has(command: &Command, long: &str) -> bool {
    names(command).any(|name| name == long)
}

/// The answer to a known value in capitals.
fn in_lower_case(error: &clap::Error, option: &str, value: &str) -> Option<String> {
    let lower = value.to_ascii_lowercase();
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(known) if known.contains(&lower) => {
            Some(format!("write {option} {lower}"))
        }
        _ => None,
    }
}

fn invalid_value(option: &str, value: &str) -> Option<String> {
    if option == "--tls" && value.contains('@') {
        return Some("write --tls starttls, or --tls implicit for port 465".to_owned());
    }
    if ["--relay", "--server"].contains(&option) && value.contains('@') {
        return Some("use --from ADDR for the author, --user NAME for the login".to_owned());
    }
    if option == "--header" && Path::new(value).is_file() {
        return Some(format!(
            "to send this message, use --message {}",
            shown(value)
        ));
    }
    if option.starts_with("[HOST") || option.starts_with("<HOST") {
        return for_server(value);
    }
    let option = match option {
        "--drop-after" | "--drop-after-send" => "--quit-after",
        option => option,
    };
    let typed = format!("{option} {value}");
    let row = VALUES
        .iter()
        .find(|(name, _)| typed.eq_ignore_ascii_case(name));
    row.map(|(_, answer)| (*answer).to_owned())
}

/// The answer to a word in the place of a server.
fn for_server(value: &str) -> Option<String> {
    if let Some((_, domain)) = value.rsplit_once('@') {
        let (address, domain) = (shown(value), shown(domain));
        return Some(format!(
            "for the servers of the domain, use ehlo probe --mx {domain}; to check if the recipient is accepted, use \
             ehlo --quit-after rcpt {address}"
        ));
    }
    let is_port = value.parse::<u16>().is_ok();
    is_port.then(|| format!("a port follows the host, as in HOST:{value}"))
}

/// The error for a word that is not a command, but resembles one. `None`: it does not, or is an address.
fn command_for(word: &str) -> Option<UsageError> {
    if word.contains('@') || word.starts_with('-') || Path::new(word).exists() {
        return None;
    }
    let command = nearest(word, COMMANDS.iter().copied())?;
    Some(UsageError::usage(format!(
        "\"{}\" is neither a command nor an address; did you mean ehlo {command}?",
        shown(word)
    )))
}

/// The error for a recipient without a domain that is probably something else. `None`: nothing is known about it.
pub(crate) fn for_recipient(error: &AddressError) -> Option<UsageError> {
    if let AddressError::Local(word) = error
        && let Some(file) = word.strip_prefix('@')
        && Path::new(file).is_file()
    {
        let name = shown(file);
        let answer = format!("for the recipients in a file, write $(cat {name}) in a shell");
        return Some(UsageError::data(format!("recipient: {error}; {answer}")));
    }
    let (AddressError::NoDomain(word, _) | AddressError::Syntax { list: word, .. }) = error else {
        return None;
    };
    if let Some(address) = with_at(word) {
        let answer = format!("did you mean {}?", shown(&address));
        return Some(UsageError::data(format!("recipient: {error}; {answer}")));
    }
    if word.contains('@') {
        return None;
    }
    if let Some(answer) = word_of_habit(word) {
        return Some(UsageError::usage(format!("recipient: {error}; {answer}")));
    }
    if word.starts_with('-') {
        let answer = "options are written before --";
        return Some(UsageError::data(format!("recipient: {error}; {answer}")));
    }
    let name = shown(word);
    let answer = if COMMANDS.contains(&word.as_str()) {
        format!("a command must be the first word: ehlo {name}")
    } else if is_message(Path::new(word)) {
        format!("to send this message, use --message {name}")
    } else if Path::new(word).is_file() {
        format!("to attach this file, use -a {name} (one -a for each file)")
    } else if word.contains("://") && relay(word).is_ok() {
        format!("to send through this server, use --relay {name}")
    } else if is_host(word) {
        format!("to inspect this server, use ehlo probe {name}")
    } else {
        return command_for(word);
    };
    Some(UsageError::data(format!(
        "recipient: \"{name}\" has no @domain; {answer}"
    )))
}

/// `bob@example.org` for `bob example.org`.
fn with_at(words: &str) -> Option<String> {
    let (local, domain) = words.split_once(' ')?;
    let is_local = !local.is_empty() && !local.contains(['@', ',', '<', '"']);
    let is_domain = domain.contains('.') && is_host(domain) && !domain.contains([':', '[', ' ']);
    (is_local && is_domain).then(|| format!("{local}@{domain}"))
}

/// True for an existing file with the extension of messages.
fn is_message(path: &Path) -> bool {
    let end = path.extension();
    end.is_some_and(|end| end.eq_ignore_ascii_case("eml")) && path.is_file()
}

/// True for an IP address, a name with a dot, or `localhost`, each perhaps with a port.
fn is_host(word: &str) -> bool {
    let has_dot = word.contains(['.', '[']) || word.starts_with("localhost");
    has_dot && target(word).is_ok()
}

/// The error for an author that is the null sender.
pub(crate) fn for_author(error: &AddressError) -> Option<UsageError> {
    let (AddressError::NoDomain(word, _)
    | AddressError::NotOne(word)
    | AddressError::Syntax { list: word, .. }) = error
    else {
        return None;
    };
    if ["", "<>"].contains(&word.as_str()) {
        return Some(UsageError::usage(format!(
            "--from: \"{word}\" is the null sender; use --envelope-from '' for it, and an address for --from"
        )));
    }
    if word.contains('@') || matches!(error, AddressError::NoDomain(_, hint) if !hint.is_empty()) {
        return None;
    }
    let answer = match with_at(word) {
        Some(address) => format!("did you mean {}?", shown(&address)),
        None if word.contains(' ') => {
            let name = shown(word);
            format!("write the name with the address: '{name} <user@example.org>'")
        }
        None => format!("write the whole address, as in {}@example.org", shown(word)),
    };
    Some(UsageError::of_value(
        Exit::Data,
        "--from",
        format!("{error}; {answer}"),
    ))
}

/// The answer to a file that does not exist and whose name is an address.
pub(crate) fn for_message_file(path: &Path) -> Option<String> {
    let text = path.to_str().filter(|text| text.contains('@'))?;
    for_server(text).filter(|_| !path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help::habits::OPTIONS;
    use crate::cli::parse::command;

    #[test]
    fn every_command_is_known() {
        let command = command();
        let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(names, COMMANDS);
    }

    #[test]
    fn every_habit_is_reachable_and_answered_with_an_option_that_exists() {
        let command = command();
        for (names, answer) in OPTIONS {
            for name in names.split(' ') {
                let letter = name.strip_prefix('-').and_then(|rest| rest.chars().next());
                let mut options = command.get_arguments();
                assert!(options.all(|arg| arg.get_short() != letter), "{name}");
                assert!(habit(name, &command).is_some(), "{name}: {answer}");
            }
        }
    }
}
