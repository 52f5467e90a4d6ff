//! Errors in a command line or a configuration, each in one line.

use crate::cli::ExitStatus;
use crate::config::ConfigError;
use crate::system::exit::Exit;
use crate::system::text::shown;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Output instead of a run: help, a version, or an error in the command line.
#[derive(Debug)]
pub struct EarlyExit {
    /// The text, with its line end.
    pub text: String,
    /// The exit status. Anything but [`Exit::Ok`] goes to stderr.
    pub exit: Exit,
}

impl EarlyExit {
    /// The same as clap prints, without building a command first.
    pub(crate) fn version() -> Self {
        Self {
            text: concat!("ehlo ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
            exit: Exit::Ok,
        }
    }
}

#[derive(Clone)]
pub(crate) struct UsageError {
    pub(crate) text: String,
    pub(crate) exit: Exit,
    /// The long option that the error is about, without its hyphens. If a profile has it, the error is one of the
    /// configuration.
    pub(crate) option: Option<String>,
    /// The text after the option that it begins with, as in `--port: why`. `None`: it does not begin with one.
    why: Option<String>,
}

impl UsageError {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit,
            option: None,
            why: None,
        }
    }

    /// The value of an option is wrong: `--port: why`.
    pub(crate) fn of_value(exit: Exit, option: &str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            why: Some(why.clone()),
            ..Self::new(exit, format!("{option}: {why}")).about(option)
        }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    pub(crate) fn data(text: impl Into<String>) -> Self {
        Self::new(Exit::Data, text)
    }

    pub(crate) fn clap(error: &clap::Error) -> Self {
        Self::usage(format!("{}; see ehlo --help", shown(&one_line(error))))
    }

    /// An error about this option, as in `--port`. Other words, like `-4` or `recipient`, have no effect.
    pub(crate) fn about(mut self, option: &str) -> Self {
        self.option = option.strip_prefix("--").map(str::to_owned);
        self
    }

    /// The text, without the option that it begins with.
    pub(crate) fn without_option(&self) -> &str {
        self.why.as_deref().unwrap_or(&self.text)
    }
}

impl From<ConfigError> for UsageError {
    fn from(error: ConfigError) -> Self {
        Self::new(error.exit(), error.to_string())
    }
}

/// The first of several errors.
pub(crate) fn first(errors: &[ConfigError]) -> UsageError {
    let text = errors.first().map(ToString::to_string).unwrap_or_default();
    let more = match errors.len() {
        0 | 1 => "",
        _ => "; ehlo config check lists all errors",
    };
    let exit = errors.first().map_or(Exit::Config, ConfigError::exit);
    UsageError::new(exit, format!("{text}{more}"))
}

impl From<UsageError> for EarlyExit {
    fn from(error: UsageError) -> Self {
        Self {
            text: format!("ehlo: {}\n", error.text),
            exit: error.exit,
        }
    }
}

impl From<ConfigError> for EarlyExit {
    fn from(error: ConfigError) -> Self {
        UsageError::from(error).into()
    }
}

/// The output of clap: help unchanged, errors in one line.
impl From<clap::Error> for EarlyExit {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion => Self {
                text: error.render().to_string(),
                exit: Exit::Ok,
            },
            _ => Self {
                text: format!(
                    "ehlo: {}; see {} --help\n",
                    shown(&one_line(&error)),
                    command_of(&error)
                ),
                exit: Exit::Usage,
            },
        }
    }
}

/// The command that the error is about, with its subcommand.
pub(crate) fn command_of(error: &clap::Error) -> String {
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

/// The first paragraph of clap's error, in one line.
pub(crate) fn first_paragraph(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ")
}

/// The first paragraph of clap's error, and its suggestion, unless that is for an unknown option. Those of
/// `cli/help/suggestions.rs` are better.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let mut line = first_paragraph(error);
    if error.kind() == ErrorKind::UnknownArgument {
        return line;
    }
    let suggestion = error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedValue));
    match suggestion {
        Some(ContextValue::String(one)) => line.push_str(&format!("; did you mean {one}?")),
        Some(ContextValue::Strings(all)) if !all.is_empty() => {
            line.push_str(&format!("; did you mean {}?", all.join(" or ")));
        }
        _ => {}
    }
    line
}
