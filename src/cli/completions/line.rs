//! The words before the one to complete: the command, its options, and what is expected next.

use clap::{Arg, Command};

/// The words before the one to complete.
pub(super) struct Line<'c> {
    /// The whole command line.
    pub(super) whole: &'c Command,
    /// The innermost subcommand.
    pub(super) command: &'c Command,
    /// Options of the command, with their values.
    pub(super) options: Vec<(&'c Arg, Option<String>)>,
    /// Words that are neither options nor values of them.
    pub(super) positionals: Vec<String>,
    /// The option whose value comes next.
    pub(super) awaits: Option<&'c Arg>,
    /// True after `--`.
    pub(super) is_escaped: bool,
    /// The index of the first word of a command that is run. `None`: it does not begin before the word to complete.
    pub(super) command_start: Option<usize>,
    /// Index of the word to complete; the program's name has index 0.
    pub(super) index: usize,
}

impl<'c> Line<'c> {
    /// Reads the words after the program's name.
    pub(super) fn parse(whole: &'c Command, words: &[String]) -> Self {
        let mut line = Self {
            whole,
            command: whole,
            options: Vec::new(),
            positionals: Vec::new(),
            awaits: None,
            is_escaped: false,
            command_start: None,
            index: words.len() + 1,
        };
        for (at, word) in words.iter().enumerate() {
            line.read(at + 1, word);
            if line.command_start.is_some() {
                break;
            }
        }
        line
    }

    fn read(&mut self, index: usize, word: &str) {
        if let Some(option) = self.awaits.take() {
            self.options.push((option, Some(word.to_owned())));
        } else if self.is_escaped || !word.starts_with('-') || word == "-" {
            self.read_positional(index, word);
        } else if word == "--" {
            self.is_escaped = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            if let Some(option) = self.long(name) {
                self.add(option, value);
            }
        } else {
            let (option, value) = self.cluster(&word[1..]);
            if let Some(option) = option {
                self.add(option, Some(value).filter(|value| !value.is_empty()));
            }
        }
    }

    fn read_positional(&mut self, index: usize, word: &str) {
        let inner = self.command.find_subcommand(word);
        if let Some(inner) = inner.filter(|_| self.expects_subcommand()) {
            self.command = inner;
            return;
        }
        if self.positional().is_some_and(Arg::is_trailing_var_arg_set) {
            self.command_start = Some(index);
        }
        self.positionals.push(word.to_owned());
    }

    fn add(&mut self, option: &'c Arg, value: Option<&str>) {
        if value.is_none() && needs_value(option) {
            self.awaits = Some(option);
        } else {
            self.options.push((option, value.map(str::to_owned)));
        }
    }

    /// True if a subcommand may come next: it is the first word of its command.
    pub(super) fn expects_subcommand(&self) -> bool {
        !self.is_escaped && self.options.is_empty() && self.positionals.is_empty()
    }

    /// The argument that the next word is a value of, if it is not an option.
    pub(super) fn positional(&self) -> Option<&'c Arg> {
        let all: Vec<&Arg> = self.command.get_positionals().collect();
        let several = |arg: &&Arg| takes_several(arg);
        let next = all.get(self.positionals.len()).copied();
        next.or_else(|| all.last().copied().filter(several))
    }

    pub(super) fn long(&self, name: &str) -> Option<&'c Arg> {
        let mut options = self.command.get_arguments();
        options.find(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        })
    }

    /// The first option of a cluster of letters that takes a value, and the value in the same word. `None`: no option
    /// takes one.
    pub(super) fn cluster<'w>(&self, letters: &'w str) -> (Option<&'c Arg>, &'w str) {
        for (at, letter) in letters.char_indices() {
            let mut options = self.command.get_arguments();
            let option = options.find(|arg| arg.get_short() == Some(letter));
            if let Some(option) = option.filter(|arg| arg.get_action().takes_values()) {
                return (Some(option), &letters[at + letter.len_utf8()..]);
            }
        }
        (None, "")
    }

    /// The value of an option of the command.
    pub(super) fn value(&self, id: &str) -> Option<&str> {
        let mut options = self.options.iter().rev();
        options.find_map(|(option, value)| {
            (option.get_id() == id)
                .then_some(value.as_deref())
                .flatten()
        })
    }

    /// True if the option was given and cannot be repeated.
    pub(super) fn is_used(&self, option: &Arg) -> bool {
        let is_repeatable = matches!(
            option.get_action(),
            clap::ArgAction::Append | clap::ArgAction::Count
        );
        let mut given = self.options.iter();
        !is_repeatable && given.any(|(other, _)| other.get_id() == option.get_id())
    }
}

/// True if the next word is the value of this option.
fn needs_value(option: &Arg) -> bool {
    let is_attached = option.is_require_equals_set();
    option.get_action().takes_values() && !is_attached && min_values(option) > 0
}

fn min_values(option: &Arg) -> usize {
    option.get_num_args().map_or(1, |range| range.min_values())
}

fn takes_several(arg: &Arg) -> bool {
    let max = arg.get_num_args().map_or(1, |range| range.max_values());
    max > 1 || matches!(arg.get_action(), clap::ArgAction::Append)
}
