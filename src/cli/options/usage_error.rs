//! What is wrong with a command line or a configuration, in a line.

use crate::cli::plan::EarlyExit;
use crate::config::ConfigError;
use crate::system::exit::Exit;
use crate::system::text::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What is wrong with an argument, and with which exit status.
#[derive(Clone)]
pub(crate) struct UsageError {
    pub(crate) text: String,
    pub(crate) exit: Exit,
}

impl UsageError {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit: Exit::Usage,
        }
    }

    pub(crate) fn data(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit: Exit::Data,
        }
    }
}

impl UsageError {
    pub(crate) fn clap(error: &clap::Error) -> Self {
        Self::usage(format!("{}; see ehlo --help", shown(&one_line(error))))
    }
}

impl From<ConfigError> for UsageError {
    fn from(error: ConfigError) -> Self {
        Self {
            text: error.to_string(),
            exit: error.exit(),
        }
    }
}

/// Of many errors the first.
pub(crate) fn first(errors: &[ConfigError]) -> UsageError {
    let text = errors.first().map(ToString::to_string).unwrap_or_default();
    let more = match errors.len() {
        0 | 1 => "",
        _ => "; ehlo config check shows all that is wrong",
    };
    UsageError {
        text: format!("{text}{more}"),
        exit: errors.first().map_or(Exit::Config, ConfigError::exit),
    }
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
pub(crate) fn wrong(wrong: UsageError) -> EarlyExit {
    EarlyExit {
        text: format!("ehlo: {}\n", wrong.text),
        exit: wrong.exit,
    }
}

/// clap's words: help as it is, errors in one line.
pub(crate) fn said(error: &clap::Error) -> EarlyExit {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => EarlyExit {
            text: error.render().to_string(),
            exit: Exit::Ok,
        },
        _ => EarlyExit {
            text: format!(
                "ehlo: {}; see {} --help\n",
                shown(&one_line(error)),
                whose_help(error)
            ),
            exit: Exit::Usage,
        },
    }
}

/// The command whose help says more: with the verb, if there is one.
pub(crate) fn whose_help(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = usage
        .unwrap_or("ehlo")
        .split(' ')
        .take_while(is_word)
        .collect();
    words.join(" ")
}

/// The first paragraph of clap's error, and the option that was perhaps meant.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let words: Vec<&str> = first.split_whitespace().collect();
    let mut line = words.join(" ");
    let meant = error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedValue));
    match meant {
        Some(ContextValue::String(meant)) => line.push_str(&format!("; did you mean {meant}?")),
        Some(ContextValue::Strings(all)) if !all.is_empty() => {
            line.push_str(&format!("; did you mean {}?", all.join(" or ")));
        }
        _ => {}
    }
    line
}
